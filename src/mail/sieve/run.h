/* run.h - what the run functions of commands and tests see of the interpreter. */
#pragma once

#include "mail/sieve/code.h"
#include "mail/sieve/mail.h"

enum { SIEVE_MATCHES_MAX = 32, SIEVE_LOOPS_MAX = 32 };

struct sieve_variable {
    struct slice name, value;
    struct sieve_variable *next;
};

struct sieve_scope {
    struct sieve_variable *first;
    uint32_t n;
    struct sieve_scope *globals; /* names that this script declared global */
};

struct sieve_loop {
    const struct part *scope;   /* its parts are walked, without itself; NULL: all of the message */
    const struct part *current; /* NULL: it is no longer there */
};

/* One script at work: the main one or an included one (RFC 6609). */
struct sieve_frame {
    const struct sieve_program *program;
    struct slice script;
    bool site;
    uint64_t enabled;
    struct sieve_scope variables;
    struct sieve_loop loops[SIEVE_LOOPS_MAX];
    uint32_t n_loops;
    struct sieve_frame *below;
};

struct sieve_included {
    struct slice name;
    bool site;
    struct sieve_included *next;
};

struct sieve_runner {
    const struct sieve_input *in;
    const struct sieve_world *world;
    void *ctx;
    const struct sieve_limits *limits;
    struct arena *arena;
    struct sieve_outcome *out;
    struct err *e;
    struct sieve_mail mail;
    struct sieve_frame *frame;
    uint32_t depth, includes;
    struct sieve_included *included;
    struct sieve_scope globals;
    struct slice matches[SIEVE_MATCHES_MAX]; /* RFC 5229 3.2 */
    uint32_t n_matches;
    struct sieve_list flags; /* RFC 5232: the internal variable */
    bool flags_set;
    bool result, stopped, kept; /* kept: the implicit keep is cancelled */
    /* The message as it was before the first enclose: what is redirected (RFC 5703 6). */
    bool enclosed, plain_edited;
    struct slice plain_header, plain_body;
    uint32_t cap_actions, redirects, notices, answers;
    uint32_t line;
};

/* Ends the run; returns -1. */
int sieve_fail(struct sieve_runner *r, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int sieve_fail_memory(struct sieve_runner *r);
/* Counts n bytes looked at; -1 over the limit. */
int sieve_work(struct sieve_runner *r, uint64_t n);

bool sieve_has(const struct sieve_call *c, enum sieve_slot slot);
uint64_t sieve_number(const struct sieve_call *c, enum sieve_slot slot, uint64_t otherwise);
/* The string with its variables; p NULL when it was not given. */
int sieve_string(struct sieve_runner *r, const struct sieve_call *c, enum sieve_slot slot,
                 struct slice *ret);
/* Likewise; n 0 when it was not given. */
int sieve_strings(struct sieve_runner *r, const struct sieve_call *c, enum sieve_slot slot,
                  struct sieve_list *ret);

static inline bool sieve_on(const struct sieve_runner *r, uint64_t bits)
{
    return (r->frame->enabled & bits) == bits;
}

/* A copy in the run's memory; -1 when there is no more. */
int sieve_keep_text(struct sieve_runner *r, struct slice s, struct slice *ret);
static inline int sieve_keep_buf(struct sieve_runner *r, struct buf *b, struct slice *ret)
{
    return b->failed ? sieve_fail_memory(r) : sieve_keep_text(r, buf_slice(b), ret);
}

/* The innermost loop, or NULL. */
struct sieve_loop *sieve_loop(struct sieve_runner *r);
/* The parts that loops walked are no more: they end. */
void sieve_loops_end(struct sieve_runner *r);
/* All loops point into the message as it is now; parts keep their number. */
void sieve_loops_move(struct sieve_runner *r, const struct message *from);

/* actions.c. A new action with what is common to all; NULL: the run has ended. The implicit keep is
   cancelled unless `keeps`. */
struct sieve_action *sieve_act(struct sieve_runner *r, enum sieve_do what, bool keeps);
/* Fills in where a message goes: name, and the slots that fileinto and :fcc share. */
int sieve_mailbox_args(struct sieve_runner *r, const struct sieve_call *c, struct slice name,
                       struct sieve_mailbox *ret);
/* After all members are set: one that says the same as another before is taken back (RFC 5228
   2.10.3), conflicts end the run (RFC 5228 2.10.4). */
int sieve_act_done(struct sieve_runner *r, struct sieve_action *a);
/* :fcc and what goes with it, for an action that sends (RFC 8580). */
int sieve_fcc_args(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a);

/* ext_variables.c; in each -1 means that the run has ended. */
int sieve_expand(struct sieve_runner *r, struct slice constant, struct slice *ret);
int sieve_variable_set(struct sieve_runner *r, struct slice name, struct slice value);
int sieve_variable_get(struct sieve_runner *r, struct slice name, struct slice *ret);
bool sieve_variable_name(struct slice name); /* may be set */
int sieve_modify(struct sieve_runner *r, const struct sieve_call *c, struct slice *value);
int sieve_global_declare(struct sieve_runner *r, struct slice name);

/* What other extensions add to redirect: ext_redirect_dsn.c, ext_redirect_deliverby.c,
   ext_extlists.c. */
int sieve_redirect_dsn(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a);
int sieve_redirect_by(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a);
/* A name that begins with a colon, in full (RFC 6134 2.5). */
int sieve_list_name(struct sieve_runner *r, struct slice name, struct slice *ret);
int sieve_redirect_list(struct sieve_runner *r, struct sieve_action *a);

/* ext_imap4flags.c: flags split at blanks, each once, what is no flag left out (RFC 5232 2). */
int sieve_flags_normal(struct sieve_runner *r, const struct sieve_list *l, struct sieve_list *ret);

int sieve_run_frame(struct sieve_runner *r, struct sieve_frame *f);
