/* filter_internal.h - the parts of a filter: scripts (filter_set.c), what they ask
   (filter_world.c), running (filter.c), letters (filter_letter.c, filter_send.c), the store
   (filter_apply.c). */
#pragma once

#include "directory/directory.h"
#include "mail/filter.h"
#include "mail/sieve/sieve.h"
#include "store/memory.h"
#include "store/outbox.h"

/* --- filter_set.c --------------------------------------------------------------------------- */
enum { FILTER_STEPS = 7 };

struct filter_step {
    struct slice name;                   /* for people: "before@example.org", "before", "main" */
    const struct sieve_program *program; /* NULL: it is wrong, and why: */
    struct err wrong;
};

/* What runs for an account; immutable, shared, counted. */
struct filter_set {
    _Atomic unsigned refs;
    struct arena arena;
    struct filter_step steps[FILTER_STEPS];
    size_t n;
};
/* 1, 0: no scripts, -1. */
int filter_set_get(uint64_t account, struct filter_set **ret, struct err *e);
void filter_set_unref(struct filter_set *s);

/* Names of extensions that need what is not there yet. */
extern const char filter_withheld[];

/* --- filter_world.c ------------------------------------------------------------------------- */
struct filter_world {
    uint64_t account;
    struct slice domain;
};
extern const struct sieve_world filter_world;

enum filter_memory_kind {
    MEMORY_OF_VACATION = 'v',
    MEMORY_OF_DUPLICATE = 'd',
    MEMORY_OF_REDIRECT = 'r'
};
void filter_key(enum filter_memory_kind kind, struct slice a, struct slice b,
                unsigned char ret[MEMORY_KEY]);

/* --- the plan ------------------------------------------------------------------------------- */
struct filter_store {
    const struct sieve_mailbox *where; /* NULL: INBOX */
    struct message_ready *ready;       /* NULL: the message as it came */
    struct flagset flags;
};

struct filter_memory {
    unsigned char key[MEMORY_KEY];
    int64_t expires_at; /* ms; 0: nothing is remembered */
    bool renew;
};

struct filter_letter {
    struct message_ready *ready; /* NULL: the message as it came */
    struct outbox_message row;
    struct filter_memory memory;
    bool once;                       /* only when its memory is new */
    const struct sieve_mailbox *fcc; /* a copy goes there */
    struct flagset fcc_flags;
};

struct mail_filter {
    struct arena arena;
    struct mail_filtering in;
    struct filter_set *set;
    struct account_info owner;
    struct filter_store *stores;
    struct filter_letter *letters;
    struct filter_memory *memories;
    size_t n_stores, n_letters, n_memories;
    struct err refusal;
    bool given_up;
};

/* A run: what the actions are about. */
struct filter_run {
    struct mail_filter *f;
    struct slice whole; /* the message as the script saw it */
    bool changed;       /* by a script before */
    struct err *e;
};

void filter_flags(const struct sieve_list *names, struct arena *a, struct flagset *ret);

/* --- filter_send.c: 0 done or left out, -1 temporary error, 1 redirect: it may not be sent --- */
int filter_redirect(struct filter_run *r, const struct sieve_action *a);
int filter_vacation(struct filter_run *r, const struct sieve_action *a);
int filter_notice(struct filter_run *r, const struct sieve_action *a);
/* RFC 5429 2.2.1. */
int filter_reject(struct filter_run *r, const struct sieve_action *a);

/* --- filter_letter.c ------------------------------------------------------------------------ */
struct letter {
    struct slice from, to;    /* ready for the field */
    struct slice cc, subject; /* subject: UTF-8 */
    struct slice automatic;   /* Auto-Submitted */
    struct slice in_reply_to, references;
    struct slice extra; /* more fields, whole lines */
    struct slice text;  /* UTF-8, or an entity */
    bool mime;
};
void letter_head(const struct letter *l, struct buf *out); /* without the empty line */
void letter_write(const struct letter *l, struct buf *out);
/* Text as an entity: fields, empty line, body. */
void letter_text(struct slice text, struct buf *out);
/* One line without controls, for fields. */
void letter_line(struct slice s, struct buf *out);
