/* cmd_ehlo.c - EHLO, LHLO and HELO: who is there, and what is offered. RFC 5321 4.1.1.1, RFC
   2033 4.1; RFC 9422 for LIMITS. EHLO in the middle of a transaction ends it (4.1.4). */
#include "mail/host.h"
#include "mail/login.h"
#include "smtp/session.h"
#include "smtp/settings.h"

unsigned smtp_session_offer(const struct smtp_session *s)
{
    unsigned offer = SMTP_OFFER_SIZE | SMTP_OFFER_8BITMIME | SMTP_OFFER_SMTPUTF8 |
                     SMTP_OFFER_BINARYMIME | SMTP_OFFER_AUTH;
    if (s->profile->kind != KIND_LMTP)
        offer |= SMTP_OFFER_DSN;
    return s->esmtp ? offer : 0;
}

static bool take_name(struct smtp_session *s, struct slice args)
{
    struct slice name;
    struct err e = {0};
    if (smtp_helo_parse(args, !setting_get(&set_smtp_strict_helo), &name, &e)) {
        smtp_session_refuse(s, 501, "5.5.4", &e);
        return false;
    }
    smtp_transaction_end(s);
    s->state = STATE_READY;
    memcpy(s->helo, name.p, name.n);
    s->helo[name.n] = '\0';
    return true;
}

static void add_auth(struct smtp_session *s, struct buf *out)
{
    struct login_peer peer;
    size_t before = out->n;
    login_peer_init(&peer, s->c, "smtp", smtp_session_peer(s));
    buf_add(out, S("\nAUTH "));
    sasl_list(&peer.peer, "", out);
    if (out->n == before + strlen("\nAUTH ")) /* nothing may be used without TLS */
        out->n = before;
    login_peer_done(&peer);
}

void smtp_cmd_ehlo(struct smtp_session *s, struct slice args)
{
    BUF_SCOPE text = {0};
    if (!take_name(s, args))
        return;
    s->esmtp = true;
    buf_addf(&text, "%.*s\nPIPELINING\nSIZE %lld\n8BITMIME\nSMTPUTF8\nCHUNKING\nBINARYMIME",
             SARG(mail_hostname()), (long long)setting_get(&set_smtp_message_max));
    if (s->profile->kind != KIND_LMTP)
        buf_add(&text, S("\nDSN"));
    buf_addf(&text, "\nLIMITS RCPTMAX=%lld", (long long)setting_get(&set_smtp_recipients_max));
    if (s->profile->kind != KIND_LMTP)
        buf_addf(&text, " MAILMAX=%lld", (long long)setting_get(&set_smtp_messages_max));
    if (conn_can_tls(s->c))
        buf_add(&text, S("\nSTARTTLS"));
    if (s->profile->kind == KIND_SUBMISSION && !s->logged_in)
        add_auth(s, &text);
    if (smtp_session_is_trusted(s))
        buf_add(&text, S("\nXCLIENT NAME ADDR PORT PROTO HELO"
                         "\nXFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"));
    if (smtp_session_verifies(s))
        buf_add(&text, S("\nVRFY\nEXPN"));
    buf_add(&text, S("\nHELP\nENHANCEDSTATUSCODES"));
    smtp_session_reply(s, 250, "", "%.*s", SARG(buf_slice(&text)));
}

void smtp_cmd_helo(struct smtp_session *s, struct slice args)
{
    if (!take_name(s, args))
        return;
    s->esmtp = false;
    smtp_session_reply(s, 250, "", "%.*s", SARG(mail_hostname()));
}
