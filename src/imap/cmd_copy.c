/* cmd_copy.c - COPY (RFC 9051 6.4.7) and MOVE (6.4.8, RFC 6851), with COPYUID (RFC 4315 3). COPY is
   all or nothing, so it is one transaction. MOVE goes in slices, each of which tells its COPYUID
   untagged; the EXPUNGE responses follow all of them. */
#include "imap/cmds.h"
#include "imap/mailbox.h"
#include "imap/sets.h"
#include "imap/slices.h"
#include "store/entry.h"

struct copy {
    struct imap_set set;
    struct slice mailbox;
    struct slices slices; /* of MOVE */
};

static void copy_free(void *state)
{
    struct copy *c = state;
    slices_done(&c->slices);
}

int cmd_copy_parse(struct request *r, struct imap_parser *p)
{
    struct copy *c = request_new_of(r, struct copy, 1);
    if (!c || imap_space(p) || imap_set(p, &c->set) || imap_space(p) ||
        imap_mailbox(p, &c->mailbox))
        return -1;
    r->args = r->state = c;
    r->state_done = copy_free;
    r->set = &c->set;
    return 0;
}

/* "COPYUID uidvalidity from to" */
static const char *copyuid(struct request *r, const struct collection *to,
                           const struct uidset *from, uint32_t first)
{
    BUF_SCOPE code = {0};
    UIDSET_SCOPE made = {0};
    uidset_add(&made, first, first + (uint32_t)(uidset_count(from) - 1));
    buf_addf(&code, "COPYUID %u ", to->uidvalidity);
    uidset_print(from, &code);
    buf_addc(&code, ' ');
    uidset_print(&made, &code);
    return arena_cstr(&r->arena, buf_slice(&code));
}

enum cmd_next cmd_copy(struct request *r, struct txn *t)
{
    struct copy *c = r->args;
    struct collection to;
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE did = {0};
    uint32_t first = 0;
    r->code = NULL;
    if (set_uids(r, &c->set, r->uid, &uids) != CMD_DONE ||
        mailbox_find(r, t, c->mailbox, true, &to) != CMD_DONE)
        return CMD_FAIL;
    if (uidset_empty(&uids))
        return CMD_DONE;
    if (entry_copy(t, r->s->sel->collection, &uids, to.id, &did, &first, &r->job.err))
        return CMD_FAIL;
    if (!r->uid && uidset_count(&did) < uidset_count(&uids)) {
        /* RFC 9051 6.4.7: all or nothing */
        r->code = "EXPUNGEISSUED";
        return request_fail(r, ERR_NOTFOUND, "Some of the messages do not exist any more");
    }
    if (!uidset_empty(&did))
        r->code = copyuid(r, &to, &did, first);
    return CMD_DONE;
}

enum cmd_next cmd_move(struct request *r, struct txn *t)
{
    struct copy *c = r->args;
    struct selected *sel = r->s->sel;
    struct collection to;
    UIDSET_SCOPE did = {0};
    uint32_t first = 0;
    if (sel->read_only) {
        r->code = "READ-ONLY";
        return request_fail(r, ERR_NOPERM, "The mailbox is open for reading only");
    }
    if (r->slice == 0) {
        uidset_clear(&c->slices.todo);
        if (set_uids(r, &c->set, r->uid, &c->slices.todo) != CMD_DONE)
            return CMD_FAIL;
    }
    if (mailbox_find(r, t, c->mailbox, true, &to) != CMD_DONE)
        return CMD_FAIL;
    bool more = slices_next(r, &c->slices);
    if (uidset_empty(&c->slices.now))
        return CMD_DONE;
    if (entry_move(t, sel->collection, &c->slices.now, to.id, &did, &first, &r->job.err)) {
        r->code = NULL;
        return CMD_FAIL;
    }
    if (!uidset_empty(&did)) {
        buf_addf(&r->out, "* OK [%s] Moved\r\n", copyuid(r, &to, &did, first));
        /* RFC 6851 4.4: in every session, whether it knows CONDSTORE or not. */
        r->code =
            arena_printf(&r->arena, "HIGHESTMODSEQ %llu", (unsigned long long)txn_modseq(t)).p;
    }
    return more ? CMD_AGAIN : CMD_DONE;
}
