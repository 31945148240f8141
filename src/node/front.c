/* front.c - a front has one loop, threads for jobs that wait for the worker's answers, one
   listening socket of each port, and one ring. It ends without undoing its start: there is nothing
   that would need it. */
#include "node/front.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/metric.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/tls.h"
#include "mail/desk_far.h"
#include "mail/host.h"
#include "node/border.h"
#include "node/sandbox.h"
#include "node/service.h"
#include "node/state.h"
#include "node/worker.h"

SETTING(node, fronts, INT, 0, 0, FRONTS_MAX,
        "Processes without files and database that talk to strangers over SMTP, submission, LMTP "
        "and POP3, and ask the worker what they have to know. 0: the worker does that itself. In "
        "fronts io.per_address_max and io.connections_max count for each of them.");
SETTING_AT_START(node, fronts);
SETTING_DECLARE(node, drain_time);

enum { READERS = 8 };

unsigned fronts_wanted(void)
{
    return (unsigned)setting_get(&set_node_fronts);
}

static void worker_has_gone(const char *why)
{
    LOG(LOG_WARN, "front.alone", LFZ("why", why));
    fflush(NULL);
    _exit(WORKER_STOPPED);
}

struct far {
    struct ring_end *end;
    struct err err;
};

static void connect_to_worker(void *arg)
{
    struct far *f = arg;
    struct ring *r;
    if (ring_open(f->end, 0, &r, &f->err) == 0)
        desk_far_use(loop_at(0), r, worker_has_gone);
}

static int certificates_load(const struct serve *s, struct err *e)
{
    char path[STATE_PATH_MAX];
    return state_path(path, s->state_dir, "tls", e) ? -1 : tls_load(path, mail_hostname(), e);
}

static int listen_all(struct node_sockets *sockets, unsigned index, struct err *e)
{
    for (size_t i = 0; i < sockets->n; i++) {
        struct node_socket *k = &sockets->list[i];
        const struct node_service *service = service_find(k->service);
        if (!k->in_front)
            continue;
        if (service->start && service->start(e))
            return -1;
        struct listener l = k->listener;
        l.ops = service->ops;
        l.service = service->instance;
        if (listener_start(&l, &k->fds[index], 1, e))
            return -1;
    }
    return 0;
}

static int start(const struct serve *s, struct node_sockets *sockets, unsigned index,
                 struct ring_end *ring, struct err *e)
{
    struct rlimit files;
    struct far far = {.end = ring};
    if (getrlimit(RLIMIT_NOFILE, &files))
        return err_errno(e, ERR_IO, "limit of open files");
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    tzset();
    if (certificates_load(s, e) || sandbox_enter_front(s->state_dir, e) || loops_start(1, e) ||
        jobs_start(1, READERS, e))
        return -1;
    loop_call(loop_at(0), connect_to_worker, &far);
    if (far.err.code)
        return err_set(e, far.err.code, "%s", far.err.text);
    return listen_all(sockets, index, e);
}

static void reload(const struct serve *s)
{
    struct err e = {0};
    int gift[2];
    AUTO_FD file = -1;
    while (border_take(gift) >= 0) {
        fd_closep(&gift[1]);
        fd_closep(&file);
        file = gift[0];
    }
    if ((file >= 0 || !s->config.path) && config_reload(&s->config, file, NULL, NULL, &e))
        LOG(LOG_ERROR, "config.reload_failed", LFZ("why", e.text));
    if (certificates_load(s, &e))
        LOG(LOG_ERROR, "tls.reload_failed", LFZ("why", e.text));
}

_Noreturn void front_run(const struct serve *s, struct node_sockets *sockets, unsigned index,
                         struct ring_end *ring, int border)
{
    struct err e = {0};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    border_use(border);
    metrics_use(1 + index);
    metrics_keep_own();
    conn_ids_of(1 + index, 1 + sockets->fronts);
    sockets_keep(sockets, (int)index);
    if (start(s, sockets, index, ring, &e)) {
        LOG(LOG_ERROR, "front.failed", LFN("front", index), LFZ("why", e.text));
        fflush(NULL);
        _exit(WORKER_CANNOT_START);
    }
    LOG(LOG_INFO, "front.ready", LFN("front", index));
    for (int sig; sigwait(&signals, &sig) || sig != SIGTERM;)
        if (sig == SIGHUP)
            reload(s);
    listeners_stop();
    loops_drain(setting_get(&set_node_drain_time));
    LOG(LOG_INFO, "front.stopped", LFN("front", index));
    fflush(NULL);
    _exit(WORKER_STOPPED);
}
