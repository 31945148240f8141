/* dump.c - a state dump: process and memory, loops and connections, fronts, jobs, the shards'
   writers, settings that are not as delivered. */
#include "node/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/loop.h"
#include "mail/desk_server.h"
#include "node/front.h"
#include "node/http_metrics.h"
#include "node/sandbox.h"
#include "node/state.h"
#include "store/store.h"
#include "store/watch.h"

enum { WAIT_MS = 1000, PAUSE_MS = 1000 };

METRIC_DECLARE(front_desks);
METRIC_DECLARE(job_queue);
METRIC_DECLARE(mail_queue_active);

static void print_process(struct buf *out)
{
    struct process_facts f = process_facts();
    buf_addf(out,
             "process %d, version %s, up %lld s, cpu %lld ms, resident %lld KiB, "
             "descriptors %lld, sandbox %s\n",
             (int)getpid(), CARBONADO_VERSION, (long long)f.up_ms / 1000, (long long)f.cpu_ms,
             (long long)f.resident_bytes / 1024, (long long)f.descriptors, sandbox_state());
}

static void print_memory(struct buf *out)
{
    struct mallinfo2 m = mallinfo2();
    buf_addf(out,
             "\n== memory (KiB) ==\nin use %zu, free in the heap %zu, heap %zu, mapped %zu in %zu "
             "blocks, could be given back %zu\n",
             m.uordblks / 1024, m.fordblks / 1024, m.arena / 1024, m.hblkhd / 1024, m.hblks,
             m.keepcost / 1024);
}

static void print_connection(const struct conn_info *c, struct buf *out)
{
    buf_addf(out, "  #%llu %s %s %u login %s tls %s open %lld ms silent %lld ms in %llu out %llu",
             (unsigned long long)c->id, c->listener[0] ? c->listener : "(outgoing)", c->peer,
             c->peer_port, c->login[0] ? c->login : "-", c->tls[0] ? c->tls : "-",
             (long long)c->open_ms, (long long)c->silent_ms, (unsigned long long)c->bytes_in,
             (unsigned long long)c->bytes_out);
    buf_addf(out, " unsent %zu\n", c->unsent);
}

static void print_loops(struct buf *out)
{
    struct loop_now *now = malloc(sizeof(*now));
    BUG_IF(!now);
    buf_adds(out, "\n== loops ==\n");
    for (unsigned i = 0; i < loops_count(); i++) {
        loop_look(i, WAIT_MS, now);
        if (!now->answered) {
            buf_addf(out, "loop %u: no answer in %d ms: it is stuck\n", i, WAIT_MS);
            continue;
        }
        buf_addf(out,
                 "loop %u: answered in %lld us, connections %zu, with input %zu, with output %zu, "
                 "timers %zu, unsent bytes %zu\n",
                 i, (long long)now->answer_us, now->conns, now->ready, now->dirty, now->timers,
                 now->unsent);
        for (size_t k = 0; k < now->rows_n; k++)
            print_connection(&now->rows[k], out);
        if (now->conns > now->rows_n)
            buf_addf(out, "  and %zu more, or ending\n", now->conns - now->rows_n);
    }
    free(now);
}

struct fronts_walk {
    struct buf *out;
    size_t n;
};

static int print_session(const struct conn_info *c, void *arg)
{
    struct fronts_walk *w = arg;
    if (w->n++ < LOOP_LOOK_ROWS)
        print_connection(c, w->out);
    return 0;
}

static void print_fronts(struct buf *out)
{
    struct fronts_walk w = {.out = out};
    if (!fronts_wanted())
        return;
    buf_addf(out, "\n== fronts ==\nwanted %u, desks %lld\n", fronts_wanted(),
             (long long)metric_front_desks.n[0]);
    unsigned silent = desk_server_sessions(print_session, &w);
    buf_addf(out, "connections %zu%s\n", w.n,
             w.n > LOOP_LOOK_ROWS ? ", the first of them above" : "");
    if (silent)
        buf_addf(out, "no answer in %d ms: %u\n", WAIT_MS, silent);
}

static void print_pool(const char *name, enum place place, struct buf *out)
{
    struct jobs_now *now = malloc(sizeof(*now));
    BUG_IF(!now);
    jobs_look(place, now);
    buf_addf(out, "%s: threads %u, waiting %u, the oldest for %lld ms, running %u\n", name,
             now->threads, now->waiting, (long long)now->oldest_us / 1000, now->running);
    for (unsigned i = 0; i < now->running; i++)
        buf_addf(out, "  %s for %lld ms\n", now->run[i].what, (long long)now->run[i].us / 1000);
    free(now);
}

static void print_writers(struct buf *out)
{
    buf_adds(out, "\n== writers ==\n");
    for (unsigned i = 0; i < store_shards(); i++) {
        struct shard_now now;
        store_look(i, &now);
        buf_addf(
            out,
            "shard %u: %s, batch of %u for %lld ms, job %s; waiting %u, the oldest for %lld ms; "
            "commits %llu\n",
            i, now.doing, now.batch, (long long)now.batch_us / 1000, now.what ? now.what : "-",
            now.waiting, (long long)now.oldest_us / 1000, (unsigned long long)now.commits);
        if (now.pack)
            buf_addf(out, "  open pack %llu, %llu bytes, commits to be synced into it %lld\n",
                     (unsigned long long)now.pack, (unsigned long long)now.pack_bytes,
                     (long long)now.tails);
        else
            buf_adds(out, "  no open pack\n");
    }
}

static void print_settings(struct buf *out)
{
    buf_adds(out, "\n== settings that differ from their defaults ==\n");
    for (struct setting *s = setting_first(); s; s = s->next) {
        char now[512], def[512];
        setting_print(s, false, now, sizeof(now));
        setting_print(s, true, def, sizeof(def));
        if (strcmp(now, def))
            buf_addf(out, "%s.%s = %s\n", s->group, s->name, now);
    }
}

void dump_print(struct buf *out)
{
    print_process(out);
    print_memory(out);
    print_loops(out);
    print_fronts(out);
    buf_adds(out, "\n== jobs ==\n");
    print_pool("cpu", PLACE_CPU, out);
    print_pool("read", PLACE_READ, out);
    buf_addf(out, "loop: waiting %lld\n", (long long)metric_job_queue.n[PLACE_LOOP]);
    buf_addf(out, "mail queue: deliveries that wait or run %lld\n",
             (long long)metric_mail_queue_active.n[0]);
    print_writers(out);
    print_settings(out);
}

/* Not durable on purpose: a disk that hangs must not hold the thread that hears the signals. */
static int keep(const char *path, struct slice text, struct err *e)
{
    AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, text.p, text.n))
        return err_errno(e, ERR_IO, "%s", path);
    return 0;
}

void dump_write(const char *state_dir)
{
    static int64_t last;
    BUF_SCOPE out = {.max = 64 << 20};
    struct err e = {0};
    char name[80], path[STATE_PATH_MAX], when[32];
    struct tm tm;
    int64_t now = clock_now_ms();
    time_t seconds = (time_t)(now / 1000);
    if (last && clock_mono_ms() - last < PAUSE_MS) /* signals in a row are one */
        return;
    gmtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(name, sizeof(name), "run/dump-%s.txt", when);
    buf_addf(&out, "carbonado, state at %s\n", when);
    dump_print(&out);
    last = clock_mono_ms();
    if (state_path(path, state_dir, name, &e) || keep(path, buf_slice(&out), &e))
        LOG(LOG_ERROR, "serve.dump_failed", LFZ("why", e.text));
    else
        LOG(LOG_INFO, "serve.dump", LFZ("file", path), LFN("ms", clock_now_ms() - now));
}
