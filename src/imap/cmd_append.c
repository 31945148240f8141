/* cmd_append.c - APPEND: RFC 9051 6.3.12, MULTIAPPEND (RFC 3502), BINARY (RFC 3516 4.4), UTF8 (RFC
   6855 4), APPENDUID (RFC 4315 3). The messages are made ready at CPU and added in one transaction:
   all of them or none. */
#include "imap/append_ready.h"
#include "imap/cmds.h"
#include "imap/flags.h"
#include "imap/mailbox.h"
#include "imap/settings.h"

struct append {
    struct imap_append_args args;
    struct message_ready **ready;
};

static void append_free(void *state)
{
    struct append *a = state;
    for (size_t i = 0; i < a->args.n; i++)
        if (a->ready[i])
            message_ready_free(a->ready[i]);
}

int cmd_append_parse(struct request *r, struct imap_parser *p)
{
    struct append *a = request_new_of(r, struct append, 1);
    if (!a || imap_append_args(p, &a->args))
        return -1;
    a->ready = request_new_of(r, struct message_ready *, a->args.n);
    if (!a->ready)
        return -1;
    r->args = r->state = a;
    r->state_done = append_free;
    return 0;
}

static enum cmd_next add(struct request *r, struct txn *t)
{
    struct append *a = r->args;
    struct collection c;
    UIDSET_SCOPE uids = {0};
    r->code = NULL;
    if (mailbox_find(r, t, a->args.mailbox, true, &c) != CMD_DONE)
        return CMD_FAIL;
    for (size_t i = 0; i < a->args.n; i++) {
        const struct imap_append_message *m = &a->args.messages[i];
        struct message_add how = {.collection = c.id,
                                  .received_at = m->has_date ? m->date_ms : 0,
                                  .flags = flags_of(&m->flags)};
        uint32_t uid;
        uint64_t item;
        if (message_add(t, a->ready[i], &how, &uid, &item, &r->job.err))
            return CMD_FAIL;
        uidset_add(&uids, uid, uid);
    }
    mailbox_tell_oldname(r, t, c.id, a->args.mailbox, false);
    BUF_SCOPE code = {0};
    buf_addf(&code, "APPENDUID %u ", c.uidvalidity);
    uidset_print(&uids, &code);
    r->code = arena_cstr(&r->arena, buf_slice(&code));
    return CMD_DONE;
}

enum cmd_next cmd_append(struct request *r, struct txn *t)
{
    (void)t;
    struct append *a = r->args;
    if (append_ready(r, a->args.messages, a->args.n, a->ready))
        return CMD_FAIL;
    r->run = add;
    r->job.again = true;
    r->place = PLACE_WRITE;
    return CMD_MOVE;
}
