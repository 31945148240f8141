/* roff.c - escapes for manual pages, man(7). */
#include "node/roff.h"

void roff_add(struct buf *out, const char *text)
{
    bool line_start = true;
    for (const char *p = text; *p; p++) {
        if (line_start && *p == '\n' && p != text)
            buf_adds(out, ".PP");
        else if (line_start && (*p == '.' || *p == '\''))
            buf_adds(out, "\\&");
        else if (line_start && *p == ' ' && p != text)
            buf_adds(out, ".br\n");
        if (*p == '\\')
            buf_adds(out, "\\e");
        else if (*p == '-')
            buf_adds(out, "\\-");
        else
            buf_addc(out, *p);
        line_start = *p == '\n';
    }
}
