/* owner.c - useradd, chown, and the change of identity that cannot be undone. */
#include "cli/owner.h"

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"

int owner_make(const char *user, const char *home, struct err *e)
{
    if (getpwnam(user))
        return 0;
    union {
        const char *const *in;
        char *const *out;
    } args = {.in = (const char *const[]){"useradd", "--system", "--user-group", "--no-create-home",
                                          "--home-dir", home, "--shell", "/usr/sbin/nologin",
                                          "--comment", "Carbonado mail", "--", user, NULL}};
    static const char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    union {
        const char *const *in;
        char *const *out;
    } env = {.in = (const char *const[]){path, NULL}};
    pid_t pid;
    int status = -1;
    int r = posix_spawn(&pid, "/usr/sbin/useradd", NULL, NULL, args.out, env.out);
    if (r)
        return err_set(e, ERR_IO, "/usr/sbin/useradd: %s", strerror(r));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) || !getpwnam(user))
        return err_set(e, ERR_IO, "useradd could not make the user %s", user);
    return 0;
}

int owner_become(const char *user, const char *dir, struct err *e)
{
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        return err_set(e, ERR_NOTFOUND, "there is no user %s", user);
    if (chown(dir, pw->pw_uid, pw->pw_gid))
        return err_errno(e, ERR_IO, "give %s to %s", dir, user);
    if (pw->pw_uid == geteuid())
        return 0;
    if (initgroups(user, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
        return err_errno(e, ERR_NOPERM, "become %s", user);
    if (access(dir, R_OK | W_OK | X_OK))
        return err_errno(e, ERR_NOPERM, "%s cannot use %s (may it enter every folder above?)", user,
                         dir);
    return 0;
}

int owner_settle(const char *user, const char *dir, struct err *e)
{
    if (geteuid() != 0)
        return user ? err_set(e, ERR_NOPERM, "only root can give the installation to somebody else")
                    : 0;
    if (!user) {
        user = "carbonado";
        if (owner_make(user, dir, e))
            return -1;
    }
    return owner_become(user, dir, e);
}

static uid_t give_uid;
static gid_t give_gid;

static int give_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return lchown(path, give_uid, give_gid);
}

int owner_give(const char *user, const char *dir, struct err *e)
{
    if (geteuid() != 0)
        return 0;
    if (!user && owner_make(user = "carbonado", dir, e))
        return -1;
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        return err_set(e, ERR_NOTFOUND, "there is no user %s", user);
    give_uid = pw->pw_uid;
    give_gid = pw->pw_gid;
    if (nftw(dir, give_one, 16, FTW_PHYS))
        return err_errno(e, ERR_IO, "give %s to %s", dir, user);
    return 0;
}
