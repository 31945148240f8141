/* job.c - the CPU and READ places: two pools of threads, each with one queue in order of arrival.
   LOOP jobs run on their loop, WRITE jobs go to the function that the store installed. */
#include "io/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/metric.h"
#include "io/loop.h"

METRIC_GAUGE_BY(job_queue, "place", "loop cpu read write", "Jobs waiting, by place.");
METRIC_COUNTER_BY(jobs, "place", "loop cpu read write", "Jobs run, by place.");
METRIC_HISTOGRAM_BY(job_wait_seconds, "place", "loop cpu read write",
                    "Time from a job's submission to its start, by place.");
METRIC_HISTOGRAM_BY(job_run_seconds, "place", "loop cpu read write",
                    "Time that a job ran, by place.");

_Static_assert(sizeof(struct loop_msg) <= sizeof(((struct job *)0)->msg), "job.msg too small");

struct worker {
    struct pool *pool;
    pthread_t thread;
    const char *what; /* under the pool's lock */
    int64_t began_us; /* 0: it waits for work */
};

struct pool {
    enum place place;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *head, **tail;
    struct worker *workers;
    unsigned n;
    unsigned idle; /* threads that wait and that nobody has woken yet */
    bool stop;
};

static struct pool pools[] = {
    [PLACE_CPU] = {.place = PLACE_CPU,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .some = PTHREAD_COND_INITIALIZER},
    [PLACE_READ] = {.place = PLACE_READ,
                    .lock = PTHREAD_MUTEX_INITIALIZER,
                    .some = PTHREAD_COND_INITIALIZER},
};
static _Atomic(void (*)(struct job *)) writer;
static _Atomic long outstanding; /* queued or running in a pool */

static struct loop_msg *job_msg(struct job *job)
{
    return (struct loop_msg *)(void *)job->msg;
}

static struct job *msg_job(struct loop_msg *msg)
{
    return list_entry((unsigned char *)msg, struct job, msg);
}

static void done_on_loop(struct loop_msg *msg)
{
    struct job *job = msg_job(msg);
    job->spent.us[SPENT_LOOP] += clock_mono_us() - job->queued_us;
    job->done(job);
}

static void job_done(struct job *job)
{
    if (!job->loop) {
        job->done(job);
        return;
    }
    job->queued_us = clock_mono_us();
    job_msg(job)->fn = done_on_loop;
    loop_post(job->loop, job_msg(job));
}

void job_finish(struct job *job, enum job_next next)
{
    if (next == JOB_MOVE)
        job_submit(job);
    else
        job_done(job);
}

void job_count(enum place place, int64_t wait_us, int64_t run_us)
{
    metric_add(&metric_jobs, place, 1);
    metric_observe(&metric_job_wait_seconds, place, wait_us);
    metric_observe(&metric_job_run_seconds, place, run_us);
}

static void job_run_here(struct job *job)
{
    enum place place = job->place;
    int64_t began = clock_mono_us(), waited = began - job->queued_us;
    int64_t inside = spent_inside(&job->spent);
    spent_use(&job->spent);
    enum job_next next = job->run(job, NULL);
    spent_use(NULL);
    int64_t ran = clock_mono_us() - began;
    job->spent.us[SPENT_QUEUE] += waited;
    job->spent.us[SPENT_RUN] += ran - (spent_inside(&job->spent) - inside);
    job_count(place, waited, ran);
    job_finish(job, next);
}

static void run_on_loop(struct loop_msg *msg)
{
    struct job *job = msg_job(msg);
    metric_add(&metric_job_queue, PLACE_LOOP, -1);
    job_run_here(job);
}

static void pool_push(struct pool *p, struct job *job)
{
    job->queued_next = NULL;
    pthread_mutex_lock(&p->lock);
    bool refuse = p->n == 0, wake = !refuse && p->idle;
    if (!refuse) {
        outstanding++;
        *p->tail = job;
        p->tail = &job->queued_next;
        p->idle -= wake;
        metric_add(&metric_job_queue, p->place, 1);
    }
    pthread_mutex_unlock(&p->lock);
    if (wake) /* after the lock, which the woken thread needs at once */
        pthread_cond_signal(&p->some);
    if (!refuse)
        return;
    err_set(&job->err, ERR_BUSY, "the server stops");
    job_done(job);
}

void job_submit_writes(struct job *first)
{
    void (*submit)(struct job *) = writer;
    if (submit) {
        submit(first);
        return;
    }
    for (struct job *next; first; first = next) {
        next = first->queued_next;
        err_set(&first->err, ERR_BUSY, "no store is open");
        job_done(first);
    }
}

void job_submit(struct job *job)
{
    job->queued_us = clock_mono_us();
    switch (job->place) {
    case PLACE_LOOP:
        BUG_IF(!job->loop);
        metric_add(&metric_job_queue, PLACE_LOOP, 1);
        job_msg(job)->fn = run_on_loop;
        loop_post(job->loop, job_msg(job));
        return;
    case PLACE_WRITE:
        job->queued_next = NULL;
        job_submit_writes(job);
        return;
    case PLACE_CPU:
    case PLACE_READ:
        pool_push(&pools[job->place], job);
    }
}

static void *pool_thread(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stop) {
            p->idle++;
            pthread_cond_wait(&p->some, &p->lock);
        }
        struct job *job = p->head;
        if (!job)
            break;
        p->head = job->queued_next;
        if (!p->head)
            p->tail = &p->head;
        w->what = job->what;
        w->began_us = clock_mono_us();
        pthread_mutex_unlock(&p->lock);
        metric_add(&metric_job_queue, p->place, -1);
        job_run_here(job);
        outstanding--;
        pthread_mutex_lock(&p->lock);
        w->began_us = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int pool_start(struct pool *p, unsigned n, struct err *e)
{
    p->tail = &p->head;
    p->stop = false;
    p->idle = 0;
    p->workers = calloc(n, sizeof(*p->workers));
    BUG_IF(!p->workers);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = 0;
    pthread_mutex_lock(&p->lock);
    while (p->n < n && rc == 0) {
        struct worker *w = &p->workers[p->n];
        w->pool = p;
        rc = pthread_create(&w->thread, NULL, pool_thread, w);
        p->n += rc == 0;
    }
    pthread_mutex_unlock(&p->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc ? err_set(e, ERR_IO, "thread: %s", strerror(rc)) : 0;
}

static void pool_stop(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    unsigned n = p->n;
    p->n = 0; /* later jobs are refused; what is queued is still run */
    pthread_cond_broadcast(&p->some);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < n; i++)
        pthread_join(p->workers[i].thread, NULL);
    free(p->workers);
    p->workers = NULL;
}

int jobs_start(unsigned cpu_threads, unsigned read_threads, struct err *e)
{
    BUG_IF(pools[PLACE_CPU].n || pools[PLACE_READ].n || !cpu_threads || !read_threads);
    if (pool_start(&pools[PLACE_CPU], cpu_threads, e) == 0 &&
        pool_start(&pools[PLACE_READ], read_threads, e) == 0)
        return 0;
    jobs_stop();
    return -1;
}

/* Jobs move between the two pools, so both must be quiet before either goes. */
void jobs_stop(void)
{
    while (outstanding)
        usleep(1000);
    pool_stop(&pools[PLACE_CPU]);
    pool_stop(&pools[PLACE_READ]);
}

void jobs_look(enum place place, struct jobs_now *ret)
{
    struct pool *p = &pools[place];
    BUG_IF(place != PLACE_CPU && place != PLACE_READ);
    *ret = (struct jobs_now){0};
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&p->lock);
    ret->threads = p->n;
    for (const struct job *job = p->head; job; job = job->queued_next)
        ret->waiting++;
    if (p->head)
        ret->oldest_us = now - p->head->queued_us;
    for (unsigned i = 0; i < p->n && ret->running < JOBS_LOOK_MAX; i++) {
        const struct worker *w = &p->workers[i];
        if (!w->began_us)
            continue;
        ret->run[ret->running].what = w->what ? w->what : "?";
        ret->run[ret->running++].us = now - w->began_us;
    }
    pthread_mutex_unlock(&p->lock);
}

void jobs_set_writer(void (*submit)(struct job *))
{
    writer = submit;
}
