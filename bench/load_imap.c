/* load_imap.c - IMAP load. All drivers log in the same way, select or create their mailbox, and
   then repeat one kind of work: APPEND (or MULTIAPPEND), FETCH of metadata or bodies of the whole
   mailbox, a mix of the small commands of a mail client, or nothing (IDLE). What comes back is
   counted and checked before an operation counts. */
#include "load_imap.h"

#include <stdio.h>

void imap_command(struct conn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_addf(&c->out, "t%u ", ++c->tag);
    buf_addv(&c->out, fmt, ap);
    va_end(ap);
}

void imap_login(struct conn *c)
{
    char user[200];
    imap_command(c, "LOGIN %s %s\r\n", load_user(c->id % load.users, user, sizeof(user)),
                 load.password);
}

void imap_over(struct conn *c)
{
    imap_command(c, "LOGOUT\r\n");
    c->state = IMAP_LOGOUT;
}

bool imap_is_reply(struct conn *c, struct slice line, bool *ret_ok)
{
    char tag[16];
    int n = snprintf(tag, sizeof(tag), "t%u ", c->tag);
    if (!slice_starts(line, slice_of(tag, (size_t)n)))
        return false;
    *ret_ok = slice_startsi(slice_from(line, (size_t)n), S("OK"));
    return true;
}

bool imap_count(struct slice line, struct slice name, uint32_t *ret)
{
    struct slice rest = slice_from(line, 2);
    return slice_starts(line, S("* ")) && slice_endsi(line, name) &&
           slice_u32(slice_cut(&rest, ' '), ret) == 0;
}

void imap_literal(struct conn *c, struct slice line)
{
    if (!line.n || line.p[line.n - 1] != '}')
        return;
    ptrdiff_t open = slice_rfind(line, '{');
    uint64_t n;
    if (open >= 0 && slice_u64(slice_sub(line, (size_t)open + 1, line.n - 1), &n) == 0)
        c->literal = n;
}

bool imap_common(struct conn *c, struct slice line)
{
    bool ok;
    if (c->state == IMAP_WORK)
        return false;
    if (c->state == IMAP_GREETING) {
        if (!slice_startsi(line, S("* OK")))
            return conn_fail(c, "unexpected greeting", line), true;
        c->state = IMAP_PREPARE;
        c->left = 0;
        return imap_login(c), true;
    }
    imap_count(line, S(" EXISTS"), &c->exists);
    if (!imap_is_reply(c, line, &ok))
        return true;
    if (!ok && !c->may_fail)
        return conn_fail(c, "refused", line), true;
    if (c->state == IMAP_LOGOUT)
        return conn_finish(c), true;
    c->may_fail = false;
    if (!load.driver->prepare(c, c->left++)) {
        c->state = IMAP_READY;
        conn_ready(c);
    }
    return true;
}

static bool select_prepare(struct conn *c, unsigned step)
{
    if (step || !load.idle_select)
        return false;
    imap_command(c, "SELECT %s\r\n", load.box);
    return true;
}

/* APPEND */

static bool append_prepare(struct conn *c, unsigned step)
{
    if (step || slice_eqi(slice_str(load.box), S("INBOX")))
        return false;
    c->may_fail = true;
    imap_command(c, "CREATE %s\r\n", load.box);
    return true;
}

static void append_next(struct conn *c)
{
    c->left = 0;
    c->bytes = 0;
    while (c->left < load.multi && load_take(&c->seq)) {
        struct load_message m;
        mix_message(c->seq, &m);
        if (c->left++ == 0) {
            load_begin(c);
            imap_command(c, "APPEND %s", load.box);
        }
        conn_sendf(c, " (\\Flagged) {%zu+}\r\n", m.head_n + m.rest.n);
        conn_send(c, slice_of(m.head, m.head_n));
        conn_send(c, m.rest);
        c->bytes += m.head_n + m.rest.n;
    }
    if (!c->left)
        return imap_over(c);
    conn_sendf(c, "\r\n");
    c->state = IMAP_WORK;
}

static void append_line(struct conn *c, struct slice line)
{
    bool ok;
    if (imap_common(c, line) || !imap_is_reply(c, line, &ok))
        return;
    if (!ok)
        return conn_fail(c, "APPEND refused", line);
    for (unsigned n = c->left; n; n--)
        load_done(c, c->bytes / c->left);
    append_next(c);
}

/* FETCH of metadata */

static void fetch_begin(struct conn *c, const char *items)
{
    uint64_t seq;
    if (!load_take(&seq))
        return imap_over(c);
    if (!c->exists)
        return conn_fail(c, "the mailbox is empty", SNONE);
    load_begin(c);
    c->seen = c->bytes = c->bad = 0;
    imap_command(c, "FETCH 1:* %s\r\n", items);
    c->state = IMAP_WORK;
}

static void meta_next(struct conn *c)
{
    fetch_begin(c, "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)");
}

/* One response, its literals included: does it have everything that was asked for? */
static void meta_check(struct conn *c)
{
    static const struct slice parts[] = {S_INIT("UID "),          S_INIT("FLAGS ("),
                                         S_INIT("INTERNALDATE "), S_INIT("RFC822.SIZE "),
                                         S_INIT("ENVELOPE ("),    S_INIT("BODYSTRUCTURE (")};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        c->bad += slice_search(buf_slice(&c->body), parts[i]) < 0;
    c->seen++;
    c->bytes += c->body.n;
    buf_reset(&c->body);
}

static void fetch_tagged(struct conn *c, struct slice line, bool ok, void (*next)(struct conn *))
{
    if (!ok)
        return conn_fail(c, "FETCH refused", line);
    if (c->bad)
        return conn_fail(c, "messages that are not what was sent, or incomplete", line);
    if (c->seen != c->exists)
        return conn_fail(c, "fewer messages than the mailbox has", line);
    load.items += c->seen;
    load_done(c, c->bytes);
    next(c);
}

static void meta_line(struct conn *c, struct slice line)
{
    bool ok;
    if (imap_common(c, line))
        return;
    if (!c->body.n && imap_is_reply(c, line, &ok))
        return fetch_tagged(c, line, ok, meta_next);
    if (!c->body.n && slice_search(line, S(" FETCH (")) < 0)
        return;
    buf_add(&c->body, line);
    imap_literal(c, line);
    if (!c->literal)
        meta_check(c);
}

static void collect(struct conn *c, struct slice part)
{
    buf_add(&c->body, part);
}

/* FETCH of bodies */

static void bodies_next(struct conn *c)
{
    fetch_begin(c, "(UID BODY.PEEK[])");
}

static void bodies_data(struct conn *c, struct slice part)
{
    collect(c, part);
    if (c->literal)
        return;
    c->bad += !mix_verify(buf_slice(&c->body));
    c->seen++;
    c->bytes += c->body.n;
    buf_reset(&c->body);
}

static void bodies_line(struct conn *c, struct slice line)
{
    bool ok;
    if (imap_common(c, line))
        return;
    if (imap_is_reply(c, line, &ok))
        return fetch_tagged(c, line, ok, bodies_next);
    imap_literal(c, line);
}

/* The small commands of a client that somebody works with */

static void mix_next(struct conn *c)
{
    uint64_t seq;
    if (!load_take(&seq))
        return imap_over(c);
    if (c->exists < 60)
        return conn_fail(c, "the mixed load needs 60 messages in the mailbox", SNONE);
    load_begin(c);
    uint64_t state = load.seed + seq * 7919 + c->id;
    unsigned dice = (unsigned)(mix_random(&state) % 100);
    unsigned at = 1 + (unsigned)(mix_random(&state) % (c->exists - 50));
    c->seen = 0;
    if (dice < 25)
        imap_command(c, "STATUS %s (MESSAGES UIDNEXT UNSEEN)\r\n", load.box), c->left = 1;
    else if (dice < 40)
        imap_command(c, "NOOP\r\n"), c->left = 0;
    else if (dice < 50)
        imap_command(c, "SELECT %s\r\n", load.box), c->left = 1;
    else if (dice < 70)
        imap_command(c, "FETCH %u:%u (UID FLAGS)\r\n", at, at + 49), c->left = 50;
    else if (dice < 85)
        imap_command(c, "STORE %u:%u %cFLAGS (\\Seen)\r\n", at, at + 4, dice & 1 ? '+' : '-'),
            c->left = 0; /* flags that do not change need no answer */
    else
        imap_command(c, "FETCH %u (UID BODY.PEEK[HEADER])\r\n", at), c->left = 1;
    c->state = IMAP_WORK;
}

static void mix_line(struct conn *c, struct slice line)
{
    bool ok;
    if (imap_common(c, line))
        return;
    imap_literal(c, line);
    if (!imap_is_reply(c, line, &ok)) {
        c->seen += slice_starts(line, S("* ")) &&
                   (slice_search(line, S(" FETCH (")) >= 0 || slice_starts(line, S("* STATUS ")) ||
                    slice_endsi(line, S(" EXISTS")));
        return;
    }
    if (!ok)
        return conn_fail(c, "refused", line);
    if (c->seen < c->left)
        return conn_fail(c, "answers are missing", line);
    load_done(c, 0);
    mix_next(c);
}

static void ignore(struct conn *c, struct slice part)
{
    (void)c, (void)part;
}

/* Nothing: IDLE, or just being connected */

static void idle_go(struct conn *c)
{
    if (load.idle_select)
        imap_command(c, "IDLE\r\n");
    c->state = IMAP_WORK;
    load_begin(c);
    load_done(c, 0);
}

static void idle_line(struct conn *c, struct slice line)
{
    if (imap_common(c, line))
        return;
    if (slice_startsi(line, S("* BYE")))
        conn_fail(c, "an idle connection was closed", line);
}

const struct driver load_append = {.name = "append",
                                   IMAP_PORTS,
                                   .line = append_line,
                                   .data = ignore,
                                   .go = append_next,
                                   .prepare = append_prepare};
const struct driver load_meta = {.name = "meta",
                                 IMAP_PORTS,
                                 .line = meta_line,
                                 .data = collect,
                                 .go = meta_next,
                                 .prepare = select_prepare};
const struct driver load_bodies = {.name = "bodies",
                                   IMAP_PORTS,
                                   .line = bodies_line,
                                   .data = bodies_data,
                                   .go = bodies_next,
                                   .prepare = select_prepare};
const struct driver load_mix = {.name = "mix",
                                IMAP_PORTS,
                                .line = mix_line,
                                .data = ignore,
                                .go = mix_next,
                                .prepare = select_prepare};
const struct driver load_idle = {.name = "idle",
                                 IMAP_PORTS,
                                 .line = idle_line,
                                 .data = ignore,
                                 .go = idle_go,
                                 .prepare = select_prepare,
                                 .waits = true};
