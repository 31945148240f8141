/* err.h - one error type for everything. The text is for people, the code is for the protocol edge:
   each server maps codes to its replies in one table. Libraries set errors and never log. */
#pragma once

enum err_code {
    ERR_OK,
    ERR_SYNTAX,      /* the input is not what the grammar allows */
    ERR_NOTFOUND,    /* no such account, mailbox, message ... */
    ERR_EXISTS,      /* there is one already */
    ERR_NOPERM,      /* understood, and not allowed */
    ERR_AUTH,        /* who are you? wrong or missing credentials */
    ERR_LIMIT,       /* larger, longer or more than a setting permits: do not try again as is */
    ERR_QUOTA,       /* the mailbox is full */
    ERR_BUSY,        /* temporary: try again later */
    ERR_IO,          /* disk or network failed: temporary for the client, logged for us */
    ERR_UNSUPPORTED, /* known, and not offered here */
    ERR_CONFLICT,    /* somebody else changed it first (UNCHANGEDSINCE, epoch) */
    ERR_CORRUPT,     /* stored bytes are not what was written */
    ERR_BUG,         /* cannot happen */
};

struct err {
    enum err_code code;
    char text[200];
};

/* Sets *e (which may be NULL) and returns -1, so that `return err_set(...)` ends a function. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with strerror(errno) appended. */
int err_errno(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* There was no memory, which is not the fault of what was asked for: the next ERR_LIMIT that this
   thread sets becomes ERR_BUSY, "out of memory". Buffers and arenas call it where malloc fails. */
void err_no_memory(void);

const char *err_code_name(enum err_code code); /* "limit" */

/* Impossible states: always compiled in, never for input. Prints the place and aborts. */
#define BUG_IF(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0))                                                         \
            bug_at(__FILE__, __LINE__, #cond);                                                     \
    } while (0)
_Noreturn void bug_at(const char *file, int line, const char *what);
