/* state.c - lock, owner and opening of the state directory. */
#include "node/state.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/fd.h"
#include "directory/directory.h"
#include "store/store.h"

static bool store_is_open;

int state_path(char out[STATE_PATH_MAX], const char *dir, const char *name, struct err *e)
{
    if ((size_t)snprintf(out, STATE_PATH_MAX, "%s/%s", dir, name) >= STATE_PATH_MAX)
        return err_set(e, ERR_LIMIT, "the path of the state directory is too long");
    return 0;
}

enum { ENDING_TRIES = 100, ENDING_MS = 50 };

/* The process that wrote itself into the lock; "" when none has. */
static void read_who(int fd, char who[32])
{
    ssize_t n = pread(fd, who, 31, 0);
    who[n > 0 ? n : 0] = '\0';
}

/* A process that was killed has the lock until the last of its children has gone, too. */
static bool is_ending(const char *who)
{
    char path[64];
    BUF_SCOPE stat = {.max = 4096};
    snprintf(path, sizeof(path), "/proc/%.20s/stat", who);
    if (file_read(path, &stat, NULL))
        return true;
    ptrdiff_t name_end = slice_rfind(buf_slice(&stat), ')');
    return slice_starts(slice_from(buf_slice(&stat), (size_t)(name_end + 1)), S(" Z"));
}

/* `fd`: the lock, which somebody has. */
static int say_who(const char *dir, int fd, struct err *e)
{
    char path[STATE_PATH_MAX], who[32];
    BUF_SCOPE server = {.max = 64};
    read_who(fd, who);
    if (who[0] && state_path(path, dir, "run/pid", NULL) == 0 &&
        file_read(path, &server, NULL) == 0 &&
        slice_eq(slice_trim(buf_slice(&server)), slice_str(who)))
        return err_set(e, ERR_BUSY, "%s is in use: the server is already running (process %s)", dir,
                       who);
    return err_set(e, ERR_BUSY, "%s is in use by process %s", dir, who);
}

int state_is_free(const char *dir, struct err *e)
{
    char path[STATE_PATH_MAX];
    if (state_path(path, dir, "run/lock", e))
        return -1;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    for (int tries = 0; fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK; tries++) {
        char who[32];
        read_who(fd, who);
        if (tries == ENDING_TRIES || !is_ending(who))
            return say_who(dir, fd, e);
        usleep(ENDING_MS * 1000);
    }
    return 0;
}

int state_lock(const char *dir, int *ret_fd, struct err *e)
{
    char path[STATE_PATH_MAX], who[32];
    if (state_path(path, dir, "run", e) || dir_make(path, 0700, e) ||
        state_path(path, dir, "run/lock", e))
        return -1;
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, ERR_IO, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK)
            return err_errno(e, ERR_IO, "%s", path);
        return say_who(dir, fd, e);
    }
    int n = snprintf(who, sizeof(who), "%d", (int)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, who, (size_t)n, 0) != n)
        return err_errno(e, ERR_IO, "%s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int state_drop_privileges(const char *dir, struct err *e)
{
    struct stat st;
    if (stat(dir, &st))
        return err_errno(e, ERR_NOTFOUND, "%s", dir);
    if (geteuid() == 0 && st.st_uid != 0) {
        struct passwd *pw = getpwuid(st.st_uid);
        gid_t gid = pw ? pw->pw_gid : st.st_gid;
        int rc = pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL);
        if (rc || setresgid(gid, gid, gid) || setresuid(st.st_uid, st.st_uid, st.st_uid))
            return err_errno(e, ERR_NOPERM, "become the owner of %s", dir);
        if (setuid(0) == 0)
            return err_set(e, ERR_BUG, "privileges are still there after dropping them");
    }
    /* Who has changed identity leaves no core otherwise; whether there is one, and who may read it,
       is for the limit of its size and for systemd-coredump to say. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    if (geteuid() != st.st_uid)
        return err_set(e, ERR_NOPERM, "%s belongs to somebody else", dir);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_errno(e, ERR_IO, "no_new_privs");
    return 0;
}

int state_open_store(const char *dir, bool read_only, struct err *e)
{
    if (store_is_open)
        return 0;
    if (store_open(&(struct store_config){.dir = dir, .read_only = read_only}, e))
        return -1;
    store_is_open = true;
    return 0;
}

void state_close_store(void)
{
    if (store_is_open)
        store_close();
    store_is_open = false;
}

/* `carbonado restore` takes the mark away when everything is there. */
static int check_whole(const char *dir, struct err *e)
{
    char path[STATE_PATH_MAX];
    if (state_path(path, dir, STATE_RESTORING, e))
        return -1;
    return access(path, F_OK) == 0
               ? err_set(e, ERR_CONFLICT, "a restore into %s did not end: run it again", dir)
               : 0;
}

int state_is_made(const char *dir, struct err *e)
{
    char path[STATE_PATH_MAX];
    if (check_whole(dir, e) || state_path(path, dir, "directory.db", e))
        return -1;
    return access(path, F_OK) == 0
               ? 0
               : err_set(e, ERR_NOTFOUND,
                         "there is no installation in %s: carbonado init makes one", dir);
}

int state_open(const char *dir, bool with_store, struct err *e)
{
    char path[STATE_PATH_MAX];
    if (check_whole(dir, e) || state_path(path, dir, "directory.db", e) || auth_open(dir, e) ||
        directory_open(path, e))
        return -1;
    if (with_store && state_open_store(dir, false, e)) {
        directory_close();
        return -1;
    }
    return 0;
}

void state_close(void)
{
    state_close_store();
    directory_close();
}
