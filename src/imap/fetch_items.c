/* fetch_items.c - the FETCH items that need no message bytes. RFC 9051 7.5.2, RFC 7162 3.1.4
   (MODSEQ), RFC 8474 5 (EMAILID, THREADID), RFC 8970 (PREVIEW), RFC 8514 4.2 (SAVEDATE). ENVELOPE
   and BODYSTRUCTURE are stored as they go on the wire. */
#include "format/imap_body.h"
#include "imap/fetch.h"
#include "imap/flags.h"
#include "proto/imap/write.h"

unsigned fetch_want(const struct imap_fetch_args *a)
{
    unsigned want = 0;
    if (a->items & IMAP_FETCH_FLAGS)
        want |= ENTRY_KEYWORDS;
    if (a->items & IMAP_FETCH_INTERNALDATE)
        want |= ENTRY_RECEIVED;
    if (a->items & (IMAP_FETCH_SIZE | IMAP_FETCH_SAVEDATE))
        want |= ENTRY_NARROW;
    if (a->items & IMAP_FETCH_THREADID)
        want |= ENTRY_ITEM;
    if (a->items & IMAP_FETCH_ENVELOPE)
        want |= ENTRY_ENVELOPE;
    if (a->items & (IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE))
        want |= ENTRY_STRUCTURE;
    if (a->items & IMAP_FETCH_PREVIEW)
        want |= ENTRY_PREVIEW;
    if (a->n_bodies)
        want |= ENTRY_BYTES | ENTRY_ITEM;
    return want;
}

static void number(struct buf *out, struct slice before, uint64_t n, struct slice after)
{
    buf_add(out, before);
    buf_addu(out, n);
    buf_add(out, after);
}

static void write_item(struct request *r, unsigned item, const struct entry *en)
{
    struct buf *out = &r->out;
    switch (item) {
    case IMAP_FETCH_FLAGS:
        buf_add(out, S("FLAGS "));
        flags_write(r, en, out);
        break;
    case IMAP_FETCH_UID:
        number(out, S("UID "), en->uid, S(""));
        break;
    case IMAP_FETCH_INTERNALDATE:
        buf_add(out, S("INTERNALDATE "));
        imap_write_date_time(en->received_at, out);
        break;
    case IMAP_FETCH_SIZE:
        number(out, S("RFC822.SIZE "), (uint64_t)en->size, S(""));
        break;
    case IMAP_FETCH_ENVELOPE:
        buf_add(out, S("ENVELOPE "));
        buf_add(out, en->envelope);
        break;
    case IMAP_FETCH_BODY:
        buf_add(out, S("BODY "));
        if (imap_body(en->bodystructure, out)) /* damaged; the grammar knows no NIL here */
            buf_adds(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
        break;
    case IMAP_FETCH_BODYSTRUCTURE:
        buf_add(out, S("BODYSTRUCTURE "));
        buf_add(out, en->bodystructure);
        break;
    case IMAP_FETCH_MODSEQ:
        number(out, S("MODSEQ ("), en->modseq, S(")"));
        break;
    case IMAP_FETCH_EMAILID:
        number(out, S("EMAILID (M"), en->item, S(")"));
        break;
    case IMAP_FETCH_PREVIEW: /* RFC 8970 3.2: never NIL */
        buf_add(out, S("PREVIEW "));
        imap_write_string(en->preview, session_utf8(r->s), out);
        break;
    case IMAP_FETCH_SAVEDATE:
        buf_add(out, S("SAVEDATE "));
        if (en->saved_at)
            imap_write_date_time(en->saved_at, out);
        else /* of an expunged message nobody knows it any more */
            buf_add(out, S("NIL"));
        break;
    default:
        number(out, S("THREADID (T"), en->thread, S(")"));
        break;
    }
}

int fetch_items(struct request *r, struct txn *t, struct fetch *f, const struct entry *en,
                uint32_t seq)
{
    unsigned items = f->args.items;
    if (uidset_has(&f->known, en->uid)) { /* \Seen was set by this very command */
        items |= IMAP_FETCH_FLAGS;
        if (r->s->enabled & ENABLED_CONDSTORE) /* RFC 7162 3.2.4 */
            items |= IMAP_FETCH_UID;
    }
    /* RFC 7162 3.2.4: with QRESYNC every FETCH response has a UID. */
    if (r->s->enabled & ENABLED_QRESYNC)
        items |= IMAP_FETCH_UID;
    if ((items & IMAP_FETCH_FLAGS) && (r->s->enabled & ENABLED_CONDSTORE))
        items |= IMAP_FETCH_MODSEQ;
    if ((items & IMAP_FETCH_FLAGS) && flags_load(r, t, &r->job.err))
        return -1;
    f->space = false;
    if (r->s->enabled & ENABLED_UIDONLY) { /* RFC 9586 3.3 */
        if (!f->args.asked_uid && (items != IMAP_FETCH_UID || f->args.n_bodies))
            items &= ~(unsigned)IMAP_FETCH_UID;
        number(&r->out, S("* "), en->uid, S(" UIDFETCH ("));
    } else {
        number(&r->out, S("* "), seq, S(" FETCH ("));
    }
    for (unsigned bit = 1; bit <= IMAP_FETCH_LAST; bit <<= 1) {
        if (!(items & bit))
            continue;
        if (f->space)
            buf_addc(&r->out, ' ');
        f->space = true;
        write_item(r, bit, en);
    }
    return 0;
}
