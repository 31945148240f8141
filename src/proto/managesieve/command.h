/* command.h - ManageSieve on the wire: where a request ends, and what is in it. RFC 5804 1.2 and 4.
   A request is a name and strings or numbers; a string is quoted or a literal "{n+}". */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Finds the end of a request, which may hold literals. Zeroed with `max` set; push style, any split
   of the input. It keeps no bytes. */
struct managesieve_scan {
    size_t max;      /* of the whole request, literals with it */
    size_t line_max; /* of what is no literal */
    /* own */
    size_t n, line_n; /* so far */
    uint64_t left;    /* of a literal */
    uint64_t length;
    enum managesieve_state {
        MANAGESIEVE_TEXT,
        MANAGESIEVE_QUOTED,
        MANAGESIEVE_ESCAPED,
        MANAGESIEVE_LENGTH, /* behind {, digits */
        MANAGESIEVE_PLUS,   /* behind + */
        MANAGESIEVE_CLOSED, /* behind } */
        MANAGESIEVE_LITERAL_LF,
        MANAGESIEVE_LITERAL,
        MANAGESIEVE_LF,
        MANAGESIEVE_DONE,
    } state;
    bool digits;
};
/* How many bytes of `in` belong to the request; state is MANAGESIEVE_DONE when it is whole. -1:
   ERR_SYNTAX or ERR_LIMIT; what follows cannot be told apart, and the connection must end. */
int managesieve_feed(struct managesieve_scan *s, struct slice in, size_t *ret_taken, struct err *e);

enum { MANAGESIEVE_ARGS_MAX = 4, MANAGESIEVE_QUOTED_MAX = 1024 };

struct managesieve_arg {
    bool is_string;
    struct slice text; /* of a string, without quotes */
    uint64_t number;
};

struct managesieve_command {
    struct slice name; /* p NULL: none, the request begins with a string (an answer in SASL) */
    struct managesieve_arg args[MANAGESIEVE_ARGS_MAX];
    size_t n;
};
/* A whole request, with its CRLF. Points into it, or into the arena. ERR_SYNTAX. */
int managesieve_parse(struct slice request, struct arena *a, struct managesieve_command *ret,
                      struct err *e);
