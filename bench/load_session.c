/* load_session.c - IMAP loads that are about sessions: logging in and out again and again, and one
   new message that everybody who idles in a mailbox is told of. */
#include "load_imap.h"

#include <unistd.h>

#include "base/clock.h"

/* LOGIN, SELECT, LOGOUT: an operation lasts from the connect to the reply to LOGOUT */

static void login_again(struct conn *c)
{
    uint64_t seq;
    if (!load_take(&seq))
        return conn_finish(c);
    load_begin(c);
    c->state = IMAP_GREETING;
    conn_again(c);
}

static void login_go(struct conn *c)
{
    uint64_t seq;
    if (!load_take(&seq))
        return imap_over(c);
    load_begin(c);
    imap_login(c);
    c->state = IMAP_WORK;
    c->left = 0;
}

static void login_line(struct conn *c, struct slice line)
{
    bool ok;
    if (c->state == IMAP_GREETING) {
        if (!slice_startsi(line, S("* OK")))
            return conn_fail(c, "unexpected greeting", line);
        if (!c->ready) {
            c->state = IMAP_READY;
            return conn_ready(c);
        }
        imap_login(c);
        c->state = IMAP_WORK;
        c->left = 0;
        return;
    }
    if (!imap_is_reply(c, line, &ok))
        return;
    if (!ok)
        return conn_fail(c, "refused", line);
    if (c->state == IMAP_LOGOUT)
        return conn_finish(c);
    switch (c->left++) {
    case 0:
        return imap_command(c, "SELECT %s\r\n", load.box);
    case 1:
        return imap_command(c, "LOGOUT\r\n");
    default:
        load_done(c, 0);
        login_again(c);
    }
}

/* One new message: connection 0 appends it, the others idle */

static unsigned told, idling;
static bool acknowledged;

static void announce_send(struct conn *c)
{
    uint64_t seq;
    if (!load_take(&seq)) {
        for (unsigned i = 0; i < load.conns; i++)
            conn_finish(&load.all[i]);
        return;
    }
    usleep(500 * 1000); /* whoever is awake of the last one goes to sleep again */
    struct load_message m;
    mix_message(seq, &m);
    told = 0;
    acknowledged = false;
    load_begin(c);
    imap_command(c, "APPEND %s {%zu+}\r\n", load.box, m.head_n + m.rest.n);
    conn_send(c, slice_of(m.head, m.head_n));
    conn_send(c, m.rest);
    conn_sendf(c, "\r\n");
    loop_flush();
}

static void announce_over(struct conn *sender)
{
    if (!acknowledged || told < load.conns - 1)
        return;
    load_done(sender, 0);
    announce_send(sender);
}

static bool announce_prepare(struct conn *c, unsigned step)
{
    if (step || c->id == 0)
        return false;
    imap_command(c, "SELECT %s\r\n", load.box);
    return true;
}

static void announce_go(struct conn *c)
{
    c->state = IMAP_WORK;
    if (c->id)
        imap_command(c, "IDLE\r\n");
    else if (load.conns < 2)
        conn_fail(c, "this load needs --conns 2 or more", SNONE);
}

static void announce_line(struct conn *c, struct slice line)
{
    struct conn *sender = &load.all[0];
    bool ok;
    uint32_t exists;
    if (imap_common(c, line))
        return;
    if (c->id == 0) {
        if (!imap_is_reply(c, line, &ok))
            return;
        if (!ok)
            return conn_fail(c, "APPEND refused", line);
        acknowledged = true;
        load.ack_us += (uint64_t)(clock_mono_us() - c->began);
        return announce_over(sender);
    }
    if (slice_starts(line, S("+"))) {
        if (++idling == load.conns - 1)
            announce_send(sender);
    } else if (slice_startsi(line, S("* BYE"))) {
        conn_fail(c, "an idle connection was closed", line);
    } else if (imap_count(line, S(" EXISTS"), &exists) && exists > c->exists) {
        c->exists = exists;
        told++;
        announce_over(sender);
    }
}

static void ignore(struct conn *c, struct slice part)
{
    (void)c, (void)part;
}

const struct driver load_login = {
    .name = "login", IMAP_PORTS, .line = login_line, .data = ignore, .go = login_go};
const struct driver load_announce = {.name = "announce",
                                     IMAP_PORTS,
                                     .line = announce_line,
                                     .data = ignore,
                                     .go = announce_go,
                                     .prepare = announce_prepare};
