/* client.c - the dialogue. Commands are written in batches when the server can take them (RFC
   2920), else one by one; either way the replies are read in the order of the commands.

   TLS is opportunistic: it is used when offered, with any certificate, and when the handshake fails
   the host is tried once more without (mail.client_tls = may), or not at all (must). Bare CR and LF
   never leave this server: they become CRLF. */
#include "mail/client.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/metric.h"
#include "base/setting.h"
#include "base/utf8.h"
#include "mail/channel.h"
#include "mail/host.h"
#include "mail/route.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data.h"
#include "proto/smtp/reply.h"
#include "proto/smtp/xtext.h"
#include "proto/text/dot.h"

SETTING_STR(mail, client_tls, "may", "no may must",
            "TLS to other servers: never, when they offer it, or only with it.");
SETTING_STR(mail, smarthost_user, "", NULL, "Name for AUTH at the smarthost; empty: no AUTH.");
SETTING_STR(mail, smarthost_password, "", NULL, "Password for AUTH at the smarthost.");
SETTING(mail, client_connect, TIME, 30 * SEC, SEC, 5 * MIN, "Time to connect to a server.");
SETTING(
    mail, client_greeting, TIME, 5 * MIN, SEC, HOUR,
    "Time for the greeting and the replies to EHLO, MAIL and RCPT. RFC 5321 4.5.3.2 asks for 5m.");
SETTING(mail, client_data, TIME, 10 * MIN, SEC, HOUR,
        "Time for the reply to the end of the message. RFC 5321 4.5.3.2.6 asks for 10m.");
SETTING(mail, client_rcpt_max, INT, 100, 1, 10000, "Recipients in one transaction.");
METRIC_COUNTER_BY(mail_client, "result", "sent deferred failed",
                  "Recipients sent to other servers, by result.");
METRIC_COUNTER_BY(mail_client_tls, "tls", "no yes", "Outgoing sessions without and with TLS.");

enum { PIECE = 64 * 1024 };

struct client {
    struct mail_client_message *m;
    const struct mail_hop *hop;
    struct channel *ch;
    struct smtp_caps caps;
    struct smtp_reply reply;
    struct buf in; /* read, not yet parsed */
    bool tls_failed;
};

static int64_t patience(void)
{
    return setting_get(&set_mail_client_greeting);
}

static int send_buf(struct client *c, struct buf *b, struct err *e)
{
    return channel_write(c->ch, b, patience(), e);
}

static int read_reply(struct client *c, int64_t ms, struct err *e)
{
    smtp_reply_reset(&c->reply);
    while (!c->reply.done) {
        if (c->in.n == 0 && channel_read(c->ch, &c->in, ms, e))
            return -1;
        ptrdiff_t n = smtp_reply_feed(&c->reply, buf_slice(&c->in), e);
        if (n < 0)
            return -1;
        buf_drop(&c->in, (size_t)n);
    }
    return 0;
}

static int command(struct client *c, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int command(struct client *c, struct err *e, const char *fmt, ...)
{
    BUF_SCOPE line = {.max = 16 * 1024};
    va_list ap;
    va_start(ap, fmt);
    buf_addv(&line, fmt, ap);
    va_end(ap);
    buf_add(&line, S("\r\n"));
    return send_buf(c, &line, e) || read_reply(c, patience(), e) ? -1 : 0;
}

static unsigned reply_class(const struct client *c)
{
    return c->reply.code / 100;
}

/* --- outcomes ------------------------------------------------------------------------------- */
/* The reply as it goes into logs, notifications and the row: one line without controls. */
static struct slice one_line(struct client *c)
{
    struct slice text = arena_printf(c->m->arena, "%u %.*s", c->reply.code,
                                     SARG(slice_sub(buf_slice(&c->reply.text), 0, 500)));
    char *p = (char *)(uintptr_t)text.p;
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)p[i] < 32 || p[i] == 127)
            p[i] = ' ';
    return p ? text : S("");
}

static void set_result(struct mail_client_rcpt *r, enum mail_result result, const char *status,
                       struct slice reply)
{
    r->result = result;
    snprintf(r->status, sizeof(r->status), "%s", status);
    r->reply = reply;
    metric_add(&metric_mail_client, (unsigned)result - MAIL_SENT, 1);
}

static void set_by_reply(struct client *c, struct mail_client_rcpt *r)
{
    unsigned class = reply_class(c);
    char general[] = {(char)('0' + class), '.', '0', '.', '0', '\0'};
    bool fits = c->reply.enhanced[0] == general[0];
    set_result(r,
               class == 2   ? MAIL_SENT
               : class == 5 ? MAIL_FAILED
                            : MAIL_DEFERRED,
               class == 3 ? "4.0.0"
               : fits     ? c->reply.enhanced
                          : general,
               one_line(c));
}

static void set_all(struct client *c, struct mail_client_rcpt *from, size_t n,
                    enum mail_result result, const char *status, const char *text)
{
    (void)c;
    for (size_t i = 0; i < n; i++)
        if (from[i].result == MAIL_PENDING)
            set_result(&from[i], result, status, slice_str(text));
}

/* --- session -------------------------------------------------------------------------------- */
/* RFC 5321 3.2, 4.1.1.1: EHLO, and HELO for those that do not know it. */
static int say_ehlo(struct client *c, struct err *e)
{
    if (command(c, e, "EHLO %.*s", SARG(mail_hostname())))
        return -1;
    c->caps = (struct smtp_caps){0};
    if (reply_class(c) == 2) {
        smtp_caps_parse(buf_slice(&c->reply.text), &c->caps);
        return 0;
    }
    if (reply_class(c) == 5 && command(c, e, "HELO %.*s", SARG(mail_hostname())))
        return -1;
    return reply_class(c) == 2 ? 0 : err_set(e, ERR_BUSY, "4.3.2 EHLO: %.*s", SARG(one_line(c)));
}

/* RFC 3207 4: what was learned in plain text is forgotten. */
static int start_tls(struct client *c, struct err *e)
{
    if (command(c, e, "STARTTLS"))
        return -1;
    if (reply_class(c) != 2)
        return err_set(e, ERR_UNSUPPORTED, "4.7.0 STARTTLS: %.*s", SARG(one_line(c)));
    if (c->in.n) /* RFC 3207 6: nobody may speak between the reply and the handshake */
        return err_set(e, ERR_IO, "4.7.0 plain text behind the answer to STARTTLS");
    if (channel_starttls(c->ch, c->hop->host, false, patience(), e)) {
        c->tls_failed = true;
        return -1;
    }
    return say_ehlo(c, e);
}

static int maybe_tls(struct client *c, bool allowed, struct err *e)
{
    struct slice mode = slice_str(setting_text(&set_mail_client_tls));
    bool offered = c->caps.bits & SMTP_CAP_STARTTLS;
    if (slice_eq(mode, S("must")) && !offered)
        return err_set(e, ERR_BUSY, "4.7.4 %.*s offers no TLS", SARG(c->hop->host));
    if (!offered || !allowed || slice_eq(mode, S("no"))) {
        metric_add(&metric_mail_client_tls, 0, 1);
        return 0;
    }
    if (start_tls(c, e))
        return -1;
    metric_add(&metric_mail_client_tls, 1, 1);
    return 0;
}

/* RFC 4954, PLAIN (RFC 4616) under TLS or to a loopback smarthost only. */
static int log_in(struct client *c, struct err *e)
{
    struct slice user = slice_str(setting_text(&set_mail_smarthost_user));
    if (!c->hop->smarthost || user.n == 0)
        return 0;
    if (!(c->caps.auth & SMTP_AUTH_PLAIN) || channel_tls(c->ch).n == 0)
        return err_set(e, ERR_BUSY, "4.7.0 The smarthost offers no AUTH PLAIN under TLS");
    BUF_SCOPE plain = {0}, text = {0};
    buf_addc(&plain, '\0');
    buf_add(&plain, user);
    buf_addc(&plain, '\0');
    buf_adds(&plain, setting_text(&set_mail_smarthost_password));
    base64_encode(&text, buf_slice(&plain));
    if (command(c, e, "AUTH PLAIN %.*s", SARG(buf_slice(&text))))
        return -1;
    return reply_class(c) == 2 ? 0 : err_set(e, ERR_BUSY, "4.7.0 The smarthost refuses our AUTH");
}

static int open_session(struct client *c, bool tls, struct err *e)
{
    struct err why = {0};
    if (channel_open((const struct sockaddr *)&c->hop->address,
                     setting_get(&set_mail_client_connect), &c->ch, &why))
        return err_set(e, ERR_BUSY, "4.4.1 %s: %.150s", c->hop->text, why.text);
    if (read_reply(c, patience(), &why))
        return err_set(e, ERR_BUSY, "4.4.2 %s: %.150s", c->hop->text, why.text);
    if (c->reply.code != 220)
        return err_set(e, ERR_BUSY, "4.3.2 %s: %.*s", c->hop->text,
                       SARG(slice_sub(one_line(c), 0, 120)));
    if (say_ehlo(c, &why) || maybe_tls(c, tls, &why) || log_in(c, &why))
        return err_set(e, ERR_BUSY, "%s%s: %.150s", ascii_digit(why.text[0]) ? "" : "4.4.2 ",
                       c->hop->text, why.text);
    return 0;
}

static void close_session(struct client *c, bool polite)
{
    struct err ignored;
    BUF_SCOPE quit = {0};
    buf_add(&quit, S("QUIT\r\n"));
    if (polite && c->ch && channel_write(c->ch, &quit, SEC, &ignored) == 0)
        read_reply(c, 2 * SEC, &ignored);
    channel_close(c->ch);
    c->ch = NULL;
    smtp_reply_done(&c->reply);
    buf_done(&c->in);
    c->reply = (struct smtp_reply){0};
}

/* --- transaction ---------------------------------------------------------------------------- */
/* What this server cannot take at all, for every recipient: true when refused. */
static bool refuse(struct client *c)
{
    struct mail_client_message *m = c->m;
    if (m->smtputf8 && !(c->caps.bits & SMTP_CAP_SMTPUTF8)) /* RFC 6531 3.5 */
        set_all(c, m->rcpt, m->n, MAIL_FAILED, "5.6.7", "the server does not offer SMTPUTF8");
    else if (m->eight_bit && !(c->caps.bits & SMTP_CAP_8BITMIME)) /* RFC 6152 3 */
        set_all(c, m->rcpt, m->n, MAIL_FAILED, "5.6.3", "the server does not offer 8BITMIME");
    else if (c->caps.size_max && m->size > c->caps.size_max) /* RFC 1870 6.2 */
        set_all(c, m->rcpt, m->n, MAIL_FAILED, "5.3.4", "the message is too large for the server");
    else
        return false;
    return true;
}

static void write_mail(struct client *c, struct buf *out)
{
    struct mail_client_message *m = c->m;
    buf_addf(out, "MAIL FROM:<%.*s>", SARG(m->from));
    if (c->caps.bits & SMTP_CAP_SIZE)
        buf_addf(out, " SIZE=%llu", (unsigned long long)m->size);
    if (c->caps.bits & SMTP_CAP_8BITMIME && m->eight_bit)
        buf_add(out, S(" BODY=8BITMIME"));
    if (m->smtputf8)
        buf_add(out, S(" SMTPUTF8"));
    if (c->caps.bits & SMTP_CAP_DSN) { /* RFC 3461 5.2.1 */
        if (m->ret_full)
            buf_add(out, S(" RET=FULL"));
        if (m->envid.n) {
            buf_add(out, S(" ENVID="));
            xtext_encode(m->envid, out);
        }
    }
    buf_add(out, S("\r\n"));
}

static void write_notify(unsigned notify, struct buf *out)
{
    static const char *const names[] = {"NEVER", "SUCCESS", "FAILURE", "DELAY"};
    const char *before = " NOTIFY=";
    for (unsigned i = 0; i < 4; i++)
        if (notify & 1u << i) {
            buf_adds(out, before);
            buf_adds(out, names[i]);
            before = ",";
        }
}

static void write_rcpt(struct client *c, struct mail_client_rcpt *r, struct buf *out)
{
    buf_addf(out, "RCPT TO:<%.*s>", SARG(r->address));
    if (c->caps.bits & SMTP_CAP_DSN) { /* RFC 3461 5.2.1 */
        struct slice address = r->orcpt, type = slice_cut(&address, ';');
        r->dsn_passed = true;
        write_notify(r->notify, out);
        if (address.n) {
            buf_addf(out, " ORCPT=%.*s;", SARG(type));
            xtext_encode(address, out);
        }
    }
    buf_add(out, S("\r\n"));
}

/* MAIL, RCPT..., DATA, all at once or one by one. The count of accepted recipients goes to *ret;
   the reply to DATA is in c->reply when any was. */
static int envelope(struct client *c, struct mail_client_rcpt *r, size_t n, size_t *ret,
                    struct err *e)
{
    bool pipeline = c->caps.bits & SMTP_CAP_PIPELINING;
    size_t good = 0;
    BUF_SCOPE out = {.max = 4 * MiB};
    write_mail(c, &out);
    for (size_t i = 0; i < n && pipeline; i++)
        write_rcpt(c, &r[i], &out);
    if (pipeline)
        buf_add(&out, S("DATA\r\n"));
    if (send_buf(c, &out, e) || read_reply(c, patience(), e))
        return -1;
    bool mail_ok = reply_class(c) == 2;
    if (!mail_ok)
        for (size_t i = 0; i < n; i++)
            set_by_reply(c, &r[i]);
    for (size_t i = 0; i < n && (pipeline || mail_ok); i++) {
        if (!pipeline) {
            BUF_SCOPE line = {0};
            write_rcpt(c, &r[i], &line);
            if (send_buf(c, &line, e))
                return -1;
        }
        if (read_reply(c, patience(), e))
            return -1;
        if (mail_ok && reply_class(c) == 2)
            good++;
        else if (mail_ok)
            set_by_reply(c, &r[i]);
    }
    if (pipeline ? read_reply(c, patience(), e) : good && command(c, e, "DATA"))
        return -1;
    *ret = good;
    return 0;
}

static int send_body(struct client *c, struct err *e)
{
    BUF_SCOPE raw = {.max = PIECE}, text = {.max = 4 * PIECE};
    struct dot_writer dots = {0};
    struct smtp_data lines;
    smtp_data_init(&lines, SMTP_DATA_NORMALISE, false);
    for (uint64_t at = 0; at < c->m->size; at += raw.n) {
        BUF_SCOPE out = {.max = 8 * PIECE};
        buf_reset(&raw);
        buf_reset(&text);
        if (c->m->read(c->m->arg, at, PIECE, &raw, e))
            return -1;
        if (raw.n == 0)
            return err_set(e, ERR_IO, "4.3.0 message ends too early");
        smtp_data_feed(&lines, buf_slice(&raw), &text);
        dot_write(&dots, buf_slice(&text), &out);
        if (send_buf(c, &out, e))
            return -1;
    }
    BUF_SCOPE end = {0};
    buf_reset(&text);
    smtp_data_finish(&lines, &text);
    dot_write(&dots, buf_slice(&text), &end);
    dot_finish(&dots, &end);
    return send_buf(c, &end, e) || read_reply(c, setting_get(&set_mail_client_data), e) ? -1 : 0;
}

/* RFC 2920 3.1: when no recipient was taken and the server waits for text all the same, it gets
   none. */
static int end_empty(struct client *c, struct err *e)
{
    BUF_SCOPE end = {0};
    buf_add(&end, S(".\r\n"));
    return send_buf(c, &end, e) || read_reply(c, patience(), e) ? -1 : 0;
}

static int transaction(struct client *c, struct mail_client_rcpt *r, size_t n, struct err *e)
{
    size_t good;
    if (envelope(c, r, n, &good, e))
        return -1;
    if (good == 0)
        return c->reply.code == 354 ? end_empty(c, e) : 0;
    if (c->reply.code != 354 && reply_class(c) < 4)
        return err_set(e, ERR_SYNTAX, "DATA was answered by %u", c->reply.code);
    if (c->reply.code == 354 && send_body(c, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (r[i].result == MAIL_PENDING)
            set_by_reply(c, &r[i]);
    return 0;
}

static int send_all(struct client *c, struct err *e)
{
    size_t max = (size_t)setting_get(&set_mail_client_rcpt_max), begin = 0;
    struct mail_client_message *m = c->m;
    if (c->caps.rcpt_max && c->caps.rcpt_max < max) /* RFC 9422 4 */
        max = (size_t)c->caps.rcpt_max;
    if (refuse(c))
        return 0;
    while (begin < m->n) {
        size_t n = 0;
        while (begin < m->n && m->rcpt[begin].result != MAIL_PENDING)
            begin++;
        while (begin + n < m->n && n < max && m->rcpt[begin + n].result == MAIL_PENDING)
            n++;
        struct err why = {0};
        if (n && transaction(c, m->rcpt + begin, n, &why))
            return err_set(e, ERR_BUSY, "4.4.2 %s: %.150s", c->hop->text, why.text);
        begin += n;
    }
    return 0;
}

int mail_client_send(struct mail_client_message *m, const struct mail_hop *hop, struct err *e)
{
    struct client c = {.m = m, .hop = hop};
    bool must = slice_eq(slice_str(setting_text(&set_mail_client_tls)), S("must"));
    int bad = open_session(&c, true, e);
    if (bad && c.tls_failed && !must) {
        close_session(&c, false);
        c.tls_failed = false;
        bad = open_session(&c, false, e);
    }
    if (!bad)
        bad = send_all(&c, e);
    close_session(&c, !bad);
    return bad;
}
