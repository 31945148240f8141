/* dsn.c - the report: a text for people, fields for programs, and the message or its header. All
   that came from outside is made one printable line before it becomes a field. */
#include "mail/dsn.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/utf8.h"
#include "format/date.h"
#include "format/message.h"
#include "format/msgid.h"
#include "mail/host.h"
#include "proto/smtp/xtext.h"

static const struct {
    unsigned bit; /* of NOTIFY */
    bool by_default;
    const char *action; /* RFC 3464 2.3.3 */
    const char *subject, *text;
} actions[] = {
    [DSN_FAILED] =
        {4, true, "failed", "Undelivered mail: returned to sender",
         "Your message could not be delivered to the recipients below, and will not be\r\n"
         "tried again.\r\n"},
    [DSN_DELAYED] =
        {8, true, "delayed", "Delayed mail: still being tried",
         "Your message has not been delivered yet to the recipients below. Delivery is\r\n"
         "tried again; you need not send it again.\r\n"},
    [DSN_DELIVERED] = {2, false, "delivered", "Mail delivered",
                       "Your message was delivered to the recipients below.\r\n"},
    [DSN_RELAYED] = {2, false, "relayed", "Mail relayed",
                     "Your message was handed to a server that does not send notifications.\r\n"},
    [DSN_EXPANDED] =
        {2, false, "expanded", "Mail passed on",
         "Your message was accepted for the addresses below, each of which stands for\r\n"
         "several others. Who among them gets it is not told one by one.\r\n"},
};

bool dsn_wanted(const struct outbox_message *m, unsigned notify, enum dsn_action action)
{
    if (m->from.n == 0) /* RFC 5321 6.1 */
        return false;
    return notify ? (notify & actions[action].bit) != 0 : actions[action].by_default;
}

/* A value of one line: controls become blanks. */
static void add_line(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_addc(out, ascii_is_control(s.p[i]) ? ' ' : s.p[i]);
}

static void add_field(struct buf *out, const char *name, struct slice value)
{
    buf_adds(out, name);
    add_line(out, value);
    buf_add(out, S("\r\n"));
}

static void add_date(struct buf *out, const char *name, int64_t at)
{
    buf_adds(out, name);
    date_write((struct date){.at = at}, out);
    buf_add(out, S("\r\n"));
}

static bool is_utf8_report(const struct outbox_message *m, const struct dsn_recipient *r, size_t n)
{
    bool ascii = ascii_only(m->from);
    for (size_t i = 0; i < n; i++)
        ascii = ascii && ascii_only(r[i].recipient->address) && ascii_only(r[i].recipient->orcpt);
    return !ascii;
}

/* RFC 3464 2.3.6: "smtp" is for what a server said. */
static bool is_reply(const struct dsn_recipient *r)
{
    struct slice d = r->diagnostic;
    return r->remote.n && d.n >= 3 && ascii_digit(d.p[0]) && ascii_digit(d.p[1]) &&
           ascii_digit(d.p[2]);
}

/* ASCII in either kind of report (RFC 6533 4.1). */
static void add_diagnostic(const struct dsn_recipient *r, struct buf *out)
{
    struct slice text = slice_sub(r->diagnostic, 0, 800);
    buf_adds(out, is_reply(r) ? "Diagnostic-Code: smtp; " : "Diagnostic-Code: x-carbonado; ");
    for (size_t i = 0; i < text.n; i++)
        buf_addc(out, (unsigned char)text.p[i] < 32    ? ' '
                      : (unsigned char)text.p[i] > 126 ? '?'
                                                       : text.p[i]);
    buf_add(out, S("\r\n"));
}

/* RFC 6533 3: in a report that is ASCII, the type utf-8 has its characters in \x{} form. */
static void add_original_recipient(struct slice orcpt, bool utf8, struct buf *out)
{
    BUF_SCOPE encoded = {.max = 8 * 1024};
    struct slice address = orcpt, type = slice_cut(&address, ';');
    if (!utf8 && slice_eqi(type, S("utf-8"))) {
        buf_add(&encoded, S("utf-8;"));
        xtext_encode_utf8_addr(address, false, &encoded);
        orcpt = buf_slice(&encoded);
    }
    add_field(out, "Original-Recipient: ", orcpt);
}

/* RFC 3464 2.3. */
static void add_recipient(const struct outbox_message *m, const struct dsn_recipient *r, bool utf8,
                          struct buf *out)
{
    struct slice address = r->recipient->address;
    buf_add(out, S("\r\n"));
    if (r->recipient->orcpt.n)
        add_original_recipient(r->recipient->orcpt, utf8, out);
    add_field(out, ascii_only(address) ? "Final-Recipient: rfc822; " : "Final-Recipient: utf-8; ",
              address);
    add_field(out, "Action: ", slice_str(actions[r->action].action));
    add_field(out, "Status: ", r->status);
    if (r->remote.n)
        add_field(out, "Remote-MTA: dns; ", r->remote);
    if (r->diagnostic.n)
        add_diagnostic(r, out);
    add_date(out, "Last-Attempt-Date: ", clock_now());
    if (r->action == DSN_DELAYED)
        add_date(out, "Will-Retry-Until: ", m->expires_at / 1000);
}

/* An id that needs no quoting in a field. */
static bool is_plain_id(struct slice id)
{
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] <= ' ' || id.p[i] == 127 || strchr("<>()\"\\", id.p[i]))
            return false;
    return id.n > 0;
}

/* RFC 3834 3.1.6, RFC 5322 3.6.4: the report stands in the thread of the message. */
static void add_thread(struct slice original, struct buf *out)
{
    enum { MEMORY = 1 << 20, PARENTS = 20 };
    ARENA_SCOPE a = {.limit = MEMORY};
    struct slice id = SNONE;
    struct msgid_list references = {0}, parents = {0};
    struct field f;
    for (size_t pos = 0; header_next(original, &pos, &f);) {
        if (f.id == FIELD_MESSAGE_ID && !id.n)
            id = msgid_first(f.value, &a);
        else if (f.id == FIELD_REFERENCES && !references.n)
            msgid_parse(f.value, &a, &references);
        else if (f.id == FIELD_IN_REPLY_TO && !parents.n)
            msgid_parse(f.value, &a, &parents);
    }
    if (!is_plain_id(id))
        return;
    if (references.n || parents.n > 1)
        parents = references;
    buf_addf(out, "In-Reply-To: <%.*s>\r\nReferences:", SARG(id));
    for (size_t i = parents.n > PARENTS ? parents.n - PARENTS : 0; i < parents.n; i++)
        if (is_plain_id(parents.items[i]) && !slice_eq(parents.items[i], id))
            buf_addf(out, " <%.*s>\r\n", SARG(parents.items[i]));
    buf_addf(out, " <%.*s>\r\n", SARG(id));
}

static void add_header(const struct outbox_message *m, enum dsn_action action, const char *boundary,
                       struct slice original, struct buf *out)
{
    struct slice host = mail_hostname();
    struct trace id = trace_new();
    buf_addf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\n", SARG(host));
    add_field(out, "To: ", m->from);
    add_field(out, "Subject: ", slice_str(actions[action].subject));
    add_date(out, "Date: ", clock_now());
    buf_addf(out, "Message-ID: <%s.dsn@%.*s>\r\n", id.id, SARG(host));
    add_thread(original, out);
    buf_add(out, S("Auto-Submitted: auto-replied\r\n")); /* RFC 3834 3.1.7 */
    buf_add(out, S("MIME-Version: 1.0\r\n"));
    buf_addf(
        out,
        "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n",
        boundary);
}

static void add_text(const struct outbox_message *m, const struct dsn_recipient *r, size_t n,
                     struct buf *out)
{
    buf_addf(out, "This is the mail system at %.*s.\r\n\r\n%s\r\n", SARG(mail_hostname()),
             actions[r[0].action].text);
    for (size_t i = 0; i < n; i++) {
        buf_add(out, S("<"));
        add_line(out, r[i].recipient->address);
        buf_add(out, S(">: "));
        add_line(out, r[i].diagnostic.n ? slice_sub(r[i].diagnostic, 0, 800) : r[i].status);
        buf_add(out, S("\r\n"));
    }
    buf_addf(out, "\r\nQueued as %.*s\r\n", SARG(m->trace));
}

/* RFC 6522 3, RFC 3464 2, RFC 6533 for addresses that are not ASCII. */
void dsn_write(const struct outbox_message *m, const struct dsn_recipient *r, size_t n,
               struct slice original, bool whole, struct buf *out)
{
    char boundary[40] = "=_";
    bool utf8 = is_utf8_report(m, r, n);
    bool eight = utf8 || !ascii_only(original);
    random_name(boundary + 2, 24);
    add_header(m, r[0].action, boundary, original, out);
    if (eight)
        buf_add(out, S("Content-Transfer-Encoding: 8bit\r\n"));
    buf_addf(out,
             "\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: 8bit\r\n\r\n",
             boundary);
    add_text(m, r, n, out);
    buf_addf(out, "\r\n--%s\r\nContent-Type: message/%sdelivery-status\r\n%s\r\n", boundary,
             utf8 ? "global-" : "", utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
    buf_addf(out, "Reporting-MTA: dns; %.*s\r\n", SARG(mail_hostname()));
    if (m->envid.n)
        add_field(out, "Original-Envelope-Id: ", m->envid);
    add_date(out, "Arrival-Date: ", m->queued_at / 1000);
    for (size_t i = 0; i < n; i++)
        add_recipient(m, &r[i], utf8, out);
    buf_addf(out, "\r\n--%s\r\nContent-Type: %s\r\n%s\r\n", boundary,
             whole ? (m->smtputf8 ? "message/global" : "message/rfc822")
                   : (m->smtputf8 ? "message/global-headers" : "text/rfc822-headers"),
             ascii_only(original) ? "" : "Content-Transfer-Encoding: 8bit\r\n");
    buf_add(out, original);
    if (!slice_ends(original, S("\r\n")))
        buf_add(out, S("\r\n"));
    buf_addf(out, "\r\n--%s--\r\n", boundary);
}
