/* err.c - setting errors, and dying where the program is wrong. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local bool no_memory;

void err_no_memory(void)
{
    no_memory = true;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    bool busy = code == ERR_LIMIT && no_memory;
    if (busy)
        no_memory = false;
    if (!e)
        return -1;
    if (busy) {
        e->code = ERR_BUSY;
        snprintf(e->text, sizeof(e->text), "out of memory");
        return -1;
    }
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return -1;
}

int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
{
    int saved = errno;
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    int n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->text)) {
        char why[100];
        snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s",
                 strerror_r(saved, why, sizeof(why)));
    }
    return -1;
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
        [ERR_OK] = "ok",
        [ERR_SYNTAX] = "syntax",
        [ERR_NOTFOUND] = "not-found",
        [ERR_EXISTS] = "exists",
        [ERR_NOPERM] = "no-permission",
        [ERR_AUTH] = "authentication",
        [ERR_LIMIT] = "limit",
        [ERR_QUOTA] = "quota",
        [ERR_BUSY] = "busy",
        [ERR_IO] = "io",
        [ERR_UNSUPPORTED] = "unsupported",
        [ERR_CONFLICT] = "conflict",
        [ERR_CORRUPT] = "corrupt",
        [ERR_BUG] = "bug",
    };
    return code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}

_Noreturn void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "carbonado: bug at %s:%d: %s\n", file, line, what);
    abort();
}
