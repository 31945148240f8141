/* search_eval.c - does this message match? RFC 9051 6.4.4. The tree is asked first with what the
   database gave; only if that leaves it open the bytes are read and it is asked again. FROM, TO,
   CC, BCC and SUBJECT are of the envelope, as the RFC says; BODY is the decoded text of all text
   and message parts and the headers of messages inside; TEXT is that and all other headers. */
#include "format/charset.h"
#include "format/date.h"
#include "format/fields.h"
#include "format/transfer.h"
#include "imap/search.h"
#include "imap/sets.h"
#include "imap/settings.h"

enum { HEAD_STEP = 16 * 1024 };

#define DAY_MS (24 * 3600 * 1000LL)

/* --- preparing ------------------------------------------------------------------------------- */

static int prepare_text(struct request *r, const struct search *s, struct imap_search_key *k)
{
    BUF_SCOPE utf8 = {.max = 1 << 20};
    charset_to_utf8(s->args.charset.p ? s->args.charset : S("UTF-8"), k->text, &utf8);
    struct needle *n = request_new_of(r, struct needle, 1);
    struct slice kept = arena_dup(&r->arena, buf_slice(&utf8));
    if (!n || !kept.p || needle_make(kept, &r->arena, n))
        return err_set(&r->job.err, ERR_LIMIT, "the search needs too much memory");
    k->prepared = n;
    return 0;
}

static int prepare_set(struct request *r, struct imap_search_key *k)
{
    /* Lives in the arena's time; its ranges are freed with the command. */
    UIDSET_SCOPE uids = {0};
    set_uids_lenient(r, &k->set, k->op == SEARCH_UID, &uids);
    struct uidset *kept = request_new_of(r, struct uidset, 1);
    struct uidrange *ranges = request_new_of(r, struct uidrange, uids.n);
    if (!kept || !ranges)
        return -1;
    if (uids.n)
        memcpy(ranges, uids.r, uids.n * sizeof(*ranges));
    *kept = (struct uidset){.r = ranges, .n = uids.n, .cap = uids.n};
    k->prepared = kept;
    return 0;
}

static int prepare(struct request *r, struct search *s, struct imap_search_key *k)
{
    int rc = 0;
    switch (k->op) {
    case SEARCH_SEQ:
    case SEARCH_UID:
        rc = prepare_set(r, k);
        break;
    case SEARCH_KEYWORD:
        s->want |= ENTRY_KEYWORDS;
        break;
    case SEARCH_FROM:
    case SEARCH_TO:
    case SEARCH_CC:
    case SEARCH_BCC:
    case SEARCH_SUBJECT:
        s->want |= ENTRY_ENVELOPE;
        rc = prepare_text(r, s, k);
        break;
    case SEARCH_HEADER:
    case SEARCH_BODY:
    case SEARCH_TEXT:
        s->want |= ENTRY_BYTES | ENTRY_ITEM;
        s->needs_bytes = true;
        rc = prepare_text(r, s, k);
        break;
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
        s->want |= ENTRY_ENVELOPE | ENTRY_ITEM;
        break;
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
    case SEARCH_OLDER:
    case SEARCH_YOUNGER:
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
    case SEARCH_THREADID:
        s->want |= ENTRY_ITEM;
        break;
    default:
        break;
    }
    for (struct imap_search_key *c = k->sub; c && rc == 0; c = c->next)
        rc = prepare(r, s, c);
    return rc;
}

enum cmd_next search_prepare(struct request *r, struct search *s)
{
    const struct selected *sel = r->s->sel;
    if (s->args.charset.p && !charset_name(s->args.charset)) {
        r->code = "BADCHARSET (US-ASCII UTF-8)";
        return request_fail(r, ERR_UNSUPPORTED, "The charset is not known");
    }
    if (prepare(r, s, s->args.key))
        return CMD_FAIL;
    view_all(sel->view, &s->candidates);
    /* What stands at the top and names messages narrows the walk. */
    for (const struct imap_search_key *k = s->args.key->sub; k; k = k->next)
        if (k->op == SEARCH_SEQ || k->op == SEARCH_UID)
            uidset_intersect(&s->candidates, k->prepared);
    if (s->args.uses_modseq)
        s->modseq_all = 0;
    return CMD_DONE;
}

void search_keywords(struct request *r, struct imap_search_key *k)
{
    if (k->op == SEARCH_KEYWORD) {
        int64_t id = flags_keyword(r, k->text);
        k->number = id < 0 ? UINT64_MAX : (uint64_t)id;
    }
    for (struct imap_search_key *c = k->sub; c; c = c->next)
        search_keywords(r, c);
}

/* --- bytes ----------------------------------------------------------------------------------- */

void search_message_done(struct search_message *m)
{
    if (m->bytes)
        message_close(m->bytes);
    m->bytes = NULL;
    m->parsed = NULL;
    buf_reset(&m->raw);
    arena_reset(&m->arena);
}

static int raw_to(struct search_message *m, uint64_t n, struct err *e)
{
    uint64_t size = message_size(m->bytes);
    if (n > size)
        n = size;
    return n <= m->raw.n ? 0 : message_read(m->bytes, m->raw.n, n - m->raw.n, &m->raw, e);
}

static int raw_header(struct search_message *m, struct slice *ret, struct err *e)
{
    for (uint64_t want = HEAD_STEP;; want *= 4) {
        if (raw_to(m, want, e))
            return -1;
        size_t end = header_end(buf_slice(&m->raw));
        if (m->raw.n == message_size(m->bytes) || end < m->raw.n) {
            *ret = slice_sub(buf_slice(&m->raw), 0, end);
            return 0;
        }
    }
}

/* Any field (name.p == NULL: all, with their names) of these header bytes. */
static bool in_fields(struct search_message *m, struct slice header, struct slice name,
                      const struct needle *n)
{
    size_t pos = 0;
    struct field f;
    while (header_next(header, &pos, &f)) {
        if (name.p && !slice_eqi(name, f.name))
            continue;
        buf_reset(&m->text);
        if (!name.p) {
            buf_add(&m->text, f.name);
            buf_adds(&m->text, ": ");
        }
        field_text(f.value, &m->text);
        if (needle_in(n, buf_slice(&m->text)))
            return true;
    }
    return false;
}

static bool in_part(struct search_message *m, const struct part *p, const struct needle *n)
{
    struct slice raw = part_body(m->parsed, p);
    if (p->kind != PART_LEAF ||
        (p->has_type && !part_is(p, "text", NULL) && !part_is(p, "message", NULL)))
        return false;
    BUF_SCOPE decoded = {.max = (size_t)128 << 20};
    bool plain = p->encoding <= ENCODING_BINARY || p->encoding == ENCODING_UNKNOWN;
    if (!plain) {
        transfer_decode(p->encoding, raw, &decoded);
        raw = buf_slice(&decoded);
    }
    buf_reset(&m->text);
    charset_to_utf8(param_raw(&p->params, S("charset")), raw, &m->text);
    return needle_in(n, buf_slice(&m->text));
}

/* `headers`: those of parts count too. 1, 0, -1 */
static int in_body(struct search_message *m, const struct needle *n, bool headers, struct err *e)
{
    if (!m->parsed && (raw_to(m, UINT64_MAX, e) ||
                       message_parse(buf_slice(&m->raw), NULL, &m->arena, &m->parsed, e)))
        return -1;
    for (const struct part *p = m->parsed->root; p; p = p->following) {
        if (p != m->parsed->root && (headers || part_is_root(p)) &&
            in_fields(m, part_header(m->parsed, p), SNONE, n))
            return 1;
        if (in_part(m, p, n))
            return 1;
    }
    return 0;
}

static int ask_bytes(struct search_message *m, const struct imap_search_key *k, struct err *e)
{
    struct slice header;
    if (k->op != SEARCH_BODY) {
        if (raw_header(m, &header, e))
            return -1;
        if (in_fields(m, header, k->op == SEARCH_HEADER ? k->name : SNONE, k->prepared))
            return 1;
        if (k->op == SEARCH_HEADER)
            return 0;
    }
    return in_body(m, k->prepared, k->op == SEARCH_TEXT, e);
}

/* --- the tree -------------------------------------------------------------------------------- */

static int64_t floor_day(int64_t value, int64_t unit)
{
    return value / unit - (value % unit < 0);
}

/* "Disregarding time and timezone": the day as the Date field writes it. */
static int64_t sent_day(struct search_message *m)
{
    struct date d;
    buf_reset(&m->text);
    envelope_text(m->en.envelope, ENVELOPE_DATE, &m->text);
    if (date_parse(buf_slice(&m->text), &d))
        return floor_day(d.at + d.zone, 86400);
    return floor_day(m->en.sent_at, DAY_MS);
}

static bool in_envelope(struct search_message *m, const struct imap_search_key *k)
{
    static const enum envelope_field fields[] = {
        [SEARCH_FROM] = ENVELOPE_FROM,       [SEARCH_TO] = ENVELOPE_TO,
        [SEARCH_CC] = ENVELOPE_CC,           [SEARCH_BCC] = ENVELOPE_BCC,
        [SEARCH_SUBJECT] = ENVELOPE_SUBJECT,
    };
    buf_reset(&m->text);
    envelope_text(m->en.envelope, fields[k->op], &m->text);
    return needle_in(k->prepared, buf_slice(&m->text));
}

static bool is_id(struct slice text, char letter, uint64_t id)
{
    uint64_t v;
    return text.n > 1 && text.p[0] == letter && slice_u64(slice_from(text, 1), &v) == 0 && v == id;
}

static bool simple(struct request *r, struct search *s, const struct imap_search_key *k)
{
    struct search_message *m = &s->msg;
    const struct entry *en = &m->en;
    int64_t age = (s->now_ms - en->received_at) / 1000;
    switch (k->op) {
    case SEARCH_ALL:
        return true;
    case SEARCH_FLAG:
        return !(en->flags & k->bit) == !k->want;
    case SEARCH_KEYWORD:
        return (k->number != UINT64_MAX && flags_has_keyword(en, (uint32_t)k->number)) == k->want;
    case SEARCH_RECENT:
        return uidset_has(&r->s->sel->recent, en->uid) == k->want;
    case SEARCH_SEQ:
    case SEARCH_UID:
        return uidset_has(k->prepared, en->uid);
    case SEARCH_BEFORE:
        return floor_day(en->received_at, DAY_MS) < k->day;
    case SEARCH_ON:
        return floor_day(en->received_at, DAY_MS) == k->day;
    case SEARCH_SINCE:
        return floor_day(en->received_at, DAY_MS) >= k->day;
    case SEARCH_SAVEDBEFORE:
        return floor_day(en->saved_at, DAY_MS) < k->day;
    case SEARCH_SAVEDON:
        return floor_day(en->saved_at, DAY_MS) == k->day;
    case SEARCH_SAVEDSINCE:
        return floor_day(en->saved_at, DAY_MS) >= k->day;
    case SEARCH_SENTBEFORE:
        return sent_day(m) < k->day;
    case SEARCH_SENTON:
        return sent_day(m) == k->day;
    case SEARCH_SENTSINCE:
        return sent_day(m) >= k->day;
    case SEARCH_OLDER:
        return age >= (int64_t)k->number;
    case SEARCH_YOUNGER:
        return age <= (int64_t)k->number;
    case SEARCH_LARGER:
        return (uint64_t)en->size > k->number;
    case SEARCH_SMALLER:
        return (uint64_t)en->size < k->number;
    case SEARCH_MODSEQ:
        return en->modseq >= k->number;
    case SEARCH_EMAILID:
        return is_id(k->text, 'M', en->item);
    case SEARCH_THREADID:
        return is_id(k->text, 'T', en->thread);
    default:
        return in_envelope(m, k);
    }
}

static enum search_answer ask(struct request *r, struct search *s, const struct imap_search_key *k);

static enum search_answer ask_children(struct request *r, struct search *s,
                                       const struct imap_search_key *k)
{
    enum search_answer decides = k->op == SEARCH_AND ? SEARCH_NO : SEARCH_YES;
    bool open = false;
    for (const struct imap_search_key *c = k->sub; c; c = c->next) {
        enum search_answer a = ask(r, s, c);
        if (a == decides)
            return a;
        open |= a == SEARCH_UNKNOWN;
    }
    if (open)
        return SEARCH_UNKNOWN;
    return decides == SEARCH_NO ? SEARCH_YES : SEARCH_NO;
}

static enum search_answer ask(struct request *r, struct search *s, const struct imap_search_key *k)
{
    enum search_answer a;
    switch (k->op) {
    case SEARCH_AND:
    case SEARCH_OR:
        return ask_children(r, s, k);
    case SEARCH_NOT:
        a = ask(r, s, k->sub);
        return a == SEARCH_UNKNOWN ? a : a == SEARCH_YES ? SEARCH_NO : SEARCH_YES;
    case SEARCH_HEADER:
    case SEARCH_BODY:
    case SEARCH_TEXT: {
        if (!s->msg.bytes)
            return SEARCH_UNKNOWN;
        int found = ask_bytes(&s->msg, k, &r->job.err);
        return found < 0 ? SEARCH_UNKNOWN : found ? SEARCH_YES : SEARCH_NO;
    }
    default:
        return simple(r, s, k) ? SEARCH_YES : SEARCH_NO;
    }
}

static int open_bytes(struct search_message *m, struct err *e)
{
    if (m->bytes)
        return 0;
    m->raw.max = (size_t)setting_get(&set_imap_append_max) * 2 + (1 << 20);
    m->text.max = (size_t)128 << 20;
    m->arena.limit = MESSAGE_ARENA_LIMIT;
    if (message_open(&m->en, &m->bytes, e) == 0)
        return 0;
    m->bytes = NULL;
    return -1;
}

int search_header(struct search_message *m, struct slice *ret, struct err *e)
{
    return open_bytes(m, e) ? -1 : raw_header(m, ret, e);
}

int search_decide(struct request *r, struct search *s)
{
    struct search_message *m = &s->msg;
    enum search_answer a = ask(r, s, s->args.key);
    if (a == SEARCH_UNKNOWN) {
        if (open_bytes(m, &r->job.err))
            return -1;
        a = ask(r, s, s->args.key);
    }
    return a == SEARCH_UNKNOWN ? -1 : a == SEARCH_YES;
}
