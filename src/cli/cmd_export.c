/* cmd_export.c - carbonado export: an account's mail into a Maildir (Maildir++) or mbox files. The
   journal says how far it came; given again, it goes on there. */
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/ask.h"
#include "cli/journal.h"
#include "cli/progress.h"
#include "cli/transfer.h"

struct export
{
    struct op_session *session;
    struct sink *sink;
    const char *only;
    int64_t at; /* ms; 0: now */
    struct journal journal;
    struct progress progress;
    const char *address;
    uint64_t count, lost, total;
    struct slice from_mailbox; /* earlier ones are done */
    uint64_t from_uid, from_offset;
};

static void complain(struct export *x, const char *mailbox, const json_t *row)
{
    progress_end(&x->progress);
    fprintf(stderr, "carbonado: lost: %s uid %lld: %s\n", mailbox,
            (long long)json_number(row, "uid"), json_text(row, "lost"));
    x->lost++;
}

/* One batch of messages; *uid is the last. */
static int put_batch(struct export *x, const char *mailbox, const json_t *answer,
                     struct slice payload, uint64_t *uid, struct err *e)
{
    size_t k;
    json_t *row;
    json_array_foreach(json_object_get(answer, "messages"), k, row)
    {
        size_t size = (size_t)json_number(row, "size");
        if (json_text(row, "lost")[0]) {
            complain(x, mailbox, row);
        } else if (x->sink->put(x->sink, row, slice_sub(payload, 0, size), e)) {
            return -1;
        } else {
            x->count++;
        }
        payload = slice_from(payload, size);
        *uid = (uint64_t)json_number(row, "uid");
    }
    return 0;
}

/* Position: "UID OFFSET MAILBOX". */
static int note(struct export *x, const char *mailbox, uint64_t uid, struct err *e)
{
    BUF_SCOPE position = {0};
    uint64_t offset = 0;
    if (x->sink->sync(x->sink, &offset, e))
        return -1;
    buf_addf(&position, "%llu %llu %s", (unsigned long long)uid, (unsigned long long)offset,
             mailbox);
    return journal_done(&x->journal, x->count, x->lost, buf_slice(&position), e);
}

static int export_mailbox(struct export *x, const json_t *row, struct err *e)
{
    const char *mailbox = json_text(row, "path");
    bool going_on = slice_eq(slice_str(mailbox), x->from_mailbox);
    uint64_t uid = going_on ? x->from_uid : 0;
    bool more = true;
    if (x->sink->open(x->sink, row, going_on ? x->from_offset : 0, e))
        return -1;
    while (more) {
        BUF_SCOPE payload = {.max = (size_t)1 << 30};
        json_t *answer = NULL,
               *args = json_pack("{s:s, s:s, s:I, s:I}", "address", x->address, "mailbox", mailbox,
                                 "after", (json_int_t)uid, "at", (json_int_t)x->at);
        int r = op_call(x->session, "message.export", args, SNONE, &answer, &payload, e);
        json_decref(args);
        if (r == 0)
            r = put_batch(x, mailbox, answer, buf_slice(&payload), &uid, e);
        more = r == 0 && json_is_true(json_object_get(answer, "more"));
        json_decref(answer);
        if (r || note(x, mailbox, uid, e))
            return -1;
        progress_show(&x->progress, x->count, x->count);
    }
    return 0;
}

static bool is_wanted(const struct export *x, const json_t *row)
{
    struct slice path = slice_str(json_text(row, "path"));
    if (!json_is_true(json_object_get(row, "selectable")))
        return false;
    if (!x->only)
        return true;
    struct slice want = slice_str(x->only);
    return slice_eq(path, want) ||
           (slice_starts(path, want) && path.n > want.n && path.p[want.n] == '/');
}

static int by_path(const void *a, const void *b)
{
    return strcmp(json_text(*(json_t *const *)a, "path"), json_text(*(json_t *const *)b, "path"));
}

/* In the order of the bytes of their paths, which is the order of the journal. */
static int export_all(struct export *x, struct err *e)
{
    json_t *answer = NULL,
           *args = json_pack("{s:s, s:I}", "address", x->address, "at", (json_int_t)x->at);
    int r = op_call(x->session, "mailbox.list", args, SNONE, &answer, NULL, e);
    const json_t *rows = json_object_get(answer, "mailboxes");
    size_t n = 0, all = json_array_size(rows);
    json_t **wanted = calloc(all + 1, sizeof(json_t *));
    BUG_IF(!wanted);
    for (size_t k = 0; k < all; k++) {
        json_t *row = json_array_get(rows, k);
        if (!is_wanted(x, row))
            continue;
        wanted[n++] = row;
        x->total += (uint64_t)json_number(row, "messages");
    }
    qsort(wanted, n, sizeof(json_t *), by_path);
    progress_begin(&x->progress, "Exporting", x->total);
    x->progress.before = x->count;
    if (r == 0 && !n && x->only)
        r = err_set(e, ERR_NOTFOUND, "no such mailbox: %s", x->only);
    for (size_t k = 0; k < n && r == 0; k++)
        if (slice_cmp(slice_str(json_text(wanted[k], "path")), x->from_mailbox) >= 0)
            r = export_mailbox(x, wanted[k], e);
    progress_end(&x->progress);
    free(wanted);
    json_decref(args);
    json_decref(answer);
    return r;
}

int transfer_export(struct op_session *s, const char *address, const char *only, int64_t at,
                    struct sink *sink, struct transfer_count *ret, struct err *e)
{
    struct export x = {
        .session = s, .sink = sink, .address = address, .only = only, .at = at, .journal.fd = -1};
    int r = export_all(&x, e);
    *ret = (struct transfer_count){x.count, x.lost};
    return r;
}

/* FOLDER is "-": to standard output, which is for the messages alone. */
static int to_stdout(struct cli *c)
{
    struct op_session *s = NULL;
    struct sink *sink = NULL;
    struct transfer_count n = {0};
    struct err e = {0};
    int r = sink_stream(STDOUT_FILENO, &sink, &e) || op_open(c->state_dir, &s, &e) ||
            transfer_export(s, c->argv[0], cli_option(c, "--mailbox"), 0, sink, &n, &e) ||
            sink_stream_end(sink, &e);
    op_close(s);
    sink->close(sink);
    if (r)
        return cli_fail(c, &e);
    fprintf(stderr, "%llu message%s exported, %llu lost\n", (unsigned long long)n.done,
            cli_plural(n.done), (unsigned long long)n.failed);
    return n.failed ? CLI_FAILED : CLI_OK;
}

static int open_all(struct export *x, struct cli *c, struct err *e)
{
    const char *format = cli_option(c, "--format"), *only = x->only;
    bool mbox = format && strcmp(format, "mbox") == 0;
    if (format && !mbox && strcmp(format, "maildir"))
        return err_set(e, ERR_SYNTAX, "--format is maildir or mbox");
    if (dir_make(c->argv[1], 0700, e))
        return -1;
    char *path = realpath(c->argv[1], NULL);
    if (!path)
        return err_errno(e, ERR_IO, "%s", c->argv[1]);
    struct slice task = arena_printf(&c->arena, "export %s of %s to %s as %s", only ? only : "all",
                                     x->address, path, mbox ? "mbox" : "maildir");
    int r = journal_open(&x->journal, c->state_dir, task, cli_option(c, "--restart"), e) ||
            (mbox ? sink_mbox : sink_maildir)(path, &x->sink, e) ||
            op_open(c->state_dir, &x->session, e);
    free(path);
    if (r || !x->journal.found)
        return r ? -1 : 0;
    struct slice from = buf_slice(&x->journal.position);
    slice_u64(slice_cut(&from, ' '), &x->from_uid);
    slice_u64(slice_cut(&from, ' '), &x->from_offset);
    x->from_mailbox = from;
    x->count = x->journal.count;
    x->lost = x->journal.failed;
    return 0;
}

static int run(struct cli *c)
{
    struct export x = {.address = c->argv[0], .only = cli_option(c, "--mailbox"), .journal.fd = -1};
    struct err e = {0};
    if (strcmp(c->argv[1], "-") == 0)
        return to_stdout(c);
    int r = open_all(&x, c, &e) || export_all(&x, &e);
    if (r == 0)
        journal_finish(&x.journal);
    op_close(x.session);
    if (x.sink)
        x.sink->close(x.sink);
    journal_close(&x.journal);
    if (r)
        return cli_fail(c, &e);
    if (c->json)
        printf("{\"exported\": %llu, \"lost\": %llu}\n", (unsigned long long)x.count,
               (unsigned long long)x.lost);
    else
        printf("%llu message%s exported, %llu lost\n", (unsigned long long)x.count,
               cli_plural(x.count), (unsigned long long)x.lost);
    return x.lost ? CLI_FAILED : CLI_OK;
}

static const struct cli_option options[] = {
    {"--format", "maildir|mbox", "What is written (default: maildir)"},
    {"--mailbox", "PATH", "This mailbox and those under it only"},
    {"--restart", NULL, "Forget how far an earlier export of the same came"},
    {0},
};

const struct cli_command cmd_export = {
    .name = "export",
    .args = "ADDRESS FOLDER",
    .summary = "Write an account's mail into a Maildir or mbox files, with flags and dates",
    .help = "FOLDER \"-\" writes a stream to standard output, for import on another machine.\n"
            "A Maildir has the bytes of each message as they are; in mbox files line ends are LF\n"
            "and From lines quoted (mboxrd). After an interruption the same command goes on.\n"
            "Messages whose bytes are lost are named, and the exit status is 1.",
    .options = options,
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
