/* pg_test.c - starts and stops the cluster. initdb refuses root, so as root everything runs as the
   user `postgres`. */
#include "db/pg_test.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/slice.h"

static pid_t start(const struct pg_test *t, const char *const argv[])
{
    pid_t pid = fork();
    if (pid)
        return pid;
    const struct passwd *pw = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (pw && (setgroups(0, NULL) || setgid(pw->pw_gid) || setuid(pw->pw_uid)))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    int log = -1;
    if (chdir(t->dir) || (log = open("log", O_CREAT | O_WRONLY | O_APPEND, 0600)) < 0)
        _exit(126);
    dup2(log, 1);
    dup2(log, 2);
    setenv("LC_ALL", "C.UTF-8", 1);
    union {
        const char *const *in;
        char *const *out;
    } args = {.in = argv};
    execv(argv[0], args.out);
    _exit(127);
}

static bool run(const struct pg_test *t, const char *const argv[])
{
    int status = 0;
    pid_t pid = start(t, argv);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static bool bin_dir(char *out, size_t n)
{
    glob_t g;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g))
        return false;
    struct slice path = slice_str(g.gl_pathv[g.gl_pathc - 1]);
    snprintf(out, n, "%.*s", (int)slice_rfind(path, '/'), path.p);
    globfree(&g);
    return true;
}

static bool wait_ready(struct pg_test *t)
{
    int64_t until = clock_mono_ms() + 30000;
    while (clock_mono_ms() < until) {
        int status;
        if (PQping(t->conninfo) == PQPING_OK)
            return true;
        if (waitpid(t->pid, &status, WNOHANG) == t->pid) {
            t->pid = 0;
            return false;
        }
        usleep(50000);
    }
    return false;
}

bool pg_test_is_needed(void)
{
    const char *set = getenv("CARBONADO_NEEDS_POSTGRES");
    return set && *set;
}

bool pg_test_start(struct pg_test *t)
{
    char bin[200], initdb[220], postgres[220];
    *t = (struct pg_test){.dir = "/tmp/carbonado-pg-XXXXXX"};
    if (!bin_dir(bin, sizeof(bin))) {
        printf("# skipped: PostgreSQL is not installed in /usr/lib/postgresql\n");
        return false;
    }
    if (!mkdtemp(t->dir))
        return false;
    if (geteuid() == 0) {
        const struct passwd *pw = getpwnam("postgres");
        if (!pw || chown(t->dir, pw->pw_uid, pw->pw_gid)) {
            printf("# skipped: no user postgres to run PostgreSQL as\n");
            pg_test_stop(t);
            return false;
        }
    }
    snprintf(initdb, sizeof(initdb), "%s/initdb", bin);
    snprintf(postgres, sizeof(postgres), "%s/postgres", bin);
    snprintf(t->conninfo, sizeof(t->conninfo), "host=%s user=test dbname=postgres", t->dir);
    if (run(t, (const char *const[]){initdb, "-D", "data", "-U", "test", "-A", "trust", "-E",
                                     "UTF8", "--locale=C.UTF-8", "--no-sync", NULL})) {
        t->pid = start(t, (const char *const[]){postgres, "-D", "data", "-k", t->dir, "-h", "",
                                                "-F", "-c", "shared_buffers=4MB", NULL});
        if (t->pid > 0 && wait_ready(t))
            return true;
    }
    printf("# skipped: PostgreSQL does not start\n");
    pg_test_stop(t);
    return false;
}

void pg_test_stop(struct pg_test *t)
{
    if (t->pid > 0) {
        kill(t->pid, SIGQUIT);
        waitpid(t->pid, NULL, 0);
    }
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", t->dir, (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
    *t = (struct pg_test){0};
}
