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
METRIC_HISTOGRAM(job_wait_loop_seconds, "Time from submission to the start at LOOP.");
METRIC_HISTOGRAM(job_wait_cpu_seconds, "Time from submission to the start at CPU.");
METRIC_HISTOGRAM(job_wait_read_seconds, "Time from submission to the start at READ.");
METRIC_HISTOGRAM(job_wait_write_seconds, "Time from submission to the start at WRITE.");
METRIC_HISTOGRAM(job_run_loop_seconds, "Time that a job ran at LOOP.");
METRIC_HISTOGRAM(job_run_cpu_seconds, "Time that a job ran at CPU.");
METRIC_HISTOGRAM(job_run_read_seconds, "Time that a job ran at READ.");
METRIC_HISTOGRAM(job_run_write_seconds, "Time that a job ran at WRITE.");

static struct metric *const wait_metric[] = {
    &metric_job_wait_loop_seconds,
    &metric_job_wait_cpu_seconds,
    &metric_job_wait_read_seconds,
    &metric_job_wait_write_seconds,
};
static struct metric *const run_metric[] = {
    &metric_job_run_loop_seconds,
    &metric_job_run_cpu_seconds,
    &metric_job_run_read_seconds,
    &metric_job_run_write_seconds,
};

_Static_assert(sizeof(struct loop_msg) <= sizeof(((struct job *)0)->msg), "job.msg too small");

struct pool {
    enum place place;
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct job *head, **tail;
    pthread_t *threads;
    unsigned n;
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
    job->done(job);
}

static void job_done(struct job *job)
{
    if (!job->loop) {
        job->done(job);
        return;
    }
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
    metric_observe_us(wait_metric[place], wait_us);
    metric_observe_us(run_metric[place], run_us);
}

static void job_run_here(struct job *job)
{
    enum place place = job->place;
    int64_t began = clock_mono_us(), waited = began - job->queued_us;
    enum job_next next = job->run(job, NULL);
    job_count(place, waited, clock_mono_us() - began);
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
    bool refuse = p->n == 0;
    if (!refuse) {
        outstanding++;
        *p->tail = job;
        p->tail = &job->queued_next;
        pthread_cond_signal(&p->some);
    }
    pthread_mutex_unlock(&p->lock);
    if (!refuse) {
        metric_add(&metric_job_queue, p->place, 1);
        return;
    }
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
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stop)
            pthread_cond_wait(&p->some, &p->lock);
        struct job *job = p->head;
        if (!job)
            break;
        p->head = job->queued_next;
        if (!p->head)
            p->tail = &p->head;
        pthread_mutex_unlock(&p->lock);
        metric_add(&metric_job_queue, p->place, -1);
        job_run_here(job);
        outstanding--;
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static int pool_start(struct pool *p, unsigned n, struct err *e)
{
    p->tail = &p->head;
    p->stop = false;
    p->threads = calloc(n, sizeof(*p->threads));
    BUG_IF(!p->threads);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = 0;
    while (p->n < n && (rc = pthread_create(&p->threads[p->n], NULL, pool_thread, p)) == 0)
        p->n++;
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
        pthread_join(p->threads[i], NULL);
    free(p->threads);
    p->threads = NULL;
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

void jobs_set_writer(void (*submit)(struct job *))
{
    writer = submit;
}
