/* client_send.c - transactions: MAIL, RCPT, and the text by DATA or BDAT. Commands are written in
   batches when the server can take them (RFC 2920), else one by one; either way the replies are
   read in the order of the commands. Bare CR and LF never leave this server, except in BINARYMIME:
   they become CRLF. */
#include <stdio.h>

#include "base/setting.h"
#include "base/utf8.h"
#include "mail/client_internal.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data.h"
#include "proto/smtp/xtext.h"
#include "proto/text/dot.h"

SETTING(mail, client_data, TIME, 10 * MIN, SEC, HOUR,
        "Time for the reply to the end of the message. RFC 5321 4.5.3.2.6 asks for 10m.");
SETTING(mail, client_rcpt_max, INT, 100, 1, 10000, "Recipients in one transaction.");
SETTING(mail, client_chunking, BOOL, 1, 0, 1,
        "Send with BDAT (RFC 3030) where the server offers it; else only what needs it.");

enum { BATCH = 100 }; /* recipients written before their replies are read */

/* --- the envelope --------------------------------------------------------------------------- */
static bool can(const struct client *c, unsigned bit)
{
    return (c->caps.bits & bit) != 0;
}

static bool by_chunks(const struct client *c)
{
    return can(c, SMTP_CAP_CHUNKING) && (c->send_binary || setting_get(&set_mail_client_chunking));
}

/* RFC 3461 5.2.1: what was asked for goes on as it came, and nothing that was not. */
static void write_dsn_of_mail(struct client *c, struct buf *out)
{
    struct mail_client_message *m = c->m;
    if (m->ret_full || m->ret_hdrs)
        buf_adds(out, m->ret_full ? " RET=FULL" : " RET=HDRS");
    if (m->envid.n) {
        buf_add(out, S(" ENVID="));
        xtext_encode(m->envid, out);
    }
}

static void write_mail(struct client *c, struct buf *out)
{
    buf_addf(out, "MAIL FROM:<%.*s>", SARG(c->m->from));
    if (can(c, SMTP_CAP_SIZE))
        buf_addf(out, " SIZE=%llu", (unsigned long long)client_size(c));
    if (c->send_binary)
        buf_add(out, S(" BODY=BINARYMIME"));
    else if (c->send_8bit)
        buf_add(out, S(" BODY=8BITMIME"));
    if (c->send_utf8)
        buf_add(out, S(" SMTPUTF8"));
    if (c->logged_in) /* RFC 4954 5: clients' own claims are not believed here, nor passed on */
        buf_add(out, S(" AUTH=<>"));
    if (can(c, SMTP_CAP_DSN))
        write_dsn_of_mail(c, out);
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

/* RFC 6533 3: utf-8-addr-unitext only where SMTPUTF8 is, else utf-8-addr-xtext. */
static void write_orcpt(struct client *c, struct slice orcpt, struct buf *out)
{
    struct slice address = orcpt, type = slice_cut(&address, ';');
    if (address.n == 0)
        return;
    buf_addf(out, " ORCPT=%.*s;", SARG(type));
    if (slice_eqi(type, S("utf-8")))
        xtext_encode_utf8_addr(address, c->send_utf8, out);
    else
        xtext_encode(address, out);
}

static void write_rcpt(struct client *c, struct mail_client_rcpt *r, struct buf *out)
{
    buf_addf(out, "RCPT TO:<%.*s>", SARG(r->address));
    if (can(c, SMTP_CAP_DSN)) {
        r->dsn_passed = true;
        write_notify(r->notify, out);
        write_orcpt(c, r->orcpt, out);
    }
    buf_add(out, S("\r\n"));
}

/* RFC 5321 4.5.3.1.10: too many at once; the rest comes with the next transaction, when this one
   has anybody. */
static bool is_too_many(const struct client *c)
{
    return c->reply.code == 452 ||
           (c->reply.code == 552 && !slice_starts(slice_str(c->reply.enhanced), S("5.2")));
}

/* A reply to RCPT. */
static void take_rcpt(struct client *c, struct mail_client_rcpt *r, size_t *good, bool *taken)
{
    *taken = client_class(c) == 2;
    if (*taken)
        ++*good;
    else if (!(is_too_many(c) && *good))
        client_set_by_reply(c, r);
}

static int one_by_one(struct client *c, struct mail_client_rcpt *r, size_t n, bool *taken,
                      size_t *good, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        BUF_SCOPE line = {0};
        write_rcpt(c, &r[i], &line);
        if (client_write(c, &line, e) || client_reply(c, client_patience(), e))
            return -1;
        take_rcpt(c, &r[i], good, &taken[i]);
    }
    return 0;
}

/* In batches, so that no side waits for the other with full buffers (RFC 2920 3.1). MAIL is in
   `out` already. With the last batch goes DATA, when the text goes by it: its reply is in c->reply.
 */
static int pipelined(struct client *c, struct mail_client_rcpt *r, size_t n, struct buf *out,
                     bool *taken, size_t *good, struct err *e)
{
    bool mail_ok = true;
    for (size_t at = 0; at < n && mail_ok; at += BATCH) {
        size_t end = at + BATCH < n ? at + BATCH : n;
        for (size_t i = at; i < end; i++)
            write_rcpt(c, &r[i], out);
        if (end == n && !by_chunks(c))
            buf_add(out, S("DATA\r\n"));
        if (client_write(c, out, e) || (at == 0 && client_reply(c, client_patience(), e)))
            return -1;
        if (at == 0 && client_class(c) != 2) {
            mail_ok = false;
            for (size_t i = 0; i < n; i++)
                client_set_by_reply(c, &r[i]);
        }
        for (size_t i = at; i < end; i++) {
            if (client_reply(c, client_patience(), e))
                return -1;
            if (mail_ok)
                take_rcpt(c, &r[i], good, &taken[i]);
        }
        if (end == n && !by_chunks(c) && client_reply(c, client_patience(), e))
            return -1;
        buf_reset(out);
    }
    return 0;
}

/* MAIL and RCPT (and DATA): who was taken, and how many. */
static int envelope(struct client *c, struct mail_client_rcpt *r, size_t n, bool *taken,
                    size_t *good, struct err *e)
{
    BUF_SCOPE out = {.max = 4 * MiB};
    write_mail(c, &out);
    if (can(c, SMTP_CAP_PIPELINING))
        return pipelined(c, r, n, &out, taken, good, e);
    if (client_write(c, &out, e) || client_reply(c, client_patience(), e))
        return -1;
    if (client_class(c) != 2) {
        for (size_t i = 0; i < n; i++)
            client_set_by_reply(c, &r[i]);
        return 0;
    }
    if (one_by_one(c, r, n, taken, good, e))
        return -1;
    return *good && !by_chunks(c) ? client_command(c, e, "DATA") : 0;
}

/* --- the text ------------------------------------------------------------------------------- */
static int read_piece(struct client *c, uint64_t at, struct buf *out, struct err *e)
{
    if (c->converted.p)
        return buf_add(out, slice_sub(buf_slice(&c->converted), at, at + CLIENT_PIECE));
    if (c->m->read(c->m->arg, at, CLIENT_PIECE, out, e))
        return -1;
    return out->n ? 0 : err_set(e, ERR_IO, "4.3.0 message ends too early");
}

/* The next piece with the line ends it goes out with; the last one gets what is missing. */
static int next_text(struct client *c, uint64_t *at, struct smtp_data *lines, struct buf *out,
                     struct err *e)
{
    BUF_SCOPE raw = {.max = CLIENT_PIECE};
    buf_reset(out);
    if (*at < client_size(c) && read_piece(c, *at, &raw, e))
        return -1;
    *at += raw.n;
    smtp_data_feed(lines, buf_slice(&raw), out);
    if (*at >= client_size(c))
        smtp_data_finish(lines, out);
    return out->failed ? err_set(e, ERR_LIMIT, "4.3.1 Out of memory") : 0;
}

static int last_reply(struct client *c, struct err *e)
{
    if (client_reply(c, setting_get(&set_mail_client_data), e))
        return -1;
    c->text_sent = c->text_begun = false;
    return 0;
}

/* RFC 5321 4.1.1.4, 4.5.2. */
static int send_data(struct client *c, struct err *e)
{
    BUF_SCOPE text = {.max = 4 * CLIENT_PIECE};
    struct dot_writer dots = {0};
    struct smtp_data lines;
    uint64_t at = 0;
    c->text_begun = true;
    smtp_data_init(&lines, SMTP_DATA_NORMALISE, false);
    do {
        BUF_SCOPE out = {.max = 8 * CLIENT_PIECE};
        if (next_text(c, &at, &lines, &text, e))
            return -1;
        dot_write(&dots, buf_slice(&text), &out);
        c->text_sent = at >= client_size(c);
        if (c->text_sent)
            dot_finish(&dots, &out);
        if (client_write(c, &out, e))
            return -1;
    } while (at < client_size(c));
    return last_reply(c, e);
}

/* A chunk was refused: the replies to those behind it are read, and the first stays in c->reply. */
static int chunks_refused(struct client *c, unsigned waiting, struct err *e)
{
    struct smtp_reply first = c->reply;
    c->reply = (struct smtp_reply){0};
    c->text_sent = c->text_begun = false;
    int bad = 0;
    for (; waiting && !bad; waiting--)
        bad = client_reply(c, client_patience(), e);
    smtp_reply_done(&c->reply);
    c->reply = first;
    return bad;
}

/* RFC 3030 2: one chunk a piece. With PIPELINING a chunk goes out while the reply to the one before
   is under way. After a refusal no more chunks are sent. */
static int send_chunks(struct client *c, struct err *e)
{
    BUF_SCOPE text = {.max = 4 * CLIENT_PIECE};
    struct smtp_data lines;
    unsigned waiting = 0;
    uint64_t at = 0;
    c->text_begun = true;
    smtp_data_init(&lines, c->send_binary ? SMTP_DATA_RAW : SMTP_DATA_NORMALISE, false);
    do {
        BUF_SCOPE out = {.max = 8 * CLIENT_PIECE};
        if (next_text(c, &at, &lines, &text, e))
            return -1;
        c->text_sent = at >= client_size(c);
        buf_addf(&out, "BDAT %zu%s\r\n", text.n, c->text_sent ? " LAST" : "");
        buf_add(&out, buf_slice(&text));
        if (client_write(c, &out, e))
            return -1;
        unsigned ahead = can(c, SMTP_CAP_PIPELINING) || c->text_sent;
        for (waiting++; waiting > ahead; waiting--) {
            if (client_reply(c, client_patience(), e))
                return -1;
            if (client_class(c) != 2)
                return chunks_refused(c, waiting - 1, e);
        }
    } while (at < client_size(c));
    return last_reply(c, e);
}

/* RFC 2920 3.1: when no recipient was taken and the server waits for text all the same, it gets
   none. */
static int end_empty(struct client *c, struct err *e)
{
    BUF_SCOPE end = {0};
    buf_add(&end, S(".\r\n"));
    return client_write(c, &end, e) || client_reply(c, client_patience(), e) ? -1 : 0;
}

/* --- a transaction -------------------------------------------------------------------------- */
static void settle(struct client *c, struct mail_client_rcpt *r, const bool *taken, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (taken[i] && r[i].result == MAIL_PENDING)
            client_set_by_reply(c, &r[i]);
}

static int transaction(struct client *c, struct mail_client_rcpt *r, size_t n, struct err *e)
{
    size_t good = 0;
    bool *taken = arena_new(c->m->arena, bool, n);
    if (!taken)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    if (c->begun && client_command(c, e, "RSET"))
        return -1;
    c->begun = true;
    if (envelope(c, r, n, taken, &good, e))
        return -1;
    bool go_on = !by_chunks(c) && c->reply.code == 354;
    if (good == 0)
        return go_on ? end_empty(c, e) : 0;
    if (!by_chunks(c) && !go_on && client_class(c) < 4)
        return err_set(e, ERR_SYNTAX, "DATA was answered by %u", c->reply.code);
    if (by_chunks(c) ? send_chunks(c, e) : go_on && send_data(c, e))
        return -1;
    c->begun = client_class(c) != 2;
    settle(c, r, taken, n);
    if (c->begun && by_chunks(c)) { /* RFC 3030 2: before anything else, QUIT too */
        c->begun = false;
        return client_command(c, e, "RSET");
    }
    return 0;
}

int client_send_all(struct client *c, struct err *e)
{
    struct mail_client_message *m = c->m;
    size_t max = (size_t)setting_get(&set_mail_client_rcpt_max), begin = 0;
    uint64_t left = c->caps.mail_max ? c->caps.mail_max : UINT64_MAX; /* RFC 9422 4.1 */
    if (c->caps.rcpt_max && c->caps.rcpt_max < max)                   /* RFC 9422 4.2 */
        max = (size_t)c->caps.rcpt_max;
    if (!client_fit(c))
        return 0;
    for (; begin < m->n && left; left--) {
        size_t n = 0;
        while (begin < m->n && m->rcpt[begin].result != MAIL_PENDING)
            begin++;
        while (begin + n < m->n && n < max && m->rcpt[begin + n].result == MAIL_PENDING)
            n++;
        if (n && transaction(c, m->rcpt + begin, n, e))
            return -1;
    }
    return 0;
}
