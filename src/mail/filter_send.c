/* filter_send.c - what a script sends: rows of the outbox and the letters in them, made before the
   writer. Nothing goes out where a loop is seen, and nothing is lost for that: who asked for a
   redirect keeps the message then. RFC 5228 4.2 and 10, RFC 5230 5, RFC 5436 2.7, RFC 3834. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/setting.h"
#include "base/utf8.h"
#include "format/address.h"
#include "format/message.h"
#include "mail/filter_internal.h"
#include "mail/host.h"
#include "mail/inspect.h"
#include "mail/prefix.h"
#include "mail/queue.h"
#include "mail/resolve.h"

SETTING(sieve, redirect_hops, INT, 5, 1, 100,
        "A message that mailboxes have passed on so often already (Delivered-To) is kept and not "
        "redirected again.");
SETTING(sieve, redirect_again, TIME, 12 * HOUR, 0, 30 * DAY,
        "Within this time a message of the same Message-ID is not redirected to the same address "
        "once more, but kept.");

enum { NEVER = 1, SUCCESS = 2, FAILURE = 4, DELAY = 8, ADDRESSES_MAX = 10 };

static int no_memory(struct filter_run *r)
{
    return err_set(r->e, ERR_BUSY, "4.3.1 Out of memory");
}

static struct slice header_of(const struct filter_run *r)
{
    return slice_sub(r->whole, 0, header_end(r->whole));
}

/* The first field of that name, as it stands there. */
static struct slice raw_field(struct slice header, enum field_id id)
{
    struct field f;
    for (size_t pos = 0; header_next(header, &pos, &f);)
        if (f.id == id)
            return slice_trim(f.value);
    return SNONE;
}

/* A letter of the plan, or NULL. */
static struct filter_letter *new_letter(struct filter_run *r)
{
    struct mail_filter *f = r->f;
    struct filter_letter *more = arena_new(&f->arena, struct filter_letter, f->n_letters + 1);
    if (!more) {
        no_memory(r);
        return NULL;
    }
    if (f->n_letters)
        memcpy(more, f->letters, f->n_letters * sizeof(*more));
    f->letters = more;
    more[f->n_letters] = (struct filter_letter){0};
    return &more[f->n_letters];
}

/* Adds mailboxes here, or the address. 1: there is no such address here. */
static int add_recipients(struct filter_run *r, struct slice address, unsigned notify,
                          struct slice orcpt, struct outbox_message *row)
{
    struct delivery_target *t;
    size_t n;
    struct err why = {0};
    if (mail_resolve(address, true, &r->f->arena, &t, &n, &why))
        return why.code == ERR_BUSY ? err_set(r->e, ERR_BUSY, "%s", why.text) : 1;
    struct outbox_recipient *list = arena_new(&r->f->arena, struct outbox_recipient, row->n + n);
    if (!list)
        return no_memory(r);
    if (row->n)
        memcpy(list, row->recipients, row->n * sizeof(*list));
    for (size_t i = 0; i < n; i++)
        list[row->n + i] = (struct outbox_recipient){.address = t[i].address,
                                                     .orcpt = orcpt,
                                                     .notify = notify,
                                                     .account = t[i].account,
                                                     .detail = t[i].detail};
    row->recipients = list;
    row->n += n;
    return 0;
}

static void begin_row(struct filter_run *r, struct outbox_message *row)
{
    struct trace trace = trace_new();
    int64_t now = clock_now_ms();
    row->trace = arena_dup(&r->f->arena, slice_str(trace.id));
    row->queued_at = now;
    row->expires_at = now + mail_queue_lifetime();
}

static void log_letter(const struct filter_run *r, const char *what, const struct sieve_action *a,
                       const char *result, struct slice as)
{
    LOG(LOG_INFO, "mail.filter.send", LF("trace", r->f->in.trace),
        LF("account", r->f->owner.address), LFZ("action", what), LF("to", a->to),
        LFN("line", a->line), LFZ("result", result), LF("as", as));
}

/* --- redirect ---------------------------------------------------------------------------------
 */

static unsigned notify_of(struct slice s)
{
    unsigned bits = 0;
    while (s.p) {
        struct slice one = slice_cut(&s, ',');
        bits |= slice_eqi(one, S("NEVER"))     ? NEVER
                : slice_eqi(one, S("SUCCESS")) ? SUCCESS
                : slice_eqi(one, S("FAILURE")) ? FAILURE
                                               : DELAY;
    }
    return bits;
}

/* NULL: it may go. RFC 5228 10: "implementations MUST take measures". */
static const char *loop_of(const struct filter_run *r)
{
    ARENA_SCOPE a = {.limit = 4 << 20};
    struct mail_header h;
    if (mail_header_inspect(header_of(r), &a, &h, NULL) || h.too_many)
        return "its header is too large";
    if (mail_header_delivered_to(&h, r->f->owner.address) ||
        mail_header_delivered_to(&h, r->f->in.address))
        return "it was here before";
    if ((int64_t)h.n_delivered_to >= setting_get(&set_sieve_redirect_hops))
        return "it was passed on too often";
    return NULL;
}

/* What tells this message from others: its id, or all of it. */
static int sent_before(struct filter_run *r, const struct sieve_action *a, struct filter_memory *m)
{
    int64_t time = setting_get(&set_sieve_redirect_again);
    struct slice id = raw_field(header_of(r), FIELD_MESSAGE_ID);
    struct txn *t;
    if (!time)
        return 0;
    filter_key(MEMORY_OF_REDIRECT, id.n ? id : r->whole, a->to, m->key);
    m->expires_at = clock_now_ms() + time;
    if (txn_read(r->f->in.account, &t, r->e))
        return -1;
    int got = memory_has(t, m->key, r->e);
    txn_end(t);
    return got;
}

static int redirect_bytes(struct filter_run *r, const struct sieve_action *a,
                          struct filter_letter *l)
{
    BUF_SCOPE prefix = {.max = 64 * 1024}, whole = {.max = (size_t)1 << 30};
    bool edited = a->edited || r->changed;
    mail_delivered_to_write(r->f->owner.address, &prefix);
    if (!edited)
        buf_add(&prefix, r->f->in.received);
    l->row.prefix = arena_dup(&r->f->arena, buf_slice(&prefix));
    if (!l->row.prefix.p || prefix.failed)
        return no_memory(r);
    if (!edited)
        return 0;
    buf_add(&whole, a->header);
    buf_add(&whole, a->body);
    if (whole.failed || message_ready_make(buf_slice(&whole), &l->ready, r->e))
        return err_set(r->e, ERR_BUSY, "4.3.1 No room for the message now");
    return 0;
}

/* RFC 5228 4.2; RFC 6009 6: without :notify and :ret, those that the message came with. */
int filter_redirect(struct filter_run *r, const struct sieve_action *a)
{
    const struct mail_filtering *in = &r->f->in;
    const char *why = loop_of(r);
    struct filter_memory memory = {0};
    int before = why ? 0 : sent_before(r, a, &memory);
    if (before < 0)
        return -1;
    if (before)
        why = "it was sent there already";
    struct filter_letter *l = why ? NULL : new_letter(r);
    if (!why && !l)
        return -1;
    int gone = 0;
    if (!why) {
        unsigned notify = a->dsn_notify.p ? notify_of(a->dsn_notify) : in->notify;
        gone = add_recipients(r, a->to, notify, in->orcpt, &l->row);
        if (gone < 0)
            return -1;
        why = gone ? "there is no such address here" : NULL;
    }
    if (why) {
        log_letter(r, "redirect", a, why, SNONE);
        return 1;
    }
    bool ret = a->dsn_ret.p != NULL, full = ret && slice_eqi(a->dsn_ret, S("FULL"));
    begin_row(r, &l->row);
    l->row.from = in->from;
    l->row.envid = in->envid;
    l->row.ret_full = ret ? full : in->ret_full;
    l->row.ret_hdrs = ret ? !full : in->ret_hdrs;
    l->row.body_8bit = in->eight_bit || a->edited || r->changed;
    l->row.body_binary = in->binary;
    l->row.smtputf8 = in->smtputf8 || !ascii_only(a->to);
    l->memory = memory;
    if (redirect_bytes(r, a, l))
        return -1;
    r->f->n_letters++;
    log_letter(r, "redirect", a, "ok", l->row.trace);
    return 0;
}

/* --- letters ----------------------------------------------------------------------------------
 */

/* Name <address> of the owner, or what the script says when that is an address of theirs. Into the
   arena; *ret_spec: the address alone. */
static int sender_of(struct filter_run *r, struct slice said, struct slice *ret,
                     struct slice *ret_spec)
{
    struct mail_filter *f = r->f;
    struct slice name = f->owner.name, address = f->owner.address;
    struct address_list l = {0};
    BUF_SCOPE spec = {0}, out = {0}, display = {0};
    if (said.n && address_parse(said, 1, &f->arena, &l) == 0 && l.n == 1 &&
        l.items[0].kind == ADDRESS_MAILBOX) {
        address_spec(&l.items[0], &spec);
        int may = directory_may_send_as(f->in.account, buf_slice(&spec), r->e);
        if (may < 0)
            return err_set(r->e, ERR_BUSY, "4.3.0 Directory is not available");
        if (may) {
            address_name(&l.items[0], &display);
            name = buf_slice(&display);
            address = buf_slice(&spec);
        }
    }
    ptrdiff_t at = slice_rfind(address, '@');
    address_write(name, slice_sub(address, 0, at < 0 ? 0 : (size_t)at),
                  slice_from(address, (size_t)(at + 1)), &out);
    *ret = arena_dup(&f->arena, buf_slice(&out));
    *ret_spec = arena_dup(&f->arena, address);
    return ret->p && ret_spec->p ? 0 : no_memory(r);
}

static void fcc(struct filter_run *r, const struct sieve_action *a, struct filter_letter *l)
{
    if (!a->fcc)
        return;
    l->fcc = &a->mailbox;
    filter_flags(&a->mailbox.flags, &r->f->arena, &l->fcc_flags);
}

/* The letter is whole: its bytes are made ready, and it belongs to the plan. */
static int end_letter(struct filter_run *r, const struct sieve_action *a, struct filter_letter *l,
                      const struct buf *text, const char *what)
{
    struct slice s = buf_slice(text);
    if (text->failed || message_ready_make(s, &l->ready, r->e))
        return err_set(r->e, ERR_BUSY, "4.3.1 No room for an answer now");
    begin_row(r, &l->row);
    l->row.body_8bit = !ascii_only(s);
    l->row.smtputf8 = !ascii_only(slice_sub(s, 0, header_end(s)));
    fcc(r, a, l);
    r->f->n_letters++;
    log_letter(r, what, a, "ok", l->row.trace);
    return 0;
}

/* RFC 5230 5. Who is not there hears nothing. */
int filter_vacation(struct filter_run *r, const struct sieve_action *a)
{
    BUF_SCOPE text = {0};
    struct slice spec;
    struct letter letter = {.to = a->to,
                            .subject = a->subject,
                            .automatic = S("auto-replied (vacation)"),
                            .in_reply_to = a->in_reply_to,
                            .references = a->references,
                            .text = a->text,
                            .mime = a->mime};
    struct filter_letter *l = new_letter(r);
    if (!l || sender_of(r, a->from, &letter.from, &spec))
        return -1;
    int gone = add_recipients(r, a->to, NEVER, SNONE, &l->row);
    if (gone) {
        if (gone > 0)
            log_letter(r, "vacation", a, "there is no such address here", SNONE);
        return gone < 0 ? -1 : 0;
    }
    if (a->seconds) {
        filter_key(MEMORY_OF_VACATION, a->key, a->to, l->memory.key);
        l->memory.expires_at = clock_now_ms() + (int64_t)a->seconds * 1000;
        l->once = true;
    }
    letter_write(&letter, &text);
    return end_letter(r, a, l, &text, "vacation");
}

/* RFC 5429 2.2.1: a failure MDN with the header of what is refused. */
static void write_mdn(const struct filter_run *r, const struct sieve_action *a,
                      const struct letter *l, struct buf *out)
{
    struct trace id = trace_new();
    struct slice original = header_of(r), mid = raw_field(original, FIELD_MESSAGE_ID);
    bool ascii = ascii_only(r->f->in.address);
    BUF_SCOPE said = {0};
    letter_head(l, out);
    buf_addf(out,
             "Content-Type: multipart/report; report-type=disposition-notification;\r\n"
             "\tboundary=\"=_%s\"\r\n\r\n--=_%s\r\n",
             id.id, id.id);
    buf_adds(&said, "The message was refused by the recipient's mail filtering program.\r\n"
                    "The reason given was as follows:\r\n\r\n");
    buf_add(&said, a->text);
    letter_text(buf_slice(&said), out);
    buf_addf(out, "\r\n--=_%s\r\nContent-Type: message/%sdisposition-notification\r\n\r\n", id.id,
             ascii ? "" : "global-");
    buf_addf(out, "Reporting-UA: %.*s; Carbonado\r\nFinal-Recipient: %s; ", SARG(mail_hostname()),
             ascii ? "rfc822" : "utf-8");
    letter_line(r->f->in.address, out);
    buf_add(out, S("\r\n"));
    if (mid.n) {
        buf_add(out, S("Original-Message-ID: "));
        letter_line(mid, out);
        buf_add(out, S("\r\n"));
    }
    buf_addf(out,
             "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n"
             "\r\n--=_%s\r\nContent-Type: %s\r\n\r\n",
             id.id, ascii_only(original) ? "text/rfc822-headers" : "message/global-headers");
    buf_add(out, original);
    buf_addf(out, "\r\n--=_%s--\r\n", id.id);
    out->failed |= said.failed;
}

int filter_reject(struct filter_run *r, const struct sieve_action *a)
{
    BUF_SCOPE text = {0};
    struct slice spec, id = raw_field(header_of(r), FIELD_MESSAGE_ID);
    struct sieve_action told = {.what = a->what, .line = a->line, .to = r->f->in.from};
    struct letter letter = {.to = r->f->in.from,
                            .subject = S("Rejected: your message was refused"),
                            .automatic = S("auto-replied (rejected)"),
                            .in_reply_to = id,
                            .references = id};
    if (!r->f->in.from.n) {
        log_letter(r, "reject", &told, "there is nobody to be told", SNONE);
        return 0;
    }
    struct filter_letter *l = new_letter(r);
    if (!l || sender_of(r, SNONE, &letter.from, &spec))
        return -1;
    int gone = add_recipients(r, r->f->in.from, NEVER, SNONE, &l->row);
    if (gone)
        return gone < 0 ? -1 : 0;
    write_mdn(r, a, &letter, &text);
    return end_letter(r, &told, l, &text, "reject");
}

/* --- notify by mail -------------------------------------------------------------------------- */

static void unescape(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        uint64_t v;
        if (s.p[i] == '%' && i + 2 < s.n && !slice_hex(slice_sub(s, i + 1, i + 3), &v)) {
            buf_addc(out, (char)v);
            i += 2;
        } else {
            buf_addc(out, s.p[i]);
        }
    }
}

/* Addresses with commas between: recipients of the row, and text for a field. */
static int notice_to(struct filter_run *r, struct slice list, struct outbox_message *row,
                     struct buf *field)
{
    BUF_SCOPE text = {.max = 16 * 1024};
    struct address_list l;
    unescape(list, &text);
    if (text.failed || address_parse(buf_slice(&text), ADDRESSES_MAX, &r->f->arena, &l))
        return 0;
    for (size_t i = 0; i < l.n; i++) {
        BUF_SCOPE spec = {.max = 1024};
        if (l.items[i].kind != ADDRESS_MAILBOX || !l.items[i].domain.n)
            continue;
        address_spec(&l.items[i], &spec);
        struct slice own = arena_dup(&r->f->arena, buf_slice(&spec));
        if (!own.p)
            return no_memory(r);
        if (add_recipients(r, own, NEVER, SNONE, row) < 0)
            return -1;
        buf_adds(field, field->n ? ", " : "");
        buf_add(field, own);
    }
    return 0;
}

/* RFC 5436 2.7: fields that a URI may add. */
static bool is_harmless(struct slice name)
{
    static const struct slice names[] = {S_INIT("comments"), S_INIT("importance"),
                                         S_INIT("keywords"), S_INIT("priority"),
                                         S_INIT("reply-to"), S_INIT("x-priority")};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eqi(name, names[i]))
            return true;
    return false;
}

struct notice {
    struct buf to, cc, body, extra;
};

static int read_uri(struct filter_run *r, struct slice uri, struct outbox_message *row,
                    struct notice *n)
{
    struct slice headers = slice_from(uri, strlen("mailto:")), to = slice_cut(&headers, '?');
    if (notice_to(r, to, row, &n->to))
        return -1;
    while (headers.p) {
        struct slice value = slice_cut(&headers, '&'), name = slice_cut(&value, '=');
        if (slice_eqi(name, S("to")) || slice_eqi(name, S("cc"))) {
            if (notice_to(r, value, row, slice_eqi(name, S("to")) ? &n->to : &n->cc))
                return -1;
        } else if (slice_eqi(name, S("body"))) {
            unescape(value, &n->body);
        } else if (is_harmless(name)) {
            BUF_SCOPE text = {.max = 8 * 1024};
            unescape(value, &text);
            buf_addf(&n->extra, "%c%.*s: ", ascii_upper(name.p[0]), SARG(slice_from(name, 1)));
            letter_line(buf_slice(&text), &n->extra);
            buf_add(&n->extra, S("\r\n"));
        }
    }
    return n->to.failed || n->cc.failed || n->body.failed || n->extra.failed ? no_memory(r) : 0;
}

static int make_notice(struct filter_run *r, const struct sieve_action *a, struct notice *n)
{
    static const char *const importance[] = {"High", "Normal", "Low"};
    BUF_SCOPE text = {0};
    struct slice from, spec;
    struct filter_letter *l = new_letter(r);
    if (!l || sender_of(r, a->from, &from, &spec) || read_uri(r, a->to, &l->row, n))
        return -1;
    if (!l->row.n) {
        log_letter(r, "notify", a, "there is no such address here", SNONE);
        return 0;
    }
    buf_addf(&n->extra, "Importance: %s\r\n", importance[a->importance - 1]);
    struct letter letter = {.from = from,
                            .to = buf_slice(&n->to),
                            .cc = buf_slice(&n->cc),
                            .subject = a->text,
                            .automatic =
                                arena_printf(&r->f->arena, "auto-notified; owner-email=\"%.*s\"",
                                             SARG(r->f->owner.address)),
                            .extra = buf_slice(&n->extra),
                            .text = buf_slice(&n->body)};
    l->row.from = r->f->in.from.n ? spec : S("");
    letter_write(&letter, &text);
    return end_letter(r, a, l, &text, "notify");
}

int filter_notice(struct filter_run *r, const struct sieve_action *a)
{
    struct notice n = {.body = {.max = 64 * 1024}};
    int rc = make_notice(r, a, &n);
    buf_done(&n.to);
    buf_done(&n.cc);
    buf_done(&n.body);
    buf_done(&n.extra);
    return rc;
}
