/* metric.c - the registry of metrics and its print in Prometheus text. */
#include "base/metric.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"

static struct metric *all;

/* Upper bounds; the last bucket takes the rest. */
static const int64_t bounds_us[METRIC_BUCKETS - 1] = {
    100,   250,    500,    1000,   2500,    5000,    10000,    25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 10000000,
};
static const int64_t bounds_sizes[METRIC_BUCKETS - 1] = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536, 1048576,
};

static const int64_t *bounds_of(const struct metric *m)
{
    return m->kind == METRIC_KIND_SIZES ? bounds_sizes : bounds_us;
}

void metric_register(struct metric *m)
{
    struct metric **at = &all;
    while (*at && strcmp((*at)->name, m->name) < 0)
        at = &(*at)->next;
    m->next = *at;
    *at = m;
}

/* --- shared by processes --------------------------------------------------------------------- */
enum { PAGE = 4096 };

static struct {
    char *memory; /* NULL: nothing is shared */
    size_t part;  /* bytes of one: whole pages */
    unsigned n, own;
} shared;

static size_t series_of(const struct metric *m)
{
    return !m->series ? 0 : m->label ? METRIC_VALUES : 1;
}

void metrics_share(unsigned parts)
{
    size_t at = 0;
    for (struct metric *m = all; m; m = m->next) {
        m->offset = at;
        at += METRIC_VALUES * sizeof(*m->n) + series_of(m) * sizeof(*m->series);
    }
    at = (at + PAGE - 1) / PAGE * PAGE;
    void *p = mmap(NULL, at * parts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    BUG_IF(shared.memory || !parts || p == MAP_FAILED);
    shared.memory = p;
    shared.part = at;
    shared.n = parts;
}

static char *memory_in(const struct metric *m, unsigned part)
{
    return shared.memory + part * shared.part + m->offset;
}

static _Atomic int64_t *values_in(const struct metric *m, unsigned part)
{
    return (_Atomic int64_t *)(void *)memory_in(m, part);
}

static struct metric_series *series_in(const struct metric *m, unsigned part)
{
    return (struct metric_series *)(void *)(memory_in(m, part) + METRIC_VALUES * sizeof(*m->n));
}

void metrics_use(unsigned part)
{
    BUG_IF(part >= shared.n);
    shared.own = part;
    for (struct metric *m = all; m; m = m->next) {
        m->n = values_in(m, part);
        if (m->series)
            m->series = series_in(m, part);
        for (unsigned i = 0; m->kind == METRIC_KIND_GAUGE && i < METRIC_VALUES; i++)
            m->n[i] = 0;
    }
}

void metrics_keep_own(void)
{
    for (unsigned part = 0; part < shared.n; part++)
        if (part != shared.own)
            munmap(shared.memory + part * shared.part, shared.part);
    shared.n = 0;
}

static int64_t value_of(const struct metric *m, unsigned i)
{
    int64_t sum = 0;
    for (unsigned part = 0; part < shared.n; part++)
        sum += values_in(m, part)[i];
    return shared.n ? sum : m->n[i];
}

static struct metric_series series_sum(const struct metric *m, unsigned i)
{
    struct metric_series sum = {0};
    for (unsigned part = 0; part < (shared.n ? shared.n : 1); part++) {
        const struct metric_series *s = shared.n ? &series_in(m, part)[i] : &m->series[i];
        for (int k = 0; k < METRIC_BUCKETS; k++)
            sum.buckets[k] += s->buckets[k];
        sum.sum += s->sum;
    }
    return sum;
}

struct metric *metric_first(void)
{
    return all;
}

const char *metric_suffix(const struct metric *m)
{
    bool counter = m->kind == METRIC_KIND_COUNTER;
    return counter && !slice_ends(slice_str(m->name), S("_total")) ? "_total" : "";
}

void metric_observe(struct metric *m, unsigned value_index, int64_t n)
{
    struct metric_series *s = &m->series[value_index];
    const int64_t *bounds = bounds_of(m);
    unsigned i = 0;
    while (i < METRIC_BUCKETS - 1 && n > bounds[i])
        i++;
    atomic_fetch_add_explicit(&s->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->sum, n, memory_order_relaxed);
}

unsigned metric_value(const struct metric *m, struct slice value)
{
    struct slice rest = slice_str(m->values);
    for (unsigned i = 0;; i++) {
        struct slice at = slice_cut(&rest, ' ');
        if (!rest.p || slice_eqi(at, value))
            return i;
    }
}

/* label: what stands before le, such as `place="cpu",`; empty without one. */
static void print_series(const struct metric *m, unsigned value, const char *label, struct buf *out)
{
    const struct metric_series sum = series_sum(m, value), *s = &sum;
    const int64_t *bounds = bounds_of(m);
    bool sizes = m->kind == METRIC_KIND_SIZES;
    int n = (int)strlen(label);
    int64_t total = 0;
    for (unsigned i = 0; i < METRIC_BUCKETS - 1; i++) {
        total += s->buckets[i];
        buf_addf(out, "carbonado_%s_bucket{%sle=\"%.9g\"} %" PRId64 "\n", m->name, label,
                 (double)bounds[i] / (sizes ? 1 : 1e6), total);
    }
    total += s->buckets[METRIC_BUCKETS - 1];
    buf_addf(out, "carbonado_%s_bucket{%sle=\"+Inf\"} %" PRId64 "\n", m->name, label, total);
    const char *open = n ? "{" : "", *close = n ? "}" : "";
    n -= n > 0; /* without the comma */
    buf_addf(out, "carbonado_%s_sum%s%.*s%s %.*f\n", m->name, open, n, label, close, sizes ? 0 : 6,
             (double)s->sum / (sizes ? 1 : 1e6));
    buf_addf(out, "carbonado_%s_count%s%.*s%s %" PRId64 "\n", m->name, open, n, label, close,
             total);
}

static void print_histogram(const struct metric *m, struct buf *out)
{
    if (!m->label) {
        print_series(m, 0, "", out);
        return;
    }
    struct slice rest = slice_str(m->values);
    for (unsigned i = 0; rest.p && i < METRIC_VALUES; i++) {
        char label[128];
        struct slice value = slice_cut(&rest, ' ');
        snprintf(label, sizeof(label), "%s=\"%.*s\",", m->label, SARG(value));
        print_series(m, i, label, out);
    }
}

static void print_values(const struct metric *m, struct buf *out)
{
    const char *suffix = metric_suffix(m);
    if (!m->label) {
        buf_addf(out, "carbonado_%s%s %" PRId64 "\n", m->name, suffix, value_of(m, 0));
        return;
    }
    struct slice rest = slice_str(m->values);
    for (unsigned i = 0; rest.p && i < METRIC_VALUES; i++) {
        struct slice value = slice_cut(&rest, ' ');
        buf_addf(out, "carbonado_%s%s{%s=\"%.*s\"} %" PRId64 "\n", m->name, suffix, m->label,
                 SARG(value), value_of(m, i));
    }
}

void metric_print_all(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "histogram"};
    for (const struct metric *m = all; m; m = m->next) {
        const char *suffix = metric_suffix(m);
        buf_addf(out, "# HELP carbonado_%s%s %s\n# TYPE carbonado_%s%s %s\n", m->name, suffix,
                 m->help, m->name, suffix, kinds[m->kind]);
        if (m->series)
            print_histogram(m, out);
        else
            print_values(m, out);
    }
}
