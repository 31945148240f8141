/* load_pop3.c - POP3 load: log in, STAT, then RETR of every message over and over, each verified
   whole. Pipelined, the time of an operation is that from the end of the message before. */
#include "load.h"

enum { ST_GREETING, ST_USER, ST_PASS, ST_STAT, ST_READY, ST_RETR, ST_TEXT, ST_QUIT };

static void pop3_next(struct conn *c)
{
    uint64_t seq;
    while (c->left < load.pipeline && load_take(&seq)) {
        c->waiting = c->waiting % c->exists + 1;
        conn_sendf(c, "RETR %u\r\n", c->waiting);
        c->left++;
    }
    c->state = ST_RETR;
    if (!c->left) {
        conn_sendf(c, "QUIT\r\n");
        c->state = ST_QUIT;
    }
    load_begin(c);
}

static void pop3_text(struct conn *c, struct slice line)
{
    if (!slice_eq(line, S("."))) {
        buf_add(&c->body, line.n && line.p[0] == '.' ? slice_from(line, 1) : line);
        buf_add(&c->body, S("\r\n"));
        return;
    }
    if (!mix_verify(buf_slice(&c->body)))
        return conn_fail(c, "message is not what was sent", slice_sub(buf_slice(&c->body), 0, 200));
    load_done(c, c->body.n);
    c->left--;
    buf_reset(&c->body);
    pop3_next(c);
}

static void pop3_line(struct conn *c, struct slice line)
{
    char user[200];
    if (c->state == ST_TEXT)
        return pop3_text(c, line);
    if (!slice_starts(line, S("+OK")))
        return conn_fail(c, "unexpected reply", line);
    switch (c->state) {
    case ST_GREETING:
        conn_sendf(c, "USER %s\r\n", load_user(c->id % load.users, user, sizeof(user)));
        c->state = ST_USER;
        break;
    case ST_USER:
        conn_sendf(c, "PASS %s\r\n", load.password);
        c->state = ST_PASS;
        break;
    case ST_PASS:
        conn_sendf(c, "STAT\r\n");
        c->state = ST_STAT;
        break;
    case ST_STAT:
        line = slice_from(line, 4);
        if (slice_u32(slice_cut(&line, ' '), &c->exists) < 0 || !c->exists)
            return conn_fail(c, "the mailbox is empty", line);
        c->state = ST_READY;
        conn_ready(c);
        break;
    case ST_RETR:
        c->state = ST_TEXT;
        break;
    default:
        conn_finish(c);
    }
}

const struct driver load_pop3 = {.name = "pop3",
                                 .port_env = "CARBONADO_PORT_POP3",
                                 .port_env_tls = "CARBONADO_PORT_POP3S",
                                 .line = pop3_line,
                                 .go = pop3_next};
