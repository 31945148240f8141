/* cmd_import.c - carbonado import: messages of a Maildir or of mbox files into an account, in
   batches, with a journal: given again, after an interruption or because the source has grown, it
   goes on behind what it has taken, and no message is there twice. The journal stays: a command
   that was killed after its last batch cannot know that it was seen to end. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/setting.h"
#include "cli/ask.h"
#include "cli/journal.h"
#include "cli/progress.h"
#include "cli/transfer.h"

SETTING_DECLARE(store, message_max);

enum { BATCH_MESSAGES = 500, BATCH_BYTES = 8 << 20 };

struct import {
    struct op_session *session;
    struct source *source;
    struct journal journal;
    struct progress progress;
    const char *address, *into;
    bool quota, mbox, folder; /* mbox: one file, or a folder of them */
    uint64_t count, failed;
    /* the batch that is being filled */
    struct buf mailbox, payload, position, names;
    json_t *rows;
    bool doubtful;      /* the journal does not say whether the first batch was done */
    uint64_t doubt_uid; /* then: it has uids from here on */
    uint64_t uidnext;   /* of the mailbox, as last heard; 0: not asked yet */
};

static void reset_batch(struct import *i)
{
    json_array_clear(i->rows);
    buf_reset(&i->payload);
    buf_reset(&i->names);
    buf_reset(&i->position);
}

static void complain(struct import *i, const char *name, const char *text)
{
    progress_end(&i->progress);
    fprintf(stderr, "carbonado: left out: %s: %s\n", name, text);
    i->failed++;
}

/* The n-th of the names, which are separated by NUL. */
static const char *name_of(const struct import *i, size_t n)
{
    const char *p = i->names.p;
    while (n--)
        p += strlen(p) + 1;
    return p;
}

static void note_failed(struct import *i, const json_t *failed)
{
    size_t n;
    const json_t *row;
    json_array_foreach(failed, n, row)
        complain(i, name_of(i, (size_t)json_number(row, "index")), json_text(row, "text"));
}

static int ask_uidnext(struct import *i, struct err *e)
{
    json_t *answer = NULL, *args = json_pack("{s:s, s:s%}", "address", i->address, "mailbox",
                                             i->mailbox.p, i->mailbox.n);
    int r = op_call(i->session, "mailbox.open", args, SNONE, &answer, NULL, e);
    if (r == 0)
        i->uidnext = (uint64_t)json_number(answer, "uidnext");
    json_decref(args);
    json_decref(answer);
    return r;
}

/* The mailbox cannot be: none of these messages has a place. */
static void refuse_batch(struct import *i, const char *text)
{
    for (size_t n = 0; n < json_array_size(i->rows); n++)
        complain(i, name_of(i, n), text);
}

static int import_batch(struct import *i, struct err *e)
{
    size_t n = json_array_size(i->rows);
    uint64_t uid = i->doubt_uid;
    json_t *answer = NULL;
    if (!i->doubtful) {
        if ((!i->uidnext && ask_uidnext(i, e)) || journal_try(&i->journal, i->uidnext, e))
            return -1;
        uid = i->uidnext;
    }
    json_t *args = json_pack("{s:s, s:s%, s:b, s:O, s:I}", "address", i->address, "mailbox",
                             i->mailbox.p, i->mailbox.n, "no_quota", (int)!i->quota, "messages",
                             i->rows, "check_from", (json_int_t)(i->doubtful ? uid : 0));
    int r = op_call(i->session, "message.import", args, buf_slice(&i->payload), &answer, NULL, e);
    json_decref(args);
    if (r == 0) {
        const json_t *failed = json_object_get(answer, "failed");
        i->uidnext = (uint64_t)json_number(answer, "uidnext");
        note_failed(i, failed);
        i->count += n - json_array_size(failed);
    }
    json_decref(answer);
    return r;
}

static int send_batch(struct import *i, struct err *e)
{
    struct err why = {0};
    if (!json_array_size(i->rows))
        return 0;
    if (import_batch(i, &why)) {
        if (why.code != ERR_SYNTAX && why.code != ERR_LIMIT)
            return err_set(e, why.code, "%s", why.text);
        refuse_batch(i, why.text);
    }
    i->doubtful = false;
    int r = journal_done(&i->journal, i->count, i->failed, buf_slice(&i->position), e);
    reset_batch(i);
    return r;
}

/* --into A: the top of the source is A, and its folders are under it. */
static void target(const struct import *i, const struct source_message *m, struct buf *out)
{
    if (i->into)
        buf_adds(out, i->into);
    if (m->mailbox.n && i->into)
        buf_addc(out, '/');
    buf_add(out, buf_slice(&m->mailbox));
    if (!out->n)
        buf_adds(out, "INBOX");
}

/* A batch is of one place, for the journal knows how far each one came. */
static struct slice place_of(const struct buf *position)
{
    struct slice rest = buf_slice(position);
    return slice_cut(&rest, '\0');
}

static int take(struct import *i, struct source_message *m, struct err *e)
{
    BUF_SCOPE mailbox = {0};
    target(i, m, &mailbox);
    bool full = json_array_size(i->rows) >= BATCH_MESSAGES ||
                i->payload.n + m->bytes.n > BATCH_BYTES ||
                !slice_eq(buf_slice(&mailbox), buf_slice(&i->mailbox)) ||
                (i->position.n && !slice_eq(place_of(&m->position), place_of(&i->position)));
    if (full && send_batch(i, e))
        return -1;
    if (!slice_eq(buf_slice(&mailbox), buf_slice(&i->mailbox))) {
        buf_reset(&i->mailbox);
        buf_add(&i->mailbox, buf_slice(&mailbox));
        i->uidnext = 0;
    }
    buf_cstr(&m->name);
    if (m->too_large) {
        complain(i, m->name.p, "larger than store.message_max");
        return 0;
    }
    json_array_append_new(i->rows,
                          json_pack("{s:I, s:I, s:O}", "size", (json_int_t)m->bytes.n,
                                    "received_at", (json_int_t)m->received_at, "flags", m->flags));
    buf_add(&i->payload, buf_slice(&m->bytes));
    buf_add(&i->names, slice_of(buf_cstr(&m->name), m->name.n + 1));
    buf_reset(&i->position);
    buf_add(&i->position, buf_slice(&m->position));
    if (i->payload.failed || i->names.failed)
        return err_set(e, ERR_LIMIT, "no memory for a batch");
    return 0;
}

static int import_all(struct import *i, struct err *e)
{
    int r;
    for (;;) {
        struct source_message m = {.flags = json_array()};
        r = i->source->next(i->source, &m, e);
        if (r > 0 && take(i, &m, e))
            r = -1;
        json_decref(m.flags);
        buf_done(&m.mailbox);
        buf_done(&m.bytes);
        buf_done(&m.position);
        buf_done(&m.name);
        if (r <= 0)
            break;
        progress_show(&i->progress, i->source->done, i->count);
    }
    return r < 0 ? -1 : send_batch(i, e);
}

static int open_source(struct import *i, struct cli *c, const char *path, struct err *e)
{
    const char *format = cli_option(c, "--format");
    size_t max = (size_t)setting_get(&set_store_message_max);
    struct stat st;
    char cur[4096];
    snprintf(cur, sizeof(cur), "%s/cur", path);
    bool maildir = stat(cur, &st) == 0 && S_ISDIR(st.st_mode);
    if (format && strcmp(format, "maildir") && strcmp(format, "mbox"))
        return err_set(e, ERR_SYNTAX, "--format is maildir or mbox");
    if (format ? strcmp(format, "maildir") == 0 : maildir)
        return source_maildir(path, max, &i->journal, &i->source, e);
    i->mbox = true;
    i->folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return source_mbox(path, max, &i->journal, &i->source, e);
}

static int check_account(struct import *i, struct err *e)
{
    json_t *args = json_pack("{s:s}", "address", i->address);
    int r = op_call(i->session, "account.show", args, SNONE, NULL, NULL, e);
    json_decref(args);
    return r;
}

/* SOURCE is "-": a stream from standard input. It cannot be gone on with, so it has no journal. */
static int open_stream(struct import *i, struct cli *c, struct err *e)
{
    size_t max = (size_t)setting_get(&set_store_message_max);
    return op_open(c->state_dir, &i->session, e) || check_account(i, e) ||
                   source_stream(STDIN_FILENO, max, &i->source, e)
               ? -1
               : 0;
}

static int open_all(struct import *i, struct cli *c, struct err *e)
{
    if (strcmp(c->argv[1], "-") == 0)
        return open_stream(i, c, e);
    char *path = realpath(c->argv[1], NULL);
    if (!path)
        return err_errno(e, ERR_NOTFOUND, "%s", c->argv[1]);
    struct slice task = arena_printf(&c->arena, "import %s from %s to %s", i->address, path,
                                     i->into ? i->into : "the top");
    int r = op_open(c->state_dir, &i->session, e) || check_account(i, e) ||
            journal_open(&i->journal, c->state_dir, task, cli_option(c, "--restart"), e) ||
            open_source(i, c, path, e);
    free(path);
    if (r)
        return -1;
    i->count = i->journal.count;
    i->failed = i->journal.failed;
    i->doubtful = i->journal.tried;
    i->doubt_uid = i->journal.try_number;
    if (i->journal.found && i->count && !c->json)
        fprintf(stderr, "Going on after %llu message%s (--restart begins anew).\n",
                (unsigned long long)i->count, cli_plural(i->count));
    return 0;
}

static void import_begin(struct import *i)
{
    i->rows = json_array();
    i->journal.fd = -1;
    i->payload.max = (size_t)1 << 30;
}

static int import_source(struct import *i, struct err *e)
{
    progress_begin(&i->progress, "Importing", i->source->total);
    i->progress.before = i->count;
    int r = import_all(i, e);
    progress_end(&i->progress);
    return r;
}

static void import_end(struct import *i)
{
    journal_close(&i->journal);
    json_decref(i->rows);
    buf_done(&i->mailbox);
    buf_done(&i->payload);
    buf_done(&i->position);
    buf_done(&i->names);
}

int transfer_import(struct op_session *s, const char *address, const char *into, bool quota,
                    struct source *source, struct transfer_count *ret, struct err *e)
{
    struct import i = {
        .session = s, .source = source, .address = address, .into = into, .quota = quota};
    import_begin(&i);
    int r = check_account(&i, e) || import_source(&i, e) ? -1 : 0;
    *ret = (struct transfer_count){i.count, i.failed};
    import_end(&i);
    return r;
}

static int run(struct cli *c)
{
    struct import i = {.address = c->argv[0],
                       .into = cli_option(c, "--into"),
                       .quota = cli_option(c, "--quota") != NULL};
    struct err e = {0};
    import_begin(&i);
    int r = open_all(&i, c, &e) || import_source(&i, &e);
    if (!r && i.mbox && !i.count && !i.failed && (i.folder || i.source->total))
        r = err_set(
            &e, ERR_NOTFOUND,
            "%s: no messages (an mbox file begins with \"From \", a Maildir has a folder cur)",
            c->argv[1]);
    if (i.source)
        i.source->close(i.source);
    op_close(i.session);
    import_end(&i);
    if (r)
        return cli_fail(c, &e);
    if (c->json)
        printf("{\"imported\": %llu, \"left_out\": %llu}\n", (unsigned long long)i.count,
               (unsigned long long)i.failed);
    else
        printf("%llu message%s imported, %llu left out\n", (unsigned long long)i.count,
               cli_plural(i.count), (unsigned long long)i.failed);
    return i.failed ? CLI_FAILED : CLI_OK;
}

static const struct cli_option options[] = {
    {"--format", "maildir|mbox", "What SOURCE is (default: as it looks)"},
    {"--into", "MAILBOX", "Put everything under this mailbox, not at the top"},
    {"--quota", NULL, "Stop when the account is full (default: the quota does not count)"},
    {"--restart", NULL, "Forget how far an earlier import of the same came"},
    {0},
};

const struct cli_command cmd_import = {
    .name = "import",
    .args = "ADDRESS SOURCE",
    .summary = "Take in mail from a Maildir or mbox files, with flags and dates",
    .help =
        "SOURCE is a Maildir (its folders become mailboxes), an mbox file, a folder of mbox\n"
        "files, or \"-\", the stream of an export on standard input. After an interruption the\n"
        "same command goes on where it stopped. Messages that cannot be taken are named, and\n"
        "the exit status is 1.",
    .options = options,
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
