/* metric.h - counters, gauges and histograms, declared where they are counted. Rows register
   themselves at start; node/ prints them as Prometheus text (format 0.0.4). Counting is one relaxed
   atomic add. A label has a fixed set of values, given in the row: no stranger makes new series. */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "base/slice.h"

enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_HISTOGRAM, /* of durations: observed in microseconds, printed in seconds */
    METRIC_KIND_SIZES,     /* a histogram of plain numbers */
};
enum { METRIC_VALUES = 24, METRIC_BUCKETS = 16 };

struct metric_series {
    _Atomic int64_t buckets[METRIC_BUCKETS]; /* the last takes what is over all bounds */
    _Atomic int64_t sum;
};

struct metric {
    const char *name; /* without the carbonado_ prefix; see metric_suffix */
    const char *help;
    enum metric_kind kind;
    const char *label;            /* NULL: none */
    const char *values;           /* "ok refused failed": at most METRIC_VALUES, by index */
    _Atomic int64_t *n;           /* METRIC_VALUES of them */
    struct metric_series *series; /* of a histogram: one for each value */
    size_t offset;                /* metrics_share() */
    struct metric *next;
};

#define METRIC_(name_, kind_, label_, values_, series_, help_)                                     \
    static _Atomic int64_t metric_values_##name_[METRIC_VALUES];                                   \
    struct metric metric_##name_ = {.name = #name_,                                                \
                                    .help = help_,                                                 \
                                    .kind = METRIC_KIND_##kind_,                                   \
                                    .label = label_,                                               \
                                    .values = values_,                                             \
                                    .n = metric_values_##name_,                                    \
                                    .series = series_};                                            \
    __attribute__((constructor)) static void metric_register_##name_(void)                         \
    {                                                                                              \
        metric_register(&metric_##name_);                                                          \
    }                                                                                              \
    _Static_assert(1, "")
#define METRIC_COUNTER(name, help) METRIC_(name, COUNTER, NULL, NULL, NULL, help)
#define METRIC_COUNTER_BY(name, label, values, help)                                               \
    METRIC_(name, COUNTER, label, values, NULL, help)
#define METRIC_GAUGE(name, help) METRIC_(name, GAUGE, NULL, NULL, NULL, help)
#define METRIC_GAUGE_BY(name, label, values, help) METRIC_(name, GAUGE, label, values, NULL, help)
#define METRIC_HISTOGRAM(name, help)                                                               \
    static struct metric_series metric_series_##name[1];                                           \
    METRIC_(name, HISTOGRAM, NULL, NULL, metric_series_##name, help)
#define METRIC_HISTOGRAM_BY(name, label, values, help)                                             \
    static struct metric_series metric_series_##name[METRIC_VALUES];                               \
    METRIC_(name, HISTOGRAM, label, values, metric_series_##name, help)
#define METRIC_SIZES(name, help)                                                                   \
    static struct metric_series metric_series_##name[1];                                           \
    METRIC_(name, SIZES, NULL, NULL, metric_series_##name, help)
#define METRIC_DECLARE(name) extern struct metric metric_##name

void metric_register(struct metric *m);
struct metric *metric_first(void);

/* What follows the name in print: "_total" for counters, as Prometheus wants it, where the name
   does not end so by itself; else "". */
const char *metric_suffix(const struct metric *m);

static inline void metric_add(struct metric *m, unsigned value_index, int64_t n)
{
    atomic_fetch_add_explicit(&m->n[value_index], n, memory_order_relaxed);
}

static inline void metric_inc(struct metric *m)
{
    metric_add(m, 0, 1);
}

static inline void metric_set(struct metric *m, unsigned value_index, int64_t n)
{
    atomic_store_explicit(&m->n[value_index], n, memory_order_relaxed);
}

void metric_observe(struct metric *m, unsigned value_index, int64_t n); /* histograms */

static inline void metric_observe_us(struct metric *m, int64_t us)
{
    metric_observe(m, 0, us);
}

/* The index of a value of the label; of the last ("other") when there is no such. ASCII case is
   ignored. */
unsigned metric_value(const struct metric *m, struct slice value);

/* For several processes: memory that all of them share, with a part for each, before they are
   forked; then each says which part is its own, before it has threads. What is printed is the sum
   of all parts. A part that is used again goes on counting, but its gauges begin at zero. */
void metrics_share(unsigned parts);
void metrics_use(unsigned part);
/* After metrics_use: the other parts are out of reach, for good. What is printed here is our own.
 */
void metrics_keep_own(void);

void metric_print_all(struct buf *out);
