/* loop_rest.c - memory that a burst leaves goes back to the system. malloc keeps what is freed, for
   the next one who asks: after thousands of logins at once that is several times what the sessions
   take while they are silent. So when the process has worked and comes to rest, or has worked for a
   minute without any, the pages that nobody uses are given up. Every loop looks while it has
   connections, and once when the last one is gone; the first that sees the rest acts for all. */
#include <malloc.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/metric.h"
#include "io/loop_internal.h"

METRIC_COUNTER(memory_trims, "Times that unused memory was given back to the system.");

enum { LOOK_MS = 1000 };

static _Atomic int64_t trimmed_cpu, trimmed_at;

bool rest_wants_trim(int64_t worked_ms, int64_t lately_ms, int64_t since_ms)
{
    return worked_ms >= REST_WORKED_MS && (lately_ms < REST_QUIET_MS || since_ms >= REST_LATEST_MS);
}

static void look(struct timer *t)
{
    struct loop *l = list_entry(t, struct loop, rest);
    int64_t cpu = clock_cpu_ms(), now = clock_mono_ms(), before = trimmed_cpu;
    int64_t lately = cpu - l->rest_cpu;
    l->rest_cpu = cpu;
    if (rest_wants_trim(cpu - before, lately, now - trimmed_at) &&
        atomic_compare_exchange_strong(&trimmed_cpu, &before, cpu)) {
        trimmed_at = now;
        malloc_trim(0);
        metric_inc(&metric_memory_trims);
        trimmed_cpu = clock_cpu_ms(); /* what it took is no work to rest from */
    }
    if (!list_empty(&l->conns) || cpu - trimmed_cpu >= REST_WORKED_MS)
        timer_start(l, &l->rest, LOOK_MS, look);
}

void rest_watch(struct loop *l)
{
    if (l->rest.loop)
        return;
    l->rest_cpu = clock_cpu_ms();
    timer_start(l, &l->rest, LOOK_MS, look);
}
