/* tree.h - a script as its grammar has it (RFC 5228 8.2), before anything is known of the meaning
   of its words. */
#pragma once

#include "mail/sieve/sieve.h"

enum sieve_arg_kind { SIEVE_ARG_TAG, SIEVE_ARG_NUMBER, SIEVE_ARG_STRING, SIEVE_ARG_LIST };

struct sieve_arg {
    enum sieve_arg_kind kind;
    struct sieve_place at;
    struct slice text; /* tag, string */
    uint64_t number;
    struct slice *items; /* list */
    struct sieve_place *items_at;
    uint32_t n;
    struct sieve_arg *next;
};

/* A command or a test. */
struct sieve_node {
    struct slice name;
    struct sieve_place at, end; /* end: of what comes behind the arguments */
    struct sieve_arg *args;
    struct sieve_node *tests; /* by ->next */
    uint32_t n_tests;
    bool has_block;
    struct sieve_node *block;
    struct sieve_node *next;
};

int sieve_parse(struct slice script, const struct sieve_limits *limits, struct arena *a,
                struct sieve_node **ret, struct sieve_place *ret_at, struct err *e);
