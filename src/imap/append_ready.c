/* append_ready.c - a MULTIAPPEND (RFC 3502) is shared by several threads of CPU: the request's own
   and helpers, each of which takes the next message that nobody has. The request waits for messages
   that are under way and never for a helper that has not begun: one that comes late finds nothing
   to do. So the pool may be full of requests and none waits for ever. */
#include "imap/append_ready.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "mail/spool_ready.h"

enum { HELPERS = 3, EACH = 4 /* messages that are worth a helper */ };

struct sharing {
    pthread_mutex_t lock;
    pthread_cond_t over;
    unsigned refs;
    size_t next, under_way, n;
    bool has_nul; /* one has, and is no literal8 */
    struct err err;
    const struct imap_append_message *messages; /* the request's: while under_way or next < n */
    struct message_ready **ready;
};

struct helper {
    struct job job;
    struct sharing *sh;
};

/* 1 when there is a NUL, 0, or -1. */
static int has_nul(struct spool *s, struct err *e)
{
    BUF_SCOPE piece = {0};
    if (s->fd < 0)
        return s->memory.n && memchr(s->memory.p, '\0', s->memory.n);
    for (uint64_t at = 0; at < s->size; at += SPOOL_MEMORY) {
        buf_reset(&piece);
        if (spool_read(s, at, SPOOL_MEMORY, &piece, e))
            return -1;
        if (memchr(piece.p, '\0', piece.n))
            return 1;
    }
    return 0;
}

/* A NUL is taken only in a literal8. RFC 3516 4.4 */
static int make(const struct imap_append_message *m, struct message_ready **ret, bool *ret_nul,
                struct err *e)
{
    struct spool *s = m->literal->spool;
    if (m->literal->size == 0)
        return err_set(e, ERR_SYNTAX, "The message is empty");
    if (spool_flush(s, e))
        return -1;
    int nul = m->literal->literal8 ? 0 : has_nul(s, e);
    if (nul < 0)
        return -1;
    if (nul) {
        *ret_nul = true;
        return err_set(e, ERR_SYNTAX, "NUL in a message needs a literal8");
    }
    return spool_make_ready(s, ret, e);
}

/* Takes messages until there are none; called and returns with the lock held. */
static void work(struct sharing *sh)
{
    while (sh->next < sh->n && sh->err.code == ERR_OK) {
        size_t i = sh->next++;
        struct err e = {0};
        bool nul = false;
        sh->under_way++;
        pthread_mutex_unlock(&sh->lock);
        int rc = make(&sh->messages[i], &sh->ready[i], &nul, &e);
        pthread_mutex_lock(&sh->lock);
        sh->under_way--;
        if (rc && sh->err.code == ERR_OK) {
            sh->err = e;
            sh->has_nul = nul;
        }
    }
    if (sh->under_way == 0)
        pthread_cond_broadcast(&sh->over);
}

/* With the lock held. */
static void leave(struct sharing *sh)
{
    bool last = --sh->refs == 0;
    pthread_mutex_unlock(&sh->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&sh->lock);
    pthread_cond_destroy(&sh->over);
    free(sh);
}

static enum job_next help(struct job *job, struct txn *t)
{
    struct sharing *sh = list_entry(job, struct helper, job)->sh;
    (void)t;
    pthread_mutex_lock(&sh->lock);
    work(sh);
    pthread_mutex_unlock(&sh->lock);
    return JOB_DONE;
}

/* Also of a helper that was never run, because the server stops. */
static void helped(struct job *job)
{
    struct helper *h = list_entry(job, struct helper, job);
    pthread_mutex_lock(&h->sh->lock);
    leave(h->sh);
    free(h);
}

static void call_helpers(struct sharing *sh)
{
    size_t want = sh->n / EACH < HELPERS ? sh->n / EACH : HELPERS;
    for (size_t i = 0; i < want; i++) {
        struct helper *h = calloc(1, sizeof(*h));
        BUG_IF(!h);
        h->sh = sh;
        h->job = (struct job){.place = PLACE_CPU, .run = help, .what = "APPEND", .done = helped};
        pthread_mutex_lock(&sh->lock);
        sh->refs++;
        pthread_mutex_unlock(&sh->lock);
        job_submit(&h->job);
    }
}

int append_ready(struct request *r, const struct imap_append_message *messages, size_t n,
                 struct message_ready **ready)
{
    struct sharing *sh = calloc(1, sizeof(*sh));
    BUG_IF(!sh || pthread_mutex_init(&sh->lock, NULL) || pthread_cond_init(&sh->over, NULL));
    sh->refs = 1;
    sh->n = n;
    sh->messages = messages;
    sh->ready = ready;
    call_helpers(sh);
    pthread_mutex_lock(&sh->lock);
    work(sh);
    while (sh->under_way)
        pthread_cond_wait(&sh->over, &sh->lock);
    r->job.err = sh->err;
    if (sh->has_nul)
        r->code = "CANNOT";
    int rc = sh->err.code ? -1 : 0;
    sh->next = sh->n;
    leave(sh);
    return rc;
}
