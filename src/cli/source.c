/* source.c - what both kinds of source need. */
#include "cli/source.h"

#include "base/utf8.h"

void source_add_level(struct buf *path, struct slice name)
{
    BUF_SCOPE text = {0};
    utf8_add_repaired(&text, name);
    if (path->n && text.n)
        buf_addc(path, '/');
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        buf_addc(path, c == '/' || (unsigned char)c < ' ' || c == 127 ? '_' : c);
    }
}

int source_add_crlf(struct buf *out, struct slice text)
{
    while (text.n) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) : text.n;
        buf_add(out, slice_sub(text, 0, n));
        if (lf) {
            if (!out->n || out->p[out->n - 1] != '\r')
                buf_addc(out, '\r');
            buf_addc(out, '\n');
            n++;
        }
        text = slice_from(text, n);
    }
    return out->failed ? -1 : 0;
}
