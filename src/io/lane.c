/* lane.c - a message begins with its length, in the first of the records that carry it. */
#include "io/lane.h"

#include <stdlib.h>
#include <uv.h>

#include "base/list.h"
#include "io/loop.h"
#include "io/ring.h"

enum { LENGTH = sizeof(uint32_t), TURN = 256 /* records before others have theirs */ };

struct waiting {
    struct link link;
    size_t at; /* sent so far */
    struct buf bytes;
};

struct lane {
    struct loop *loop;
    struct ring *ring;
    const struct lane_ops *ops;
    void *user;
    uv_poll_t poll;
    struct loop_msg again;
    bool posted, closing, closed;
    const char *why; /* not NULL: it is over */
    struct link waiting;
    size_t unsent, unsent_max;
    struct buf record, message;
    uint32_t length; /* of the message; 0: none has begun */
};

void *lane_user(const struct lane *c)
{
    return c->user;
}

/* --- the end --------------------------------------------------------------------------------- */
static void lane_free(struct lane *c)
{
    for (struct link *l; (l = list_pop(&c->waiting));) {
        struct waiting *w = list_entry(l, struct waiting, link);
        buf_done(&w->bytes);
        free(w);
    }
    ring_close(c->ring);
    buf_done(&c->record);
    buf_done(&c->message);
    free(c);
}

static void on_closed(uv_handle_t *h)
{
    struct lane *c = h->data;
    c->closed = true;
    if (!c->posted)
        lane_free(c);
}

static void end(struct lane *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->ops->ended(c, c->why);
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void post(struct lane *c)
{
    if (c->posted)
        return;
    c->posted = true;
    loop_post(c->loop, &c->again);
}

void lane_break(struct lane *c, const char *why)
{
    if (!c->why)
        c->why = why;
    post(c);
}

/* --- out ------------------------------------------------------------------------------------- */
/* As many records as there is room for; how much of head and body was sent. */
static size_t send_some(struct lane *c, struct slice head, struct slice body)
{
    size_t sent = 0, n = head.n + body.n;
    while (sent < n) {
        struct slice first = slice_sub(head, sent < head.n ? sent : head.n, head.n);
        first = slice_sub(first, 0, first.n < RING_RECORD_MAX ? first.n : RING_RECORD_MAX);
        size_t from = sent > head.n ? sent - head.n : 0, room = RING_RECORD_MAX - first.n;
        struct slice second = slice_sub(body, from, body.n - from < room ? body.n : from + room);
        enum ring_result r = ring_send_both(c->ring, first, second);
        if (r == RING_BROKEN)
            lane_break(c, "the ring is broken");
        if (r != RING_OK)
            break;
        sent += first.n + second.n;
    }
    return sent;
}

static void send_waiting(struct lane *c)
{
    while (!list_empty(&c->waiting) && !c->why) {
        struct waiting *w = list_entry(c->waiting.next, struct waiting, link);
        size_t n = send_some(c, slice_from(buf_slice(&w->bytes), w->at), S(""));
        w->at += n;
        c->unsent -= n;
        if (w->at < w->bytes.n)
            return;
        list_remove(&w->link);
        buf_done(&w->bytes);
        free(w);
    }
}

static void wait_for_room(struct lane *c, struct slice head, struct slice body, size_t sent)
{
    struct waiting *w = calloc(1, sizeof(*w));
    BUG_IF(!w);
    size_t in_head = sent < head.n ? sent : head.n;
    buf_add(&w->bytes, slice_from(head, in_head));
    buf_add(&w->bytes, slice_from(body, sent - in_head));
    list_push(&c->waiting, &w->link);
    c->unsent += w->bytes.n;
    if (w->bytes.failed)
        lane_break(c, "out of memory");
    else if (c->unsent_max && c->unsent > c->unsent_max)
        lane_break(c, "it does not read what it is sent");
}

void lane_send(struct lane *c, struct slice head, struct slice body)
{
    BUF_SCOPE first = {.max = LANE_MESSAGE_MAX + LENGTH};
    uint32_t length = (uint32_t)(head.n + body.n);
    BUG_IF(head.n > LANE_MESSAGE_MAX || body.n > LANE_MESSAGE_MAX - head.n || length == 0);
    if (c->why)
        return;
    buf_add(&first, slice_of(&length, LENGTH));
    buf_add(&first, head);
    if (first.failed) {
        lane_break(c, "out of memory");
        return;
    }
    size_t sent = list_empty(&c->waiting) ? send_some(c, buf_slice(&first), body) : 0;
    if (sent < first.n + body.n && !c->why)
        wait_for_room(c, buf_slice(&first), body, sent);
}

/* --- in -------------------------------------------------------------------------------------- */
static void take_record(struct lane *c)
{
    struct slice in = buf_slice(&c->record);
    if (!c->length) {
        if (in.n <= LENGTH) {
            lane_break(c, "a message without a length");
            return;
        }
        memcpy(&c->length, in.p, LENGTH);
        in = slice_from(in, LENGTH);
        if (c->length == 0 || c->length > LANE_MESSAGE_MAX) {
            lane_break(c, "a message that is too long");
            return;
        }
    }
    if (in.n == 0 || in.n > c->length - c->message.n) {
        lane_break(c, "a message that is longer than it says");
        return;
    }
    if (in.n < c->length) { /* in several records */
        if (buf_reserve(&c->message, c->length - c->message.n) || buf_add(&c->message, in)) {
            lane_break(c, "out of memory");
            return;
        }
        if (c->message.n < c->length)
            return;
        in = buf_slice(&c->message);
    }
    c->length = 0;
    c->ops->message(c, in);
    buf_done(&c->message);
}

static void look(struct lane *c, bool gone)
{
    send_waiting(c);
    for (int i = 0; !c->why; i++) {
        enum ring_result r = ring_receive(c->ring, &c->record);
        if (r == RING_BROKEN)
            lane_break(c, "the ring is broken");
        else if (r == RING_OK)
            take_record(c);
        else if (gone)
            lane_break(c, "it has gone");
        else if (ring_rest(c->ring))
            return;
        if (i == TURN) {
            post(c);
            return;
        }
    }
}

static void on_again(struct loop_msg *msg)
{
    struct lane *c = list_entry(msg, struct lane, again);
    c->posted = false;
    if (c->closed)
        lane_free(c);
    else if (c->why)
        end(c);
    else
        look(c, false);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct lane *c = h->data;
    (void)events;
    if (c->why)
        return;
    look(c, ring_woken(c->ring) || status);
}

struct lane *lane_open(struct loop *l, struct ring *r, const struct lane_ops *ops, void *user,
                       size_t unsent_max)
{
    struct lane *c = calloc(1, sizeof(*c));
    BUG_IF(!c);
    c->loop = l;
    c->ring = r;
    c->ops = ops;
    c->user = user;
    c->unsent_max = unsent_max;
    c->again.fn = on_again;
    c->message.max = LANE_MESSAGE_MAX;
    list_init(&c->waiting);
    BUG_IF(uv_poll_init(loop_uv(l), &c->poll, ring_fd(r)));
    c->poll.data = c;
    uv_poll_start(&c->poll, UV_READABLE, on_poll);
    post(c); /* something may be there already */
    return c;
}
