/* client.c - the session: connection, greeting, EHLO, TLS, AUTH, and the end. The transactions are
   in client_send.c, the form of the message in client_fit.c.

   TLS is opportunistic: it is used when offered, with any certificate, and when the handshake fails
   the host is tried once more without (mail.client_tls = may), or not at all (must). */
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "base/setting.h"
#include "mail/client_internal.h"
#include "mail/host.h"
#include "mail/unreachable.h"

SETTING_STR(mail, client_tls, "may", "no may must",
            "TLS to other servers: never, when they offer it, or only with it.");
SETTING_STR(mail, smarthost_user, "", NULL, "Name for AUTH at the smarthost; empty: no AUTH.");
SETTING_STR(mail, smarthost_password, "", NULL, "Password for AUTH at the smarthost.");
SETTING(mail, client_connect, TIME, 30 * SEC, SEC, 5 * MIN, "Time to connect to a server.");
SETTING(
    mail, client_greeting, TIME, 5 * MIN, SEC, HOUR,
    "Time for the greeting and the replies to EHLO, MAIL and RCPT. RFC 5321 4.5.3.2 asks for 5m.");
METRIC_COUNTER_BY(mail_client, "result", "sent deferred failed",
                  "Recipients sent to other servers, by result.");
METRIC_COUNTER_BY(mail_client_tls, "tls", "no yes", "Outgoing sessions without and with TLS.");

/* --- the dialogue --------------------------------------------------------------------------- */
int64_t client_patience(void)
{
    return setting_get(&set_mail_client_greeting);
}

int client_write(struct client *c, struct buf *b, struct err *e)
{
    if (channel_write(c->ch, b, client_patience(), e) == 0)
        return 0;
    c->lost = true;
    return -1;
}

int client_reply(struct client *c, int64_t ms, struct err *e)
{
    smtp_reply_reset(&c->reply);
    c->lost = true;
    while (!c->reply.done) {
        if (c->in.n == 0 && channel_read(c->ch, &c->in, ms, e))
            return -1;
        ptrdiff_t n = smtp_reply_feed(&c->reply, buf_slice(&c->in), e);
        if (n < 0)
            return -1;
        buf_drop(&c->in, (size_t)n);
    }
    if (c->reply.code == 421) /* RFC 5321 3.8: it closes; what is not done is not done by it */
        return err_set(e, ERR_BUSY, "%.*s", SARG(slice_sub(client_one_line(c), 0, 140)));
    c->lost = false;
    return 0;
}

int client_command(struct client *c, struct err *e, const char *fmt, ...)
{
    BUF_SCOPE line = {.max = 16 * 1024};
    va_list ap;
    va_start(ap, fmt);
    buf_addv(&line, fmt, ap);
    va_end(ap);
    buf_add(&line, S("\r\n"));
    return client_write(c, &line, e) || client_reply(c, client_patience(), e) ? -1 : 0;
}

/* --- outcomes ------------------------------------------------------------------------------- */
struct slice client_one_line(struct client *c)
{
    struct slice text = arena_printf(c->m->arena, "%u %.*s", c->reply.code,
                                     SARG(slice_sub(buf_slice(&c->reply.text), 0, 500)));
    char *p = (char *)(uintptr_t)text.p;
    for (size_t i = 0; i < text.n; i++)
        if (ascii_is_control(p[i]))
            p[i] = ' ';
    return p ? text : S("");
}

void client_set(struct mail_client_rcpt *r, enum mail_result result, const char *status,
                struct slice reply)
{
    r->result = result;
    snprintf(r->status, sizeof(r->status), "%s", status);
    r->reply = reply;
    metric_add(&metric_mail_client, (unsigned)result - MAIL_SENT, 1);
}

/* RFC 5321 4.2.1: the first digit decides; RFC 3463 for the status, when it fits that digit. */
void client_set_by_reply(struct client *c, struct mail_client_rcpt *r)
{
    unsigned class = client_class(c);
    char general[] = {(char)('0' + class), '.', '0', '.', '0', '\0'};
    bool fits = c->reply.enhanced[0] == general[0];
    r->answered = true;
    client_set(r,
               class == 2   ? MAIL_SENT
               : class == 5 ? MAIL_FAILED
                            : MAIL_DEFERRED,
               class == 3 ? "4.0.0"
               : fits     ? c->reply.enhanced
                          : general,
               client_one_line(c));
}

void client_set_pending(struct mail_client_rcpt *list, size_t n, enum mail_result result,
                        const char *status, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].result == MAIL_PENDING)
            client_set(&list[i], result, status, slice_str(text));
}

bool client_any_pending(const struct mail_client_message *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->rcpt[i].result == MAIL_PENDING)
            return true;
    return false;
}

/* --- session -------------------------------------------------------------------------------- */
/* RFC 5321 4.1.1.1, 4.1.4: a name that is not fully qualified is none; then our address. */
static struct slice own_name(struct client *c)
{
    struct slice name = mail_hostname(), local = channel_local(c->ch);
    if (slice_find(name, '.') >= 0 || local.n == 0)
        return name;
    struct slice literal = arena_printf(
        c->m->arena, slice_find(local, ':') >= 0 ? "[IPv6:%.*s]" : "[%.*s]", SARG(local));
    return literal.p ? literal : name;
}

/* A 5yz to a greeting or to EHLO and HELO is about all mail (RFC 5321 3.1, 7.9). */
static int refused(struct client *c, const char *to, struct err *e)
{
    bool for_good = client_class(c) == 5;
    return err_set(e, for_good ? ERR_NOPERM : ERR_BUSY, "%s %s%.*s", for_good ? "5.3.2" : "4.3.2",
                   to, SARG(slice_sub(client_one_line(c), 0, 120)));
}

/* RFC 5321 3.2, 4.1.1.1: EHLO, and HELO for those that do not know it. */
static int say_ehlo(struct client *c, struct err *e)
{
    struct slice name = own_name(c);
    if (client_command(c, e, "EHLO %.*s", SARG(name)))
        return -1;
    c->caps = (struct smtp_caps){0};
    if (client_class(c) == 2) {
        smtp_caps_parse(buf_slice(&c->reply.text), &c->caps);
        return 0;
    }
    if (client_class(c) == 5 && client_command(c, e, "HELO %.*s", SARG(name)))
        return -1;
    return client_class(c) == 2 ? 0 : refused(c, "EHLO: ", e);
}

/* RFC 3207 4: what was learned in plain text is forgotten. */
static int start_tls(struct client *c, struct err *e)
{
    if (client_command(c, e, "STARTTLS"))
        return -1;
    if (client_class(c) != 2)
        return err_set(e, ERR_UNSUPPORTED, "4.7.0 STARTTLS: %.*s", SARG(client_one_line(c)));
    if (c->in.n) /* RFC 3207 6: nobody may speak between the reply and the handshake */
        return err_set(e, ERR_IO, "4.7.0 plain text behind the answer to STARTTLS");
    if (channel_starttls(c->ch, c->hop->host, false, client_patience(), e)) {
        c->tls_failed = c->lost = true;
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

/* RFC 4954, PLAIN (RFC 4616), under TLS only. */
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
    if (client_command(c, e, "AUTH PLAIN %.*s", SARG(buf_slice(&text))))
        return -1;
    c->logged_in = client_class(c) == 2;
    return c->logged_in ? 0 : err_set(e, ERR_BUSY, "4.7.0 The smarthost refuses our AUTH");
}

/* The host behind the status code that the text begins with, or a general one. */
static int with_host(const struct client *c, const struct err *why, struct err *e)
{
    struct slice rest = slice_str(why->text), status = slice_cut(&rest, ' ');
    bool for_good = why->code == ERR_NOPERM;
    bool coded = status.n >= 5 && status.n < 12 && status.p[0] == (for_good ? '5' : '4') &&
                 status.p[1] == '.';
    return err_set(e, for_good ? ERR_NOPERM : ERR_BUSY, "%.*s %s: %.150s",
                   SARG(coded ? status : S("4.4.2")), c->hop->text, coded ? rest.p : why->text);
}

static int open_session(struct client *c, bool tls, struct err *e)
{
    struct err why = {0};
    if (channel_open((const struct sockaddr *)&c->hop->address,
                     setting_get(&set_mail_client_connect), &c->ch, &why)) {
        unreachable_note(c->hop->text);
        return err_set(e, ERR_BUSY, "4.4.1 %s: %.150s", c->hop->text, why.text);
    }
    unreachable_clear(c->hop->text);
    if (client_reply(c, client_patience(), &why))
        return err_set(e, ERR_BUSY, "4.4.2 %s: %.150s", c->hop->text, why.text);
    if (c->reply.code != 220 && refused(c, "", &why))
        return with_host(c, &why, e);
    if (say_ehlo(c, &why) || maybe_tls(c, tls, &why) || log_in(c, &why))
        return with_host(c, &why, e);
    return 0;
}

/* RFC 5321 4.1.1.10: QUIT also after an error, as long as the server listens. In the middle of a
   message it is no command. */
static void close_session(struct client *c)
{
    bool polite = !c->lost && !c->text_begun;
    struct err ignored;
    BUF_SCOPE quit = {0};
    buf_add(&quit, S("QUIT\r\n"));
    if (polite && c->ch && channel_write(c->ch, &quit, SEC, &ignored) == 0)
        client_reply(c, 2 * SEC, &ignored);
    channel_close(c->ch);
    c->ch = NULL;
    smtp_reply_done(&c->reply);
    buf_done(&c->in);
    buf_done(&c->converted);
    *c = (struct client){.m = c->m, .hop = c->hop, .tls_failed = c->tls_failed};
}

/* One session: 0 when it came to its end in order. */
static int one_session(struct client *c, struct err *e)
{
    bool must = slice_eq(slice_str(setting_text(&set_mail_client_tls)), S("must"));
    int bad = open_session(c, true, e);
    if (bad && c->tls_failed && !must) {
        close_session(c);
        c->tls_failed = false;
        bad = open_session(c, false, e);
    }
    struct err why = {0};
    if (!bad && client_send_all(c, &why))
        bad = err_set(e, ERR_BUSY, "4.4.2 %s: %.150s", c->hop->text, why.text);
    if (bad && c->text_sent)
        client_set_pending(c->m->rcpt, c->m->n, MAIL_DEFERRED, "4.4.2",
                           (const char *)arena_cstr(c->m->arena, slice_str(e->text)));
    close_session(c);
    return bad;
}

/* RFC 9422 4.1: a host that takes so many messages a session gets another session. */
int mail_client_send(struct mail_client_message *m, const struct mail_hop *hop, struct err *e)
{
    struct client c = {.m = m, .hop = hop};
    struct err why = {0};
    size_t sessions = 0;
    do {
        if (one_session(&c, e ? e : &why))
            return client_any_pending(m) ? -1 : 0;
    } while (client_any_pending(m) && ++sessions <= m->n);
    return client_any_pending(m) ? err_set(e, ERR_BUSY, "4.5.3 The server takes too little") : 0;
}
