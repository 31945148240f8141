/* cmd_append.c - APPEND: RFC 9051 6.3.12, MULTIAPPEND (RFC 3502), BINARY (RFC 3516 4.4), UTF8 (RFC
   6855 4), APPENDUID (RFC 4315 3). The messages are made ready at CPU, one after the other, and
   added in one transaction: all of them or none. A NUL is taken only in a literal8. */
#include <unistd.h>

#include "imap/cmds.h"
#include "imap/flags.h"
#include "imap/mailbox.h"
#include "imap/settings.h"
#include "mail/spool.h"
#include "proto/imap/append_args.h"
#include "store/message.h"

struct append {
    struct imap_append_args args;
    struct message_ready **ready;
};

static void append_free(void *state)
{
    struct append *a = state;
    for (size_t i = 0; i < a->args.n; i++)
        if (a->ready[i])
            message_ready_unref(a->ready[i]);
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

/* 1 when there is a NUL, 0, or -1. */
static int has_nul(struct spool *s, struct err *e)
{
    BUF_SCOPE piece = {0};
    for (uint64_t at = 0; at < s->size; at += SPOOL_MEMORY) {
        buf_reset(&piece);
        if (spool_read(s, at, SPOOL_MEMORY, &piece, e))
            return -1;
        if (memchr(piece.p, '\0', piece.n))
            return 1;
    }
    return 0;
}

static int make_ready(const struct imap_append_message *m, struct message_ready **ret,
                      struct request *r)
{
    struct spool *s = m->literal->spool;
    if (spool_flush(s, &r->job.err))
        return -1;
    if (!m->literal->literal8) {
        int nul = has_nul(s, &r->job.err);
        if (nul < 0)
            return -1;
        if (nul) {
            r->code = "CANNOT";
            return err_set(&r->job.err, ERR_SYNTAX, "NUL in a message needs a literal8");
        }
    }
    if (s->fd >= 0)
        return message_ready_make_fd(s->fd, s->size, ret, &r->job.err);
    return message_ready_make(buf_slice(&s->memory), ret, &r->job.err);
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
    for (size_t i = 0; i < a->args.n; i++) {
        if (a->args.messages[i].literal->size == 0)
            return request_fail(r, ERR_SYNTAX, "The message is empty");
        if (make_ready(&a->args.messages[i], &a->ready[i], r))
            return CMD_FAIL;
    }
    r->run = add;
    r->place = PLACE_WRITE;
    return CMD_MOVE;
}
