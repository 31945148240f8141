/* filter.c - running the scripts of a mailbox and making a plan of what they want. Large messages
   are looked at one at a time, because each is held whole. */
#include "mail/filter.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "mail/filter_internal.h"

METRIC_COUNTER_BY(mail_filter_runs, "result", "ok failed given_up",
                  "Sieve scripts run at delivery; failed: it was passed over; given up: the store "
                  "would not do what it wanted.");
METRIC_COUNTER_BY(mail_filter_actions, "action",
                  "keep fileinto redirect reject ereject vacation notify discard",
                  "What Sieve scripts did with messages.");
METRIC_HISTOGRAM(mail_filter_seconds, "Time of running all scripts of a delivery.");

enum {
    RUN_OK,
    RUN_FAILED,
    RUN_GIVEN_UP,
    DISCARD = SIEVE_DO_COUNT,
    LARGE = 8 << 20,
    TEXT_MAX = 180
};

static pthread_mutex_t large = PTHREAD_MUTEX_INITIALIZER;

void filter_flags(const struct sieve_list *names, struct arena *a, struct flagset *ret)
{
    static const struct {
        struct slice name;
        uint64_t bit;
    } known[] = {{S_INIT("\\Seen"), FLAG_SEEN},
                 {S_INIT("\\Answered"), FLAG_ANSWERED},
                 {S_INIT("\\Flagged"), FLAG_FLAGGED},
                 {S_INIT("\\Deleted"), FLAG_DELETED},
                 {S_INIT("\\Draft"), FLAG_DRAFT}};
    struct slice *keywords = names->n ? arena_new(a, struct slice, names->n) : NULL;
    *ret = (struct flagset){.keywords = keywords};
    for (size_t i = 0; keywords && i < names->n; i++) {
        struct slice s = names->items[i];
        bool atom = s.n > 0 && ascii_only(s);
        for (size_t k = 0; k < s.n && atom; k++)
            atom = s.p[k] > ' ' && s.p[k] != 127 && !strchr("(){%*\"\\]", s.p[k]);
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            if (slice_eqi(s, known[k].name))
                ret->system |= known[k].bit;
        if (atom)
            keywords[ret->n++] = s;
    }
}

/* --- the plan --------------------------------------------------------------------------------- */

/* The bytes of an action, where they are not those that came. */
static int edited_bytes(struct filter_run *r, const struct sieve_action *a,
                        struct message_ready **ret)
{
    BUF_SCOPE whole = {.max = (size_t)1 << 30};
    *ret = NULL;
    if (!a->edited && !r->changed)
        return 0;
    buf_add(&whole, a->header);
    buf_add(&whole, a->body);
    if (whole.failed || message_ready_make(buf_slice(&whole), ret, r->e))
        return err_set(r->e, ERR_BUSY, "4.3.1 No room for the message now");
    return 0;
}

static int plan_store(struct filter_run *r, const struct sieve_action *a)
{
    struct mail_filter *f = r->f;
    struct filter_store *more = arena_new(&f->arena, struct filter_store, f->n_stores + 1);
    if (!more)
        return err_set(r->e, ERR_BUSY, "4.3.1 Out of memory");
    if (f->n_stores)
        memcpy(more, f->stores, f->n_stores * sizeof(*more));
    f->stores = more;
    struct filter_store *s = &more[f->n_stores];
    *s = (struct filter_store){.where = a->what == SIEVE_FILEINTO ? &a->mailbox : NULL};
    if (edited_bytes(r, a, &s->ready))
        return -1;
    filter_flags(&a->mailbox.flags, &f->arena, &s->flags);
    f->n_stores++;
    return 0;
}

/* A reason as the one line of a reply. */
static void refuse(struct mail_filter *f, struct slice reason)
{
    BUF_SCOPE line = {0};
    struct slice s = slice_trim(reason);
    for (size_t i = 0; i < s.n && i < TEXT_MAX; i++)
        if (s.p[i] != '\r')
            buf_addc(&line, ascii_is_control(s.p[i]) ? ' ' : s.p[i]);
    if (!s.n || !ascii_only(s)) { /* RFC 5429 2.1.1 */
        buf_reset(&line);
        buf_adds(&line, "The recipient's mail filter refuses the message");
    }
    err_set(&f->refusal, ERR_NOPERM, "5.7.1 %.*s", SARG(buf_slice(&line)));
}

/* RFC 5429 2.2: reject keeps the text as it is, in a letter where a reply cannot. */
static int plan_refusal(struct filter_run *r, const struct sieve_action *a)
{
    struct slice s = slice_trim(a->text);
    bool line = s.n > 0 && s.n <= TEXT_MAX && ascii_only(s) && slice_find(s, '\n') < 0;
    if (a->what == SIEVE_REJECT && !line)
        return filter_reject(r, a);
    refuse(r->f, a->text);
    return 0;
}

/* 0, 1: it may not be done, and the message is kept for that; -1 a temporary error. */
static int (*const plan_one[SIEVE_DO_COUNT])(struct filter_run *, const struct sieve_action *) = {
    [SIEVE_KEEP] = plan_store,          [SIEVE_FILEINTO] = plan_store,
    [SIEVE_REDIRECT] = filter_redirect, [SIEVE_REJECT] = plan_refusal,
    [SIEVE_EREJECT] = plan_refusal,     [SIEVE_VACATION] = filter_vacation,
    [SIEVE_NOTIFY] = filter_notice,
};

static int plan_memories(struct filter_run *r, const struct sieve_outcome *o)
{
    struct mail_filter *f = r->f;
    int64_t now = clock_now_ms();
    struct filter_memory *more =
        arena_new(&f->arena, struct filter_memory, f->n_memories + o->n_duplicates);
    if (!more)
        return err_set(r->e, ERR_BUSY, "4.3.1 Out of memory");
    if (f->n_memories)
        memcpy(more, f->memories, f->n_memories * sizeof(*more));
    f->memories = more;
    for (size_t i = 0; i < o->n_duplicates; i++) {
        const struct sieve_duplicate *d = &o->duplicates[i];
        struct filter_memory *m = &more[f->n_memories++];
        *m = (struct filter_memory){.expires_at = now + (int64_t)d->seconds * 1000,
                                    .renew = d->last};
        filter_key(MEMORY_OF_DUPLICATE, d->handle, d->id, m->key);
    }
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

struct running {
    struct filter_run run;
    struct filter_world world;
    struct buf copies[FILTER_STEPS]; /* of the message, as scripts before have changed it */
    struct sieve_action keep;        /* the last */
    bool kept, want_keep;
};

static void log_run(const struct running *g, const struct filter_step *step,
                    const struct sieve_outcome *o)
{
    const struct mail_filter *f = g->run.f;
    LOG(o->failed ? LOG_WARN : LOG_INFO, "mail.filter", LF("trace", f->in.trace),
        LF("account", f->owner.address), LF("script", step->name), LFN("actions", o->n),
        LFN("steps", o->steps), LFZ("result", o->failed ? "failed" : "ok"), LFN("line", o->line),
        LFZ("why", o->failed ? o->error.text : ""));
    metric_add(&metric_mail_filter_runs, o->failed ? RUN_FAILED : RUN_OK, 1);
}

static void take_keep(struct running *g, const struct sieve_action *a)
{
    struct sieve_mailbox flagged = g->keep.mailbox;
    bool had = g->kept && g->keep.mailbox.has_flags;
    g->keep = *a;
    if (had && !a->mailbox.has_flags)
        g->keep.mailbox = flagged;
    g->kept = true;
}

static int take_outcome(struct running *g, const struct sieve_outcome *o)
{
    bool keeps = false;
    for (size_t i = 0; i < o->n; i++) {
        const struct sieve_action *a = &o->actions[i];
        metric_add(&metric_mail_filter_actions, a->what, 1);
        if (a->what == SIEVE_KEEP) {
            take_keep(g, a);
            keeps = true;
            continue;
        }
        int rc = plan_one[a->what](&g->run, a);
        if (rc < 0)
            return -1;
        g->want_keep |= rc > 0; /* what may not be sent is kept */
    }
    if (!o->n)
        metric_add(&metric_mail_filter_actions, DISCARD, 1);
    g->kept = keeps;
    return plan_memories(&g->run, o);
}

/* What the next script sees. */
static int take_changes(struct running *g, size_t i)
{
    struct buf *copy = &g->copies[i];
    if (!g->kept || !g->keep.edited)
        return 0;
    copy->max = (size_t)1 << 30;
    buf_add(copy, g->keep.header);
    buf_add(copy, g->keep.body);
    if (copy->failed)
        return err_set(g->run.e, ERR_BUSY, "4.3.1 Out of memory");
    g->run.whole = buf_slice(copy);
    g->run.changed = true;
    return 0;
}

static int run_step(struct running *g, size_t i)
{
    struct mail_filter *f = g->run.f;
    const struct filter_step *step = &f->set->steps[i];
    struct sieve_limits limits = sieve_limits();
    struct sieve_outcome o = {0};
    struct sieve_input in = {.message = g->run.whole,
                             .script_name = step->name,
                             .owner = f->owner.address,
                             .now = clock_now(),
                             .envelope = {.present = true,
                                          .from = f->in.from,
                                          .to = f->in.to,
                                          .orcpt = f->in.orcpt.n ? f->in.orcpt : SNONE,
                                          .envid = f->in.envid.n ? f->in.envid : SNONE,
                                          .ret = f->in.ret_full   ? S("FULL")
                                                 : f->in.ret_hdrs ? S("HDRS")
                                                                  : SNONE}};
    if (!step->program) {
        o = (struct sieve_outcome){.failed = true, .error = step->wrong};
        log_run(g, step, &o);
        return 0;
    }
    if (sieve_run(step->program, &in, &filter_world, &g->world, &limits, &f->arena, &o, g->run.e))
        return err_set(g->run.e, ERR_BUSY, "4.3.1 Out of memory");
    log_run(g, step, &o);
    if (o.failed && (o.error.code == ERR_BUSY || o.error.code == ERR_IO))
        return err_set(g->run.e, ERR_BUSY, "4.3.0 The filter cannot be run now");
    if (o.failed)
        return 0;
    return take_outcome(g, &o) || take_changes(g, i) ? -1 : 0;
}

/* Before a script has said otherwise, the message is kept. */
static int run_all(struct running *g)
{
    struct mail_filter *f = g->run.f;
    struct sieve_action keep = {.what = SIEVE_KEEP};
    take_keep(g, &keep);
    for (size_t i = 0; i < f->set->n && g->kept; i++)
        if (run_step(g, i))
            return -1;
    if (g->kept)
        return plan_store(&g->run, &g->keep);
    if (g->want_keep && !f->n_stores && !f->refusal.code)
        return plan_store(&g->run, &keep);
    return 0;
}

static int run_on(struct mail_filter *f, struct slice whole, struct err *e)
{
    struct running g = {.run = {.f = f, .whole = whole, .e = e}};
    ptrdiff_t at = slice_rfind(f->owner.address, '@');
    g.world.account = f->in.account;
    g.world.domain = slice_from(f->owner.address, (size_t)(at + 1));
    int rc = run_all(&g);
    for (size_t i = 0; i < FILTER_STEPS; i++)
        buf_done(&g.copies[i]);
    return rc;
}

static int read_and_run(struct mail_filter *f, struct err *e)
{
    BUF_SCOPE whole = {.max = (size_t)1 << 30};
    buf_add(&whole, f->in.received);
    if (spool_read(f->in.body, 0, f->in.body->size, &whole, e) || whole.failed)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    return run_on(f, buf_slice(&whole), e);
}

int mail_filter_run(const struct mail_filtering *in, struct mail_filter **ret, struct err *e)
{
    struct filter_set *set = NULL;
    struct err why = {0};
    int got = filter_set_get(in->account, &set, &why);
    if (got <= 0)
        return got < 0 ? err_set(e, ERR_BUSY, "4.3.0 The filter cannot be run now") : 0;
    int64_t began = clock_mono_us();
    struct mail_filter *f = calloc(1, sizeof(*f));
    BUG_IF(!f);
    f->arena.limit = sieve_limits().memory + MESSAGE_ARENA_LIMIT;
    f->in = *in;
    f->set = set;
    bool one_at_a_time = in->body->size >= LARGE;
    if (one_at_a_time)
        pthread_mutex_lock(&large);
    int rc =
        directory_account_by_id(in->account, &f->arena, &f->owner, e) ? -1 : read_and_run(f, e);
    if (one_at_a_time)
        pthread_mutex_unlock(&large);
    metric_observe_us(&metric_mail_filter_seconds, clock_mono_us() - began);
    if (rc) {
        mail_filter_free(f);
        return -1;
    }
    *ret = f;
    return 1;
}

bool mail_filter_give_up(struct mail_filter *f, const struct err *why)
{
    if (!f || f->given_up || why->code == ERR_OK || why->code == ERR_IO || why->code == ERR_BUSY)
        return false;
    f->given_up = true;
    f->refusal = (struct err){0};
    metric_add(&metric_mail_filter_runs, RUN_GIVEN_UP, 1);
    LOG(LOG_WARN, "mail.filter", LF("trace", f->in.trace), LF("account", f->owner.address),
        LFZ("result", "given up"), LFZ("why", why->text));
    return true;
}

const struct err *mail_filter_refusal(const struct mail_filter *f)
{
    static const struct err none;
    return f ? &f->refusal : &none;
}

void mail_filter_free(struct mail_filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n_stores; i++)
        message_ready_free(f->stores[i].ready);
    for (size_t i = 0; i < f->n_letters; i++)
        message_ready_free(f->letters[i].ready);
    filter_set_unref(f->set);
    arena_reset(&f->arena);
    free(f);
}
