/* metric.c - the registry of metrics and its print in Prometheus text. */
#include "base/metric.h"

#include <inttypes.h>

static struct metric *all;

/* Upper bounds in microseconds; the last bucket takes the rest. */
static const int64_t bounds_us[METRIC_BUCKETS - 1] = {
    100,   250,    500,    1000,   2500,    5000,    10000,    25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000,
};

void metric_register(struct metric *m)
{
    struct metric **at = &all;
    while (*at && strcmp((*at)->name, m->name) < 0)
        at = &(*at)->next;
    m->next = *at;
    *at = m;
}

struct metric *metric_first(void)
{
    return all;
}

void metric_observe_us(struct metric *m, int64_t us)
{
    unsigned i = 0;
    while (i < METRIC_BUCKETS - 1 && us > bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
}

static void print_histogram(const struct metric *m, struct buf *out)
{
    int64_t total = 0;
    for (unsigned i = 0; i < METRIC_BUCKETS - 1; i++) {
        total += m->buckets[i];
        buf_addf(out, "carbonado_%s_bucket{le=\"%g\"} %" PRId64 "\n", m->name,
                 (double)bounds_us[i] / 1e6, total);
    }
    total += m->buckets[METRIC_BUCKETS - 1];
    buf_addf(out, "carbonado_%s_bucket{le=\"+Inf\"} %" PRId64 "\n", m->name, total);
    buf_addf(out, "carbonado_%s_sum %.6f\n", m->name, (double)m->sum_us / 1e6);
    buf_addf(out, "carbonado_%s_count %" PRId64 "\n", m->name, total);
}

static void print_values(const struct metric *m, struct buf *out)
{
    if (!m->label) {
        buf_addf(out, "carbonado_%s %" PRId64 "\n", m->name, m->n[0]);
        return;
    }
    struct slice rest = slice_str(m->values);
    for (unsigned i = 0; rest.p && i < METRIC_VALUES; i++) {
        struct slice value = slice_cut(&rest, ' ');
        buf_addf(out, "carbonado_%s{%s=\"%.*s\"} %" PRId64 "\n", m->name, m->label, SARG(value),
                 m->n[i]);
    }
}

void metric_print_all(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (const struct metric *m = all; m; m = m->next) {
        buf_addf(out, "# HELP carbonado_%s %s\n# TYPE carbonado_%s %s\n", m->name, m->help, m->name,
                 kinds[m->kind]);
        if (m->kind == METRIC_KIND_HISTOGRAM)
            print_histogram(m, out);
        else
            print_values(m, out);
    }
}
