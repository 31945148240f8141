/* match.h - match types and comparators (RFC 5228 2.7, RFC 4790, RFC 5231, regex), as tests use
   them: begin, try each value until one matches, end. */
#pragma once

#include "mail/sieve/run.h"

enum sieve_match {
    SIEVE_MATCH_IS = 1,
    SIEVE_MATCH_CONTAINS,
    SIEVE_MATCH_MATCHES,
    SIEVE_MATCH_REGEX,
    SIEVE_MATCH_COUNT,
    SIEVE_MATCH_VALUE,
    SIEVE_MATCH_LIST,
};

enum sieve_fold { SIEVE_FOLD_NONE, SIEVE_FOLD_ASCII, SIEVE_FOLD_UNICODE };

enum sieve_comparator {
    SIEVE_CMP_OCTET,
    SIEVE_CMP_ASCII,
    SIEVE_CMP_NUMERIC,
    SIEVE_CMP_UNICODE,
};

struct sieve_span {
    size_t from, to; /* from > to: it took no part */
};

struct sieve_regex;

struct sieve_matcher {
    struct sieve_runner *r;
    enum sieve_match type;
    enum sieve_comparator comparator;
    unsigned relation; /* enum in match.c */
    struct sieve_list keys;
    struct slice *folded; /* the keys, where values are folded before they are compared */
    struct sieve_regex **regex;
    uint64_t count;
    bool matched;
    bool stripped; /* body: markup is left out (RFC 5173 5.3) */
    bool quiet;    /* match variables stay as they are (RFC 5173 6) */
};

int sieve_matcher_init(struct sieve_matcher *m, struct sieve_runner *r, const struct sieve_call *c,
                       enum sieve_slot keys);
/* 1: it matches, and match variables are set; look no further. 0. -1: the run has ended. With
   :count values are only counted. */
int sieve_matcher_try(struct sieve_matcher *m, struct slice value);
/* 1, 0 or -1: the result when no value matched. */
int sieve_matcher_end(struct sieve_matcher *m);
/* try and end for a list of values. */
int sieve_matcher_list(struct sieve_matcher *m, const struct sieve_list *values);

/* The code point at *pos, which moves behind it; a byte that is no UTF-8, or every byte when
   `octets`, stands for itself above all code points. */
uint32_t sieve_next_char(struct slice s, size_t *pos, bool octets);
uint32_t sieve_fold_char(uint32_t c, enum sieve_fold fold);

/* RFC 5228 2.7.1: `*` and `?`, the fewest characters each. Captures: 0 is all, then one for each
   wildcard; *n_spans is how many there is room for, then how many there are. Time is at most
   value x pattern; *work counts it and the match ends with -1 when it passes `max`. */
int sieve_glob(struct slice pattern, struct slice value, bool octets, enum sieve_fold fold,
               struct sieve_span *spans, size_t *n_spans, uint64_t max, uint64_t *work);

/* POSIX extended regular expressions (draft-ietf-sieve-regex), run without backtracking: time is at
   most value x size, which is limited. */
enum { SIEVE_REGEX_SIZE = 2000, SIEVE_REGEX_GROUPS = 10 };
int sieve_regex_compile(struct slice pattern, enum sieve_fold fold, struct arena *a,
                        struct sieve_regex **ret, struct err *e);
/* As sieve_glob; groups that took no part have from > to. */
int sieve_regex_match(struct sieve_regex *x, struct slice value, struct sieve_span *spans,
                      size_t *n_spans, uint64_t max, uint64_t *work);

/* i;ascii-numeric (RFC 4790 9.1): leading digits; none is positive infinity. <0, 0, >0 */
int sieve_numeric_cmp(struct slice a, struct slice b);
