/* load_proc.c - processor time and memory of a tree of processes, from /proc. Processor time counts
   the children that have ended too (their parent's cutime); memory is PSS, in which pages that
   processes share are counted once. Socket buffers belong to the kernel: the machine's TCP pages
   are given beside them. */
#include "load.h"
#include "syncs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

struct proc_row {
    unsigned pid, parent, threads;
    uint64_t ticks;
    bool in;
};

static bool proc_stat(unsigned pid, struct proc_row *row)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    BUF_SCOPE b = {0};
    if (file_read(path, &b, NULL) < 0 || !buf_cstr(&b))
        return false;
    ptrdiff_t close = slice_rfind(buf_slice(&b), ')');
    if (close < 0)
        return false;
    unsigned long long user, system, child_user, child_system;
    unsigned parent, threads;
    /* after the name: state ppid pgrp session tty tpgid flags 4 x faults utime stime ... */
    if (sscanf(b.p + close + 1,
               " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %u",
               &parent, &user, &system, &child_user, &child_system, &threads) != 6)
        return false;
    *row = (struct proc_row){.pid = pid,
                             .parent = parent,
                             .threads = threads,
                             .ticks = user + system + child_user + child_system};
    return true;
}

static uint64_t proc_field(struct slice text, struct slice name)
{
    ptrdiff_t at = slice_search(text, name);
    if (at < 0)
        return 0;
    struct slice rest = slice_trim(slice_from(text, (size_t)at + name.n));
    uint64_t v = 0;
    for (size_t i = 0; i < rest.n && ascii_digit(rest.p[i]); i++)
        v = v * 10 + (uint64_t)(rest.p[i] - '0');
    return v;
}

static void proc_memory(unsigned pid, struct proc_use *use)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/smaps_rollup", pid);
    BUF_SCOPE b = {0};
    if (file_read(path, &b, NULL) < 0)
        return;
    use->pss += proc_field(buf_slice(&b), S("\nPss:"));
    use->rss += proc_field(buf_slice(&b), S("\nRss:"));
}

static unsigned proc_all(struct proc_row **ret)
{
    unsigned n = 0, cap = 0;
    struct proc_row *rows = NULL;
    DIR *d = opendir("/proc");
    BUG_IF(!d);
    for (struct dirent *entry; (entry = readdir(d));) {
        uint32_t pid;
        if (slice_u32(slice_str(entry->d_name), &pid) < 0)
            continue;
        if (n == cap) {
            cap = cap ? cap * 2 : 256;
            rows = realloc(rows, cap * sizeof(*rows));
            BUG_IF(!rows);
        }
        if (proc_stat(pid, &rows[n]))
            n++;
    }
    closedir(d);
    *ret = rows;
    return n;
}

void proc_read(const unsigned *pids, unsigned n, bool with_memory, struct proc_use *ret)
{
    struct proc_row *rows;
    unsigned count = proc_all(&rows);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < n; k++)
            rows[i].in |= rows[i].pid == pids[k];
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < count; i++)
            for (unsigned k = 0; k < count && !rows[i].in; k++)
                if (rows[k].in && rows[i].parent == rows[k].pid)
                    more = rows[i].in = true;
    }
    struct proc_use use = {0};
    uint64_t ticks = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!rows[i].in)
            continue;
        ticks += rows[i].ticks;
        use.processes++;
        use.threads += rows[i].threads;
        if (with_memory)
            proc_memory(rows[i].pid, &use);
    }
    free(rows);
    use.cpu = (double)ticks / (double)sysconf(_SC_CLK_TCK);
    BUF_SCOPE b = {0};
    if (file_read("/proc/net/sockstat", &b, NULL) == 0)
        use.tcp = proc_field(buf_slice(&b), S(" mem")) * (uint64_t)(sysconf(_SC_PAGESIZE) / 1024);
    buf_reset(&b);
    if (file_read("/proc/meminfo", &b, NULL) == 0)
        use.kernel = proc_field(buf_slice(&b), S("\nSlab:")) +
                     proc_field(buf_slice(&b), S("\nKernelStack:")) +
                     proc_field(buf_slice(&b), S("\nPageTables:"));
    buf_reset(&b);
    const char *syncs = getenv("BENCH_SYNCS");
    if (syncs && file_read(syncs, &b, NULL) == 0 && b.n >= sizeof(struct syncs))
        use.syncs = ((const struct syncs *)(const void *)b.p)->calls;
    *ret = use;
}
