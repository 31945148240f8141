/* session.c - the callbacks of a connection, the table of commands, and replies. Which command may
   come when is decided here, once, before its handler runs. */
#include "smtp/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "io/peers.h"
#include "mail/host.h"
#include "mail/timing.h"
#include "proto/smtp/reply.h"
#include "smtp/settings.h"

METRIC_COUNTER_BY(smtp_sessions, "service", "smtp submission lmtp", "Sessions begun.");
METRIC_COUNTER_BY(smtp_refusals, "service", "smtp submission lmtp",
                  "Commands and messages refused with 4xx or 5xx.");

METRIC_HISTOGRAM_BY(smtp_command_seconds, "command",
                    "auth bdat data ehlo helo lhlo mail message noop quit rcpt rset starttls other",
                    "Time from a command's line to its reply; message: from its end.");

struct smtp_profile smtp_profile_mta = {"smtp", KIND_MTA, 0};
struct smtp_profile smtp_profile_submission = {"submission", KIND_SUBMISSION, 1};
struct smtp_profile smtp_profile_lmtp = {"lmtp", KIND_LMTP, 2};

enum { KIND_SMTP = KIND_MTA | KIND_SUBMISSION };
enum { STATE_GREETED = STATE_READY | STATE_MAIL | STATE_RCPT | STATE_CHUNK };
enum { STATE_BEFORE_TEXT = STATE_ANY & ~STATE_CHUNK };

/* BDAT is legal everywhere: its handler must read the chunk before it can refuse (RFC 3030 2). */
static const struct {
    struct slice name;
    unsigned kinds, states;
    void (*run)(struct smtp_session *s, struct slice args);
    const char *wrong; /* the state's refusal */
} commands[] = {
    {S_INIT("EHLO"), KIND_SMTP, STATE_ANY, smtp_cmd_ehlo, NULL},
    {S_INIT("LHLO"), KIND_LMTP, STATE_ANY, smtp_cmd_ehlo, NULL},
    {S_INIT("HELO"), KIND_SMTP, STATE_ANY, smtp_cmd_helo, NULL},
    {S_INIT("MAIL"), KIND_ANY, STATE_READY, smtp_cmd_mail,
     "Say EHLO first, and one MAIL at a time"},
    {S_INIT("RCPT"), KIND_ANY, STATE_MAIL | STATE_RCPT, smtp_cmd_rcpt, "MAIL comes before RCPT"},
    {S_INIT("DATA"), KIND_ANY, STATE_RCPT, smtp_cmd_data, "RCPT comes before DATA, and no BDAT"},
    {S_INIT("BDAT"), KIND_ANY, STATE_ANY, smtp_cmd_bdat, NULL},
    {S_INIT("RSET"), KIND_ANY, STATE_ANY, smtp_cmd_rset, NULL},
    {S_INIT("NOOP"), KIND_ANY, STATE_ANY, smtp_cmd_noop, NULL},
    {S_INIT("QUIT"), KIND_ANY, STATE_ANY, smtp_cmd_quit, NULL},
    {S_INIT("VRFY"), KIND_ANY, STATE_ANY, smtp_cmd_vrfy, NULL},
    {S_INIT("EXPN"), KIND_ANY, STATE_ANY, smtp_cmd_expn, NULL},
    {S_INIT("HELP"), KIND_ANY, STATE_ANY, smtp_cmd_help, NULL},
    {S_INIT("STARTTLS"), KIND_ANY, STATE_READY | STATE_START, smtp_cmd_starttls,
     "Not inside a transaction"},
    {S_INIT("AUTH"), KIND_SUBMISSION, STATE_READY, smtp_cmd_auth, "Not inside a transaction"},
    {S_INIT("XCLIENT"), KIND_ANY, STATE_READY | STATE_START, smtp_cmd_xclient,
     "Not inside a transaction"},
    {S_INIT("XFORWARD"), KIND_ANY, STATE_READY, smtp_cmd_xforward, "Not inside a transaction"},
    {S_INIT("GET"), KIND_ANY, STATE_ANY, smtp_cmd_http, NULL},
    {S_INIT("POST"), KIND_ANY, STATE_ANY, smtp_cmd_http, NULL},
    {S_INIT("PUT"), KIND_ANY, STATE_ANY, smtp_cmd_http, NULL},
    {S_INIT("CONNECT"), KIND_ANY, STATE_ANY, smtp_cmd_http, NULL},
};

/* --- replies -------------------------------------------------------------------------------- */
static void write_reply(struct smtp_session *s, unsigned code, struct slice enhanced,
                        struct slice text)
{
    BUF_SCOPE out = {0};
    smtp_reply_write(&out, code, enhanced, text); /* RFC 6531 3.7.4.2: ASCII, always */
    conn_write_buf(s->c, &out);
    if (code < 400)
        return;
    metric_add(&metric_smtp_refusals, s->profile->index, 1);
    if (s->failed == ERR_OK)
        s->failed = code == 500 || code == 501 || code == 503 ? ERR_SYNTAX
                    : code == 530 || code == 535              ? ERR_AUTH
                    : code < 500                              ? ERR_BUSY
                                                              : ERR_NOPERM;
}

void smtp_session_reply(struct smtp_session *s, unsigned code, const char *enhanced,
                        const char *fmt, ...)
{
    BUF_SCOPE text = {.max = 64 * 1024};
    va_list ap;
    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    if (text.failed)
        conn_write_buf(s->c, &text);
    else
        write_reply(s, code, slice_str(enhanced), buf_slice(&text));
}

void smtp_session_end(struct smtp_session *s, unsigned code, const char *enhanced, const char *text)
{
    if (s->ended)
        return;
    s->ended = true;
    smtp_session_reply(s, code, enhanced, "%.*s %s", SARG(mail_hostname()), text);
    conn_close(s->c);
}

/* LMTP clients are our own delivery agents: a refused recipient is no fault of theirs. */
static void count_error(struct smtp_session *s)
{
    s->errors++;
    if (s->profile->kind != KIND_LMTP && s->errors >= (unsigned)setting_get(&set_smtp_errors_max))
        smtp_session_end(s, 421, "4.7.0", "Too many errors");
}

void smtp_session_error(struct smtp_session *s, unsigned code, const char *enhanced,
                        const char *text)
{
    smtp_session_reply(s, code, enhanced, "%s", text);
    count_error(s);
}

bool smtp_session_needs_ascii(struct smtp_session *s, struct slice args, bool utf8, unsigned code)
{
    if (utf8 || ascii_only(args) || !utf8_valid(args))
        return false;
    smtp_session_error(s, code, "5.6.7", "An address that is not ASCII needs SMTPUTF8");
    return true;
}

void smtp_session_refuse(struct smtp_session *s, unsigned code, const char *enhanced,
                         const struct err *e)
{
    struct slice text = slice_str(e->text), first = slice_cut(&text, ' ');
    if (e->code == ERR_BUSY && code >= 500) { /* out of memory while a command was read */
        code = 451;
        enhanced = "4.3.0";
    }
    s->failed = e->code;
    bool coded = text.p && first.n >= 5 && first.p[1] == '.' && memchr("245", first.p[0], 3);
    write_reply(s, code, coded ? first : slice_str(enhanced), coded ? text : slice_str(e->text));
    count_error(s);
}

unsigned smtp_session_code_of(const struct err *e)
{
    static const struct {
        enum err_code code;
        unsigned reply;
    } map[] = {{ERR_NOTFOUND, 550}, {ERR_NOPERM, 550}, {ERR_LIMIT, 554},
               {ERR_QUOTA, 552},    {ERR_SYNTAX, 554}, {ERR_UNSUPPORTED, 554}};
    for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
        if (map[i].code == e->code)
            return map[i].reply;
    return 451;
}

/* --- timing --------------------------------------------------------------------------------- */
void smtp_session_begin(struct smtp_session *s, struct slice command)
{
    s->command = command;
    s->failed = ERR_OK;
    s->began_us = clock_mono_us();
    s->spent = (struct spending){0};
}

void smtp_session_over(struct smtp_session *s)
{
    if (s->busy || !s->command.n)
        return;
    unsigned i = metric_value(&metric_smtp_command_seconds, s->command);
    metric_observe(&metric_smtp_command_seconds, i, clock_mono_us() - s->began_us);
    timing_over(&(struct timing){.protocol = s->profile->service,
                                 .command = s->command,
                                 .login = slice_str(s->who.address),
                                 .conn = s->c,
                                 .error = s->failed,
                                 .spent = &s->spent});
    s->command = SNONE;
}

/* --- questions ------------------------------------------------------------------------------ */
static void session_free(struct smtp_session *s)
{
    smtp_auth_end(s);
    smtp_transaction_end(s);
    desk_close(s->desk);
    free(s);
}

static void say_bye_when_stopping(struct smtp_session *s)
{
    if (s->stopping && !s->busy)
        smtp_session_end(s, 421, "4.3.2", "The server stops");
}

static void answered(void *user, const struct desk_answer *a)
{
    struct smtp_session *s = user;
    spent_join(&s->spent, &a->spent);
    s->busy = false;
    pace_resume(&s->pace, clock_mono_ms());
    if (!s->c) {
        session_free(s);
        return;
    }
    conn_resume(s->c);
    s->finish(s, a);
    smtp_session_over(s);
    say_bye_when_stopping(s);
}

static enum mail_accept_kind accept_kind(const struct smtp_session *s)
{
    return s->profile->kind == KIND_LMTP         ? MAIL_ACCEPT_LMTP
           : s->profile->kind == KIND_SUBMISSION ? MAIL_ACCEPT_SUBMISSION
                                                 : MAIL_ACCEPT_RELAY;
}

void smtp_session_ask(struct smtp_session *s, const struct desk_question *q,
                      void (*finish)(struct smtp_session *, const struct desk_answer *))
{
    if (!s->desk)
        s->desk = desk_open(conn_loop(s->c), accept_kind(s), s);
    struct desk_answer known;
    if (desk_ask(s->desk, q, answered, &known)) {
        finish(s, &known);
        return;
    }
    s->busy = true;
    s->finish = finish;
    conn_pause(s->c);
}

/* --- state ---------------------------------------------------------------------------------- */
bool smtp_session_is_trusted(struct smtp_session *s)
{
    return cidr_match(slice_str(setting_text(&set_smtp_trusted)), conn_sockaddr(s->c));
}

struct slice smtp_session_peer(struct smtp_session *s)
{
    return s->client.address[0] ? slice_str(s->client.address) : conn_peer(s->c);
}

/* RFC 3207 4.2: the server MUST discard any knowledge obtained from the client before. */
void smtp_session_forget(struct smtp_session *s)
{
    smtp_transaction_end(s);
    smtp_auth_end(s);
    desk_close(s->desk);
    s->desk = NULL;
    s->state = STATE_START;
    s->esmtp = s->logged_in = false;
    s->helo[0] = '\0';
    s->who = (struct identity){0};
    s->forward = (struct smtp_client_facts){0};
}

void smtp_session_greet(struct smtp_session *s)
{
    s->greeted = true;
    smtp_session_reply(s, 220, "", "%.*s %s Carbonado", SARG(mail_hostname()),
                       s->profile->kind == KIND_LMTP ? "LMTP" : "ESMTP");
}

/* --- commands ------------------------------------------------------------------------------- */
static void run_command(struct smtp_session *s, struct slice line)
{
    struct smtp_command c;
    struct err e = {0};
    smtp_session_begin(s, S("other"));
    if (smtp_command_parse(line, &c, &e)) {
        smtp_session_refuse(s, 500, "5.5.2", &e);
        return;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (!(commands[i].kinds & s->profile->kind) || !slice_eqi(commands[i].name, c.verb))
            continue;
        s->command = commands[i].name;
        if (commands[i].states & s->state)
            commands[i].run(s, c.args);
        else
            smtp_session_error(s, 503, "5.5.1", commands[i].wrong);
        return;
    }
    smtp_session_error(s, 500, "5.5.1", "Command not known");
}

/* RFC 5321 2.3.8: a line ends with CRLF and nothing else. */
static size_t read_line(struct smtp_session *s, struct slice in)
{
    struct slice line = SNONE;
    size_t taken = 0;
    s->line.max = (size_t)setting_get(&set_smtp_line_max);
    if (s->reading == READ_AUTH)
        s->line.max = 12288; /* RFC 4954 4 */
    enum line_result r = line_next(&s->line, in, &line, &taken);
    if (r == LINE_OK && s->reading == READ_AUTH) {
        smtp_session_begin(s, S("AUTH"));
        smtp_auth_line(s, line);
        smtp_session_over(s);
    } else if (r == LINE_OK) {
        run_command(s, line);
        smtp_session_over(s);
    } else if (r == LINE_LONG || r == LINE_BARE) {
        if (s->reading == READ_AUTH)
            smtp_auth_end(s);
        smtp_session_error(s, 500, "5.5.2",
                           r == LINE_LONG ? "Line is too long" : "Lines must end with CR and LF");
    }
    return taken;
}

static size_t read_text(struct smtp_session *s, struct slice in)
{
    enum smtp_reading what = s->reading;
    size_t n = what == READ_DATA ? smtp_transaction_feed(s, in) : smtp_chunk_feed(s, in);
    if (s->reading == what && !s->busy && !s->ended &&
        pace_is_lost(&s->pace, clock_mono_ms(), setting_get(&set_smtp_idle_timeout), n))
        smtp_session_end(s, 421, "4.4.2", "Too slow: closing");
    return n;
}

static size_t read_some(struct smtp_session *s, struct slice in)
{
    if (s->reading == READ_DATA || s->reading == READ_CHUNK)
        return read_text(s, in);
    return read_line(s, in);
}

/* Who sends a byte now and then is not idle: a command has smtp.idle_timeout for all of it, and
   where a login is needed it comes within three times that. */
static bool is_overdue(struct smtp_session *s)
{
    int64_t now = clock_mono_ms(), patience = setting_get(&set_smtp_idle_timeout);
    if (s->t && pace_is_lost(&s->pace, now, INT64_MAX, 0))
        return true;
    if (s->profile->kind == KIND_SUBMISSION && !s->logged_in && now - s->opened_ms > 3 * patience)
        return true;
    return s->line_since_ms && now - s->line_since_ms > patience;
}

static void note_line(struct smtp_session *s, bool rest)
{
    bool command = s->reading == READ_COMMAND || s->reading == READ_AUTH;
    if (s->busy || !command || !(rest || s->line.skipping))
        s->line_since_ms = 0;
    else if (s->line_since_ms == 0)
        s->line_since_ms = clock_mono_ms();
}

static size_t on_input(struct conn *c, struct slice in)
{
    struct smtp_session *s = conn_user(c);
    size_t at = 0;
    if (!s->busy && !s->ended && is_overdue(s))
        smtp_session_end(s, 421, "4.4.2", "Timeout: closing");
    if (!s->greeted) { /* RFC 5321 3.1: the client waits for the greeting */
        timer_stop(&s->greeting);
        smtp_session_end(s, 554, "5.5.1", "You spoke before the greeting");
        return in.n;
    }
    while (at < in.n && !s->busy && !s->ended && !s->securing) {
        size_t n = read_some(s, slice_from(in, at));
        if (n == 0)
            break;
        at += n;
        smtp_transaction_spool(s);
    }
    note_line(s, at < in.n);
    return s->ended || s->securing ? in.n : at; /* plain text behind STARTTLS is thrown away */
}

/* --- the connection ------------------------------------------------------------------------- */
static void greet_late(struct timer *t)
{
    struct smtp_session *s = list_entry(t, struct smtp_session, greeting);
    smtp_session_greet(s);
}

static void on_opened(struct conn *c)
{
    struct smtp_session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->c = c;
    s->profile = conn_service(c);
    s->state = STATE_START;
    s->opened_ms = clock_mono_ms();
    conn_set_user(c, s);
    conn_timeout(c, setting_get(&set_smtp_idle_timeout));
    metric_add(&metric_smtp_sessions, s->profile->index, 1);
    int64_t delay = setting_get(&set_smtp_greet_delay);
    if (delay && s->profile->kind == KIND_MTA && !conn_is_loopback(c))
        timer_start(conn_loop(c), &s->greeting, delay, greet_late);
    else
        smtp_session_greet(s);
}

static void on_secured(struct conn *c)
{
    struct smtp_session *s = conn_user(c);
    s->securing = false;
    smtp_session_forget(s);
}

static void on_idle(struct conn *c)
{
    struct smtp_session *s = conn_user(c);
    if (s->busy) /* it waits for us */
        conn_timeout(c, setting_get(&set_smtp_idle_timeout));
    else
        smtp_session_end(s, 421, "4.4.2", "Timeout: closing");
}

static void on_stopping(struct conn *c)
{
    struct smtp_session *s = conn_user(c);
    s->stopping = true;
    say_bye_when_stopping(s);
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct smtp_session *s = conn_user(c);
    (void)why;
    if (!s)
        return;
    timer_stop(&s->greeting);
    LOG(LOG_INFO, "smtp.session", LFZ("service", s->profile->service),
        LF("peer", smtp_session_peer(s)), LFZ("helo", s->helo), LF("tls", conn_tls_summary(c)),
        LFZ("login", s->who.address), LFN("messages", s->messages), LFN("errors", s->errors),
        LFZ("end", text ? text : ""));
    s->c = NULL;
    if (!s->busy)
        session_free(s);
}

static struct slice on_login(struct conn *c)
{
    struct smtp_session *s = conn_user(c);
    return s && s->logged_in ? slice_str(s->who.address) : SNONE;
}

const struct conn_ops smtp_ops = {
    .opened = on_opened,
    .input = on_input,
    .secured = on_secured,
    .idle = on_idle,
    .login = on_login,
    .stopping = on_stopping,
    .closed = on_closed,
};
