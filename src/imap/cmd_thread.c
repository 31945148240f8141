/* cmd_thread.c - THREAD and UID THREAD: RFC 5256 3. A search whose matches become the nodes of a
   tree. What REFERENCES and REFS compare stands in the message's header, which is read. */
#include "base/list.h"
#include "format/fields.h"
#include "imap/cmds.h"
#include "imap/settings.h"
#include "imap/sort.h"
#include "imap/thread_tree.h"

struct thread {
    struct search search;
    struct imap_thread_args args;
    struct thread_tree tree;
    bool finished;
};

static void thread_free(void *state)
{
    struct thread *th = state;
    search_free(&th->search);
    thread_tree_done(&th->tree);
}

/* The references of RFC 5256 3 (REFERENCES): those of References, or the first of In-Reply-To. */
static int read_refs(struct search_message *sm, struct thread_message *m, struct err *e)
{
    struct slice header, reply = SNONE, refs = SNONE;
    struct field f;
    size_t pos = 0;
    if (search_header(sm, &header, e))
        return -1;
    while (header_next(header, &pos, &f)) {
        if (!m->id.p && slice_eqi(f.name, S("Message-ID")))
            m->id = msgid_first(f.value, &sm->arena);
        else if (!reply.p && slice_eqi(f.name, S("In-Reply-To")))
            reply = f.value;
        else if (!refs.p && slice_eqi(f.name, S("References")))
            refs = f.value;
    }
    if (refs.p && msgid_parse(refs, &sm->arena, &m->refs))
        return err_set(e, ERR_LIMIT, "A message has too many references");
    if (m->refs.n == 0 && reply.p) {
        struct slice first = msgid_first(reply, &sm->arena);
        m->refs.items = arena_new(&sm->arena, struct slice, 1);
        if (!m->refs.items)
            return err_set(e, ERR_LIMIT, "A message has too many references");
        m->refs.items[0] = first;
        m->refs.n = first.n > 0;
    }
    return 0;
}

static int take(struct request *r, struct search *search)
{
    struct thread *th = list_entry(search, struct thread, search);
    const struct entry *en = &search->msg.en;
    BUF_SCOPE subject = {0};
    BUF_SCOPE base = {0};
    struct thread_message m = {.uid = en->uid, .date = en->sent_at};
    if (th->args.way == IMAP_THREAD_REFS)
        m.date = en->received_at;
    envelope_text(en->envelope, ENVELOPE_SUBJECT, &subject);
    m.reply = sort_subject(buf_slice(&subject), &base);
    m.subject = buf_slice(&base);
    if (th->args.way != IMAP_THREAD_ORDEREDSUBJECT && read_refs(&search->msg, &m, &r->job.err)) {
        if (r->job.err.code != ERR_CORRUPT)
            return -1;
        r->job.err = (struct err){0}; /* a damaged message stands alone */
        m.id = SNONE;
        m.refs.n = 0;
    }
    return thread_add(&th->tree, &m, &r->job.err);
}

int cmd_thread_parse(struct request *r, struct imap_parser *p)
{
    struct thread *th = request_new_of(r, struct thread, 1);
    if (!th || imap_thread_args(p, &th->args))
        return -1;
    th->search.args = th->args.search;
    th->search.want = ENTRY_ITEM | ENTRY_ENVELOPE;
    if (th->args.way != IMAP_THREAD_ORDEREDSUBJECT)
        th->search.want |= ENTRY_BYTES;
    th->search.take = take;
    th->tree.way = th->args.way;
    th->tree.limit = (size_t)setting_get(&set_imap_sort_memory);
    r->args = r->state = th;
    r->state_done = thread_free;
    return search_parsed(r, &th->search);
}

static uint32_t number(void *arg, uint32_t uid)
{
    const struct request *r = arg;
    return r->uid ? uid : view_seq(r->s->sel->view, uid);
}

enum cmd_next cmd_thread(struct request *r, struct txn *t)
{
    struct thread *th = r->args;
    if (!th->finished) {
        enum cmd_next next = search_run(r, t, &th->search);
        if (next != CMD_DONE)
            return next;
        if (thread_finish(&th->tree, &r->job.err))
            return CMD_FAIL;
        th->finished = true;
        buf_adds(&r->out, "* THREAD");
    }
    if (thread_write(&th->tree, number, r, OUTPUT_STEP, &r->out))
        return CMD_AGAIN;
    buf_adds(&r->out, "\r\n");
    return CMD_DONE;
}
