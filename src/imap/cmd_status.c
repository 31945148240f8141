/* cmd_status.c - STATUS: RFC 9051 6.3.11, RFC 8438 (SIZE), RFC 7162 3.1.7 (HIGHESTMODSEQ), RFC 8474
   4.3 (MAILBOXID), RFC 7889 (APPENDLIMIT), RFC 9208 4.1.4 (DELETED-STORAGE). All but RECENT stands
   in the collection's row. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/recent.h"
#include "imap/settings.h"
#include "imap/status_write.h"
#include "proto/imap/write.h"

struct status {
    struct slice path;
    unsigned items;
};

/* RFC 3501 6.3.10: those of the selected mailbox that are this session's, and those that nobody has
   been told of. */
static uint64_t recent(struct request *r, const struct collection *c)
{
    const struct selected *sel = r->s->sel;
    uint64_t n = 0;
    struct err ignored = {0};
    if (!r->snapshot || recent_count(r->snapshot, c, &n, &ignored))
        n = 0;
    return sel && sel->collection == c->id ? n + uidset_count(&sel->recent) : n;
}

void status_write(struct request *r, const struct collection *c, unsigned items, struct buf *out)
{
    const struct {
        unsigned bit;
        uint64_t value;
    } values[] = {
        {IMAP_STATUS_MESSAGES, c->messages},
        {IMAP_STATUS_RECENT, items & IMAP_STATUS_RECENT ? recent(r, c) : 0},
        {IMAP_STATUS_UIDNEXT, c->uidnext},
        {IMAP_STATUS_UIDVALIDITY, c->uidvalidity},
        {IMAP_STATUS_UNSEEN, c->unseen},
        {IMAP_STATUS_DELETED, c->deleted},
        {IMAP_STATUS_SIZE, (uint64_t)c->bytes},
        {IMAP_STATUS_HIGHESTMODSEQ, c->modseq},
        {IMAP_STATUS_DELETED_STORAGE, (uint64_t)c->deleted_bytes},
        {IMAP_STATUS_APPENDLIMIT, (uint64_t)setting_get(&set_imap_append_max)},
    };
    const char *space = "";
    buf_adds(out, "* STATUS ");
    imap_write_mailbox(c->path, session_utf8(r->s), out);
    buf_adds(out, " (");
    for (size_t i = 0; imap_status_names[i].p; i++) {
        if (!(items & (1U << i)))
            continue;
        buf_addf(out, "%s%.*s ", space, SARG(imap_status_names[i]));
        space = " ";
        if ((1U << i) == IMAP_STATUS_MAILBOXID) {
            buf_addc(out, '(');
            mailbox_id_write(c->id, out);
            buf_addc(out, ')');
        }
        for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++)
            if (values[k].bit == (1U << i))
                buf_addu(out, values[k].value);
    }
    buf_adds(out, ")\r\n");
}

int cmd_status_parse(struct request *r, struct imap_parser *p)
{
    struct status *s = request_new_of(r, struct status, 1);
    r->args = s;
    return !s || imap_space(p) || imap_mailbox(p, &s->path) || imap_space(p)
               ? -1
               : imap_status_items(p, &s->items);
}

enum cmd_next cmd_status(struct request *r, struct txn *t)
{
    const struct status *s = r->args;
    struct collection c;
    if (mailbox_find(r, t, s->path, false, &c) != CMD_DONE)
        return CMD_FAIL;
    if (s->items & IMAP_STATUS_HIGHESTMODSEQ)
        condstore_enable(r);
    status_write(r, &c, s->items, &r->out);
    return CMD_DONE;
}
