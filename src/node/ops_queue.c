/* ops_queue.c - the mail that waits to be sent on: seen, tried now, taken out. A message is named
   SHARD-NUMBER. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "mail/queue.h"
#include "mail/unreachable.h"
#include "node/ops.h"
#include "store/outbox.h"

static void print_id(const struct outbox_message *m, char out[48])
{
    snprintf(out, 48, "%" PRIu64 "-%" PRIu64, m->shard, m->id);
}

static json_t *recipients_json(const struct outbox_message *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->n; i++) {
        const struct outbox_recipient *r = &m->recipients[i];
        json_array_append_new(
            list, json_pack("{s:o, s:I, s:I, s:o}", "address", op_json_text(r->address), "attempts",
                            (json_int_t)r->attempts, "next_at", (json_int_t)r->next_at,
                            "last_reply", op_json_text(r->last_reply)));
    }
    return list;
}

struct listing {
    json_t *rows;
    struct slice after;
    bool passed, more;
    size_t limit;
};

static int take(const struct outbox_message *m, void *arg)
{
    struct listing *l = arg;
    char id[48];
    print_id(m, id);
    if (!l->passed) {
        l->passed = slice_eq(l->after, slice_str(id));
        return 0;
    }
    if (json_array_size(l->rows) == l->limit) {
        l->more = true;
        return 1;
    }
    json_array_append_new(
        l->rows,
        json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:o}", "id", id, "from", op_json_text(m->from),
                  "size", (json_int_t)(m->prefix.n + m->blob.size), "queued_at",
                  (json_int_t)m->queued_at, "expires_at", (json_int_t)m->expires_at, "trace",
                  op_json_text(m->trace), "recipients", recipients_json(m)));
    return 0;
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct listing l = {.limit = 500};
    (void)payload;
    (void)out;
    if (op_arg_text(args, "after", false, &l.after, e))
        return -1;
    l.passed = !l.after.n;
    l.rows = json_array();
    int r = outbox_each(take, &l, e);
    if (r == 0)
        *ret = json_pack("{s:O, s:b}", "messages", l.rows, "more", (int)l.more);
    json_decref(l.rows);
    return r;
}

/* Finds one message, or all, and keeps what a change needs. */
struct found {
    struct slice id; /* empty: all */
    struct arena *a;
    struct target {
        uint64_t shard, id;
        struct slice address;
        struct slice reply;
        struct target *next;
    } * first;
};

static int find(const struct outbox_message *m, void *arg)
{
    struct found *f = arg;
    char id[48];
    print_id(m, id);
    if (f->id.n && !slice_eq(f->id, slice_str(id)))
        return 0;
    for (size_t i = 0; i < m->n; i++) {
        struct target *t = arena_new(f->a, struct target, 1);
        if (!t)
            return 1;
        *t = (struct target){.shard = m->shard,
                             .id = m->id,
                             .address = arena_dup(f->a, m->recipients[i].address),
                             .reply = arena_dup(f->a, m->recipients[i].last_reply),
                             .next = f->first};
        f->first = t;
    }
    return f->id.n > 0;
}

static int find_targets(json_t *args, bool required, struct found *f, struct err *e)
{
    if (op_arg_text(args, "id", required, &f->id, e) || outbox_each(find, f, e))
        return -1;
    if (f->a->failed)
        return err_set(e, ERR_LIMIT, "the queue is too long for one operation");
    if (f->id.n && !f->first)
        return err_set(e, ERR_NOTFOUND, "%.*s is not in the queue", SARG(f->id));
    return 0;
}

static int retry(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)256 << 20};
    struct found f = {.a = &a};
    int64_t n = 0;
    (void)payload;
    (void)out;
    if (find_targets(args, false, &f, e))
        return -1;
    for (const struct target *t = f.first; t; t = t->next, n++)
        if (outbox_later((unsigned)t->shard, t->id, t->address, clock_now_ms(), t->reply, e))
            return -1;
    unreachable_forget();
    queue_wake();
    *ret = json_pack("{s:I}", "recipients", (json_int_t)n);
    return 0;
}

static int remove_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)16 << 20};
    struct found f = {.a = &a};
    (void)payload;
    (void)ret;
    (void)out;
    if (find_targets(args, true, &f, e))
        return -1;
    return outbox_remove((unsigned)f.first->shard, f.first->id, e);
}

const struct op ops_queue[] = {
    {"queue.list", list, .needs_store = true},
    {"queue.retry", retry, .needs_store = true},
    {"queue.remove", remove_, .needs_store = true},
    {0},
};
