/* session.c - the callbacks of a connection, the table of commands, answers in pieces. */
#include "pop3/session.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "mail/host.h"
#include "mail/timing.h"
#include "pop3/reading.h"

SETTING(pop3, line_max, SIZE, 1024, 255, 64 * KiB,
        "Longest command line. RFC 2449 4 says 255; names and passwords in UTF-8 are longer.");
SETTING(pop3, idle_timeout, TIME, 10 * MIN, SEC, DAY,
        "A client that is silent for so long is closed, and one that has not logged in after three "
        "times as long in any case. RFC 1939 3 allows no less than 10m.");
SETTING(pop3, errors_max, INT, 20, 1, 10000, "Refused commands after which a session is ended.");
METRIC_HISTOGRAM_BY(pop3_command_seconds, "command",
                    "auth capa dele lang list noop pass quit retr rset stat stls top uidl user "
                    "utf8 other",
                    "Time from a command's line to the end of its answer.");
METRIC_COUNTER(pop3_sessions, "POP3 sessions begun.");
METRIC_COUNTER(pop3_retrieved, "Messages sent whole over POP3.");

enum { LISTING_PIECE = 64 * 1024, AUTH_LINE_MAX = 12288 };

static const struct {
    struct slice name;
    unsigned states, least, most; /* arguments */
    void (*run)(struct pop3_session *s, const struct pop3_command *c);
} commands[] = {
    {S_INIT("CAPA"), POP3_ANY, 0, 0, pop3_cmd_capa},
    {S_INIT("STLS"), POP3_AUTHORIZATION, 0, 0, pop3_cmd_stls},
    {S_INIT("USER"), POP3_AUTHORIZATION, 1, 1, pop3_cmd_user},
    {S_INIT("PASS"), POP3_AUTHORIZATION, 0, POP3_ARGS_MAX + 1, pop3_cmd_pass},
    {S_INIT("AUTH"), POP3_AUTHORIZATION, 0, 2, pop3_cmd_auth},
    {S_INIT("UTF8"), POP3_AUTHORIZATION, 0, 0, pop3_cmd_utf8},
    {S_INIT("LANG"), POP3_ANY, 0, 1, pop3_cmd_lang},
    {S_INIT("STAT"), POP3_TRANSACTION, 0, 0, pop3_cmd_stat},
    {S_INIT("LIST"), POP3_TRANSACTION, 0, 1, pop3_cmd_list},
    {S_INIT("UIDL"), POP3_TRANSACTION, 0, 1, pop3_cmd_uidl},
    {S_INIT("RETR"), POP3_TRANSACTION, 1, 1, pop3_cmd_retr},
    {S_INIT("TOP"), POP3_TRANSACTION, 2, 2, pop3_cmd_top},
    {S_INIT("DELE"), POP3_TRANSACTION, 1, 1, pop3_cmd_dele},
    {S_INIT("RSET"), POP3_TRANSACTION, 0, 0, pop3_cmd_rset},
    {S_INIT("NOOP"), POP3_TRANSACTION, 0, 0, pop3_cmd_noop},
    {S_INIT("QUIT"), POP3_ANY, 0, 0, pop3_cmd_quit},
};

/* --- replies -------------------------------------------------------------------------------- */
void pop3_ok(struct pop3_session *s, const char *fmt, ...)
{
    BUF_SCOPE line = {.max = 4096};
    va_list ap;
    va_start(ap, fmt);
    buf_add(&line, S("+OK "));
    buf_addv(&line, fmt, ap);
    va_end(ap);
    buf_add(&line, S("\r\n"));
    conn_write_buf(s->c, &line);
}

void pop3_end(struct pop3_session *s)
{
    s->ended = true;
    conn_close(s->c);
}

void pop3_err(struct pop3_session *s, const char *code, const char *text)
{
    conn_printf(s->c, "-ERR %s%s%s\r\n", code, *code ? " " : "", text);
    s->failed = true;
    pop3_count_errors(s, 1);
}

void pop3_count_errors(struct pop3_session *s, unsigned n)
{
    s->errors += n;
    if (n && s->errors >= (unsigned)setting_get(&set_pop3_errors_max))
        pop3_end(s);
}

bool pop3_number(struct pop3_session *s, struct slice arg, size_t *ret)
{
    uint64_t n;
    if (slice_u64(arg, &n) || n == 0 || n > s->drop.n || s->drop.list[n - 1].deleted) {
        pop3_err(s, "", "no such message");
        return false;
    }
    *ret = (size_t)n - 1;
    return true;
}

/* --- jobs ----------------------------------------------------------------------------------- */
static void session_free(struct pop3_session *s)
{
    pop3_auth_end(s);
    pop3_reading_end(s);
    pop3_leave_desk(s);
    maildrop_done(&s->drop);
    free(s);
}

static bool is_busy(const struct pop3_session *s)
{
    return s->job || s->listing.line || s->reading.letter.desk;
}

static void command_over(struct pop3_session *s)
{
    unsigned i = metric_value(&metric_pop3_command_seconds, s->command);
    int64_t us = clock_mono_us() - s->began_us;
    for (; s->together; s->together--)
        metric_observe(&metric_pop3_command_seconds, i, us);
    timing_over(&(struct timing){.protocol = "pop3",
                                 .command = s->command,
                                 .login = slice_str(s->who.address),
                                 .conn = s->c,
                                 .error = s->failed ? ERR_NOPERM : ERR_OK,
                                 .spent = &s->spent});
}

static void command_begins(struct pop3_session *s)
{
    if (!s->together++) {
        s->began_us = clock_mono_us();
        s->spent = (struct spending){0};
        s->failed = false;
    }
    s->command = S("other");
}

/* After anything that may have begun or ended work: commands are read only when there is none. */
static void settle(struct pop3_session *s)
{
    bool busy = is_busy(s);
    if (!busy && s->together)
        command_over(s);
    if (busy && !s->paused)
        conn_pause(s->c);
    if (!busy && s->paused)
        conn_resume(s->c);
    s->paused = busy;
    if (s->stopping && !busy && !s->ended) {
        pop3_err(s, "[SYS/TEMP]", "the server stops");
        pop3_end(s);
    }
}

static void job_over(struct job *job)
{
    struct pop3_job *j = list_entry(job, struct pop3_job, job);
    struct pop3_session *s = j->s;
    s->job = false;
    spent_join(&s->spent, &job->spent);
    if (s->c) {
        j->finish(s, j);
        settle(s);
    } else {
        session_free(s);
    }
    if (j->clear)
        j->clear(j);
    free(j);
}

void pop3_run(struct pop3_session *s, struct pop3_job *j,
              enum job_next (*run)(struct job *, struct txn *),
              void (*finish)(struct pop3_session *, struct pop3_job *))
{
    j->job = (struct job){.loop = conn_loop(s->c),
                          .place = PLACE_READ,
                          .run = run,
                          .what = s->command.p,
                          .done = job_over};
    j->s = s;
    j->finish = finish;
    s->job = true;
    job_submit(&j->job);
}

static void answered(void *user, const struct desk_answer *a)
{
    struct pop3_session *s = user;
    s->job = false;
    spent_join(&s->spent, &a->spent);
    if (s->c) {
        s->answered(s, a);
        settle(s);
    } else {
        session_free(s);
    }
}

void pop3_ask(struct pop3_session *s, const struct desk_question *q,
              void (*fn)(struct pop3_session *, const struct desk_answer *))
{
    struct desk_answer known;
    if (!s->desk)
        s->desk = desk_open(conn_loop(s->c), MAIL_ACCEPT_NONE, s);
    s->answered = fn;
    s->job = !desk_ask(s->desk, q, answered, &known);
    if (!s->job)
        fn(s, &known);
}

void pop3_leave_desk(struct pop3_session *s)
{
    desk_close(s->desk);
    s->desk = NULL;
}

/* --- long answers ---------------------------------------------------------------------------- */
static void listing_piece(struct pop3_session *s)
{
    BUF_SCOPE out = {0};
    struct pop3_listing *l = &s->listing;
    for (; l->next < s->drop.n && out.n < LISTING_PIECE; l->next++)
        if (!s->drop.list[l->next].deleted)
            l->line(&s->drop.list[l->next], l->next + 1, &out);
    bool over = l->next == s->drop.n;
    if (over)
        buf_add(&out, S(".\r\n"));
    conn_write_buf(s->c, &out);
    if (over)
        l->line = NULL;
}

void pop3_listing_start(struct pop3_session *s,
                        void (*line)(const struct pop3_message *, size_t, struct buf *))
{
    s->listing = (struct pop3_listing){.line = line};
    listing_piece(s);
}

static void on_drained(struct conn *c)
{
    struct pop3_session *s = conn_user(c);
    if (!s || s->ended)
        return;
    if (s->listing.line)
        listing_piece(s);
    else if (s->reading.letter.desk && !s->job)
        pop3_piece(s);
    settle(s);
}

/* --- commands ------------------------------------------------------------------------------- */
static void run_command(struct pop3_session *s, struct slice line)
{
    struct pop3_command c;
    struct err e = {0};
    command_begins(s);
    if (pop3_command_parse(line, &c, &e)) {
        pop3_err(s, "", e.text);
        return;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (!slice_eqi(commands[i].name, c.keyword))
            continue;
        if (commands[i].run != pop3_cmd_pass) /* RFC 1939 7: PASS comes right after USER */
            s->user[0] = '\0';
        s->command = commands[i].name;
        if (!(commands[i].states & s->state))
            pop3_err(s, "", s->state == POP3_AUTHORIZATION ? "log in first" : "not now");
        else if (c.n < commands[i].least || c.n > commands[i].most)
            pop3_err(s, "", "wrong number of arguments");
        else
            commands[i].run(s, &c);
        return;
    }
    pop3_err(s, "", "command not known");
}

static size_t read_line(struct pop3_session *s, struct slice in)
{
    struct slice line = SNONE;
    size_t taken = 0;
    s->line.max = s->auth_line ? AUTH_LINE_MAX : (size_t)setting_get(&set_pop3_line_max);
    enum line_result r = line_next(&s->line, in, &line, &taken);
    if (r == LINE_LONG) {
        pop3_auth_end(s);
        pop3_err(s, "", "line is too long");
    } else if (r != LINE_MORE && s->auth_line) {
        command_begins(s);
        s->command = S("AUTH");
        pop3_auth_line(s, line);
    } else if (r != LINE_MORE) {
        run_command(s, line);
    }
    return taken;
}

/* Who sends a byte now and then is not idle, and may stay so for this long without a login. */
static bool is_overdue(const struct pop3_session *s)
{
    return s->state == POP3_AUTHORIZATION &&
           clock_mono_ms() - s->opened_ms > 3 * setting_get(&set_pop3_idle_timeout);
}

static size_t on_input(struct conn *c, struct slice in)
{
    struct pop3_session *s = conn_user(c);
    size_t at = 0;
    if (is_overdue(s) && !is_busy(s) && !s->ended) {
        pop3_err(s, "[SYS/TEMP]", "too long without login");
        pop3_end(s);
    }
    while (at < in.n && !is_busy(s) && !s->ended && !s->securing) {
        size_t n = read_line(s, slice_from(in, at));
        if (n == 0)
            break;
        at += n;
        pop3_reading_go(s, slice_from(in, at));
        if (!is_busy(s) && !s->gathered && s->together)
            command_over(s);
    }
    settle(s);
    return s->ended || s->securing ? in.n : at; /* plain text behind STLS is thrown away */
}

/* --- the connection ------------------------------------------------------------------------- */
static void on_opened(struct conn *c)
{
    struct pop3_session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->c = c;
    s->state = POP3_AUTHORIZATION;
    s->opened_ms = clock_mono_ms();
    conn_set_user(c, s);
    conn_timeout(c, setting_get(&set_pop3_idle_timeout));
    metric_inc(&metric_pop3_sessions);
    pop3_ok(s, "%.*s ready", SARG(mail_hostname()));
}

/* RFC 2595 4: what was said in plain text is forgotten. */
static void on_secured(struct conn *c)
{
    struct pop3_session *s = conn_user(c);
    s->securing = false;
    pop3_auth_end(s);
    pop3_leave_desk(s);
    s->user[0] = '\0';
    s->utf8 = false;
}

static void on_idle(struct conn *c)
{
    struct pop3_session *s = conn_user(c);
    if (is_busy(s)) { /* it waits for us, or takes its time with a long answer: io.write_timeout */
        conn_timeout(c, setting_get(&set_pop3_idle_timeout));
        return;
    }
    pop3_end(s); /* RFC 1939 3: closed without a word, and nothing is removed */
}

static void on_stopping(struct conn *c)
{
    struct pop3_session *s = conn_user(c);
    s->stopping = true;
    settle(s);
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct pop3_session *s = conn_user(c);
    (void)why;
    if (!s)
        return;
    metric_add(&metric_pop3_retrieved, 0, (int64_t)s->retrieved);
    LOG(LOG_INFO, "pop3.session", LF("peer", conn_peer(c)), LF("tls", conn_tls_summary(c)),
        LFZ("login", s->who.address), LFN("messages", s->drop.n), LFN("retrieved", s->retrieved),
        LFN("deleted", s->deleted), LFZ("end", text ? text : ""));
    s->c = NULL;
    if (!s->job)
        session_free(s);
}

static struct slice on_login(struct conn *c)
{
    struct pop3_session *s = conn_user(c);
    return s && s->state != POP3_AUTHORIZATION ? slice_str(s->who.address) : SNONE;
}

const struct conn_ops pop3_ops = {
    .opened = on_opened,
    .input = on_input,
    .secured = on_secured,
    .drained = on_drained,
    .idle = on_idle,
    .login = on_login,
    .stopping = on_stopping,
    .closed = on_closed,
};

int pop3_init(struct err *e)
{
    (void)e;
    return 0;
}
