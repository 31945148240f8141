/* ops_message.c - messages in and out in batches, and the mailboxes they are in: what import and
   export consist of. The bytes travel as payload, one message behind the other. */
#include <stdlib.h>

#include "base/uidset.h"
#include "node/ops.h"
#include "store/collection.h"
#include "store/message.h"
#include "store/past.h"

enum { BATCH_MAX = 1000, KEYWORDS_MAX = 64, EXPORT_BYTES = 4 << 20 };

/* --- mailboxes -------------------------------------------------------------------------------- */

static json_t *mailbox_json(const struct collection *c)
{
    const char *use = role_special_use(c->role);
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "path", op_json_text(c->path),
                     "special_use", use ? use : "", "uidvalidity", (json_int_t)c->uidvalidity,
                     "uidnext", (json_int_t)c->uidnext, "messages", (json_int_t)c->messages,
                     "unseen", (json_int_t)c->unseen, "bytes", (json_int_t)c->bytes, "selectable",
                     (int)c->selectable, "subscribed", (int)c->subscribed);
}

/* `at` of a request, ms: the mailboxes as they were then. 1 and the moment; 0: as they are; -1. */
static int arg_moment(json_t *args, struct txn *t, uint64_t *ret, struct err *e)
{
    int64_t at;
    if (op_arg_number(args, "at", false, 0, &at, e))
        return -1;
    if (!at)
        return 0;
    return past_moment(t, at, ret, e) ? -1 : 1;
}

static int mailboxes(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                     struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)64 << 20};
    struct account_info info;
    struct txn *t;
    struct collection *c;
    uint64_t moment;
    size_t n;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e) || txn_read(info.id, &t, e))
        return -1;
    int past = arg_moment(args, t, &moment, e), r = past;
    if (past >= 0)
        r = past ? past_collections(t, moment, &a, &c, &n, e) : collection_list(t, &a, &c, &n, e);
    txn_end(t);
    if (r)
        return -1;
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, mailbox_json(&c[i]));
    *ret = json_pack("{s:o}", "mailboxes", rows);
    return 0;
}

/* The mailbox, made and subscribed when it is not there. */
static int ensure(struct txn *t, struct slice path, struct arena *a, struct collection *ret,
                  struct err *e)
{
    struct err why = {0};
    uint64_t id;
    if (account_create(t, e))
        return -1;
    if (collection_by_path(t, path, a, ret, &why) == 0 && ret->selectable)
        return 0;
    if (why.code && why.code != ERR_NOTFOUND)
        return err_set(e, why.code, "%s", why.text);
    return collection_create(t, path, COLLECTION_MAILBOX, ROLE_NONE, &id, e) ||
                   subscription_set(t, path, true, e) || collection_by_id(t, id, a, ret, e)
               ? -1
               : 0;
}

struct open_job {
    struct slice path;
    uint32_t uidnext;
};

static int open_run(struct txn *t, void *arg, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct open_job *j = arg;
    struct collection c;
    if (ensure(t, j->path, &a, &c, e))
        return -1;
    j->uidnext = c.uidnext;
    return 0;
}

static int open_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct account_info info;
    struct open_job j;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e) ||
        op_arg_text(args, "mailbox", true, &j.path, e) || store_write(info.id, open_run, &j, e))
        return -1;
    *ret = json_pack("{s:I}", "uidnext", (json_int_t)j.uidnext);
    return 0;
}

/* --- in ----------------------------------------------------------------------------------------
 */

struct incoming {
    struct message_ready *ready; /* NULL: could not be prepared */
    int64_t received_at;
    uint64_t system;
    struct slice *keywords;
    size_t keywords_n;
};

struct import_job {
    struct slice path;
    struct incoming *m;
    size_t n;
    bool no_quota;
    int64_t check_from; /* uid; 0: none */
    bool already;
    uint32_t uidnext;
};

static int read_flags(json_t *list, struct arena *a, struct incoming *m, struct err *e)
{
    static const struct {
        struct slice name;
        uint64_t flag;
    } known[] = {{S_INIT("\\Seen"), FLAG_SEEN},
                 {S_INIT("\\Answered"), FLAG_ANSWERED},
                 {S_INIT("\\Flagged"), FLAG_FLAGGED},
                 {S_INIT("\\Deleted"), FLAG_DELETED},
                 {S_INIT("\\Draft"), FLAG_DRAFT}};
    size_t n = json_array_size(list);
    if (n > KEYWORDS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d flags", KEYWORDS_MAX);
    m->keywords = arena_new(a, struct slice, n);
    if (!m->keywords)
        return err_set(e, ERR_LIMIT, "import: out of room");
    for (size_t i = 0; i < n; i++) {
        struct slice flag = slice_str(json_string_value(json_array_get(list, i)));
        size_t k = 0;
        while (k < 5 && !slice_eqi(known[k].name, flag))
            k++;
        if (k < 5)
            m->system |= known[k].flag;
        else if (flag.n && flag.p[0] != '\\')
            m->keywords[m->keywords_n++] = flag;
    }
    return 0;
}

/* One row of `messages` with its bytes. A message that cannot be taken is named in `failed`, and
   the others go on. */
static int prepare(json_t *row, size_t index, struct slice bytes, struct arena *a, json_t *failed,
                   struct incoming *m, struct err *e)
{
    struct err why = {0};
    if (op_arg_number(row, "received_at", false, 0, &m->received_at, e) ||
        read_flags(json_object_get(row, "flags"), a, m, e))
        return -1;
    if (message_ready_make(bytes, &m->ready, &why) == 0)
        return 0;
    m->ready = NULL;
    if (why.code != ERR_LIMIT && why.code != ERR_SYNTAX)
        return err_set(e, why.code, "%s", why.text);
    json_array_append_new(failed,
                          json_pack("{s:I, s:s}", "index", (json_int_t)index, "text", why.text));
    return 0;
}

static int prepare_all(json_t *rows, struct slice payload, struct arena *a, json_t *failed,
                       struct import_job *j, struct err *e)
{
    for (size_t i = 0; i < j->n; i++) {
        json_t *row = json_array_get(rows, i);
        int64_t size;
        if (op_arg_number(row, "size", true, 0, &size, e))
            return -1;
        if (size < 0 || (uint64_t)size > payload.n)
            return err_set(e, ERR_SYNTAX, "the sizes do not fit the payload");
        if (prepare(row, i, slice_sub(payload, 0, (size_t)size), a, failed, &j->m[i], e))
            return -1;
        payload = slice_from(payload, (size_t)size);
    }
    return payload.n ? err_set(e, ERR_SYNTAX, "the sizes do not fit the payload") : 0;
}

static bool is_same(const struct incoming *m, const struct entry *en)
{
    return en->size == (int64_t)message_ready_size(m->ready) &&
           (!m->received_at || en->received_at == m->received_at);
}

/* Are these messages in the mailbox, one after the other, with uids from check_from on? Then an
   earlier try, whose answer was lost, had done it. */
static int is_there(struct txn *t, const struct import_job *j, uint64_t collection, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct entry_walk *w;
    struct entry en;
    size_t at, first = 0;
    int r = 0;
    uidset_add(&uids, (uint32_t)j->check_from, UINT32_MAX);
    if (entry_walk_open(t, collection, txn_account(t), &uids, ENTRY_ITEM, &w, e))
        return -1;
    while (first < j->n && !j->m[first].ready)
        first++;
    at = first;
    while (at < j->n && (r = entry_walk_next(w, &en, e)) > 0) {
        if (!is_same(&j->m[at], &en))
            at = first;
        if (is_same(&j->m[at], &en))
            at++;
        while (at < j->n && !j->m[at].ready)
            at++;
    }
    entry_walk_close(w);
    return r < 0 ? -1 : at == j->n;
}

static int import_run(struct txn *t, void *arg, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct import_job *j = arg;
    struct collection c;
    uint32_t uid = 0;
    uint64_t item;
    if (ensure(t, j->path, &a, &c, e))
        return -1;
    j->uidnext = c.uidnext;
    int there = j->check_from > 0 ? is_there(t, j, c.id, e) : 0;
    j->already = there > 0;
    if (there)
        return there < 0 ? -1 : 0;
    for (size_t i = 0; i < j->n; i++) {
        const struct incoming *m = &j->m[i];
        if (!m->ready)
            continue;
        struct message_add how = {.collection = c.id,
                                  .received_at = m->received_at,
                                  .flags = {m->system, m->keywords, m->keywords_n},
                                  .no_quota = j->no_quota};
        if (message_add(t, m->ready, &how, &uid, &item, e))
            return -1;
        j->uidnext = uid + 1;
    }
    return 0;
}

static int import(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct account_info info;
    struct import_job j = {0};
    json_t *rows = json_object_get(args, "messages");
    (void)out;
    j.n = json_array_size(rows);
    if (op_arg_account(args, "address", &a, &info, e) ||
        op_arg_text(args, "mailbox", true, &j.path, e) ||
        op_arg_bool(args, "no_quota", true, &j.no_quota, e) ||
        op_arg_number(args, "check_from", false, 0, &j.check_from, e))
        return -1;
    if (j.n > BATCH_MAX || j.check_from < 0 || j.check_from > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "a batch has at most %d messages", BATCH_MAX);
    j.m = arena_new(&a, struct incoming, j.n);
    BUG_IF(!j.m);
    json_t *failed = json_array();
    int r = prepare_all(rows, payload, &a, failed, &j, e);
    if (r == 0)
        r = store_write(info.id, import_run, &j, e);
    for (size_t i = 0; i < j.n; i++)
        if (j.m[i].ready)
            message_ready_free(j.m[i].ready);
    if (r == 0)
        *ret = json_pack("{s:I, s:b, s:O}", "uidnext", (json_int_t)j.uidnext, "already",
                         (int)j.already, "failed", failed);
    json_decref(failed);
    return r;
}

/* --- out ---------------------------------------------------------------------------------------
 */

struct names {
    struct keyword *k;
    size_t n;
};

static const struct keyword *keyword_find(const struct names *names, uint32_t id)
{
    for (size_t i = 0; i < names->n; i++)
        if (names->k[i].id == id)
            return &names->k[i];
    return NULL;
}

static json_t *flags_json(const struct entry *en, const struct names *names)
{
    static const char *const system[] = {"\\Seen", "\\Answered", "\\Flagged", "\\Deleted",
                                         "\\Draft"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < 5; i++)
        if (en->flags & ((uint64_t)1 << i))
            json_array_append_new(list, json_string(system[i]));
    for (uint32_t i = 0; i < FLAG_KEYWORD_COUNT; i++) {
        const struct keyword *k =
            en->flags & ((uint64_t)1 << (FLAG_KEYWORD_FIRST + i)) ? keyword_find(names, i) : NULL;
        if (k)
            json_array_append_new(list, op_json_text(k->name));
    }
    for (size_t i = 0; i < en->overflow_n; i++) {
        const struct keyword *k = keyword_find(names, en->overflow[i]);
        if (k)
            json_array_append_new(list, op_json_text(k->name));
    }
    return list;
}

/* A message whose bytes are gone or damaged is named with its reason, and the others go on. */
static int add_out(const struct entry *en, const struct names *names, json_t *rows, struct buf *out,
                   struct err *e)
{
    struct message_bytes *b = NULL;
    struct err why = {0};
    size_t before = out->n;
    int r = message_open(en, &b, &why);
    if (r == 0)
        r = message_read(b, 0, message_size(b), out, &why);
    message_close(b);
    json_t *row = json_pack("{s:I, s:I, s:I, s:o}", "uid", (json_int_t)en->uid, "size",
                            (json_int_t)(out->n - before), "received_at",
                            (json_int_t)en->received_at, "flags", flags_json(en, names));
    json_array_append_new(rows, row);
    if (r == 0)
        return 0;
    if (why.code != ERR_CORRUPT && why.code != ERR_NOTFOUND)
        return err_set(e, why.code, "%s", why.text);
    out->n = before;
    json_object_set_new(row, "size", json_integer(0));
    json_object_set_new(row, "lost", json_string(why.text));
    return 0;
}

struct export_job {
    struct names names;
    int64_t after, bytes;
    json_t *rows;
    struct buf *out;
    bool more;
    int r;
    struct err *e;
};

/* Non-zero: enough, or failed (r). */
static int take_entry(const struct entry *en, void *arg)
{
    struct export_job *j = arg;
    if (en->uid <= j->after)
        return 0;
    j->more = json_array_size(j->rows) >= BATCH_MAX ||
              (j->out->n && (int64_t)j->out->n + en->size > j->bytes);
    if (!j->more)
        j->r = add_out(en, &j->names, j->rows, j->out, j->e);
    return j->more || j->r;
}

static int export_walk(struct txn *t, uint64_t collection, struct export_job *j, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct entry_walk *w;
    struct entry en;
    int r;
    if (j->after >= UINT32_MAX)
        return 0;
    uidset_add(&uids, (uint32_t)j->after + 1, UINT32_MAX);
    if (entry_walk_open(t, collection, txn_account(t), &uids,
                        ENTRY_KEYWORDS | ENTRY_ITEM | ENTRY_BYTES, &w, e))
        return -1;
    while ((r = entry_walk_next(w, &en, e)) > 0 && !take_entry(&en, j))
        continue;
    entry_walk_close(w);
    return r < 0 ? -1 : j->r;
}

static int export_now(struct txn *t, struct slice path, struct export_job *j, struct arena *a,
                      struct collection *c, struct err *e)
{
    return collection_by_path(t, path, a, c, e) || export_walk(t, c->id, j, e) ? -1 : 0;
}

static int export_past(struct txn *t, struct slice path, uint64_t moment, struct export_job *j,
                       struct arena *a, struct collection *c, struct err *e)
{
    struct collection *all;
    size_t n;
    if (past_collections(t, moment, a, &all, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (slice_eq(all[i].path, path)) {
            *c = all[i];
            return past_entries(t, c->id, txn_account(t), moment,
                                ENTRY_KEYWORDS | ENTRY_ITEM | ENTRY_BYTES, take_entry, j, e) < 0
                       ? -1
                       : j->r;
        }
    return err_set(e, ERR_NOTFOUND, "there was no mailbox %.*s then", SARG(path));
}

static int export(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct account_info info;
    struct slice path;
    struct collection c;
    struct export_job j = {.out = out, .e = e};
    uint64_t moment;
    struct txn *t;
    (void)payload;
    if (op_arg_account(args, "address", &a, &info, e) ||
        op_arg_text(args, "mailbox", true, &path, e) ||
        op_arg_number(args, "after", false, 0, &j.after, e) ||
        op_arg_number(args, "bytes", false, EXPORT_BYTES, &j.bytes, e))
        return -1;
    if (j.after < 0)
        return err_set(e, ERR_SYNTAX, "after is a uid");
    if (txn_read(info.id, &t, e))
        return -1;
    j.rows = json_array();
    int past = arg_moment(args, t, &moment, e);
    int r = past < 0 ? -1 : keyword_list(t, &a, &j.names.k, &j.names.n, e);
    if (r == 0)
        r = past ? export_past(t, path, moment, &j, &a, &c, e) : export_now(t, path, &j, &a, &c, e);
    txn_end(t);
    if (r == 0)
        *ret = json_pack("{s:I, s:O, s:b}", "uidvalidity", (json_int_t)c.uidvalidity, "messages",
                         j.rows, "more", (int)j.more);
    json_decref(j.rows);
    return r;
}

const struct op ops_message[] = {
    {"mailbox.list", mailboxes, .needs_store = true},
    {"mailbox.open", open_, .needs_store = true},
    {"message.import", import, .needs_store = true},
    {"message.export", export, .needs_store = true},
    {0},
};
