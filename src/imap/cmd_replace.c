/* cmd_replace.c - REPLACE and UID REPLACE (RFC 8508): a message comes and another one goes, in one
   transaction. The old one goes first inside it, so that the quota sees only what both are together
   (3.4); the client is told APPENDUID untagged before the EXPUNGE (4.3), which comes with the
   updates. */
#include "imap/append_ready.h"
#include "imap/cmds.h"
#include "imap/flags.h"
#include "imap/mailbox.h"
#include "imap/sets.h"
#include "store/entry.h"

struct replace {
    struct imap_range range;
    struct imap_set set;
    struct imap_append_args args;
    struct message_ready *ready;
};

static void replace_free(void *state)
{
    struct replace *p = state;
    if (p->ready)
        message_ready_free(p->ready);
}

/* seq-number: RFC 9051 9 */
static int one_number(struct imap_parser *p, struct imap_range *ret)
{
    uint32_t n = 0;
    if (!imap_accept(p, '*') && imap_nz_u32(p, &n))
        return -1;
    *ret = (struct imap_range){n, n};
    return 0;
}

int cmd_replace_parse(struct request *r, struct imap_parser *p)
{
    struct replace *re = request_new_of(r, struct replace, 1);
    if (!re || imap_space(p) || one_number(p, &re->range) || imap_append_args(p, &re->args))
        return -1;
    if (re->args.n != 1) /* RFC 8508 4.7 */
        return imap_fail(p, "REPLACE takes one message");
    re->set = (struct imap_set){.r = &re->range, .n = 1};
    r->args = r->state = re;
    r->state_done = replace_free;
    r->set = &re->set;
    return 0;
}

/* RFC 8508 3.4: without the old message the new one must not come. */
static enum cmd_next take_away(struct request *r, struct txn *t, const struct uidset *uids)
{
    UIDSET_SCOPE gone = {0};
    if (!uidset_empty(uids) &&
        entry_expunge(t, r->s->sel->collection, uids, false, &gone, &r->job.err))
        return CMD_FAIL;
    if (!uidset_empty(&gone))
        return CMD_DONE;
    if (!uidset_empty(uids))
        r->code = "EXPUNGEISSUED";
    return request_fail(r, ERR_NOTFOUND, "There is no such message to replace");
}

static enum cmd_next exchange(struct request *r, struct txn *t)
{
    struct replace *re = r->args;
    const struct imap_append_message *m = &re->args.messages[0];
    struct collection to;
    UIDSET_SCOPE uids = {0};
    uint32_t uid;
    uint64_t item;
    r->code = NULL;
    if (r->s->sel->read_only) {
        r->code = "READ-ONLY";
        return request_fail(r, ERR_NOPERM, "The mailbox is open for reading only");
    }
    if (set_uids(r, &re->set, r->uid, &uids) != CMD_DONE ||
        mailbox_find(r, t, re->args.mailbox, true, &to) != CMD_DONE ||
        take_away(r, t, &uids) != CMD_DONE)
        return CMD_FAIL;
    struct message_add how = {.collection = to.id,
                              .received_at = m->has_date ? m->date_ms : 0,
                              .flags = flags_of(&m->flags)};
    if (message_add(t, re->ready, &how, &uid, &item, &r->job.err))
        return CMD_FAIL;
    mailbox_tell_oldname(r, t, to.id, re->args.mailbox, false);
    buf_addf(&r->out, "* OK [APPENDUID %u %u] Replaced\r\n", to.uidvalidity, uid);
    if (r->s->enabled & ENABLED_CONDSTORE) /* RFC 8508 4.5, RFC 7162 3.2.9 */
        r->code =
            arena_printf(&r->arena, "HIGHESTMODSEQ %llu", (unsigned long long)txn_modseq(t)).p;
    return CMD_DONE;
}

enum cmd_next cmd_replace(struct request *r, struct txn *t)
{
    (void)t;
    struct replace *re = r->args;
    if (append_ready(r, re->args.messages, 1, &re->ready))
        return CMD_FAIL;
    r->run = exchange;
    r->place = PLACE_WRITE;
    return CMD_MOVE;
}
