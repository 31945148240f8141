/* token.h - the words of IMAP commands: RFC 9051 9, strict. A parser walks the text of one complete
   command (literal.h) and takes the literals' bytes from a list beside it. Everything it returns
   points into the text, the literals or the arena. Functions return 0, or -1 with ERR_SYNTAX (or
   ERR_LIMIT) and a text that says what was wanted and where. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct imap_literal {
    struct slice bytes; /* p == NULL when the caller keeps them elsewhere: `spool` */
    uint64_t size;
    void *spool;
    bool literal8;
};

struct imap_parser {
    struct slice text; /* with the {n} CRLF of its literals, without the last CRLF */
    size_t at;
    const struct imap_literal *literals;
    size_t n_literals, literal; /* the next one */
    struct arena *arena;
    struct err *e;
    bool utf8; /* UTF8=ACCEPT or IMAP4rev2 is on: quoted strings hold UTF-8 (RFC 9755 3) */
};

/* Sets the error: what, and at which column (from 1). Returns -1. */
int imap_fail(struct imap_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

bool imap_is_atom_char(char c);
bool imap_is_astring_char(char c);

static inline bool imap_at_end(const struct imap_parser *p)
{
    return p->at >= p->text.n;
}

/* The byte at hand, NUL at the end (a real NUL fits no rule either). */
static inline char imap_peek(const struct imap_parser *p)
{
    return imap_at_end(p) ? '\0' : p->text.p[p->at];
}

bool imap_accept(struct imap_parser *p, char c);
int imap_expect(struct imap_parser *p, char c);
int imap_space(struct imap_parser *p);
int imap_end(struct imap_parser *p);

/* Takes the word when it stands here (without case) and an atom ends behind it. */
bool imap_accept_word(struct imap_parser *p, struct slice word);
/* " WORD" behind something else. */
bool imap_accept_space_word(struct imap_parser *p, struct slice word);

int imap_tag(struct imap_parser *p, struct slice *ret);
int imap_atom(struct imap_parser *p, struct slice *ret);
int imap_u32(struct imap_parser *p, uint32_t *ret);             /* number: 0 to 2^32-1 */
int imap_nz_u32(struct imap_parser *p, uint32_t *ret);          /* nz-number */
int imap_u63(struct imap_parser *p, uint64_t *ret);             /* number64, mod-sequence-valzer */
int imap_nz_u63(struct imap_parser *p, uint64_t *ret);          /* mod-sequence-value */
int imap_take_string(struct imap_parser *p, struct slice *ret); /* quoted or literal in memory */
int imap_astring(struct imap_parser *p, struct slice *ret);
int imap_take_nstring(struct imap_parser *p, struct slice *ret); /* NIL: p == NULL */
int imap_literal_here(struct imap_parser *p, const struct imap_literal **ret);
bool imap_at_literal(const struct imap_parser *p);
/* Only base 64 characters, or "=": what AUTHENTICATE sends with SASL-IR. */
int imap_base64(struct imap_parser *p, struct slice *ret);

/* A mailbox name as UTF-8: modified UTF-7 undone unless p->utf8, INBOX in capitals.
   ERR_UNSUPPORTED: it fits the grammar, but is no name. */
int imap_mailbox(struct imap_parser *p, struct slice *ret);
/* list-mailbox: the same with % and *. What cannot be a name becomes a pattern without matches. */
int imap_list_mailbox(struct imap_parser *p, struct slice *ret);

/* "dd-mon-yyyy hh:mm:ss +zzzz" in quotes: milliseconds since 1970. */
int imap_date_time(struct imap_parser *p, int64_t *ret_ms);
/* A date with or without quotes: days since 1970. */
int imap_date(struct imap_parser *p, int64_t *ret_day);
