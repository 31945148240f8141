/* backup_set.c - the folder of backups: whose it is, what is in it, what goes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/fd.h"
#include "base/random.h"
#include "cli/ask.h"
#include "cli/backup.h"

enum { MANIFEST_MAX = 256 << 20 };

/* --- whose it is ------------------------------------------------------------------------------ */
int backup_identity(const char *state_dir, char ret[33], struct err *e)
{
    BUF_SCOPE text = {.max = 256};
    struct err why = {0};
    char path[4096];
    snprintf(path, sizeof(path), "%s/backup.id", state_dir);
    if (file_read(path, &text, &why) == 0) {
        struct slice id = slice_trim(buf_slice(&text));
        snprintf(ret, 33, "%.*s", SARG(id));
        return 0;
    }
    if (why.code != ERR_NOTFOUND)
        return err_set(e, why.code, "%s", why.text);
    random_name(ret, 32);
    return file_replace(path, slice_str(ret), 0600, e);
}

static int read_json(const char *path, json_t **ret, struct err *e)
{
    BUF_SCOPE text = {.max = MANIFEST_MAX};
    json_error_t why;
    if (file_read(path, &text, e))
        return -1;
    *ret = json_loadb(text.p ? text.p : "", text.n, 0, &why);
    return *ret ? 0 : err_set(e, ERR_CORRUPT, "%s is damaged: %s", path, why.text);
}

static int write_json(const char *path, const json_t *value, struct err *e)
{
    char *text = json_dumps(value, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    BUG_IF(!text);
    int r = file_replace(path, slice_str(text), 0600, e);
    free(text);
    return r;
}

static int check_identity(const struct backup_set *s, const char *identity, struct err *e)
{
    char path[8192];
    json_t *o = NULL;
    struct err why = {0};
    int r = 0;
    snprintf(path, sizeof(path), "%s/backup.json", s->dir);
    if (read_json(path, &o, &why)) {
        if (why.code != ERR_NOTFOUND || !identity)
            return why.code == ERR_NOTFOUND
                       ? err_set(e, ERR_NOTFOUND, "%s holds no backups", s->dir)
                       : err_set(e, why.code, "%s", why.text);
        o = json_pack("{s:i, s:s, s:s}", "format", BACKUP_FORMAT, "release", BACKUP_FORMAT_RELEASE,
                      "installation", identity);
        r = write_json(path, o, e);
    } else if (json_number(o, "format") > BACKUP_FORMAT) {
        r = err_set(e, ERR_UNSUPPORTED, "%s is of a newer release: install carbonado %s or newer",
                    s->dir, json_text(o, "release"));
    } else if (identity && strcmp(identity, json_text(o, "installation")) != 0) {
        r = err_set(e, ERR_CONFLICT,
                    "%s has the backups of another installation, or of this one before it was "
                    "restored: take an empty folder",
                    s->dir);
    }
    json_decref(o);
    return r;
}

/* A folder that is not ours must be empty. */
static int check_empty(const char *dir, struct err *e)
{
    char path[8192];
    snprintf(path, sizeof(path), "%s/backup.json", dir);
    if (access(path, F_OK) == 0)
        return 0;
    DIR *d = opendir(dir);
    bool other = false;
    if (!d)
        return err_errno(e, ERR_IO, "%s", dir);
    for (const struct dirent *f; (f = readdir(d));)
        other |= f->d_name[0] != '.' && strcmp(f->d_name, "lost+found") != 0;
    closedir(d);
    return other ? err_set(e, ERR_EXISTS, "%s is not empty, and no backups are in it", dir) : 0;
}

int backup_set_open(struct backup_set *s, const char *dir, const char *identity, struct err *e)
{
    *s = (struct backup_set){.lock = -1};
    if (identity && (dir_make(dir, 0700, e) || check_empty(dir, e)))
        return -1;
    char *path = realpath(dir, NULL);
    if (!path)
        return err_errno(e, ERR_NOTFOUND, "%s", dir);
    snprintf(s->dir, sizeof(s->dir), "%s", path);
    free(path);
    s->lock = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock < 0)
        return err_errno(e, ERR_IO, "%s", s->dir);
    if (flock(s->lock, (identity ? LOCK_EX : LOCK_SH) | LOCK_NB))
        return err_set(e, ERR_BUSY, "another command works in %s", s->dir);
    return check_identity(s, identity, e);
}

void backup_set_close(struct backup_set *s)
{
    fd_closep(&s->lock);
}

/* --- what is in it ---------------------------------------------------------------------------- */
void backup_path(const struct backup_set *s, const char *name, char *out, size_t n)
{
    snprintf(out, n, "%s/%s", s->dir, name);
}

void backup_pack_path(const struct backup_set *s, int64_t shard, int64_t pack, char *out, size_t n)
{
    snprintf(out, n, "%s/packs/%lld/%lld.pack", s->dir, (long long)shard, (long long)pack);
}

/* 20261122T141500Z */
static int is_name(const struct dirent *f)
{
    static const char shape[] = "ddddddddTddddddZ";
    for (size_t i = 0; i < sizeof(shape); i++)
        if (shape[i] == 'd' ? !ascii_digit(f->d_name[i]) : f->d_name[i] != shape[i])
            return 0;
    return 1;
}

int backup_list(const struct backup_set *s, struct arena *a, char ***ret, size_t *ret_n,
                struct err *e)
{
    struct dirent **found;
    int n = scandir(s->dir, &found, is_name, alphasort);
    if (n < 0)
        return err_errno(e, ERR_IO, "%s", s->dir);
    *ret = arena_new(a, char *, (size_t)n + 1);
    *ret_n = (size_t)n;
    for (int i = 0; i < n; i++) {
        if (*ret)
            (*ret)[i] = (char *)(uintptr_t)arena_printf(a, "%s", found[i]->d_name).p;
        free(found[i]);
    }
    free(found);
    return a->failed ? err_set(e, ERR_LIMIT, "out of room") : 0;
}

int backup_find(const struct backup_set *s, const char *at, char ret[BACKUP_NAME + 1],
                struct err *e)
{
    ARENA_SCOPE a = {0};
    char **names;
    size_t n, width = strlen(at);
    if (backup_list(s, &a, &names, &n, e))
        return -1;
    while (n && width && strncmp(names[n - 1], at, width < BACKUP_NAME ? width : BACKUP_NAME) > 0)
        n--;
    if (!n)
        return err_set(e, ERR_NOTFOUND, width ? "%s has no backup that old" : "%s holds no backups",
                       s->dir);
    snprintf(ret, BACKUP_NAME + 1, "%s", names[n - 1]);
    return 0;
}

/* --- the manifest ----------------------------------------------------------------------------- */
void backup_hash_end(struct evp_md_ctx_st *ctx, char ret[BACKUP_HASH + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    BUG_IF(EVP_DigestFinal_ex(ctx, sum, &n) != 1);
    EVP_MD_CTX_free(ctx);
    for (unsigned i = 0; i < n; i++)
        snprintf(ret + 2 * (size_t)i, 3, "%02x", sum[i]);
}

static void sum_of(struct slice s, char ret[BACKUP_HASH + 1])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BUG_IF(!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1);
    BUG_IF(EVP_DigestUpdate(ctx, s.p ? s.p : "", s.n) != 1);
    backup_hash_end(ctx, ret);
}

int backup_manifest_write(const char *dir, const json_t *manifest, struct err *e)
{
    char path[8192], sum[BACKUP_HASH + 1], line[BACKUP_HASH + 32];
    char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    BUG_IF(!text);
    sum_of(slice_str(text), sum);
    snprintf(line, sizeof(line), "%s  manifest.json\n", sum);
    snprintf(path, sizeof(path), "%s/manifest.sha256", dir);
    int r = file_replace(path, slice_str(line), 0600, e);
    snprintf(path, sizeof(path), "%s/manifest.json", dir);
    if (r == 0)
        r = file_replace(path, slice_str(text), 0600, e);
    free(text);
    return r;
}

int backup_manifest_read(const struct backup_set *s, const char *name, json_t **ret, struct err *e)
{
    char path[8192], sum[BACKUP_HASH + 1];
    BUF_SCOPE text = {.max = MANIFEST_MAX}, want = {.max = 1024};
    json_error_t why;
    snprintf(path, sizeof(path), "%s/%s/manifest.sha256", s->dir, name);
    if (file_read(path, &want, e))
        return -1;
    snprintf(path, sizeof(path), "%s/%s/manifest.json", s->dir, name);
    if (file_read(path, &text, e))
        return -1;
    sum_of(buf_slice(&text), sum);
    if (!slice_starts(buf_slice(&want), slice_str(sum)))
        return err_set(e, ERR_CORRUPT, "%s is damaged", path);
    *ret = json_loadb(text.p, text.n, 0, &why);
    return *ret ? 0 : err_set(e, ERR_CORRUPT, "%s is damaged: %s", path, why.text);
}

/* --- what goes -------------------------------------------------------------------------------- */
static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

int backup_remove_tree(const char *path, struct err *e)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return err_errno(e, ERR_IO, "%s", path);
    return 0;
}

int backup_make_parent(const char *path, struct err *e)
{
    char dir[8192];
    snprintf(dir, sizeof(dir), "%s", path);
    *strrchr(dir, '/') = '\0';
    return dir_make(dir, 0700, e);
}

/* "SHARD/ID" of every pack that a kept backup names. */
static int named_packs(const struct backup_set *s, char **names, size_t n, json_t *named,
                       struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        json_t *m, *row;
        size_t k;
        if (backup_manifest_read(s, names[i], &m, e))
            return -1;
        json_array_foreach(json_object_get(m, "packs"), k, row)
        {
            char key[64];
            snprintf(key, sizeof(key), "%lld/%lld", (long long)json_number(row, "shard"),
                     (long long)json_number(row, "pack"));
            json_object_set_new(named, key, json_true());
        }
        json_decref(m);
    }
    return 0;
}

static const json_t *named_now; /* for the walk, which takes no argument */
static size_t packs_top;

static int remove_unnamed(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)at;
    struct slice name = slice_from(slice_str(path), packs_top);
    if (kind != FTW_F || !slice_ends(name, S(".pack")))
        return 0;
    char key[64];
    snprintf(key, sizeof(key), "%.*s", SARG(slice_sub(name, 0, name.n - 5)));
    return json_object_get(named_now, key) ? 0 : unlink(path);
}

int backup_prune(const struct backup_set *s, size_t keep, size_t *ret_removed, struct err *e)
{
    ARENA_SCOPE a = {0};
    char **names, path[8192];
    size_t n;
    *ret_removed = 0;
    if (backup_list(s, &a, &names, &n, e))
        return -1;
    size_t old = n > keep ? n - keep : 0;
    json_t *named = json_object();
    int r = named_packs(s, names + old, n - old, named, e);
    for (size_t i = 0; i < old && r == 0; i++, ++*ret_removed) {
        backup_path(s, names[i], path, sizeof(path));
        r = backup_remove_tree(path, e);
    }
    if (r == 0 && old) {
        named_now = named;
        snprintf(path, sizeof(path), "%s/packs", s->dir);
        packs_top = strlen(path) + 1;
        if (nftw(path, remove_unnamed, 16, FTW_PHYS))
            r = err_errno(e, ERR_IO, "%s", path);
    }
    json_decref(named);
    return r;
}
