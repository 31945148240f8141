/* cmd_restore.c - carbonado restore: a whole installation out of a backup, or the mail of one
   account or mailbox into the installation that runs. For the latter a child has the backup open as
   a store that nobody writes (databases unpacked, packs by symbolic link) and exports; we import.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/setting.h"
#include "cli/ask.h"
#include "cli/backup.h"
#include "cli/output.h"
#include "cli/owner.h"
#include "cli/progress.h"
#include "cli/transfer.h"
#include "db/db.h"
#include "node/state.h"
#include "store/store.h"

SETTING_DECLARE(store, message_max);
SETTING_DECLARE(store, retention);

struct restore {
    struct cli *c;
    struct backup_set set;
    char name[BACKUP_NAME + 1];
    json_t *manifest;
    int64_t at; /* ms: read out of the log; 0: as the backup has it */
    struct progress progress;
    uint64_t done;
};

static int tick(void *arg, uint64_t bytes, struct err *e)
{
    struct restore *r = arg;
    (void)e;
    r->done += bytes;
    progress_bytes(&r->progress, r->done);
    return 0;
}

/* "2026-11-22 14:15" as the beginning of a backup's name, 20261122T1415, and the last millisecond
   that is meant by it. */
static int parse_moment(const char *text, char ret[BACKUP_NAME + 1], int64_t *ret_ms, struct err *e)
{
    static const unsigned char at[] = {0, 4, 6, 9, 11, 13}, width[] = {4, 2, 2, 2, 2, 2};
    int v[6] = {0, 0, 0, 23, 59, 59};
    size_t n = 0;
    for (const char *p = text; *p && n < BACKUP_NAME - 1; p++) {
        if (!ascii_digit(*p))
            continue;
        if (n == 8)
            ret[n++] = 'T';
        ret[n++] = *p;
    }
    ret[n] = '\0';
    *ret_ms = 0;
    if (n == 0 && !text[0])
        return 0;
    if (n != 8 && n != 13 && n != 15)
        return err_set(e, ERR_SYNTAX,
                       "--at is a date, or a date and time, in UTC: \"2026-11-22 14:15\"");
    for (size_t i = 0; i < 6 && at[i] < n; i++) {
        uint32_t number = 0;
        slice_u32(slice_of(ret + at[i], width[i]), &number);
        v[i] = (int)number;
    }
    struct tm tm = {v[5], v[4], v[3], v[2], v[1] - 1, v[0] - 1900};
    *ret_ms = (int64_t)timegm(&tm) * 1000 + 999;
    return 0;
}

/* For one account: the first backup after the moment still has the log that leads back to it. */
static int choose_later(struct restore *r, const char *moment, struct err *e)
{
    ARENA_SCOPE a = {0};
    char **names;
    size_t n, i = 0;
    json_t *m;
    if (backup_list(&r->set, &a, &names, &n, e))
        return -1;
    while (i < n && strncmp(names[i], moment, strlen(moment)) <= 0)
        i++;
    if (i == n || backup_manifest_read(&r->set, names[i], &m, e))
        return i == n ? 0 : -1;
    if (json_number(m, "began") - r->at < setting_get(&set_store_retention)) {
        snprintf(r->name, sizeof(r->name), "%s", names[i]);
        r->manifest = json_incref(m);
    }
    json_decref(m);
    return 0;
}

static int choose(struct restore *r, bool one, struct err *e)
{
    const char *at = cli_option(r->c, "--at");
    char moment[BACKUP_NAME + 1];
    if (parse_moment(at ? at : "", moment, &r->at, e))
        return -1;
    if (!r->c->argc)
        return 0;
    if (backup_set_open(&r->set, r->c->argv[0], NULL, e) ||
        (one && at && choose_later(r, moment, e)))
        return -1;
    if (r->manifest)
        return 0;
    r->at = 0;
    return backup_find(&r->set, moment, r->name, e) ||
                   backup_manifest_read(&r->set, r->name, &r->manifest, e)
               ? -1
               : 0;
}

/* A name out of the manifest stays below the directory. */
static int check_name(const char *name, struct err *e)
{
    if (name[0] == '/' || !name[0] || strstr(name, ".."))
        return err_set(e, ERR_CORRUPT, "the manifest names a file \"%s\"", name);
    return 0;
}

static int take_files(struct restore *r, const char *dir, struct err *e)
{
    struct backup_tick t = {tick, r};
    char from[9000], to[9000];
    size_t k;
    const json_t *row;
    json_array_foreach(json_object_get(r->manifest, "files"), k, row)
    {
        const char *name = json_text(row, "name");
        snprintf(from, sizeof(from), "%s/%s/state/%s.zst", r->set.dir, r->name, name);
        snprintf(to, sizeof(to), "%s/%s", dir, name);
        if (check_name(name, e) || backup_make_parent(to, e) ||
            backup_unpack_file(from, to, json_text(row, "sha256"), &t, e))
            return -1;
        if (chmod(to, (mode_t)json_number(row, "mode") & 0777))
            return err_errno(e, ERR_IO, "%s", to);
    }
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */
static int take_packs(struct restore *r, const char *dir, struct err *e)
{
    struct backup_tick t = {tick, r};
    char to[8192];
    size_t k;
    const json_t *row;
    json_array_foreach(json_object_get(r->manifest, "packs"), k, row)
    {
        snprintf(to, sizeof(to), "%s/packs/%lld/%lld.pack", dir,
                 (long long)json_number(row, "shard"), (long long)json_number(row, "pack"));
        if (backup_make_parent(to, e) || backup_take_pack(&r->set, row, to, &t, e))
            return -1;
    }
    return 0;
}

/* Nothing that somebody may want is in the way; what an interrupted restore left goes. */
static int make_room(const char *dir, struct err *e)
{
    static const char *const parts[] = {"shards", "packs", "directory.db", "carbonado.conf"};
    char path[8192];
    snprintf(path, sizeof(path), "%s/" STATE_RESTORING, dir);
    bool again = access(path, F_OK) == 0;
    if (dir_make(dir, 0750, e))
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char part[8192];
        snprintf(part, sizeof(part), "%s/%s", dir, parts[i]);
        if (!again && access(part, F_OK) == 0)
            return err_set(e, ERR_EXISTS,
                           "%s has an installation: move it away, or give another --state", dir);
        if (again && backup_remove_tree(part, e))
            return -1;
    }
    return file_replace(path, S("\n"), 0600, e);
}

static uint64_t whole_size(const struct restore *r)
{
    uint64_t n = 0;
    size_t k;
    const json_t *row;
    json_array_foreach(json_object_get(r->manifest, "packs"), k, row) n +=
        (uint64_t)json_number(row, "length");
    return n;
}

static int take_whole(struct restore *r, struct err *e)
{
    const char *dir = r->c->state_dir;
    if (make_room(dir, e))
        return -1;
    progress_begin(&r->progress, "Restoring", whole_size(r));
    int bad = take_packs(r, dir, e) || take_files(r, dir, e);
    progress_end(&r->progress);
    if (bad || owner_give(cli_option(r->c, "--owner"), dir, e))
        return -1;
    sync();
    if (unlink(cli_state_path(r->c, STATE_RESTORING)))
        return err_errno(e, ERR_IO, "%s", dir);
    return dir_sync(dir, e);
}

static int whole(struct restore *r, struct err *e)
{
    int lock = -1;
    if (dir_make(r->c->state_dir, 0750, e) || state_lock(r->c->state_dir, &lock, e))
        return -1;
    int bad = take_whole(r, e);
    fd_closep(&lock);
    if (bad)
        return -1;
    if (r->c->json)
        printf("{\"backup\": \"%s\", \"state\": \"%s\"}\n", r->name, r->c->state_dir);
    else
        printf("Restored %s into %s\nNext: carbonado store check, carbonado serve\n", r->name,
               r->c->state_dir);
    return 0;
}

/* --- an account --------------------------------------------------------------------------------
 */
static int link_packs(const struct restore *r, const char *dir, struct err *e)
{
    char from[8192], to[8192];
    size_t k;
    const json_t *row;
    json_array_foreach(json_object_get(r->manifest, "packs"), k, row)
    {
        int64_t shard = json_number(row, "shard"), pack = json_number(row, "pack");
        backup_pack_path(&r->set, shard, pack, from, sizeof(from));
        snprintf(to, sizeof(to), "%s/packs/%lld/%lld.pack", dir, (long long)shard, (long long)pack);
        if (backup_make_parent(to, e))
            return -1;
        if (symlink(from, to))
            return err_errno(e, ERR_IO, "%s", to);
    }
    return 0;
}

static void quietly(const char *module, int version)
{
    (void)module;
    (void)version;
}

/* A backup of an older release: the copy's tables become this one's. */
static int upgrade_copy(const char *dir, struct err *e)
{
    db_on_upgrade(quietly);
    return store_upgrade(dir, e);
}

/* dir: the copy; NULL: the installation itself, whose server runs.
   In the child: what it has to say goes to standard error, its status says whether it went well. */
static int export_copy(const struct restore *r, const char *dir, int fd)
{
    struct op_session *s = NULL;
    struct sink *sink = NULL;
    struct transfer_count n = {0};
    struct err e = {0};
    int bad = sink_stream(fd, &sink, &e) || (dir && upgrade_copy(dir, &e)) ||
              (dir ? op_open_copy(dir, &s, &e) : op_open(r->c->state_dir, &s, &e)) ||
              transfer_export(s, cli_option(r->c, "--account"), cli_option(r->c, "--mailbox"),
                              r->at, sink, &n, &e) ||
              sink_stream_end(sink, &e);
    op_close(s);
    sink->close(sink);
    if (bad)
        fprintf(stderr, "carbonado: %s%s\n", dir ? "in the backup: " : "", e.text);
    return bad ? CLI_FAILED : n.failed ? CLI_TEMPORARY : CLI_OK;
}

static int import_copy(struct restore *r, int fd, const char *to, const char *into,
                       struct transfer_count *n, struct err *e)
{
    struct source *source;
    struct op_session *s = NULL;
    if (source_stream(fd, (size_t)setting_get(&set_store_message_max), &source, e))
        return -1;
    int bad = op_open(r->c->state_dir, &s, e) || transfer_import(s, to, into, false, source, n, e);
    op_close(s);
    source->close(source);
    return bad ? -1 : 0;
}

/* What the child failed with was said by it; that the stream broke off follows from it. */
static int pass(struct restore *r, const char *dir, const char *to, const char *into,
                struct transfer_count *n, bool *ret_lost, struct err *e)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC))
        return err_errno(e, ERR_IO, "pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        r->progress.on = false;
        _exit(export_copy(r, dir, ends[1]));
    }
    close(ends[1]);
    int bad = pid < 0 ? err_errno(e, ERR_IO, "fork") : import_copy(r, ends[0], to, into, n, e);
    close(ends[0]);
    if (bad && e->code != ERR_CORRUPT && pid > 0)
        kill(pid, SIGTERM); /* nobody reads what it writes */
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    *ret_lost = WIFEXITED(status) && WEXITSTATUS(status) == CLI_TEMPORARY;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CLI_FAILED)
        return err_set(e, ERR_CORRUPT, "it could not be read to its end");
    return bad;
}

/* A directory that is a copy of the backup's, mail by link. */
static int make_copy(const struct restore *r, char *dir, size_t n, struct err *e)
{
    snprintf(dir, n, "%s/restore.XXXXXX", r->c->state_dir);
    if (!mkdtemp(dir))
        return err_errno(e, ERR_IO, "%s", dir);
    return 0;
}

static void print_account(struct restore *r, const struct transfer_count *n, const char *into)
{
    const char *from = r->c->argc ? r->name : "the log";
    if (r->c->json)
        printf("{\"backup\": \"%s\", \"restored\": %llu, \"left_out\": %llu}\n",
               r->c->argc ? r->name : "", (unsigned long long)n->done,
               (unsigned long long)n->failed);
    else
        printf("%llu message%s restored from %s%s%s, %llu left out\n", (unsigned long long)n->done,
               cli_plural(n->done), from, into[0] ? " under " : "", into,
               (unsigned long long)n->failed);
}

static void default_into(const struct restore *r, char *out, size_t n)
{
    struct tm tm;
    time_t at = (time_t)((r->at ? r->at : json_number(r->manifest, "began")) / 1000);
    gmtime_r(&at, &tm);
    strftime(out, n, "Restored %Y-%m-%d", &tm);
}

static int account(struct restore *r, struct err *e)
{
    const char *from = cli_option(r->c, "--account"), *to = cli_option(r->c, "--to");
    const char *into = cli_option(r->c, "--into");
    struct transfer_count n = {0};
    bool lost = false;
    char dir[4096] = "", own[64];
    if (!into) {
        default_into(r, own, sizeof(own));
        into = own;
    }
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    int bad = r->c->argc &&
              (make_copy(r, dir, sizeof(dir), e) || take_files(r, dir, e) || link_packs(r, dir, e));
    if (!bad)
        bad = pass(r, dir[0] ? dir : NULL, to ? to : from, into[0] ? into : NULL, &n, &lost, e);
    if (dir[0])
        backup_remove_tree(dir, NULL);
    if (bad)
        return -1;
    print_account(r, &n, into);
    return n.failed || lost ? err_set(e, ERR_CORRUPT, "some messages could not be restored") : 0;
}

/* Without a backup: the server's own log, which needs the server for both ends of the pipe. */
static int check_live(struct cli *c, struct err *e)
{
    struct op_session *s = NULL;
    if (op_open(c->state_dir, &s, e))
        return -1;
    bool runs = op_has_server(s);
    op_close(s);
    return runs ? 0 : err_set(e, ERR_UNSUPPORTED, "without DIR the server has to run");
}

static int run(struct cli *c)
{
    struct restore r = {.c = c, .set.lock = -1};
    struct err e = {0};
    bool one = cli_option(c, "--account") != NULL;
    if (!one && (cli_option(c, "--mailbox") || cli_option(c, "--into") || cli_option(c, "--to")))
        return cli_usage(c, "--mailbox, --into and --to go with --account");
    if (!c->argc && (!one || !cli_option(c, "--at")))
        return cli_usage(c, "without DIR, --account and --at say what is to come back");
    if (one && cli_check_owner(c))
        return CLI_NOT_PERMITTED;
    if (one && config_load(&c->config, true, NULL, NULL, NULL, &e))
        return cli_fail(c, &e);
    int bad =
        choose(&r, one, &e) || (!c->argc && check_live(c, &e)) || (one ? account : whole)(&r, &e);
    backup_set_close(&r.set);
    json_decref(r.manifest);
    return bad ? cli_fail(c, &e) : CLI_OK;
}

static const struct cli_option options[] = {
    {"--at", "TIME",
     "The last backup of this time (UTC) or before; with --account: the mail as it\n"
     "was then, also between two backups (default: the last backup)"},
    {"--account", "ADDRESS", "The mail of this account, into the installation that is there"},
    {"--mailbox", "PATH", "With --account: this mailbox and those under it only"},
    {"--into", "MAILBOX",
     "With --account: put it under this mailbox; \"\": where it was\n"
     "(default: \"Restored DATE\")"},
    {"--to", "ADDRESS", "With --account: give it to another account"},
    {"--owner", "USER", "As root: who shall own the installation (default: carbonado)"},
    {0},
};

const struct cli_command cmd_restore = {
    .name = "restore",
    .args = "[DIR]",
    .summary = "Bring back an installation, an account or a mailbox from a backup",
    .help = "Without --account everything is restored into the state directory, in which nothing\n"
            "may be yet. With it the server may run, and nothing that is there is changed: the\n"
            "messages come beside. Every byte is compared with the hashes of the backup. Without\n"
            "DIR the mail of an account comes back as it was --at a time within store.retention.",
    .options = options,
    .flags = CLI_NOCONFIG | CLI_JSON,
    .run = run,
};
