/* desk_server.c - a front and its desks live on one loop. A desk whose front has gone stays until
   the answer to its last question has come. */
#include "mail/desk_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn.h"
#include "io/lane.h"
#include "io/loop.h"
#include "io/ring.h"
#include "mail/desk_internal.h"
#include "mail/desk_wire.h"

SETTING_DECLARE(io, connections_max);
METRIC_GAUGE(front_desks, "Sessions in fronts that have asked for something and are not over.");
METRIC_COUNTER_BY(front_ends, "why", "gone broken", "Fronts that have ended, by who ended it.");

enum {
    UNSENT_MAX = 16 * 1024 * 1024,
    INTO_MAX = LANE_MESSAGE_MAX - 64 * 1024,
    SESSIONS_MS = 1000,
};
enum { GONE, BROKEN };

struct front {
    struct link link;
    struct loop *loop;
    struct ring *ring; /* until there is a lane */
    struct lane *lane;
    struct hmap desks; /* number: struct served */
    bool broken;
    bool asked; /* who is connected; under the lock of `asking` */
};

struct served {
    struct front *front; /* NULL: it has gone */
    struct desk *desk;
    uint64_t number; /* the key */
    enum mail_accept_kind kind;
    bool busy;
    struct buf into; /* of its question */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct link fronts = {&fronts, &fronts};
static unsigned next_loop;

/* --- desks ----------------------------------------------------------------------------------- */
static struct slice key_of(const uint64_t *number)
{
    return slice_of(number, sizeof(*number));
}

static void served_free(struct served *s)
{
    if (s->front)
        hmap_del(&s->front->desks, key_of(&s->number));
    desk_close(s->desk);
    buf_done(&s->into);
    free(s);
    metric_add(&metric_front_desks, 0, -1);
}

static void broken(struct front *f, const char *why)
{
    f->broken = true;
    lane_break(f->lane, why);
}

static struct served *served_new(struct front *f, const struct desk_asked *a)
{
    if (f->desks.n >= (size_t)setting_get(&set_io_connections_max)) {
        broken(f, "too many desks");
        return NULL;
    }
    struct served *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->front = f;
    s->number = a->number;
    s->kind = a->kind;
    s->desk = desk_here(f->loop, a->kind, s);
    hmap_set(&f->desks, key_of(&s->number), s);
    metric_add(&metric_front_desks, 0, 1);
    return s;
}

static void answered(void *user, const struct desk_answer *a)
{
    struct served *s = user;
    BUF_SCOPE out = {.max = LANE_MESSAGE_MAX};
    s->busy = false;
    if (!s->front) {
        served_free(s);
        return;
    }
    desk_answer_write(s->number, a, &out);
    if (out.failed || out.n + s->into.n > LANE_MESSAGE_MAX)
        broken(s->front, "an answer without end");
    else
        lane_send(s->front->lane, buf_slice(&out), a->err.code ? S("") : buf_slice(&s->into));
    buf_done(&s->into);
}

/* --- questions ------------------------------------------------------------------------------- */
static void serve(struct served *s, struct desk_asked *a)
{
    struct spool body;
    struct err e = {0};
    if (a->q.verb == (enum desk_verb)DESK_CLOSE) {
        served_free(s);
        return;
    }
    if (a->q.verb >= DESK_LOGIN_END) {
        desk_tell(s->desk, a->q.verb);
        return;
    }
    spool_init(&body);
    if (spool_keep(&body, a->body, &e)) {
        broken(s->front, "out of memory");
        return;
    }
    struct desk_answer known;
    a->q.body = &body;
    s->into = (struct buf){.max = INTO_MAX};
    a->q.into = &s->into;
    s->busy = true;
    if (desk_ask(s->desk, &a->q, answered, &known))
        answered(s, &known);
    spool_done(&body); /* when it was not taken */
}

/* --- who is connected ------------------------------------------------------------------------ */
static struct {
    pthread_mutex_t one; /* at a time */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiting;                               /* for so many loops and fronts */
    int (*fn)(const struct conn_info *, void *arg); /* NULL: nobody waits any more */
    void *arg;
} asking = {.one = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

/* -1: it was not asked, or these are no rows. */
static int take_sessions(struct front *f, struct slice rows)
{
    struct conn_info info;
    int more = -1;
    pthread_mutex_lock(&asking.lock);
    if (f->asked) {
        bool stop = !asking.fn;
        while ((more = desk_session_next(&rows, &info)) > 0)
            stop = stop || asking.fn(&info, asking.arg);
        f->asked = false;
        asking.waiting--;
        pthread_cond_signal(&asking.changed);
    }
    pthread_mutex_unlock(&asking.lock);
    return more;
}

/* On a loop: those of this loop. */
static void ask_sessions(struct loop_msg *msg)
{
    BUF_SCOPE question = {0};
    free(msg);
    desk_sessions_ask(&question);
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&asking.lock);
    list_each(at, &fronts)
    {
        struct front *f = list_entry(at, struct front, link);
        if (f->loop != loop_current() || f->asked || !f->lane)
            continue;
        f->asked = true;
        asking.waiting++;
        lane_send(f->lane, buf_slice(&question), S(""));
    }
    asking.waiting--;
    pthread_cond_signal(&asking.changed);
    pthread_mutex_unlock(&asking.lock);
    pthread_mutex_unlock(&lock);
}

/* A loop that is stuck holds nobody up: what is posted to it waits alone. */
static void ask_loops(void)
{
    pthread_mutex_lock(&asking.lock);
    asking.waiting += loops_count();
    pthread_mutex_unlock(&asking.lock);
    for (unsigned i = 0; i < loops_count(); i++) {
        struct loop_msg *msg = calloc(1, sizeof(*msg));
        BUG_IF(!msg);
        msg->fn = ask_sessions;
        loop_post(loop_at(i), msg);
    }
}

static void changed_init(void)
{
    clock_cond_init(&asking.changed);
}

static unsigned wait_for_sessions(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct timespec until;
    pthread_once(&once, changed_init);
    clock_deadline(SESSIONS_MS, &until);
    ask_loops();
    pthread_mutex_lock(&asking.lock);
    while (asking.waiting && pthread_cond_timedwait(&asking.changed, &asking.lock, &until) == 0)
        ;
    asking.fn = NULL;
    unsigned silent = asking.waiting;
    pthread_mutex_unlock(&asking.lock);
    return silent;
}

unsigned desk_server_sessions(int (*fn)(const struct conn_info *, void *arg), void *arg)
{
    pthread_mutex_lock(&asking.one);
    pthread_mutex_lock(&asking.lock);
    asking.fn = fn;
    asking.arg = arg;
    pthread_mutex_unlock(&asking.lock);
    unsigned silent = wait_for_sessions();
    pthread_mutex_unlock(&asking.one);
    return silent;
}

/* --- messages -------------------------------------------------------------------------------- */
static void message(struct lane *c, struct slice bytes)
{
    struct front *f = lane_user(c);
    struct desk_asked a;
    if (desk_question_parse(bytes, &a)) {
        broken(f, "a message that is no question");
        return;
    }
    if (a.q.verb == (enum desk_verb)DESK_SESSIONS) {
        if (take_sessions(f, a.body))
            broken(f, "sessions that nobody asked for");
        return;
    }
    struct served *s = hmap_get(&f->desks, key_of(&a.number));
    if (!s && a.q.verb >= DESK_LOGIN_END)
        broken(f, "a word about a desk that is not there");
    else if (s && (s->busy || s->kind != a.kind))
        broken(f, "a question for a busy desk");
    else if (s || (s = served_new(f, &a)))
        serve(s, &a);
}

/* --- fronts ---------------------------------------------------------------------------------- */
static void ended(struct lane *c, const char *why)
{
    struct front *f = lane_user(c);
    size_t at = 0;
    LOG(LOG_WARN, "front.ended", LFZ("why", why), LFN("desks", f->desks.n));
    metric_add(&metric_front_ends, f->broken ? BROKEN : GONE, 1);
    for (struct hmap_slot *slot; (slot = hmap_next(&f->desks, &at));) {
        struct served *s = slot->value;
        s->front = NULL;
        if (!s->busy)
            served_free(s);
    }
    hmap_done(&f->desks);
    pthread_mutex_lock(&lock);
    list_remove(&f->link);
    pthread_mutex_lock(&asking.lock);
    if (f->asked) {
        asking.waiting--;
        pthread_cond_signal(&asking.changed);
    }
    pthread_mutex_unlock(&asking.lock);
    pthread_mutex_unlock(&lock);
    free(f);
}

static const struct lane_ops ops = {message, ended};

static void start(void *arg)
{
    struct front *f = arg;
    f->lane = lane_open(f->loop, f->ring, &ops, f, UNSENT_MAX);
}

int desk_server_add(struct ring_end *end, struct err *e)
{
    struct ring *r;
    if (ring_open(end, 1, &r, e))
        return -1;
    struct front *f = calloc(1, sizeof(*f));
    BUG_IF(!f);
    f->loop = loop_at(next_loop++ % loops_count());
    f->ring = r;
    pthread_mutex_lock(&lock);
    list_push(&fronts, &f->link);
    pthread_mutex_unlock(&lock);
    loop_call(f->loop, start, f);
    return 0;
}

/* On a loop: those of this loop. */
static void cut_off(void *arg)
{
    pthread_mutex_lock(&lock);
    list_each(at, &fronts)
    {
        struct front *f = list_entry(at, struct front, link);
        if (f->loop == arg)
            lane_break(f->lane, "the server stops");
    }
    pthread_mutex_unlock(&lock);
}

static bool none_left(void)
{
    pthread_mutex_lock(&lock);
    bool none = list_empty(&fronts);
    pthread_mutex_unlock(&lock);
    return none;
}

void desk_server_stop(void)
{
    for (unsigned i = 0; i < loops_count(); i++)
        loop_call(loop_at(i), cut_off, loop_at(i));
    while (!none_left())
        usleep(1000);
}
