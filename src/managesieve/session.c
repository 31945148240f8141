/* session.c - the callbacks of a connection, the table of commands, replies. RFC 5804 1.2 and 2. */
#include "managesieve/session.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "base/utf8.h"
#include "mail/login.h"
#include "mail/timing.h"

SETTING(managesieve, line_max, SIZE, 8 * KiB, 2 * KiB, 64 * KiB,
        "Longest request, without its literals.");
SETTING(managesieve, idle_timeout, TIME, 30 * MIN, SEC, DAY,
        "A client that is silent for so long is closed. RFC 5804 1.2 allows no less than 30m.");
SETTING(managesieve, login_timeout, TIME, 5 * MIN, SEC, DAY,
        "The same for one that has not logged in; after three times as long it is closed in any "
        "case.");
SETTING(managesieve, errors_max, INT, 20, 1, 10000,
        "Refused commands after which a session is ended.");
METRIC_HISTOGRAM_BY(managesieve_command_seconds, "command",
                    "authenticate capability checkscript deletescript getscript havespace "
                    "listscripts logout noop putscript renamescript setactive starttls "
                    "unauthenticate other",
                    "Time from a request to the end of its answer.");
METRIC_COUNTER(managesieve_sessions, "ManageSieve sessions begun.");

enum { LITERAL_BEFORE_LOGIN = 16 * 1024 };

/* --- replies ---------------------------------------------------------------------------------- */

void managesieve_string(struct slice text, struct buf *out)
{
    bool plain = text.n <= MANAGESIEVE_QUOTED_MAX / 2;
    for (size_t i = 0; i < text.n && plain; i++)
        plain = text.p[i] != '\r' && text.p[i] != '\n' && text.p[i] != '\0';
    if (!plain) {
        buf_addf(out, "{%zu}\r\n", text.n);
        buf_add(out, text);
        return;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, text.p[i]);
    }
    buf_addc(out, '"');
}

static void reply(struct managesieve_session *s, const char *word, struct slice code,
                  const char *text)
{
    BUF_SCOPE out = {0};
    buf_adds(&out, word);
    if (code.n)
        buf_addf(&out, " (%.*s)", SARG(code));
    if (text && *text) {
        buf_addc(&out, ' ');
        managesieve_string(slice_str(text), &out);
    }
    buf_adds(&out, "\r\n");
    conn_write_buf(s->c, &out);
}

void managesieve_ok(struct managesieve_session *s, struct slice code, const char *text)
{
    reply(s, "OK", code, text);
}

void managesieve_bye(struct managesieve_session *s, const char *code, const char *text)
{
    if (s->ended)
        return;
    reply(s, "BYE", slice_str(code), text);
    s->ended = true;
    conn_close(s->c);
}

void managesieve_no(struct managesieve_session *s, const char *code, const char *text)
{
    reply(s, "NO", slice_str(code), text);
    s->failed = true;
    if (++s->errors >= (unsigned)setting_get(&set_managesieve_errors_max))
        managesieve_bye(s, NULL, "too many errors");
}

/* RFC 5804 1.7. */
void managesieve_capabilities(struct managesieve_session *s, struct buf *out)
{
    struct login_peer peer;
    BUF_SCOPE mechanisms = {0}, extensions = {0};
    login_peer_init(&peer, s->c, "sieve", conn_peer(s->c));
    if (!s->authenticated)
        sasl_list(&peer.peer, "", &mechanisms);
    login_peer_done(&peer);
    scripts_extensions(&extensions);
    buf_adds(out, "\"IMPLEMENTATION\" \"Carbonado\"\r\n\"VERSION\" \"1.0\"\r\n\"SASL\" ");
    managesieve_string(buf_slice(&mechanisms), out);
    buf_adds(out, "\r\n\"SIEVE\" ");
    managesieve_string(buf_slice(&extensions), out);
    buf_addf(out, "\r\n\"NOTIFY\" \"mailto\"\r\n\"MAXREDIRECTS\" \"%u\"\r\n",
             sieve_limits().redirects);
    if (conn_can_tls(s->c) && !s->authenticated)
        buf_adds(out, "\"STARTTLS\"\r\n");
    buf_adds(out, "\"UNAUTHENTICATE\"\r\n");
    if (s->authenticated) {
        buf_adds(out, "\"OWNER\" ");
        managesieve_string(slice_str(s->who.address), out);
        buf_adds(out, "\r\n");
    }
}

static void tell_capabilities(struct managesieve_session *s, const char *text)
{
    BUF_SCOPE out = {0};
    managesieve_capabilities(s, &out);
    conn_write_buf(s->c, &out);
    managesieve_ok(s, SNONE, text);
}

/* --- work --------------------------------------------------------------------------------------
 */

static void session_free(struct managesieve_session *s)
{
    managesieve_leave_desk(s);
    buf_done(&s->request);
    free(s);
}

static void settle(struct managesieve_session *s)
{
    if (s->job && !s->paused)
        conn_pause(s->c);
    if (!s->job && s->paused)
        conn_resume(s->c);
    s->paused = s->job;
    if (s->stopping && !s->job)
        managesieve_bye(s, "TRYLATER", "the server stops");
}

static void command_over(struct managesieve_session *s)
{
    metric_observe(&metric_managesieve_command_seconds,
                   metric_value(&metric_managesieve_command_seconds, s->command),
                   clock_mono_us() - s->began_us);
    timing_over(&(struct timing){.protocol = "managesieve",
                                 .command = s->command,
                                 .login = slice_str(s->who.address),
                                 .conn = s->c,
                                 .error = s->failed ? ERR_NOPERM : ERR_OK,
                                 .spent = &s->spent});
}

/* RFC 5804 1.3. */
static void refuse(struct managesieve_session *s, const struct managesieve_job *j)
{
    static const struct {
        enum err_code code;
        const char *name;
    } codes[] = {{ERR_NOTFOUND, "NONEXISTENT"}, {ERR_EXISTS, "ALREADYEXISTS"},
                 {ERR_CONFLICT, "ACTIVE"},      {ERR_QUOTA, "QUOTA"},
                 {ERR_BUSY, "TRYLATER"},        {ERR_IO, "TRYLATER"}};
    const struct err *e = &j->job.err;
    const char *name = j->code;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]) && !name; i++)
        if (codes[i].code == e->code)
            name = codes[i].name;
    managesieve_no(s, name, e->code == ERR_IO ? "not now, try again later" : e->text);
}

static void job_over(struct job *job)
{
    struct managesieve_job *j = list_entry(job, struct managesieve_job, job);
    struct managesieve_session *s = j->s;
    s->job = false;
    spent_join(&s->spent, &job->spent);
    if (s->c) {
        if (job->err.code) {
            refuse(s, j);
        } else {
            conn_write_buf(s->c, &j->out);
            managesieve_ok(s, SNONE, "done");
        }
        command_over(s);
        settle(s);
    } else {
        session_free(s);
    }
    buf_done(&j->out);
    arena_reset(&j->arena);
    free(j);
}

static enum job_next run_job(struct job *job, struct txn *txn)
{
    struct managesieve_job *j = list_entry(job, struct managesieve_job, job);
    (void)txn;
    j->run(j, &job->err);
    return JOB_DONE;
}

void managesieve_work(struct managesieve_session *s, const struct managesieve_command *c,
                      managesieve_run_fn *run)
{
    struct managesieve_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    *j = (struct managesieve_job){.s = s,
                                  .account = s->who.account,
                                  .arena = {.limit = 64 << 20},
                                  .command = *c,
                                  .run = run,
                                  .out = {.max = 64 << 20}};
    for (size_t i = 0; i < c->n; i++)
        if (c->args[i].is_string)
            j->command.args[i].text = arena_dup(&j->arena, c->args[i].text);
    j->job = (struct job){.loop = conn_loop(s->c),
                          .place = PLACE_READ,
                          .run = run_job,
                          .what = s->command.p,
                          .done = job_over};
    s->job = true;
    job_submit(&j->job);
}

static void on_answer(void *user, const struct desk_answer *a)
{
    struct managesieve_session *s = user;
    s->job = false;
    spent_join(&s->spent, &a->spent);
    if (s->c) {
        s->answered(s, a);
        if (!s->exchange)
            command_over(s);
        settle(s);
    } else {
        session_free(s);
    }
}

void managesieve_ask(struct managesieve_session *s, const struct desk_question *q,
                     void (*answered)(struct managesieve_session *, const struct desk_answer *))
{
    struct desk_answer known;
    if (!s->desk)
        s->desk = desk_open(conn_loop(s->c), MAIL_ACCEPT_NONE, s);
    s->answered = answered;
    s->job = !desk_ask(s->desk, q, on_answer, &known);
    if (!s->job)
        answered(s, &known);
}

void managesieve_leave_desk(struct managesieve_session *s)
{
    desk_close(s->desk);
    s->desk = NULL;
    s->kept = false;
}

/* --- commands that only need memory ----------------------------------------------------------- */

static void cmd_capability(struct managesieve_session *s, const struct managesieve_command *c)
{
    (void)c;
    tell_capabilities(s, "done");
}

static void cmd_logout(struct managesieve_session *s, const struct managesieve_command *c)
{
    (void)c;
    managesieve_ok(s, SNONE, "bye");
    s->ended = true;
    conn_close(s->c);
}

/* RFC 5804 2.13. */
static void cmd_noop(struct managesieve_session *s, const struct managesieve_command *c)
{
    BUF_SCOPE tag = {0};
    if (c->n) {
        buf_adds(&tag, "TAG ");
        managesieve_string(c->args[0].text, &tag);
    }
    managesieve_ok(s, buf_slice(&tag), "done");
}

static void cmd_starttls(struct managesieve_session *s, const struct managesieve_command *c)
{
    (void)c;
    if (!conn_can_tls(s->c)) {
        managesieve_no(s, NULL, conn_is_tls(s->c) ? "TLS is on already" : "TLS is not offered");
        return;
    }
    managesieve_ok(s, SNONE, "go on");
    s->securing = true;
    conn_starttls(s->c);
}

/* RFC 5804 2.14.1. */
static void cmd_unauthenticate(struct managesieve_session *s, const struct managesieve_command *c)
{
    (void)c;
    managesieve_leave_desk(s);
    s->who = (struct identity){0};
    s->authenticated = false;
    s->opened_ms = clock_mono_ms();
    conn_timeout(s->c, setting_get(&set_managesieve_login_timeout));
    managesieve_ok(s, SNONE, "done");
}

/* args: s a string, n a number; behind ? they may be absent. */
static const struct row {
    struct slice name;
    unsigned allowed;
    const char *args;
    void (*run)(struct managesieve_session *s, const struct managesieve_command *c);
    managesieve_run_fn *work;
} rows[] = {
    {S_INIT("AUTHENTICATE"), MS_NONAUTH, "s?s", managesieve_cmd_authenticate, NULL},
    {S_INIT("STARTTLS"), MS_NONAUTH, "", cmd_starttls, NULL},
    {S_INIT("LOGOUT"), MS_ANY, "", cmd_logout, NULL},
    {S_INIT("CAPABILITY"), MS_ANY, "", cmd_capability, NULL},
    {S_INIT("NOOP"), MS_ANY, "?s", cmd_noop, NULL},
    {S_INIT("HAVESPACE"), MS_AUTH, "sn", NULL, managesieve_havespace},
    {S_INIT("PUTSCRIPT"), MS_AUTH, "ss", NULL, managesieve_putscript},
    {S_INIT("CHECKSCRIPT"), MS_AUTH, "s", NULL, managesieve_checkscript},
    {S_INIT("LISTSCRIPTS"), MS_AUTH, "", NULL, managesieve_listscripts},
    {S_INIT("SETACTIVE"), MS_AUTH, "s", NULL, managesieve_setactive},
    {S_INIT("GETSCRIPT"), MS_AUTH, "s", NULL, managesieve_getscript},
    {S_INIT("DELETESCRIPT"), MS_AUTH, "s", NULL, managesieve_deletescript},
    {S_INIT("RENAMESCRIPT"), MS_AUTH, "ss", NULL, managesieve_renamescript},
    {S_INIT("UNAUTHENTICATE"), MS_AUTH, "", cmd_unauthenticate, NULL},
};

static bool fits(const struct managesieve_command *c, const char *args)
{
    bool must = true;
    size_t n = 0;
    for (; *args; args++) {
        if (*args == '?') {
            must = false;
            continue;
        }
        if (n == c->n)
            return !must;
        if (c->args[n++].is_string != (*args == 's'))
            return false;
    }
    return n == c->n;
}

static void run_command(struct managesieve_session *s, const struct managesieve_command *c)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        if (!slice_eqi(row->name, c->name))
            continue;
        s->command = row->name;
        if (!(row->allowed & (s->authenticated ? MS_AUTH : MS_NONAUTH)))
            managesieve_no(s, NULL, s->authenticated ? "you are logged in" : "log in first");
        else if (!fits(c, row->args))
            managesieve_no(s, NULL, "wrong arguments");
        else if (row->work)
            managesieve_work(s, c, row->work);
        else
            row->run(s, c);
        return;
    }
    managesieve_no(s, NULL, "command not known");
}

static void run_request(struct managesieve_session *s)
{
    ARENA_SCOPE a = {.limit = 64 * 1024};
    struct managesieve_command c;
    struct err e = {0};
    s->began_us = clock_mono_us();
    s->spent = (struct spending){0};
    s->failed = false;
    s->command = s->exchange ? S("AUTHENTICATE") : S("other");
    if (managesieve_parse(buf_slice(&s->request), &a, &c, &e)) {
        managesieve_auth_end(s);
        managesieve_no(s, NULL, e.text);
    } else if (s->exchange) {
        managesieve_auth_answer(s, &c);
    } else if (!c.name.p) {
        managesieve_no(s, NULL, "a command is expected");
    } else {
        run_command(s, &c);
    }
    if (!s->job && !s->exchange)
        command_over(s);
}

static void request_begins(struct managesieve_session *s)
{
    size_t line = (size_t)setting_get(&set_managesieve_line_max);
    size_t literal = s->authenticated ? 2 * sieve_limits().script : LITERAL_BEFORE_LOGIN;
    if (s->request.p)
        explicit_bzero(s->request.p, s->request.n); /* it may have been a password */
    buf_done(&s->request);
    s->request = (struct buf){.max = line + literal};
    s->scan = (struct managesieve_scan){.max = line + literal, .line_max = line};
}

static size_t take(struct managesieve_session *s, struct slice in)
{
    struct err e = {0};
    size_t n = 0;
    if (managesieve_feed(&s->scan, in, &n, &e) || buf_add(&s->request, slice_sub(in, 0, n))) {
        managesieve_bye(s, e.code == ERR_LIMIT && s->authenticated ? "QUOTA/MAXSIZE" : NULL,
                        e.code ? e.text : "not now, try again later");
        return in.n;
    }
    if (s->scan.state == MANAGESIEVE_DONE) {
        run_request(s);
        request_begins(s);
    }
    return n;
}

static size_t on_input(struct conn *c, struct slice in)
{
    struct managesieve_session *s = conn_user(c);
    size_t at = 0;
    if (!s->authenticated && !s->job &&
        clock_mono_ms() - s->opened_ms > 3 * setting_get(&set_managesieve_login_timeout))
        managesieve_bye(s, NULL, "too long without login");
    while (at < in.n && !s->job && !s->ended && !s->securing)
        at += take(s, slice_from(in, at));
    settle(s);
    return s->ended || s->securing ? in.n : at; /* plain text behind STARTTLS is thrown away */
}

/* --- the connection --------------------------------------------------------------------------- */

static void on_opened(struct conn *c)
{
    struct managesieve_session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->c = c;
    s->opened_ms = clock_mono_ms();
    request_begins(s);
    conn_set_user(c, s);
    conn_timeout(c, setting_get(&set_managesieve_login_timeout));
    metric_inc(&metric_managesieve_sessions);
    tell_capabilities(s, "Carbonado ready");
}

/* RFC 5804 2.2: what was said in plain text is forgotten, the capabilities are told again. */
static void on_secured(struct conn *c)
{
    struct managesieve_session *s = conn_user(c);
    s->securing = false;
    managesieve_auth_end(s);
    managesieve_leave_desk(s);
    request_begins(s);
    tell_capabilities(s, "TLS is on");
}

static void on_idle(struct conn *c)
{
    struct managesieve_session *s = conn_user(c);
    if (s->job)
        conn_timeout(c, setting_get(&set_managesieve_idle_timeout));
    else
        managesieve_bye(s, NULL, "too long without a word");
}

static void on_stopping(struct conn *c)
{
    struct managesieve_session *s = conn_user(c);
    s->stopping = true;
    settle(s);
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct managesieve_session *s = conn_user(c);
    (void)why;
    if (!s)
        return;
    LOG(LOG_INFO, "managesieve.session", LF("peer", conn_peer(c)), LF("tls", conn_tls_summary(c)),
        LFZ("login", s->who.address), LFZ("end", text ? text : ""));
    s->c = NULL;
    if (!s->job)
        session_free(s);
}

static struct slice on_login(struct conn *c)
{
    struct managesieve_session *s = conn_user(c);
    return s && s->authenticated ? slice_str(s->who.address) : SNONE;
}

void managesieve_enter(struct managesieve_session *s)
{
    s->authenticated = true;
    conn_timeout(s->c, setting_get(&set_managesieve_idle_timeout));
}

const struct conn_ops managesieve_ops = {
    .opened = on_opened,
    .input = on_input,
    .secured = on_secured,
    .idle = on_idle,
    .login = on_login,
    .stopping = on_stopping,
    .closed = on_closed,
};

int managesieve_init(struct err *e)
{
    (void)e;
    return 0;
}
