/* loop_test.c - messages in order, timers, jobs and their order, stop. */
#include <stdatomic.h>

#include "io/testing.h"

#include "base/clock.h"
#include "io/loop_internal.h"

static void start(unsigned n)
{
    struct err e = {0};
    assert_int_equal(loops_start(n, &e), 0);
    assert_int_equal(jobs_start(2, 4, &e), 0);
}

static void stop(void)
{
    jobs_stop();
    loops_stop();
}

/* --- messages ----------------------------------------------------------------------------- */
struct numbered {
    struct loop_msg msg;
    int n;
};
static int seen, out_of_order;

static void on_numbered(struct loop_msg *m)
{
    struct numbered *x = list_entry(m, struct numbered, msg);
    out_of_order += x->n != seen;
    seen++;
    assert_ptr_equal(loop_current(), loop_at(1));
    free(x);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void messages_come_in_order_of_posting(void **state)
{
    (void)state;
    start(3);
    assert_int_equal(loops_count(), 3);
    assert_null(loop_current());
    for (int i = 0; i < 10000; i++) {
        struct numbered *x = calloc(1, sizeof(*x));
        x->msg.fn = on_numbered;
        x->n = i;
        loop_post(loop_at(1), &x->msg);
    }
    loop_call(loop_at(1), nothing, NULL);
    assert_int_equal(seen, 10000);
    assert_int_equal(out_of_order, 0);
    stop();
}

/* --- timers ------------------------------------------------------------------------------- */
static struct timer timers[4];
static _Atomic int64_t fired_at[4];

static void on_timer(struct timer *t)
{
    fired_at[t - timers] = clock_mono_ms();
    if (t == &timers[3])
        timer_stop(&timers[2]); /* of the same tick */
}

static void start_timers(void *arg)
{
    (void)arg;
    struct loop *l = loop_current();
    timer_start(l, &timers[0], 250, on_timer);
    timer_start(l, &timers[1], 100, on_timer);
    timer_start(l, &timers[2], 350, on_timer);
    timer_start(l, &timers[3], 0, on_timer);
    timer_start(l, &timers[0], 450, on_timer); /* moved */
    timer_stop(&timers[1]);
    timer_stop(&timers[1]); /* harmless */
}

static void timers_fire_late_at_most_and_never_early(void **state)
{
    (void)state;
    start(1);
    int64_t began = clock_mono_ms();
    loop_call(loop_at(0), start_timers, NULL);
    for (int i = 0; i < 6000 && !fired_at[0]; i++)
        usleep(10000);
    assert_in_range(fired_at[0] - began, 450, 60000);
    assert_in_range(fired_at[3] - began, 0, fired_at[0] - began);
    assert_int_equal(fired_at[1], 0);
    assert_int_equal(fired_at[2], 0);
    stop();
}

/* --- jobs --------------------------------------------------------------------------------- */
struct test_job {
    struct job job;
    int steps;
    bool on_loop;
    struct loop *home;
};
static _Atomic int jobs_done;

static enum job_next step_three(struct job *job, struct txn *txn)
{
    struct test_job *t = (struct test_job *)job;
    assert_null(txn);
    assert_ptr_equal(loop_current(), t->home);
    t->steps += 100;
    return JOB_DONE;
}

static enum job_next step_two(struct job *job, struct txn *txn)
{
    assert_null(txn);
    ((struct test_job *)job)->steps += 10;
    job->place = PLACE_LOOP;
    job->run = step_three;
    return JOB_MOVE;
}

static enum job_next step_one(struct job *job, struct txn *txn)
{
    assert_null(txn);
    assert_null(loop_current());
    ((struct test_job *)job)->steps += 1;
    job->place = PLACE_READ;
    job->run = step_two;
    return JOB_MOVE;
}

static void on_done(struct job *job)
{
    struct test_job *t = (struct test_job *)job;
    t->on_loop = loop_current() == t->home;
    jobs_done++;
}

static void jobs_move_between_places_and_come_home(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct test_job t[N];
    start(2);
    for (int i = 0; i < N; i++) {
        t[i].home = loop_at((unsigned)i % 2);
        t[i].job =
            (struct job){.place = PLACE_CPU, .run = step_one, .done = on_done, .loop = t[i].home};
        job_submit(&t[i].job);
    }
    stop();
    assert_int_equal(jobs_done, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(t[i].steps, 111);
        assert_true(t[i].on_loop);
        assert_int_equal(t[i].job.err.code, ERR_OK);
    }
}

static int order[200], order_n;

static enum job_next note_order(struct job *job, struct txn *txn)
{
    (void)txn;
    order[order_n++] = ((struct test_job *)job)->steps;
    return JOB_DONE;
}

static void no_loop_done(struct job *job)
{
    (void)job;
    jobs_done++;
}

static void one_thread_runs_jobs_in_order(void **state)
{
    (void)state;
    struct err e = {0};
    static struct test_job t[200];
    jobs_done = 0;
    assert_int_equal(jobs_start(1, 1, &e), 0);
    for (int i = 0; i < 200; i++) {
        t[i].job = (struct job){.place = PLACE_CPU, .run = note_order, .done = no_loop_done};
        t[i].steps = i;
        job_submit(&t[i].job);
    }
    jobs_stop();
    assert_int_equal(jobs_done, 200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(order[i], i);
}

static void a_job_after_the_stop_is_refused(void **state)
{
    (void)state;
    static struct test_job t;
    jobs_done = 0;
    t.job = (struct job){.place = PLACE_READ, .run = note_order, .done = no_loop_done};
    job_submit(&t.job);
    assert_int_equal(jobs_done, 1);
    assert_int_equal(t.job.err.code, ERR_BUSY);
    t.job.err.code = ERR_OK;
    t.job.place = PLACE_WRITE; /* no store is open */
    job_submit(&t.job);
    assert_int_equal(t.job.err.code, ERR_BUSY);
}

/* --- memory goes back ----------------------------------------------------------------------- */
static void memory_goes_back_at_rest(void **state)
{
    (void)state;
    assert_false(rest_wants_trim(0, 0, 1000));                     /* nothing was done */
    assert_false(rest_wants_trim(REST_WORKED_MS - 1, 0, 1000000)); /* hardly anything */
    assert_false(rest_wants_trim(5000, REST_QUIET_MS, 1000));      /* it works */
    assert_true(rest_wants_trim(5000, REST_QUIET_MS - 1, 1000));   /* it rests */
    assert_true(rest_wants_trim(REST_WORKED_MS, 0, 1000));         /* the least */
    assert_true(rest_wants_trim(60000, 1000, REST_LATEST_MS));     /* it never rests */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_order_of_posting),
        cmocka_unit_test(timers_fire_late_at_most_and_never_early),
        cmocka_unit_test(jobs_move_between_places_and_come_home),
        cmocka_unit_test(one_thread_runs_jobs_in_order),
        cmocka_unit_test(a_job_after_the_stop_is_refused),
        cmocka_unit_test(memory_goes_back_at_rest),
    };
    return RUN_TESTS(tests);
}
