/* load_change.c - IMAP load: one command over a whole mailbox (or its first messages): STORE, COPY,
   MOVE, EXPUNGE, SELECT. When the last one is over, and no longer measured, a second command asks
   the server whether what should have become of the messages has. */
#include "load_imap.h"

/* conn.seq: commands done; conn.waiting: the check is under way; conn.seen: messages told as gone
 */

static unsigned messages(const struct conn *c)
{
    return load.messages ? load.messages : c->exists;
}

/* Sets the flag, takes it away, sets it ... */
static void store_send(struct conn *c)
{
    imap_command(c, "STORE 1:%u %cFLAGS.SILENT (\\Flagged)\r\n", messages(c),
                 c->seq % 2 ? '-' : '+');
}

static void store_check(struct conn *c)
{
    imap_command(c, "SEARCH RETURN (COUNT) 1:%u %s\r\n", messages(c),
                 c->seq % 2 ? "FLAGGED" : "UNFLAGGED");
}

static void copy_send(struct conn *c)
{
    imap_command(c, "COPY 1:%u %s\r\n", messages(c), load.to);
}

static void move_send(struct conn *c)
{
    imap_command(c, "MOVE 1:%u %s\r\n", messages(c), load.to);
}

static void to_check(struct conn *c)
{
    imap_command(c, "STATUS %s (MESSAGES)\r\n", load.to);
}

static void expunge_send(struct conn *c)
{
    imap_command(c, "EXPUNGE\r\n");
}

static void expunge_check(struct conn *c)
{
    imap_command(c, "SEARCH RETURN (COUNT) UNDELETED\r\n");
}

static void select_send(struct conn *c)
{
    c->exists = 0;
    imap_command(c, "SELECT %s\r\n", load.box);
}

static const struct change {
    struct slice name;
    void (*send)(struct conn *c);
    void (*check)(struct conn *c);
    struct slice answer; /* the check's reply has it, and then a number */
    bool to, expunges;   /* it goes to another mailbox; each message has to be told as gone */
} changes[] = {
    {S_INIT("store"), store_send, store_check, S_INIT("COUNT "), false, false},
    {S_INIT("copy"), copy_send, to_check, S_INIT("MESSAGES "), true, false},
    {S_INIT("move"), move_send, to_check, S_INIT("MESSAGES "), true, true},
    {S_INIT("expunge"), expunge_send, expunge_check, S_INIT("COUNT "), false, true},
    {S_INIT("select"), select_send, NULL, {0}, false, false},
};

static const struct change *change;

bool change_find(void)
{
    for (size_t i = 0; load.what && i < sizeof(changes) / sizeof(changes[0]); i++)
        if (slice_eq(slice_str(load.what), changes[i].name))
            change = &changes[i];
    return change && change->to == !!load.to;
}

/* CREATE, SELECT and, before EXPUNGE, \Deleted: as far as this change needs them. */
static bool change_prepare(struct conn *c, unsigned step)
{
    if (step == 0 && change->to) {
        c->may_fail = true;
        imap_command(c, "CREATE %s\r\n", load.to);
    } else if (step <= 1 && change->send != select_send && !c->exists) {
        imap_command(c, "SELECT %s\r\n", load.box);
    } else if (step <= 2 && change->send == expunge_send && !c->waiting) {
        c->waiting = true;
        imap_command(c, "STORE 1:%u +FLAGS.SILENT (\\Deleted)\r\n", messages(c));
    } else {
        return false;
    }
    return true;
}

/* What the check has to answer. */
static uint32_t expected(const struct conn *c)
{
    return change->send == expunge_send ? c->exists
           : change->to                 ? (uint32_t)(c->bytes * c->seq)
                                        : (uint32_t)c->bytes;
}

static void change_next(struct conn *c)
{
    uint64_t seq;
    c->state = IMAP_WORK;
    if (load_take(&seq)) {
        c->waiting = 0;
        c->seen = 0;
        c->bytes = messages(c);
        load_begin(c);
        return change->send(c);
    }
    load_settle();
    if (!change->check)
        return imap_over(c);
    c->waiting = 1;
    c->bad = 1;
    change->check(c);
}

static void change_line(struct conn *c, struct slice line)
{
    bool ok;
    uint32_t n;
    if (imap_common(c, line))
        return;
    if (imap_count(line, S(" EXISTS"), &c->exists))
        return;
    if (imap_count(line, S(" EXPUNGE"), &n)) {
        c->seen++;
        c->exists -= c->exists > 0;
        return;
    }
    if (!imap_is_reply(c, line, &ok)) {
        ptrdiff_t at = c->waiting ? slice_search(line, change->answer) : -1;
        if (at >= 0) {
            struct slice number = slice_from(line, (size_t)at + change->answer.n);
            size_t digits = 0;
            while (digits < number.n && ascii_digit(number.p[digits]))
                digits++;
            number.n = digits;
            c->bad = slice_u32(number, &n) < 0 || n != expected(c);
        }
        return;
    }
    if (!ok)
        return conn_fail(c, "refused", line);
    if (c->waiting) {
        if (c->bad)
            return conn_fail(c, "the mailbox is not as it should be after", slice_str(load.what));
        return imap_over(c);
    }
    if (change->expunges && c->seen != c->bytes)
        return conn_fail(c, "not every message was told as gone", line);
    if (!change->to && !change->expunges && !c->exists)
        return conn_fail(c, "the mailbox is empty", line);
    load.items += change->check ? c->bytes : 0;
    c->seq++;
    load_done(c, 0);
    change_next(c);
}

static void ignore(struct conn *c, struct slice part)
{
    (void)c, (void)part;
}

const struct driver load_change = {.name = "change",
                                   IMAP_PORTS,
                                   .line = change_line,
                                   .data = ignore,
                                   .go = change_next,
                                   .prepare = change_prepare};
