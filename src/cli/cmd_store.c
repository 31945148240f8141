/* cmd_store.c - carbonado store check, store stats. */
#include <ftw.h>
#include <sys/statvfs.h>

#include "base/fd.h"
#include "cli/ask.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "node/state.h"
#include "store/check.h"

/* Of the directory, whether used or not. */
static int sum_accounts(struct cli *c, int64_t *accounts, int64_t *messages, int64_t *bytes,
                        struct err *e)
{
    struct op_session *s = NULL;
    bool more = true;
    json_t *args = json_object();
    int r = op_open(c->state_dir, &s, e);
    while (r == 0 && more) {
        json_t *page = NULL;
        r = op_call(s, "quota.list", args, SNONE, &page, NULL, e);
        const json_t *rows = r ? NULL : json_object_get(page, "accounts"), *row = NULL;
        size_t i;
        json_array_foreach(rows, i, row)
        {
            ++*accounts;
            *messages += json_number(row, "messages");
            *bytes += json_number(row, "bytes");
        }
        size_t n = json_array_size(rows);
        more = n && json_is_true(json_object_get(page, "more"));
        if (more)
            json_object_set_new(args, "after",
                                json_string(json_text(json_array_get(rows, n - 1), "address")));
        json_decref(page);
    }
    op_close(s);
    json_decref(args);
    return r;
}

/* --- check --------------------------------------------------------------------------------------
 */

struct checking {
    struct progress progress;
    json_t *lines; /* with --json */
};

static void say(void *arg, const char *line)
{
    struct checking *k = arg;
    progress_end(&k->progress);
    if (k->lines)
        json_array_append_new(k->lines, op_json_text(slice_str(line)));
    else
        puts(line);
}

static void progress(void *arg, unsigned per_mille)
{
    struct checking *k = arg;
    progress_show(&k->progress, per_mille, 0);
}

static void print_report(const struct store_check_report *r, json_t *lines)
{
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accounts",
                          (json_int_t)r->accounts, "collections", (json_int_t)r->collections,
                          "entries", (json_int_t)r->entries, "items", (json_int_t)r->items, "blobs",
                          (json_int_t)r->blobs, "packs", (json_int_t)r->packs, "bytes",
                          (json_int_t)r->bytes, "problems", (json_int_t)r->problems, "repaired",
                          (json_int_t)r->repaired, "lost", (json_int_t)r->lost);
    json_object_set(o, "findings", lines);
    cli_print_json(o);
    json_decref(o);
}

/* The store knows an account from its first use on; the directory knows them all. */
static void count_accounts(struct cli *c, struct store_check_report *r)
{
    int64_t accounts = 0, messages = 0, bytes = 0;
    if (sum_accounts(c, &accounts, &messages, &bytes, NULL) == 0 &&
        (uint64_t)accounts > r->accounts)
        r->accounts = (uint64_t)accounts;
}

static int check(struct cli *c)
{
    struct checking k = {.lines = c->json ? json_array() : NULL};
    struct store_check_report report = {0};
    struct err e = {0};
    bool repair = cli_option(c, "--repair");
    int lock = -1;
    if (state_lock(c->state_dir, &lock, &e)) {
        json_decref(k.lines);
        if (e.code == ERR_BUSY)
            fprintf(stderr, "carbonado: the server must not run during the check\n");
        return cli_fail(c, &e);
    }
    progress_begin(&k.progress, "Checking", 1000);
    int r = store_check(c->state_dir, repair, say, progress, &k, &report, &e);
    progress_end(&k.progress);
    fd_closep(&lock);
    uint64_t left = report.problems > report.repaired ? report.problems - report.repaired : 0;
    if (r == 0 && !left)
        count_accounts(c, &report);
    if (c->json && r == 0)
        print_report(&report, k.lines);
    json_decref(k.lines);
    if (r)
        return cli_fail(c, &e);
    if (!c->json)
        printf("%llu account%s, %llu message%s, %llu pack%s: %llu problem%s, %llu repaired, "
               "%llu message%s lost\n",
               (unsigned long long)report.accounts, cli_plural(report.accounts),
               (unsigned long long)report.items, cli_plural(report.items),
               (unsigned long long)report.packs, cli_plural(report.packs),
               (unsigned long long)report.problems, cli_plural(report.problems),
               (unsigned long long)report.repaired, (unsigned long long)report.lost,
               cli_plural(report.lost));
    return left ? CLI_FAILED : CLI_OK;
}

static const struct cli_option check_options[] = {
    {"--repair", NULL, "Mend what can be mended; what is lost is named"},
    {0},
};

const struct cli_command cmd_store_check = {
    .name = "store check",
    .args = "",
    .summary = "Read all mail and say what is damaged",
    .help = "The server must not run. The exit status is 1 when problems remain.",
    .options = check_options,
    .flags = CLI_STATE | CLI_JSON,
    .run = check,
};

/* --- stats --------------------------------------------------------------------------------------
 */

static uint64_t files, file_bytes;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)path;
    (void)f;
    if (type == FTW_F) {
        files++;
        file_bytes += (uint64_t)st->st_blocks * 512;
    }
    return 0;
}

/* What a folder of the state directory takes on the disk. */
static uint64_t size_of(struct cli *c, const char *name)
{
    files = file_bytes = 0;
    nftw(cli_state_path(c, name), count_file, 16, FTW_PHYS);
    return file_bytes;
}

static int stats(struct cli *c)
{
    int64_t accounts = 0, messages = 0, bytes = 0;
    struct statvfs disk = {0};
    struct err e = {0};
    if (sum_accounts(c, &accounts, &messages, &bytes, &e))
        return cli_fail(c, &e);
    uint64_t packs = size_of(c, "packs"), shards = size_of(c, "shards");
    statvfs(c->state_dir, &disk);
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (c->json) {
        json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "accounts", (json_int_t)accounts,
                              "messages", (json_int_t)messages, "bytes", (json_int_t)bytes,
                              "pack_bytes", (json_int_t)packs, "database_bytes", (json_int_t)shards,
                              "free_bytes", (json_int_t)free_bytes);
        cli_print_json(o);
        json_decref(o);
        return CLI_OK;
    }
    char text[4][32];
    const int64_t sizes[4] = {bytes, (int64_t)packs, (int64_t)shards, (int64_t)free_bytes};
    for (int i = 0; i < 4; i++)
        cli_size_print(sizes[i], text[i], sizeof(text[i]));
    printf("accounts   %lld\nmessages   %lld\nmail       %s\npacks      %s on disk\n"
           "databases  %s on disk\nfree       %s\n",
           (long long)accounts, (long long)messages, text[0], text[1], text[2], text[3]);
    return CLI_OK;
}

const struct cli_command cmd_store_stats = {
    .name = "store stats",
    .args = "",
    .summary = "Print how much mail there is and what it takes on the disk",
    .flags = CLI_STATE | CLI_JSON,
    .run = stats,
};
