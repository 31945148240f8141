/* literal.h - finds the end of a command that may hold {n}, {n+} and ~{n} literals. RFC 9051 4.3,
   RFC 7888, RFC 3516 4.4. Push style: feed any split of the input; it never blocks, allocates or
   stores. The caller keeps the text, which is the command without the literals' bytes: the parser
   takes the next literal where the text shows one (token.h). */
#pragma once

#include "base/slice.h"

enum lit_state {
    LIT_ST_TEXT,
    LIT_ST_CR,       /* a CR that may begin the line's end */
    LIT_ST_LEN,      /* behind '{' */
    LIT_ST_PLUS,     /* behind "{n+" */
    LIT_ST_CLOSE,    /* behind '}' */
    LIT_ST_CLOSE_CR, /* behind "}" CR */
    LIT_ST_BODY,
};

enum lit_event {
    LIT_TEXT,  /* taken bytes are text; more is wanted */
    LIT_BEGIN, /* taken bytes are text that ends with a literal's announcement: see len, sync */
    LIT_BODY,  /* taken bytes are of the literal; `left` are to come */
    LIT_DONE,  /* taken bytes are text that ends the command */
};

struct lit_scan {
    enum lit_state st;
    bool quoted, escaped; /* inside a quoted string; behind its backslash */
    bool tilde;           /* the byte before '{' was '~' */
    bool digits;          /* LIT_ST_LEN has seen one */
    bool sync;            /* the client waits for a continuation */
    bool literal8;
    bool bare_lf;  /* the line ended without CR: refuse the command */
    uint64_t len;  /* of the announced literal; UINT64_MAX when the number does not fit */
    uint64_t left; /* bytes of the literal that are to come */
    uint64_t text; /* text bytes of this command so far */
    uint32_t literals;
};

/* Looks at the front of `in`, which must not be empty. After LIT_DONE the scanner stands at the
   start of the next command (bare_lf tells of the last one until the next byte).
   A synchronizing literal that is refused: call lit_reset, because the client will not send it. */
enum lit_event lit_feed(struct lit_scan *l, struct slice in, size_t *ret_taken);
void lit_reset(struct lit_scan *l);
