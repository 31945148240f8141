/* worker.c - opens everything in order, serves, and closes it in the opposite order. */
#include "node/worker.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/metric.h"
#include "format/charset.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/resolver.h"
#include "io/ring.h"
#include "io/tls.h"
#include "mail/desk_server.h"
#include "mail/host.h"
#include "node/border.h"
#include "node/control.h"
#include "node/dump.h"
#include "node/http_metrics.h"
#include "node/loops.h"
#include "node/sandbox.h"
#include "node/service.h"
#include "node/state.h"
#include "store/watch.h"

SETTING(io, loops, INT, 0, 0, SOCKETS_LOOPS_MAX,
        "Event loops, each a thread with its own connections. 0: half of the cores, at most 16.");
SETTING_AT_START(io, loops);
SETTING(node, drain_time, TIME, 500 * MSEC, 0, 1 * MIN,
        "How long a stopping server waits for its connections to say goodbye.");

unsigned cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set))
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

unsigned loops_wanted(void)
{
    unsigned n = (unsigned)setting_get(&set_io_loops);
    if (n)
        return n;
    n = cores() / 2;
    return n < 1 ? 1 : n > 16 ? 16 : n;
}

/* What can be open is open; each row's stop undoes its start. */
struct stage {
    const char *name;
    int (*start)(const struct serve *s, const struct node_sockets *sockets, struct err *e);
    void (*stop)(void);
};

static int limits_start(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)s;
    (void)sockets;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return err_errno(e, ERR_IO, "limit of open files");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return 0;
}

static int certificates_load(const struct serve *s, struct err *e)
{
    char path[STATE_PATH_MAX];
    return state_path(path, s->state_dir, "tls", e) ? -1 : tls_load(path, mail_hostname(), e);
}

static int tls_start(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)sockets;
    return certificates_load(s, e);
}

/* What is read once from places that the sandbox closes, and what is loaded as code. */
static int sandbox_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)sockets;
    tzset();
    mail_hostname();
    resolver_prepare();
    if (charset_preload())
        LOG(LOG_WARN, "charset.missing");
    if (process_facts_open(e))
        return -1;
    return sandbox_enter(s->state_dir, e);
}

static int loops_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)s;
    return loops_start(sockets->loops, e);
}

static void slow_write(const struct slow_write *w)
{
    LOG(LOG_WARN, "slow.write", LFN("shard", w->shard), LFN("jobs", w->jobs),
        LFN("bytes", w->bytes), LFN("run_ms", w->run_us / 1000),
        LFN("write_ms", w->write_us / 1000), LFN("sync_ms", w->sync_us / 1000),
        LFN("commit_ms", w->commit_us / 1000), LFZ("slowest", w->slowest ? w->slowest : ""),
        LFN("slowest_ms", w->slowest_us / 1000), LFZ("result", w->failed ? "failed" : "ok"));
}

static void disk_told(const struct disk_told *d)
{
    bool short_of = d->retention_ms < d->wanted_ms;
    LOG(short_of ? LOG_WARN : LOG_INFO, "store.disk", LFZ("state", d->state),
        LFN("free_bytes", d->free_bytes), LFN("retention_s", d->retention_ms / 1000),
        LFN("wanted_s", d->wanted_ms / 1000));
}

static int state_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)sockets;
    store_on_slow_write(slow_write);
    store_on_disk(disk_told);
    return state_open(s->state_dir, true, e);
}

static int jobs_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)s;
    (void)sockets;
    unsigned n = cores();
    return jobs_start(n < 2 ? 2 : n, 2 * n < 4 ? 4 : 2 * n, e);
}

static int services_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    (void)s;
    (void)sockets;
    return services_start(e);
}

static int listeners_stage(const struct serve *s, const struct node_sockets *sockets, struct err *e)
{
    if (control_start(s->state_dir, e)) /* who is greeted by a service may ask at once */
        return -1;
    for (size_t i = 0; i < sockets->n; i++) {
        const struct node_socket *k = &sockets->list[i];
        const struct node_service *service = service_find(k->service);
        if (k->in_front)
            continue;
        struct listener l = k->listener;
        l.ops = service->ops;
        l.service = service->instance;
        if (listener_start(&l, k->fds, k->n, e))
            return -1;
    }
    return 0;
}

static void listeners_end(void)
{
    listeners_stop();
    desk_server_stop(); /* fronts were stopped before us: whoever is left is cut off */
    loops_drain(setting_get(&set_node_drain_time));
}

static const struct stage stages[] = {
    {"limits", limits_start, NULL},
    {"certificates", tls_start, tls_done},
    {"sandbox", sandbox_stage, NULL}, /* before any thread */
    {"loops", loops_stage, NULL},     /* stopped after the store: jobs come home to them */
    {"state", state_stage, NULL},
    {"jobs", jobs_stage, NULL},
    {"services", services_stage, services_stop},
    {"listeners", listeners_stage, listeners_end},
};
enum { STAGES_N = sizeof(stages) / sizeof(stages[0]) };

/* The three in the middle depend on each other both ways while jobs are under way. */
static void stop_all(size_t running)
{
    enum { CERTIFICATES = 1, SANDBOX, LOOPS, STATE, JOBS, SERVICES };
    while (running > SERVICES) {
        running--;
        if (stages[running].stop)
            stages[running].stop();
    }
    if (running > JOBS)
        jobs_stop();
    if (running > STATE)
        state_close_store();
    if (running > LOOPS)
        loops_stop();
    if (running > STATE)
        state_close();
    if (running > CERTIFICATES)
        tls_done();
    resolver_done();
}

/* --- reload ------------------------------------------------------------------------------- */
static void report(void *arg, const struct setting *s, enum config_effect effect, const char *was,
                   const char *becomes)
{
    (void)arg;
    char name[80];
    snprintf(name, sizeof(name), "%s.%s", s->group, s->name);
    LOG(LOG_INFO, effect == CONFIG_CHANGED ? "config.changed" : "config.needs_restart",
        LFZ("setting", name), LFZ("was", was), LFZ("becomes", becomes));
}

/* What the supervisor gave us; the configuration file that came last, or -1. */
static int take_gifts(void)
{
    struct err e = {0};
    struct ring_end end;
    AUTO_FD file = -1;
    for (int gift, fds[2]; (gift = border_take(fds)) >= 0;) {
        if (gift == BORDER_FRONT) {
            end = (struct ring_end){.memory = fds[0], .socket = fds[1]};
            if (desk_server_add(&end, &e))
                LOG(LOG_ERROR, "front.refused", LFZ("why", e.text));
            continue;
        }
        fd_closep(&fds[1]);
        fd_closep(&file);
        file = fds[0];
    }
    return TAKE_FD(file);
}

static void reload(const struct serve *s, int config)
{
    struct err e = {0};
    AUTO_FD file = config;
    if ((file >= 0 || !s->config.path) && config_reload(&s->config, file, report, NULL, &e))
        LOG(LOG_ERROR, "config.reload_failed", LFZ("why", e.text));
    if (certificates_load(s, &e))
        LOG(LOG_ERROR, "tls.reload_failed", LFZ("why", e.text));
    else
        LOG(LOG_INFO, "serve.reloaded");
}

int worker_run(const struct serve *s, struct node_sockets *sockets, int border)
{
    struct err e = {0};
    size_t running = 0;
    sigset_t signals;
    border_use(border);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (sockets->fronts)
        metrics_use(0);
    conn_ids_of(0, 1 + sockets->fronts);
    sockets_keep(sockets, SOCKETS_WORKER);
    for (; running < STAGES_N; running++) {
        if (stages[running].start(s, sockets, &e) == 0)
            continue;
        LOG(LOG_ERROR, "serve.failed", LFZ("at", stages[running].name), LFZ("why", e.text));
        stop_all(running + (running == STAGES_N - 1));
        return WORKER_CANNOT_START;
    }
    LOG(LOG_INFO, "serve.ready", LFN("loops", sockets->loops), LFN("sockets", sockets->n));
    if (border_say(BORDER_READY, &e))
        LOG(LOG_WARN, "serve.no_supervisor", LFZ("why", e.text));
    for (int sig, config = -1; sigwait(&signals, &sig) || sig != SIGTERM;) {
        int newer = sig == SIGUSR1 ? -1 : take_gifts();
        if (newer >= 0) {
            fd_closep(&config);
            config = newer;
        }
        if (sig == SIGHUP)
            reload(s, TAKE_FD(config));
        else if (sig == SIGUSR1)
            dump_write(s->state_dir);
    }
    int64_t began = clock_mono_ms();
    stop_all(running);
    LOG(LOG_INFO, "serve.stopped", LFN("ms", clock_mono_ms() - began));
    return WORKER_STOPPED;
}
