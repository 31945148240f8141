/* load_report.c - what a load came to: for people on standard output, and as a line of JSON. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

static int time_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double p)
{
    if (!load.ops)
        return 0;
    size_t at = (size_t)(p * (double)(load.ops - 1) + 0.5);
    return load.times[at] / 1000.0;
}

void report(const struct proc_use *before, const struct proc_use *after)
{
    double seconds = (double)(load.ended - load.began) / 1e6;
    double rate = seconds > 0 ? (double)load.ops / seconds : 0;
    double cpu = after->cpu - before->cpu;
    const char *label = load.label ? load.label : load.command;
    qsort(load.times, load.ops, sizeof(*load.times), time_compare);
    printf("%-24s conns %-4u ops %-7llu %9.1f /s %7.2f MB/s", label, load.conns,
           (unsigned long long)load.ops, rate,
           seconds > 0 ? (double)load.bytes / 1e6 / seconds : 0);
    if (load.items)
        printf("  %.0f messages/s", (double)load.items / seconds);
    printf("\n%-24s ms p50 %.2f p90 %.2f p99 %.2f max %.2f first %.2f\n", "", percentile(0.5),
           percentile(0.9), percentile(0.99), percentile(1), (double)load.first_us / 1000);
    if (load.pid_count)
        printf("%-24s cpu %.2f s, %.0f us/op; pss %llu -> %llu KiB, %u processes, %u threads, tcp "
               "%llu KiB, %llu syncs\n",
               "", cpu, load.ops ? cpu * 1e6 / (double)load.ops : 0,
               (unsigned long long)before->pss, (unsigned long long)after->pss, after->processes,
               after->threads, (unsigned long long)after->tcp,
               (unsigned long long)(after->syncs - before->syncs));
    if (load.errors)
        printf("%-24s ERRORS %llu: %s\n", "", (unsigned long long)load.errors, load.error);
    if (!load.json)
        return;
    FILE *f = fopen(load.json, "a");
    if (!f) {
        perror(load.json);
        return;
    }
    fprintf(f,
            "{\"label\": \"%s\", \"load\": \"%s\", \"tls\": %s, \"conns\": %u, \"users\": %u, "
            "\"ops\": %llu, \"seconds\": %.3f, \"ops_per_s\": %.2f, \"bytes\": %llu, "
            "\"items\": %llu, \"items_per_s\": %.1f, \"first_ms\": %.3f, \"p50_ms\": %.3f, "
            "\"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"cpu_s\": %.2f, "
            "\"pss_before_kib\": %llu, \"pss_kib\": %llu, \"rss_kib\": %llu, \"processes\": %u, "
            "\"threads\": %u, \"tcp_kib_before\": %llu, \"tcp_kib\": %llu, \"kernel_kib_before\": "
            "%llu, "
            "\"kernel_kib\": %llu, \"syncs\": %llu, \"ack_ms\": %.3f, \"errors\": %llu}\n",
            label, load.command, load.tls ? "true" : "false", load.conns, load.users,
            (unsigned long long)load.ops, seconds, rate, (unsigned long long)load.bytes,
            (unsigned long long)load.items, seconds > 0 ? (double)load.items / seconds : 0,
            (double)load.first_us / 1000, percentile(0.5), percentile(0.9), percentile(0.99),
            percentile(1), cpu, (unsigned long long)before->pss, (unsigned long long)after->pss,
            (unsigned long long)after->rss, after->processes, after->threads,
            (unsigned long long)before->tcp, (unsigned long long)after->tcp,
            (unsigned long long)before->kernel, (unsigned long long)after->kernel,
            (unsigned long long)(after->syncs - before->syncs),
            load.ops ? (double)load.ack_us / 1000 / (double)load.ops : 0,
            (unsigned long long)load.errors);
    fclose(f);
}
