/* desk_far.c - a question becomes a message to the process that has the mail, under a number that
   is the desk's place in a table. */
#include "mail/desk_far.h"

#include <pthread.h>
#include <stdlib.h>

#include "io/conn.h"
#include "io/lane.h"
#include "io/loop.h"
#include "mail/desk_internal.h"
#include "mail/desk_wire.h"

enum { SESSIONS_MAX = 3 * 1024 * 1024 };

/* A job that waits. */
struct call {
    struct loop_msg msg;
    struct far *far;
    const struct desk_question *q;
    struct err *err;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over;
};

struct far {
    struct desk desk;
    struct loop *loop;
    uint32_t number;
    enum mail_accept_kind kind;
    void *user;
    desk_answered *answered; /* NULL: no question is under way */
    struct buf *into;        /* of that question */
    struct call *call;       /* it is this one's */
    bool known;              /* over there */
};

static struct {
    struct lane *lane;
    void (*ended)(const char *why);
    struct far **desks; /* NULL: free */
    uint32_t n, cap, first_free;
} far_side;

static struct far *far_of(struct desk *d)
{
    return list_entry(d, struct far, desk);
}

static uint32_t number_take(struct far *f)
{
    while (far_side.first_free < far_side.cap && far_side.desks[far_side.first_free])
        far_side.first_free++;
    if (far_side.first_free == far_side.cap) {
        uint32_t cap = far_side.cap ? 2 * far_side.cap : 64;
        struct far **more = reallocarray(far_side.desks, cap, sizeof(struct far *));
        BUG_IF(!more);
        memset(more + far_side.cap, 0, (cap - far_side.cap) * sizeof(struct far *));
        far_side.desks = more;
        far_side.cap = cap;
    }
    far_side.desks[far_side.first_free] = f;
    return far_side.first_free++;
}

static void send(struct far *f, const struct desk_question *q)
{
    BUF_SCOPE head = {0};
    f->into = q->into;
    desk_question_write(f->number, f->kind, q, &head);
    BUG_IF(head.failed);
    lane_send(far_side.lane, buf_slice(&head), q->body ? buf_slice(&q->body->memory) : S(""));
    f->known = true;
}

static bool ask(struct desk *d, const struct desk_question *q, desk_answered *answered,
                struct desk_answer *ret)
{
    struct far *f = far_of(d);
    (void)ret;
    BUG_IF(f->answered);
    f->answered = answered;
    send(f, q);
    if (q->body)
        spool_done(q->body);
    return false;
}

/* --- jobs that wait -------------------------------------------------------------------------- */
static void called(void *user, const struct desk_answer *a)
{
    struct call *c = user;
    pthread_mutex_lock(&c->lock);
    *c->err = a->err;
    c->over = true;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock); /* the last that is seen of c */
}

static void call_on_loop(struct loop_msg *msg)
{
    struct call *c = list_entry(msg, struct call, msg);
    c->far->call = c;
    ask(&c->far->desk, c->q, called, NULL);
}

static void call(struct desk *d, const struct desk_question *q, struct err *e)
{
    struct far *f = far_of(d);
    struct call c = {.msg = {.fn = call_on_loop},
                     .far = f,
                     .q = q,
                     .err = e,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .changed = PTHREAD_COND_INITIALIZER};
    loop_post(f->loop, &c.msg);
    pthread_mutex_lock(&c.lock);
    while (!c.over)
        pthread_cond_wait(&c.changed, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_mutex_destroy(&c.lock);
    pthread_cond_destroy(&c.changed);
}

static void tell(struct desk *d, enum desk_verb verb)
{
    struct far *f = far_of(d);
    BUG_IF(f->answered);
    if (f->known)
        send(f, &(struct desk_question){.verb = verb});
}

static void close_desk(struct desk *d)
{
    struct far *f = far_of(d);
    BUG_IF(f->answered);
    if (f->known)
        send(f, &(struct desk_question){.verb = (enum desk_verb)DESK_CLOSE});
    far_side.desks[f->number] = NULL;
    if (f->number < far_side.first_free)
        far_side.first_free = f->number;
    free(f);
}

static const struct desk_ops ops = {ask, call, tell, close_desk};

static struct desk *open_desk(struct loop *l, enum mail_accept_kind kind, void *user)
{
    struct far *f = calloc(1, sizeof(*f));
    BUG_IF(!f);
    f->desk.ops = &ops;
    f->loop = l;
    f->kind = kind;
    f->user = user;
    f->number = number_take(f);
    return &f->desk;
}

static int put_session(const struct conn_info *c, void *arg)
{
    struct buf *rows = arg;
    desk_session_write(c, rows);
    return rows->n > SESSIONS_MAX;
}

static void tell_sessions(struct lane *c)
{
    BUF_SCOPE head = {0};
    BUF_SCOPE rows = {0};
    desk_question_write(0, 0, &(struct desk_question){.verb = (enum desk_verb)DESK_SESSIONS},
                        &head);
    conns_each_here(put_session, &rows);
    if (!rows.failed)
        lane_send(c, buf_slice(&head), buf_slice(&rows));
}

static void message(struct lane *c, struct slice bytes)
{
    if (desk_sessions_asked(bytes)) {
        tell_sessions(c);
        return;
    }
    ARENA_SCOPE arena = {.limit = 64 * 1024 * 1024};
    struct desk_answer a;
    uint64_t number;
    struct slice rest;
    if (desk_answer_parse(bytes, &arena, &number, &a, &rest) || number >= far_side.cap ||
        !far_side.desks[number] || !far_side.desks[number]->answered ||
        (rest.n && !far_side.desks[number]->into)) {
        lane_break(c, "an answer to no question");
        return;
    }
    struct far *f = far_side.desks[number];
    desk_answered *answered = f->answered;
    void *user = f->call ? (void *)f->call : f->user;
    if (rest.n && buf_add(f->into, rest))
        err_set(&a.err, ERR_BUSY, "out of memory");
    f->answered = NULL;
    f->call = NULL;
    f->into = NULL;
    answered(user, &a);
}

static void ended(struct lane *c, const char *why)
{
    (void)c;
    far_side.ended(why);
}

static const struct lane_ops lane_ops = {message, ended};

void desk_far_use(struct loop *l, struct ring *r, void (*when_ended)(const char *why))
{
    far_side.ended = when_ended;
    far_side.lane = lane_open(l, r, &lane_ops, NULL, 0);
    desk_open_with(open_desk);
}
