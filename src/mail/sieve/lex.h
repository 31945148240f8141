/* lex.h - the tokens of Sieve (RFC 5228 8.1), with the place of each. */
#pragma once

#include "mail/sieve/sieve.h"

enum sieve_token_kind {
    SIEVE_TOKEN_END,
    SIEVE_TOKEN_WORD, /* identifier */
    SIEVE_TOKEN_TAG,  /* text without the colon */
    SIEVE_TOKEN_NUMBER,
    SIEVE_TOKEN_STRING, /* text with quoting undone */
    SIEVE_TOKEN_PUNCT,  /* one of ( ) [ ] { } , ; */
};

struct sieve_token {
    enum sieve_token_kind kind;
    struct sieve_place at;
    struct slice text;
    uint64_t number;
    char punct;
};

struct sieve_lexer {
    struct slice in;
    size_t pos, line_start;
    uint32_t line;
    struct arena *arena;
};

void sieve_lexer_init(struct sieve_lexer *l, struct slice script, struct arena *a);
/* -1: *ret_at and e say what is wrong. */
int sieve_lexer_next(struct sieve_lexer *l, struct sieve_token *ret, struct sieve_place *ret_at,
                     struct err *e);

/* "end of script", "number 7", "\";\"": for messages. */
void sieve_token_describe(const struct sieve_token *t, char *out, size_t n);

/* Sets e with "line L, column C: " in front; returns -1. */
int sieve_error_at(struct sieve_place at, struct sieve_place *ret_at, struct err *e,
                   enum err_code code, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
