/* load_smtp.c - LMTP and SMTP load: MAIL, RCPT and DATA in one go (PIPELINING), the message after
   the 354, and an operation counted for every 250 after it (LMTP: one a recipient; SMTP: one a
   message). */
#include "load.h"

enum { ST_GREETING, ST_HELLO, ST_READY, ST_MAIL, ST_RCPT, ST_DATA, ST_REPLY, ST_QUIT };

static bool is_lmtp(void)
{
    return load.driver == &load_lmtp;
}

static void smtp_next(struct conn *c)
{
    if (!load_take(&c->seq)) {
        conn_sendf(c, "QUIT\r\n");
        c->state = ST_QUIT;
        return;
    }
    load_begin(c);
    conn_sendf(c, "MAIL FROM:<sender%llu@example.org>\r\n", (unsigned long long)c->seq % 500);
    for (unsigned i = 0; i < load.rcpts; i++) {
        char user[200];
        conn_sendf(
            c, "RCPT TO:<%s>\r\n",
            load_user((unsigned)((c->seq * load.rcpts + i) % load.users), user, sizeof(user)));
    }
    conn_sendf(c, "DATA\r\n");
    c->state = ST_MAIL;
    c->left = load.rcpts;
}

static void smtp_message(struct conn *c)
{
    struct load_message m;
    mix_message(c->seq, &m);
    conn_send(c, slice_of(m.head, m.head_n));
    conn_send(c, m.rest_dotted);
    conn_send(c, S(".\r\n"));
    c->bytes = m.head_n + m.rest.n;
    c->left = is_lmtp() ? load.rcpts : 1;
    c->state = ST_REPLY;
}

static void smtp_line(struct conn *c, struct slice line)
{
    static const char expected[] = {
        [ST_GREETING] = '2', [ST_HELLO] = '2', [ST_READY] = 0,   [ST_MAIL] = '2',
        [ST_RCPT] = '2',     [ST_DATA] = '3',  [ST_REPLY] = '2', [ST_QUIT] = '2'};
    bool refused = load.refusals && c->state == ST_REPLY && line.n >= 4 && line.p[0] == '5';
    if (!refused && (line.n < 4 || line.p[0] != expected[c->state]))
        return conn_fail(c, "unexpected reply", line);
    if (line.p[3] == '-')
        return;
    switch (c->state) {
    case ST_GREETING:
        conn_sendf(c, "%s load.example.org\r\n", is_lmtp() ? "LHLO" : "EHLO");
        c->state = ST_HELLO;
        break;
    case ST_HELLO:
        c->state = ST_READY;
        conn_ready(c);
        break;
    case ST_MAIL:
        c->state = ST_RCPT;
        break;
    case ST_RCPT:
        if (!--c->left)
            c->state = ST_DATA;
        break;
    case ST_DATA:
        smtp_message(c);
        break;
    case ST_REPLY:
        if (!refused)
            load_done(c, c->bytes);
        if (!--c->left)
            smtp_next(c);
        break;
    default:
        conn_finish(c);
    }
}

const struct driver load_lmtp = {
    .name = "lmtp", .port_env = "CARBONADO_PORT_LMTP", .line = smtp_line, .go = smtp_next};
const struct driver load_smtp = {
    .name = "smtp", .port_env = "CARBONADO_PORT_SMTP", .line = smtp_line, .go = smtp_next};
