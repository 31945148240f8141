/* compile.h - what the check functions of commands see of the compiler: the arguments of the call
   at hand, by slot. */
#pragma once

#include "base/hash.h"
#include "mail/sieve/code.h"
#include "mail/sieve/tree.h"

struct sieve_source {
    enum sieve_kind kind; /* SIEVE_NONE: not given */
    struct sieve_place at;
    uint64_t number;
    struct slice text;         /* of a string */
    const struct slice *items; /* of a list; one string is a list of one */
    const struct sieve_place *items_at;
    uint32_t n;
};

struct sieve_emitted;
struct sieve_loop_source;

struct sieve_compiler {
    const struct sieve_limits *limits;
    struct arena *arena;
    uint64_t withheld, enabled;
    uint64_t perhaps;      /* named by an ihave before */
    bool unknown_ok;       /* an ihave named what is not to be had: what follows may be unknown */
    struct sieve_place at; /* of the call at hand */
    const struct sieve_command *command;
    struct sieve_source source[SLOT_COUNT];

    struct sieve_emitted *code;
    uint32_t n_code, cap_code;
    struct buf args, constants, words;
    struct hmap constant_of, word_of;
    uint32_t n_constants, n_words;
    struct sieve_loop_source *loops;
    struct sieve_place *ret_at;
    struct err *e;
};

static inline bool sieve_given(const struct sieve_compiler *c, enum sieve_slot slot)
{
    return c->source[slot].kind != SIEVE_NONE;
}

static inline bool sieve_enabled(const struct sieve_compiler *c, uint64_t bits)
{
    return ((c->enabled | c->perhaps) & bits) == bits;
}

/* ERR_SYNTAX at that place; returns -1. */
int sieve_wrong(struct sieve_compiler *c, struct sieve_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Nothing in it is put together at run time. */
bool sieve_constant(const struct sieve_compiler *c, struct slice text);
/* -1 with an error that says so, when a string of the slot is not constant. */
int sieve_need_constant(struct sieve_compiler *c, enum sieve_slot slot);
/* Calls ok for every constant string of the slot; -1 with "`what` ..." where it says no. */
int sieve_check_each(struct sieve_compiler *c, enum sieve_slot slot, bool (*ok)(struct slice text),
                     const char *what);

bool sieve_is_field_name(struct slice s);  /* RFC 5322 2.2 */
bool sieve_is_address(struct slice s);     /* one mailbox: local@domain, perhaps with a name */
bool sieve_is_mailbox(struct slice s);     /* could be a mailbox: not empty, no controls */
bool sieve_is_script_name(struct slice s); /* RFC 5804 1.6 */

bool sieve_is_special_use(struct slice s); /* RFC 6154 6, use-attr */

/* Where a message goes: the arguments that fileinto and :fcc share (RFC 8580 3.2, RFC 9042 4.2). */
int sieve_check_mailbox(struct sieve_compiler *c);
/* match.c: comparator, match type and keys go together. */
int sieve_check_match(struct sieve_compiler *c);
