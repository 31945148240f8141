/* client_fit.c - what a server offers against what a message needs. 8-bit and binary messages are
   converted where that does no harm (RFC 6152 3, RFC 3030 3: docs/decisions/0007), addresses whose
   local part is ASCII get A-labels where there is no SMTPUTF8 (RFC 6531 3.7), and what is left goes
   back to its sender (RFC 6531 3.2 and 3.5). */
#include "base/setting.h"
#include "base/utf8.h"
#include "directory/normal.h"
#include "mail/client_internal.h"
#include "mail/downgrade.h"

SETTING(mail, convert_max, SIZE, 64 * MiB, MiB, GiB,
        "Largest message that is converted for a server without 8BITMIME or BINARYMIME; larger "
        "ones go back.");

static bool can(const struct client *c, unsigned bit)
{
    return (c->caps.bits & bit) != 0;
}

uint64_t client_size(const struct client *c)
{
    return c->converted.p ? c->converted.n : c->m->size;
}

static int read_whole(struct client *c, struct buf *out, struct err *e)
{
    uint64_t max = (uint64_t)setting_get(&set_mail_convert_max);
    if (c->m->size > max)
        return err_set(e, ERR_LIMIT, "the message is too large to be converted");
    out->max = (size_t)max;
    for (uint64_t at = 0; at < c->m->size; at = out->n) {
        if (c->m->read(c->m->arg, at, CLIENT_PIECE, out, e))
            return -1;
        if (out->n == at)
            return err_set(e, ERR_IO, "message ends too early");
    }
    return 0;
}

static void fail_all(struct client *c, const char *status, const char *why)
{
    client_set_pending(c->m->rcpt, c->m->n, MAIL_FAILED, status, why);
}

/* What could not be read now is tried again later. */
static bool defer_all(struct client *c, const struct err *e)
{
    struct slice why = arena_printf(c->m->arena, "%s", e->text);
    client_set_pending(c->m->rcpt, c->m->n, MAIL_DEFERRED, "4.3.0", why.p ? why.p : "");
    return false;
}

/* --- addresses without SMTPUTF8 ------------------------------------------------------------- */
static struct slice with_a_labels(struct client *c, struct slice address)
{
    ptrdiff_t at = slice_rfind(address, '@');
    struct slice domain;
    if (at < 0 || ascii_only(address) || !ascii_only(slice_sub(address, 0, (size_t)at)) ||
        domain_normal(slice_from(address, (size_t)at + 1), c->m->arena, &domain, NULL))
        return address;
    struct slice out = arena_printf(c->m->arena, "%.*s@%.*s", (int)at, address.p, SARG(domain));
    return out.p ? out : address;
}

static bool fit_addresses(struct client *c)
{
    struct mail_client_message *m = c->m;
    m->from = with_a_labels(c, m->from);
    if (!ascii_only(m->from)) {
        fail_all(c, "5.6.7", "the server takes no sender that is not ASCII");
        return false;
    }
    for (size_t i = 0; i < m->n; i++) {
        m->rcpt[i].address = with_a_labels(c, m->rcpt[i].address);
        if (!ascii_only(m->rcpt[i].address))
            client_set_pending(&m->rcpt[i], 1, MAIL_FAILED, "5.6.7",
                               "the server takes no recipient that is not ASCII");
    }
    return client_any_pending(m);
}

/* RFC 6531 3.4: the sender may have asked for SMTPUTF8 without need. */
static bool fit_ascii(struct client *c)
{
    struct err e = {0};
    BUF_SCOPE bytes = {0};
    if (!fit_addresses(c))
        return false;
    if (!c->m->smtputf8 || !c->m->eight_bit)
        return true;
    if (read_whole(c, &bytes, &e))
        return defer_all(c, &e);
    if (message_header_is_ascii(buf_slice(&bytes), &c->only_7bit))
        return true;
    fail_all(c, "5.6.9", "the server takes no header that is not ASCII");
    return false;
}

static bool takes_8bit(const struct client *c)
{
    return can(c, SMTP_CAP_8BITMIME) && !c->only_7bit;
}

/* --- the body ------------------------------------------------------------------------------- */
static bool convert(struct client *c)
{
    struct err e = {0};
    BUF_SCOPE bytes = {0};
    if (read_whole(c, &bytes, &e)) {
        if (e.code != ERR_LIMIT)
            return defer_all(c, &e);
    } else {
        c->converted.max = 4 * bytes.n + CLIENT_PIECE;
        buf_reserve(&c->converted, bytes.n + 1); /* p is set: see client_size */
        if (message_downgrade(buf_slice(&bytes), takes_8bit(c), &c->converted, &c->send_8bit, &e) ==
            0)
            return true;
        buf_done(&c->converted);
    }
    struct slice why = arena_printf(c->m->arena, "the server does not offer %s, and %s",
                                    c->m->binary ? "BINARYMIME" : "8BITMIME", e.text);
    fail_all(c, "5.6.3", why.p ? why.p : "");
    return false;
}

static bool fit_body(struct client *c)
{
    struct mail_client_message *m = c->m;
    c->send_binary = m->binary && can(c, SMTP_CAP_BINARYMIME) && can(c, SMTP_CAP_CHUNKING);
    c->send_8bit = m->eight_bit && takes_8bit(c);
    if (c->send_binary || (!m->binary && (!m->eight_bit || c->send_8bit)))
        return true;
    return convert(c);
}

bool client_fit(struct client *c)
{
    c->send_utf8 = c->m->smtputf8 && can(c, SMTP_CAP_SMTPUTF8);
    if (!c->send_utf8 && !fit_ascii(c))
        return false;
    if (!fit_body(c))
        return false;
    if (c->caps.size_max && client_size(c) > c->caps.size_max) { /* RFC 1870 6.2 */
        fail_all(c, "5.3.4", "the message is too large for the server");
        return false;
    }
    return true;
}
