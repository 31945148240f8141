/* sandbox_landlock.c - which files the worker or a front may open, by Landlock (landlock(7)). The
   system calls have no wrappers in the C library and this release's header knows the first versions
   only, so the numbers of later ones stand here. Descriptors that are open already stay usable: the
   listeners, the log, what /proc tells about this process. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "node/sandbox.h"
#include "node/state.h"

/* struct landlock_ruleset_attr as far as version 6. */
struct ruleset_attr {
    uint64_t files, ports, scopes;
};

enum { NEWEST = 6 };

static const uint64_t of_files = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_READ_FILE | (1u << 14) /* truncate */ |
                                 (1u << 15) /* ioctl of devices */;

/* What each version can forbid beyond the one before it: a row per version, from 1. */
static const struct version {
    struct ruleset_attr adds;
    const char *lacks; /* what is open on kernels that end below */
} versions[NEWEST] = {
    {.adds.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1, .lacks = "everything"},
    {.adds.files = 1u << 13, .lacks = NULL}, /* without it nothing may move between directories */
    {.adds.files = 1u << 14, .lacks = "truncating"},
    {.adds.ports = 1u << 0, .lacks = "listening on TCP ports"}, /* bind; connecting stays free */
    {.adds.files = 1u << 15, .lacks = "ioctl of devices"},
    {.adds.scopes = 3, .lacks = "signals and abstract sockets"},
};

static uint64_t rights(unsigned files, bool is_dir, uint64_t handled)
{
    uint64_t all = 0;
    if (files & SANDBOX_READ)
        all |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    if (files & SANDBOX_WRITE)
        all |= LANDLOCK_ACCESS_FS_WRITE_FILE | 1u << 14;
    if (files & SANDBOX_MAKE)
        all |= LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
               LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
               LANDLOCK_ACCESS_FS_MAKE_SOCK | 1u << 13;
    return all & handled & (is_dir ? ~0ull : of_files);
}

/* A path that is not there needs no rule. */
static int allow(int rules, const char *path, unsigned files, uint64_t handled, struct err *e)
{
    struct stat st;
    AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return 0;
    if (fd < 0 || fstat(fd, &st))
        return err_errno(e, ERR_IO, "%s", path);
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights(files, S_ISDIR(st.st_mode), handled), .parent_fd = fd};
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
        return err_errno(e, ERR_IO, "landlock: %s", path);
    return 0;
}

/* Certificates are often links to where somebody renews them, through another link: a new file in
   the same directory is found again, so the directory is allowed; of / and what is directly in it
   only the file. */
static int allow_target(int rules, const char *link, uint64_t handled, struct err *e)
{
    char target[PATH_MAX];
    if (!realpath(link, target))
        return 0;
    char *slash = strrchr(target, '/');
    size_t depth = 0;
    for (const char *p = target; *p; p++)
        depth += *p == '/';
    if (depth > 2)
        *slash = '\0';
    return allow(rules, target, SANDBOX_READ, handled, e);
}

static int allow_certificates(int rules, const char *state_dir, uint64_t handled, struct err *e)
{
    char dir[STATE_PATH_MAX], path[STATE_PATH_MAX + 256];
    struct stat st;
    int rc = state_path(dir, state_dir, "tls", e);
    DIR *d = rc ? NULL : opendir(dir);
    for (struct dirent *at; rc == 0 && d && (at = readdir(d));) {
        snprintf(path, sizeof(path), "%s/%s", dir, at->d_name);
        if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            rc = allow_target(rules, path, handled, e);
    }
    if (d)
        closedir(d);
    return rc;
}

static int add_rules(int rules, const struct sandbox_table *t, const char *state_dir,
                     unsigned roles, uint64_t handled, struct err *e)
{
    char state[STATE_PATH_MAX];
    if (state_path(state, state_dir, t->state, e) ||
        allow(rules, state, t->state_files, handled, e) ||
        allow_certificates(rules, state_dir, handled, e))
        return -1;
    for (size_t i = 0; i < t->n_paths; i++) {
        const struct sandbox_path *row = &t->paths[i];
        const char *path = row->setting ? row->setting->string : row->path;
        if (row->roles != SANDBOX_EVERY && !(row->roles & roles))
            continue;
        if (path[0] && allow(rules, path, row->files, handled, e))
            return -1;
    }
    return 0;
}

int sandbox_landlock(const struct sandbox_table *t, const char *state_dir, unsigned roles,
                     const char **ret_missing, struct err *e)
{
    struct ruleset_attr attr = {0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *ret_missing = NULL;
    for (long i = 0; i < NEWEST; i++) {
        if (i < version) {
            attr.files |= versions[i].adds.files;
            attr.ports |= versions[i].adds.ports;
            attr.scopes |= versions[i].adds.scopes;
        } else if (!*ret_missing) {
            *ret_missing = versions[i].lacks;
        }
    }
    if (version < 1)
        return 1;
    /* An older kernel takes a longer structure whose end is zero. */
    AUTO_FD rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    if (rules < 0)
        return err_errno(e, ERR_IO, "landlock");
    if (add_rules(rules, t, state_dir, roles, attr.files, e))
        return -1;
    if (syscall(SYS_landlock_restrict_self, rules, 0))
        return err_errno(e, ERR_IO, "landlock");
    return 0;
}
