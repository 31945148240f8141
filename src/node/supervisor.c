/* supervisor.c - sockets first (they may need root), then the lock, then the owner's identity for
   good; then a worker, again and again until a signal says stop. The worker is a fork that inherits
   the sockets, so that a crash of it loses no port and no connection that waits in the backlog. */
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
#include "node/border.h"
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

struct supervisor {
    const struct serve *serve;
    struct node_sockets sockets;
    int lock_fd;
    sigset_t signals;
    pid_t worker;
    int border; /* -1: it has gone */
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

static int worker_main(struct supervisor *v, int border)
{
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
    v->started = clock_mono_ms();
    return 0;
}

/* What the worker asks for is what a signal would. */
static int worker_word(struct supervisor *v)
{
    switch (border_hear(v->border)) {
    case BORDER_READY:
        if (!v->told_ready && v->serve->ready)
            v->serve->ready(v->serve->arg);
        v->told_ready = true;
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
        int sig = p[1].revents ? worker_word(v) : 0;
        if (sig)
            return sig;
    }
}

static void stop_worker(struct supervisor *v)
{
    if (v->stopping)
        return;
    v->stopping = true;
    kill(v->worker, SIGTERM);
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
        border_give_fd(v->border, file);
    kill(v->worker, SIGHUP);
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
        int sig = next_signal(v, kill_at == INT64_MAX ? 3600 * 1000 : kill_at - now);
        if (sig == SIGTERM || sig == SIGINT) {
            stop_worker(v);
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
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&v.signals, signals[i]);
    sigprocmask(SIG_BLOCK, &v.signals, NULL);
    v.signal_fd = signalfd(-1, &v.signals, SFD_CLOEXEC);
    if (v.signal_fd < 0)
        return err_errno(e, ERR_IO, "signalfd");
    ignore(SIGPIPE);
    umask(077);
    if (state_is_free(s->state_dir, e) || sockets_bind(&v.sockets, loops_wanted(), e)) {
        close(v.signal_fd);
        return -1;
    }
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
