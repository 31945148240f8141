/* metric_test.c - what Prometheus reads. */
#include "base/metric.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

METRIC_COUNTER(test_total, "Things.");
METRIC_COUNTER_BY(test_by_total, "result", "ok refused failed", "Things by result.");
METRIC_COUNTER(test_plain, "Things, their name without an end.");
METRIC_GAUGE(test_now, "How many.");
METRIC_HISTOGRAM(test_seconds, "How long.");
METRIC_HISTOGRAM_BY(test_by_seconds, "command", "fetch store other", "How long each.");
METRIC_SIZES(test_sizes, "How many at once.");

static bool prints(const char *line)
{
    BUF_SCOPE out = {0};
    metric_print_all(&out);
    return slice_search(buf_slice(&out), slice_str(line)) >= 0;
}

static void counters_and_gauges(void **state)
{
    (void)state;
    metric_inc(&metric_test_total);
    metric_add(&metric_test_total, 0, 2);
    metric_add(&metric_test_by_total, 2, 7);
    metric_set(&metric_test_now, 0, -4);
    assert_true(prints("# HELP carbonado_test_total Things.\n# TYPE carbonado_test_total counter\n"
                       "carbonado_test_total 3\n"));
    assert_true(prints("carbonado_test_by_total{result=\"ok\"} 0\n"
                       "carbonado_test_by_total{result=\"refused\"} 0\n"
                       "carbonado_test_by_total{result=\"failed\"} 7\n"));
    assert_true(prints("# TYPE carbonado_test_plain_total counter\n"
                       "carbonado_test_plain_total 0\n"));
    assert_true(prints("# TYPE carbonado_test_now gauge\ncarbonado_test_now -4\n"));
}

static void histogram_buckets_add_up(void **state)
{
    (void)state;
    metric_observe_us(&metric_test_seconds, 100);
    metric_observe_us(&metric_test_seconds, 101);
    metric_observe_us(&metric_test_seconds, 123456789012);
    assert_true(prints("carbonado_test_seconds_bucket{le=\"0.0001\"} 1\n"
                       "carbonado_test_seconds_bucket{le=\"0.00025\"} 2\n"));
    assert_true(prints("carbonado_test_seconds_bucket{le=\"10\"} 2\n"
                       "carbonado_test_seconds_bucket{le=\"+Inf\"} 3\n"));
    /* Large sums keep their small digits, or rates would stand still. */
    assert_true(
        prints("carbonado_test_seconds_sum 123456.789213\ncarbonado_test_seconds_count 3\n"));
}

static void histograms_by_label_and_of_numbers(void **state)
{
    (void)state;
    struct metric *m = &metric_test_by_seconds;
    assert_int_equal(metric_value(m, S("FETCH")), 0);
    assert_int_equal(metric_value(m, S("store")), 1);
    assert_int_equal(metric_value(m, S("sto")), 2);
    assert_int_equal(metric_value(m, S("")), 2);
    metric_observe(m, 1, 3000000);
    assert_true(prints("carbonado_test_by_seconds_bucket{command=\"store\",le=\"2.5\"} 0\n"
                       "carbonado_test_by_seconds_bucket{command=\"store\",le=\"10\"} 1\n"
                       "carbonado_test_by_seconds_bucket{command=\"store\",le=\"+Inf\"} 1\n"
                       "carbonado_test_by_seconds_sum{command=\"store\"} 3.000000\n"
                       "carbonado_test_by_seconds_count{command=\"store\"} 1\n"));
    assert_true(prints("carbonado_test_by_seconds_count{command=\"other\"} 0\n"));
    metric_observe(&metric_test_sizes, 0, 3);
    metric_observe(&metric_test_sizes, 0, 2000000);
    assert_true(prints("# TYPE carbonado_test_sizes histogram\n"));
    assert_true(prints("carbonado_test_sizes_bucket{le=\"2\"} 0\n"
                       "carbonado_test_sizes_bucket{le=\"4\"} 1\n"));
    assert_true(prints("carbonado_test_sizes_bucket{le=\"1048576\"} 1\n"
                       "carbonado_test_sizes_bucket{le=\"+Inf\"} 2\n"
                       "carbonado_test_sizes_sum 2000003\n"));
}

static void every_row_is_well_formed(void **state)
{
    (void)state;
    for (const struct metric *m = metric_first(); m; m = m->next) {
        assert_true(m->help[0] && !strpbrk(m->help, "\\\n"));
        assert_true((m->label == NULL) == (m->values == NULL));
        size_t n = 0;
        struct slice rest = slice_str(m->values);
        while (rest.p && slice_cut(&rest, ' ').n)
            n++;
        assert_true(n <= METRIC_VALUES);
        if (m->next)
            assert_true(strcmp(m->name, m->next->name) < 0);
    }
}

/* Runs last: there is no way back. */
static void several_processes(void **state)
{
    (void)state;
    metrics_share(3);
    for (unsigned part = 0; part < 3; part++) {
        metrics_use(part);
        metric_add(&metric_test_by_total, 1, part + 1);
        metric_set(&metric_test_now, 0, 5);
        metric_observe(&metric_test_by_seconds, 1, 300);
    }
    assert_true(prints("carbonado_test_by_total{result=\"refused\"} 6\n"));
    assert_true(prints("carbonado_test_now 15\n"));
    assert_true(prints("carbonado_test_by_seconds_count{command=\"store\"} 3\n"));
    metrics_use(1); /* its process began again */
    assert_true(prints("carbonado_test_by_total{result=\"refused\"} 6\n"));
    assert_true(prints("carbonado_test_now 10\n"));
}

/* Whether somebody could write there. */
static bool is_mapped(const void *p)
{
    uintptr_t page = (uintptr_t)p / 4096 * 4096;
    return msync((void *)page, 4096, MS_ASYNC) == 0;
}

/* In a process of its own: 0 when all is as it should be. */
static int keep_own(void)
{
    const void *of_others[2];
    metrics_use(0);
    of_others[0] = metric_test_now.n;
    metrics_use(2);
    of_others[1] = metric_test_now.n;
    metrics_use(1);
    metrics_keep_own();
    metric_set(&metric_test_now, 0, 7);
    return is_mapped(of_others[0]) || is_mapped(of_others[1]) || !is_mapped(metric_test_now.n) ||
           !prints("carbonado_test_now 7\n");
}

static void the_parts_of_others_are_out_of_reach(void **state)
{
    int status;
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(keep_own());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    metrics_use(1);
    metrics_use(2);
    assert_true(prints("carbonado_test_now 0\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(histogram_buckets_add_up),
        cmocka_unit_test(histograms_by_label_and_of_numbers),
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(several_processes),
        cmocka_unit_test(the_parts_of_others_are_out_of_reach),
    };
    return RUN_TESTS(tests);
}
