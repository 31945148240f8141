/* supervisor.c - sockets first (they may need root), then the lock, then the owner's identity for
   good; then a worker, again and again until a signal says stop, and beside a worker that is ready
   its fronts. All are forks that inherit the sockets, so that a crash loses no port and no
   connection that waits in the backlog. */
#include "node/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/metric.h"
#include "io/tls.h"
#include "node/border.h"
#include "node/front.h"
#include "node/loops.h"
#include "node/sandbox.h"
#include "node/sockets.h"
#include "node/state.h"
#include "node/worker.h"

enum {
    STOP_MS = 5000,     /* then the worker is killed; nothing acknowledged is lost by that */
    AGAIN_MS = 100,     /* pause before a worker that ran well is started again */
    AGAIN_FAST_MS = 900 /* ... that ended at once */
};

struct front {
    pid_t pid; /* 0: there is none */
    int border;
    int64_t started, again_at; /* again_at: not before, when there is none */
};

struct supervisor {
    const struct serve *serve;
    struct node_sockets sockets;
    int lock_fd;
    sigset_t signals;
    pid_t worker;
    int border; /* -1: it has gone */
    bool ready; /* this worker */
    struct front fronts[FRONTS_MAX];
    int signal_fd;
    int64_t started;
    bool told_ready, stopping;
    int status; /* of the last worker */
};

static void ignore(int sig)
{
    struct sigaction a = {.sa_handler = SIG_IGN};
    sigaction(sig, &a, NULL);
}

/* In a fork: what is of others. */
static void close_all(struct supervisor *v)
{
    fd_closep(&v->border);
    fd_closep(&v->signal_fd);
    for (unsigned i = 0; i < v->sockets.fronts; i++)
        if (v->fronts[i].pid)
            fd_closep(&v->fronts[i].border);
}

static int worker_main(struct supervisor *v, int border)
{
    close_all(v);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* never two workers: nobody would hold the sockets */
    ignore(SIGINT);                   /* Ctrl-C reaches both; the supervisor says when to stop */
    return worker_run(v->serve, &v->sockets, border);
}

static int worker_start(struct supervisor *v, struct err *e)
{
    int ends[2];
    if (border_make(ends, e))
        return -1;
    pid_t parent = getpid();
    fflush(NULL);
    tls_tickets_share();
    pid_t pid = fork();
    if (pid < 0) {
        err_errno(e, ERR_IO, "fork");
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    if (pid == 0) {
        close(ends[0]);
        if (getppid() != parent)
            _exit(WORKER_CANNOT_START);
        exit(worker_main(v, ends[1]));
    }
    close(ends[1]);
    v->worker = pid;
    v->border = ends[0];
    v->ready = false;
    v->started = clock_mono_ms();
    return 0;
}

/* --- fronts ---------------------------------------------------------------------------------- */
static _Noreturn void front_main(struct supervisor *v, unsigned index, struct ring_end *ring,
                                 int border)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "carbonado-front"); /* for ps and top */
    ignore(SIGINT);
    close_all(v);
    fd_closep(&v->lock_fd); /* the worker has it: nothing here writes */
    front_run(v->serve, &v->sockets, index, ring, border);
}

static int front_start(struct supervisor *v, unsigned index, struct err *e)
{
    struct front *f = &v->fronts[index];
    struct ring_end rings[2];
    int ends[2];
    if (border_make(ends, e))
        return -1;
    pid_t pid = -1, parent = getpid();
    if (ring_make(FRONT_RING, rings, e) == 0) {
        fflush(NULL);
        tls_tickets_share();
        pid = fork();
        if (pid < 0)
            err_errno(e, ERR_IO, "fork");
        if (pid == 0) {
            close(ends[0]);
            ring_end_close(&rings[1]);
            if (getppid() != parent)
                _exit(WORKER_CANNOT_START);
            front_main(v, index, &rings[0], ends[1]);
        }
        if (pid > 0) {
            border_give(v->border, BORDER_FRONT, (int[]){rings[1].memory, rings[1].socket}, 2);
            kill(v->worker, SIGUSR2);
        }
        ring_end_close(&rings[0]);
        ring_end_close(&rings[1]);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    *f = (struct front){.pid = pid, .border = ends[0], .started = clock_mono_ms()};
    return 0;
}

static void fronts_start(struct supervisor *v)
{
    struct err e = {0};
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < v->sockets.fronts; i++) {
        struct front *f = &v->fronts[i];
        if (f->pid || now < f->again_at || !v->ready || v->stopping)
            continue;
        if (front_start(v, i, &e)) {
            LOG(LOG_ERROR, "serve.front_failed", LFZ("why", e.text));
            f->again_at = now + AGAIN_FAST_MS;
        }
    }
}

/* Those that have ended. One that says that it cannot start ends the worker, which would be alone.
 */
static void fronts_reap(struct supervisor *v)
{
    for (unsigned i = 0; i < v->sockets.fronts; i++) {
        struct front *f = &v->fronts[i];
        int status;
        if (!f->pid || waitpid(f->pid, &status, WNOHANG) != f->pid)
            continue;
        int64_t now = clock_mono_ms(), again_ms = AGAIN_MS;
        if (now - f->started < 1000)
            again_ms = AGAIN_FAST_MS;
        close(f->border);
        *f = (struct front){.again_at = now + again_ms};
        if (v->stopping)
            continue;
        LOG(LOG_ERROR, "serve.front_ended", LFN("front", i),
            LFN("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
            LFN("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0), LFN("again_ms", again_ms));
    }
}

static unsigned fronts_kill(struct supervisor *v, int sig)
{
    unsigned n = 0;
    for (unsigned i = 0; i < v->sockets.fronts; i++)
        if (v->fronts[i].pid) {
            kill(v->fronts[i].pid, sig);
            n++;
        }
    return n;
}

/* The worker has ended, and with it what they were for. */
static void fronts_end(struct supervisor *v)
{
    fronts_kill(v, SIGKILL);
    for (unsigned i = 0; i < v->sockets.fronts; i++) {
        if (!v->fronts[i].pid)
            continue;
        waitpid(v->fronts[i].pid, NULL, 0);
        close(v->fronts[i].border);
        v->fronts[i] = (struct front){0};
    }
}

/* When the next front is due, in ms from now. */
static int64_t fronts_due(const struct supervisor *v)
{
    int64_t due = 3600 * 1000, now = clock_mono_ms();
    for (unsigned i = 0; i < v->sockets.fronts && v->ready && !v->stopping; i++) {
        const struct front *f = &v->fronts[i];
        if (!f->pid && f->again_at - now < due)
            due = f->again_at - now;
    }
    return due > 0 ? due : 0;
}

/* --- the worker ------------------------------------------------------------------------------ */

/* What the worker asks for is what a signal would. */
static int worker_word(struct supervisor *v)
{
    switch (border_hear(v->border)) {
    case BORDER_READY:
        if (!v->told_ready && v->serve->ready)
            v->serve->ready(v->serve->arg);
        v->told_ready = v->ready = true;
        return 0;
    case BORDER_RELOAD:
        return SIGHUP;
    case BORDER_STOP:
        return SIGTERM;
    case -1:
        fd_closep(&v->border);
    }
    return 0;
}

/* Waits for one of our signals or for a word of the worker that means one; 0 after ms, or when it
   said something else. */
static int next_signal(struct supervisor *v, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    for (;;) {
        int64_t left = until - clock_mono_ms();
        struct pollfd p[] = {{.fd = v->signal_fd, .events = POLLIN},
                             {.fd = v->border, .events = POLLIN}};
        struct signalfd_siginfo info;
        if (left < 0 || (poll(p, 2, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR))
            return 0;
        if (p[0].revents && read(v->signal_fd, &info, sizeof(info)) == sizeof(info))
            return (int)info.ssi_signo;
        if (p[1].revents)
            return worker_word(v);
    }
}

/* Fronts first: what they have taken the worker answers. */
static void stop_all(struct supervisor *v)
{
    if (v->stopping)
        return;
    v->stopping = true;
    if (fronts_kill(v, SIGTERM) == 0)
        kill(v->worker, SIGTERM);
}

static bool any_front(const struct supervisor *v)
{
    for (unsigned i = 0; i < v->sockets.fronts; i++)
        if (v->fronts[i].pid)
            return true;
    return false;
}

/* Our own copy is what the next worker starts with; this one cannot open the file. */
static void reload(struct supervisor *v)
{
    struct err e = {0};
    const char *path = v->serve->config.path;
    AUTO_FD file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (path && file < 0)
        err_errno(&e, ERR_IO, "%s", path);
    if ((path && file < 0) || config_reload(&v->serve->config, file, NULL, NULL, &e)) {
        LOG(LOG_ERROR, "serve.reload_failed", LFZ("why", e.text));
        return;
    }
    if (file >= 0)
        border_give(v->border, BORDER_CONFIG, &file, 1);
    kill(v->worker, SIGHUP);
    for (unsigned i = 0; i < v->sockets.fronts; i++)
        if (v->fronts[i].pid && file >= 0)
            border_give(v->fronts[i].border, BORDER_CONFIG, &file, 1);
    fronts_kill(v, SIGHUP);
}

/* Runs one worker to its end. */
static int worker_watch(struct supervisor *v)
{
    int64_t kill_at = INT64_MAX;
    for (;;) {
        int64_t now = clock_mono_ms();
        if (now >= kill_at) {
            LOG(LOG_WARN, "serve.worker_killed", LFN("after_ms", STOP_MS));
            kill(v->worker, SIGKILL);
            kill_at = INT64_MAX;
        }
        int sig = next_signal(v, kill_at == INT64_MAX ? fronts_due(v) : kill_at - now);
        bool fronts = any_front(v);
        fronts_reap(v);
        fronts_start(v);
        if (v->stopping && fronts && !any_front(v))
            kill(v->worker, SIGTERM);
        if (sig == SIGTERM || sig == SIGINT) {
            stop_all(v);
            kill_at = clock_mono_ms() + STOP_MS;
        } else if (sig == SIGHUP) {
            reload(v);
        } else if (sig == SIGUSR1) {
            kill(v->worker, SIGUSR1);
        }
        pid_t pid = waitpid(v->worker, &v->status, WNOHANG);
        if (pid == v->worker || (pid < 0 && errno == ECHILD))
            break;
    }
    v->ready = false;
    fronts_end(v);
    fd_closep(&v->border);
    return clock_mono_ms() - v->started < 1000 ? AGAIN_FAST_MS : AGAIN_MS;
}

static bool gives_up(const struct supervisor *v)
{
    return v->stopping || (WIFEXITED(v->status) && WEXITSTATUS(v->status) == WORKER_CANNOT_START &&
                           !v->told_ready);
}

static int keep_running(struct supervisor *v, struct err *e)
{
    for (;;) {
        if (worker_start(v, e))
            return -1;
        int again_ms = worker_watch(v);
        if (gives_up(v))
            break;
        LOG(LOG_ERROR, "serve.worker_ended",
            LFN("signal", WIFSIGNALED(v->status) ? WTERMSIG(v->status) : 0),
            LFN("status", WIFEXITED(v->status) ? WEXITSTATUS(v->status) : 0),
            LFN("again_ms", again_ms));
        int sig = next_signal(v, again_ms);
        if (sig == SIGTERM || sig == SIGINT) {
            v->stopping = true;
            break;
        }
    }
    if (v->stopping)
        return 0;
    return err_set(e, ERR_IO, "the server cannot start: the reason is above");
}

static int write_pid(const struct supervisor *v, struct err *e)
{
    char path[STATE_PATH_MAX], text[32];
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (state_path(path, v->serve->state_dir, "run/pid", e))
        return -1;
    return file_replace(path, slice_str(text), 0644, e);
}

static void remove_run_files(const struct supervisor *v)
{
    static const char *const names[] = {"run/pid", "run/control.sock"};
    char path[STATE_PATH_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (state_path(path, v->serve->state_dir, names[i], NULL) == 0)
            unlink(path);
    }
}

int supervisor_run(const struct serve *s, struct err *e)
{
    struct supervisor v = {.serve = s, .lock_fd = -1, .border = -1, .signal_fd = -1};
    sigemptyset(&v.signals);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&v.signals, signals[i]);
    sigprocmask(SIG_BLOCK, &v.signals, NULL);
    v.signal_fd = signalfd(-1, &v.signals, SFD_CLOEXEC);
    if (v.signal_fd < 0)
        return err_errno(e, ERR_IO, "signalfd");
    ignore(SIGPIPE);
    umask(077);
    if (state_is_free(s->state_dir, e) ||
        sockets_bind(&v.sockets, loops_wanted(), fronts_wanted(), e)) {
        close(v.signal_fd);
        return -1;
    }
    if (v.sockets.fronts)
        metrics_share(1 + v.sockets.fronts);
    int rc = -1;
    if (state_drop_privileges(s->state_dir, e) == 0 && sandbox_drop_capabilities(e) == 0 &&
        state_lock(s->state_dir, &v.lock_fd, e) == 0 && write_pid(&v, e) == 0) {
        rc = keep_running(&v, e);
        remove_run_files(&v);
    }
    fd_closep(&v.lock_fd);
    fd_closep(&v.signal_fd);
    sockets_close(&v.sockets);
    return rc;
}
