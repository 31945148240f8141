/* fetch_items.c - the FETCH items that need no message bytes. RFC 9051 7.5.2, RFC 7162 3.1.4
   (MODSEQ), RFC 8474 5 (EMAILID, THREADID), RFC 8970 (PREVIEW). ENVELOPE and BODYSTRUCTURE are
   stored as they go on the wire. */
#include "format/imap_body.h"
#include "imap/fetch.h"
#include "imap/flags.h"
#include "proto/imap/write.h"

unsigned fetch_want(const struct imap_fetch_args *a)
{
    unsigned want = 0;
    if (a->items & IMAP_FETCH_FLAGS)
        want |= ENTRY_KEYWORDS;
    if (a->items & (IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_THREADID))
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

static void write_item(struct request *r, unsigned item, const struct entry *en)
{
    struct buf *out = &r->out;
    switch (item) {
    case IMAP_FETCH_FLAGS:
        buf_adds(out, "FLAGS ");
        flags_write(r, en, out);
        break;
    case IMAP_FETCH_UID:
        buf_addf(out, "UID %u", en->uid);
        break;
    case IMAP_FETCH_INTERNALDATE:
        buf_adds(out, "INTERNALDATE ");
        imap_write_date_time(en->received_at, out);
        break;
    case IMAP_FETCH_SIZE:
        buf_addf(out, "RFC822.SIZE %lld", (long long)en->size);
        break;
    case IMAP_FETCH_ENVELOPE:
        buf_adds(out, "ENVELOPE ");
        buf_add(out, en->envelope);
        break;
    case IMAP_FETCH_BODY:
        buf_adds(out, "BODY ");
        if (imap_body(en->bodystructure, out)) /* damaged; the grammar knows no NIL here */
            buf_adds(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
        break;
    case IMAP_FETCH_BODYSTRUCTURE:
        buf_adds(out, "BODYSTRUCTURE ");
        buf_add(out, en->bodystructure);
        break;
    case IMAP_FETCH_MODSEQ:
        buf_addf(out, "MODSEQ (%llu)", (unsigned long long)en->modseq);
        break;
    case IMAP_FETCH_EMAILID:
        buf_addf(out, "EMAILID (M%llu)", (unsigned long long)en->item);
        break;
    case IMAP_FETCH_PREVIEW: /* RFC 8970 3.2: never NIL */
        buf_adds(out, "PREVIEW ");
        imap_write_string(en->preview, session_utf8(r->s), out);
        break;
    default:
        buf_addf(out, "THREADID (T%llu)", (unsigned long long)en->thread);
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
    buf_addf(&r->out, "* %u FETCH (", seq);
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
