/* cmd_backup.c - carbonado backup: a copy of the whole installation into a folder, beside a running
   server or without one. Databases are copied as they are at one moment, packs up to the length
   that those know of: what is committed later is of the next backup, which copies only what has
   grown. The manifest comes last, and with it the name: a backup is whole or not there. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cli/ask.h"
#include "cli/backup.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "db/db.h"
#include "store/snapshot.h"

enum { HOLD_SECONDS = 120, HOLD_AGAIN_MS = 30000, FILE_MAX = 64 << 20 };

struct backup {
    struct cli *c;
    struct op_session *session;
    struct backup_set set;
    struct progress progress;
    char name[BACKUP_NAME + 1];
    char dir[8192]; /* DIR/NAME.partial */
    json_t *files, *packs, *before;
    uint64_t done, total, copied; /* bytes; copied: into the folder */
    int64_t held_ms;
    bool link;
};

/* --- the hold --------------------------------------------------------------------------------- */
static int hold(struct backup *b, int seconds, struct err *e)
{
    if (!op_has_server(b->session))
        return 0; /* we have the lock: nothing changes */
    json_t *args = json_pack("{s:i}", "seconds", seconds);
    int r = op_call(b->session, "backup.hold", args, SNONE, NULL, NULL, e);
    json_decref(args);
    b->held_ms = clock_mono_ms();
    return r;
}

static int tick(void *arg, uint64_t bytes, struct err *e)
{
    struct backup *b = arg;
    b->done += bytes;
    progress_bytes(&b->progress, b->done);
    return clock_mono_ms() - b->held_ms > HOLD_AGAIN_MS ? hold(b, HOLD_SECONDS, e) : 0;
}

/* --- files: databases, configuration, keys ---------------------------------------------------- */
/* `name`: below the state directory; `mode`: of the file there. */
static int add_file(struct backup *b, const char *from, const char *name, unsigned mode,
                    struct err *e)
{
    struct backup_tick t = {tick, b};
    char to[9000], hash[BACKUP_HASH + 1];
    uint64_t stored = 0;
    if ((size_t)snprintf(to, sizeof(to), "%s/state/%s.zst", b->dir, name) >= sizeof(to))
        return err_set(e, ERR_LIMIT, "%s: the name is too long", name);
    if (backup_make_parent(to, e) || backup_pack_file(from, to, hash, &stored, &t, e))
        return -1;
    b->copied += stored;
    json_array_append_new(b->files,
                          json_pack("{s:s, s:i, s:I, s:s}", "name", name, "mode", (int)mode,
                                    "stored", (json_int_t)stored, "sha256", hash));
    return 0;
}

static int add_database(struct backup *b, const char *name, struct arena *a,
                        struct pack_extent **packs, size_t *n, struct err *e)
{
    char copy[9000];
    snprintf(copy, sizeof(copy), "%s/snapshot.db", b->dir);
    int r = db_snapshot(cli_state_path(b->c, name), copy, e);
    if (r == 0 && packs)
        r = store_snapshot_packs(copy, a, packs, n, e);
    if (r == 0)
        r = add_file(b, copy, name, 0600, e);
    unlink(copy);
    snprintf(copy, sizeof(copy), "%s/snapshot.db-wal", b->dir);
    unlink(copy);
    snprintf(copy, sizeof(copy), "%s/snapshot.db-shm", b->dir);
    unlink(copy);
    return r;
}

/* What is not copied as a file: it has its own way, or means nothing elsewhere. */
static bool is_left_out(const char *name)
{
    static const char *const out[] = {"run/",       "packs/",       "shards/",
                                      "transfers/", "directory.db", "spool/",
                                      "reserve",    "backup.id",    "serve.log"};
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        if (strncmp(name, out[i], strlen(out[i])) == 0)
            return strcmp(name, "shards/format") != 0;
    return false;
}

static struct {
    struct backup *b;
    size_t top;
    struct err *e;
} walk; /* for nftw, which takes no argument */

static int walk_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    const char *name = path + walk.top;
    (void)at;
    if (kind != FTW_F || !S_ISREG(st->st_mode) || is_left_out(name))
        return 0;
    if (st->st_size > FILE_MAX) {
        progress_end(&walk.b->progress);
        fprintf(stderr, "carbonado: left out: %s: larger than any file of ours\n", path);
        return 0;
    }
    return add_file(walk.b, path, name, st->st_mode & 0777, walk.e);
}

static int add_files(struct backup *b, struct err *e)
{
    char *top = realpath(b->c->state_dir, NULL);
    if (!top)
        return err_errno(e, ERR_IO, "%s", b->c->state_dir);
    walk.b = b;
    walk.top = strlen(top) + 1;
    walk.e = e;
    e->code = ERR_OK;
    int r = nftw(top, walk_one, 16, FTW_PHYS);
    if (r && e->code == ERR_OK)
        err_errno(e, ERR_IO, "%s", top);
    free(top);
    return r ? -1 : 0;
}

/* The configuration of a packaged installation stands outside of the state directory. */
static int add_config(struct backup *b, struct err *e)
{
    const char *path = b->c->config.path;
    size_t n = strlen(b->c->state_dir);
    struct stat st;
    if (!path || (strncmp(path, b->c->state_dir, n) == 0 && path[n] == '/') || stat(path, &st))
        return 0;
    return add_file(b, path, "carbonado.conf", st.st_mode & 0777, e);
}

/* --- packs ------------------------------------------------------------------------------------ */
static json_t *find_before(const struct backup *b, int64_t shard, int64_t pack)
{
    size_t k;
    json_t *row;
    json_array_foreach(json_object_get(b->before, "packs"), k, row)
    {
        if (json_number(row, "shard") == shard && json_number(row, "pack") == pack)
            return row;
    }
    return NULL;
}

/* A link is the same file: only for what does not change any more. */
static bool make_link(const struct backup *b, const char *from, const char *to)
{
    return b->link && link(from, to) == 0;
}

/* Bytes `from`.. of the pack into the folder's copy, as one segment more. */
static int add_segment(struct backup *b, const char *source, const char *copy, bool sealed,
                       uint64_t from, uint64_t to, json_t *segments, struct err *e)
{
    struct backup_tick t = {tick, b};
    char hash[BACKUP_HASH + 1];
    AUTO_FD in = open(source, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return err_errno(e, ERR_IO, "%s", source);
    if (from == 0)
        unlink(copy); /* of a backup that did not end */
    bool linked = from == 0 && sealed && make_link(b, source, copy);
    AUTO_FD out = linked ? -1 : open(copy, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (!linked && (out < 0 || ftruncate(out, (off_t)from)))
        return err_errno(e, ERR_IO, "%s", copy);
    struct err why = {0};
    if (backup_copy_range(in, out, from, to, hash, &t, &why))
        return err_set(e, why.code, "%s: %s", source, why.text);
    if (!linked && fdatasync(out))
        return err_errno(e, ERR_IO, "%s", copy);
    b->copied += linked ? 0 : to - from;
    json_array_append_new(segments, json_pack("[I, I, s]", (json_int_t)from, (json_int_t)to, hash));
    return 0;
}

static int add_pack(struct backup *b, int64_t shard, const struct pack_extent *p, struct err *e)
{
    char source[8192], copy[8192];
    const json_t *old = find_before(b, shard, (int64_t)p->pack);
    uint64_t have = old ? (uint64_t)json_number(old, "length") : 0;
    snprintf(source, sizeof(source), "%s/packs/%lld/%llu.pack", b->c->state_dir, (long long)shard,
             (unsigned long long)p->pack);
    backup_pack_path(&b->set, shard, (int64_t)p->pack, copy, sizeof(copy));
    if (have > p->length)
        return err_set(e, ERR_CONFLICT, "%s is shorter than in the backup before", source);
    json_t *segments = old ? json_deep_copy(json_object_get(old, "segments")) : json_array();
    int r = 0;
    if (have < p->length)
        r = add_segment(b, source, copy, p->sealed, have, p->length, segments, e);
    json_array_append_new(b->packs, json_pack("{s:I, s:I, s:I, s:o}", "shard", (json_int_t)shard,
                                              "pack", (json_int_t)p->pack, "length",
                                              (json_int_t)p->length, "segments", segments));
    return r;
}

static int add_shard(struct backup *b, int64_t shard, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct pack_extent *packs;
    size_t n = 0;
    char name[64], dir[8192];
    snprintf(name, sizeof(name), "shards/%lld.db", (long long)shard);
    snprintf(dir, sizeof(dir), "%s/packs/%lld", b->set.dir, (long long)shard);
    if (dir_make(dir, 0700, e) || add_database(b, name, &a, &packs, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (add_pack(b, shard, &packs[i], e))
            return -1;
    return dir_sync(dir, e);
}

/* --- the whole -------------------------------------------------------------------------------- */
static int add_bytes(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)path;
    (void)at;
    if (kind == FTW_F)
        walk.b->total += (uint64_t)st->st_size;
    return 0;
}

/* What is left to copy, about: all packs and databases, less the packs that are there. */
static void estimate(struct backup *b)
{
    size_t k;
    const json_t *row;
    walk.b = b;
    nftw(cli_state_path(b->c, "packs"), add_bytes, 16, FTW_PHYS);
    json_array_foreach(json_object_get(b->before, "packs"), k, row)
    {
        uint64_t there = (uint64_t)json_number(row, "length");
        b->total -= there < b->total ? there : b->total;
    }
    nftw(cli_state_path(b->c, "shards"), add_bytes, 16, FTW_PHYS);
}

static int add_all(struct backup *b, struct err *e)
{
    char path[128];
    struct stat st;
    if (add_database(b, "directory.db", NULL, NULL, NULL, e) || add_files(b, e) || add_config(b, e))
        return -1;
    for (int64_t shard = 0;; shard++) {
        snprintf(path, sizeof(path), "shards/%lld.db", (long long)shard);
        if (stat(cli_state_path(b->c, path), &st))
            return 0;
        if (add_shard(b, shard, e))
            return -1;
    }
}

static void name_by_now(struct backup *b)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(b->name, sizeof(b->name), "%Y%m%dT%H%M%SZ", &tm);
}

static int begin(struct backup *b, struct err *e)
{
    ARENA_SCOPE a = {0};
    char id[33], **names;
    size_t n;
    if (op_open(b->c->state_dir, &b->session, e) || hold(b, HOLD_SECONDS, e) ||
        backup_identity(b->c->state_dir, id, e) || backup_set_open(&b->set, b->c->argv[0], id, e) ||
        backup_list(&b->set, &a, &names, &n, e))
        return -1;
    name_by_now(b);
    while (n && strcmp(names[n - 1], b->name) == 0) { /* a name has a second for itself */
        usleep(50 * 1000);
        name_by_now(b);
    }
    if (n && strcmp(names[n - 1], b->name) > 0)
        return err_set(e, ERR_EXISTS, "%s/%s is of a later moment: the clock?", b->set.dir,
                       names[n - 1]);
    if (n && backup_manifest_read(&b->set, names[n - 1], &b->before, e))
        return -1;
    snprintf(b->dir, sizeof(b->dir), "%s/new.partial", b->set.dir);
    return backup_remove_tree(b->dir, e) || dir_make(b->dir, 0700, e) ? -1 : 0;
}

static int finish(struct backup *b, int64_t began, struct err *e)
{
    char to[8192];
    json_t *m = json_pack("{s:i, s:s, s:I, s:I, s:O, s:O}", "format", BACKUP_FORMAT, "version",
                          CARBONADO_VERSION, "began", (json_int_t)began, "ended",
                          (json_int_t)clock_now_ms(), "files", b->files, "packs", b->packs);
    backup_path(&b->set, b->name, to, sizeof(to));
    int r = backup_manifest_write(b->dir, m, e);
    json_decref(m);
    if (r == 0 && rename(b->dir, to))
        r = err_errno(e, ERR_IO, "%s", to);
    return r ? -1 : dir_sync(b->set.dir, e);
}

static void print(struct backup *b, size_t removed)
{
    char size[32];
    if (b->c->json) {
        json_t *o = json_pack("{s:s, s:I, s:I, s:I}", "backup", b->name, "packs",
                              (json_int_t)json_array_size(b->packs), "written",
                              (json_int_t)b->copied, "removed", (json_int_t)removed);
        cli_print_json(o);
        json_decref(o);
        return;
    }
    cli_size_print((int64_t)b->copied, size, sizeof(size));
    printf("%s/%s: %zu pack%s, %s written\n", b->set.dir, b->name, json_array_size(b->packs),
           cli_plural(json_array_size(b->packs)), size);
    if (removed)
        printf("%zu older ones removed\n", removed);
}

static int make(struct cli *c, size_t keep)
{
    struct backup b = {.c = c,
                       .set.lock = -1,
                       .files = json_array(),
                       .packs = json_array(),
                       .link = cli_option(c, "--link") != NULL};
    struct err e = {0};
    size_t removed = 0;
    int64_t began = clock_now_ms();
    int r = begin(&b, &e);
    if (r == 0) {
        estimate(&b);
        progress_begin(&b.progress, "Copying", b.total);
        r = add_all(&b, &e) || finish(&b, began, &e);
        progress_end(&b.progress);
    }
    if (r == 0 && keep)
        r = backup_prune(&b.set, keep, &removed, &e);
    if (r == 0)
        print(&b, removed);
    if (b.session)
        hold(&b, 0, &(struct err){0});
    op_close(b.session);
    backup_set_close(&b.set);
    json_decref(b.files);
    json_decref(b.packs);
    json_decref(b.before);
    return r ? cli_fail(c, &e) : CLI_OK;
}

/* --- what there is ---------------------------------------------------------------------------- */
static int check_files(const struct backup_set *s, const char *name, const json_t *m, struct err *e)
{
    size_t k;
    const json_t *row;
    char path[9000];
    json_array_foreach(json_object_get(m, "files"), k, row)
    {
        snprintf(path, sizeof(path), "%s/%s/state/%s.zst", s->dir, name, json_text(row, "name"));
        if (backup_unpack_file(path, NULL, json_text(row, "sha256"), NULL, e))
            return -1;
    }
    return 0;
}

static int list_one(const struct backup_set *s, const char *name, bool check, json_t *rows,
                    struct err *e)
{
    json_t *m, *row;
    size_t k;
    int64_t bytes = 0;
    if (backup_manifest_read(s, name, &m, e))
        return -1;
    int r = check ? check_files(s, name, m, e) : 0;
    json_array_foreach(json_object_get(m, "packs"), k, row)
    {
        bytes += json_number(row, "length");
        if (check && r == 0)
            r = backup_take_pack(s, row, NULL, NULL, e);
    }
    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:I, s:I}", "backup", name, "version", json_text(m, "version"),
                        "began", (json_int_t)json_number(m, "began"), "bytes", (json_int_t)bytes));
    json_decref(m);
    return r;
}

static int show(struct cli *c, bool check)
{
    ARENA_SCOPE a = {0};
    struct backup_set s = {.lock = -1};
    struct err e = {0};
    char **names, size[32];
    size_t n = 0, k;
    json_t *rows = json_array(), *row;
    int r = backup_set_open(&s, c->argv[0], NULL, &e) || backup_list(&s, &a, &names, &n, &e);
    for (size_t i = 0; i < n && r == 0; i++)
        r = list_one(&s, names[i], check, rows, &e);
    backup_set_close(&s);
    if (c->json && r == 0)
        cli_print_json(rows);
    json_array_foreach(c->json ? NULL : rows, k, row)
    {
        cli_size_print(json_number(row, "bytes"), size, sizeof(size));
        printf("%s  %10s of mail%s\n", json_text(row, "backup"), size,
               check && (r == 0 || k + 1 < json_array_size(rows)) ? "  sound" : "");
    }
    json_decref(rows);
    return r ? cli_fail(c, &e) : CLI_OK;
}

static int run(struct cli *c)
{
    const char *keep = cli_option(c, "--keep");
    uint64_t n = 0;
    if (keep && (slice_u64(slice_str(keep), &n) || n == 0))
        return cli_usage(c, "--keep is a number, at least 1");
    if (cli_option(c, "--list") || cli_option(c, "--check"))
        return show(c, cli_option(c, "--check") != NULL);
    return make(c, (size_t)n);
}

static const struct cli_option options[] = {
    {"--keep", "N", "Afterwards remove all but the newest N backups"},
    {"--link", NULL, "Sealed packs as links to the store's own files, where DIR is on its disk"},
    {"--list", NULL, "Make none: print what is in DIR"},
    {"--check", NULL, "Make none: read all that is in DIR and compare it with its hashes"},
    {0},
};

const struct cli_command cmd_backup = {
    .name = "backup",
    .args = "DIR",
    .summary = "Copy mail, accounts, configuration and keys into a folder",
    .help = "The server may run. The first backup into DIR copies everything; later ones copy the\n"
            "databases and what has been added to the mail since. Each can be restored by itself.\n"
            "DIR holds keys and mail: keep it as safe as the server.",
    .options = options,
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
