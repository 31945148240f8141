/* session.c - the connection's side: greeting, timeouts, the end, and handing bytes to input.c.
   RFC 9051 3, 5.4, 7.1.5. */
#include "imap/session.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "imap/capability.h"
#include "imap/group.h"
#include "imap/idle.h"
#include "imap/imap.h"
#include "imap/request.h"
#include "imap/settings.h"
#include "imap/users.h"

METRIC_GAUGE_BY(imap_sessions, "state", "new authenticated", "IMAP sessions by state.");
METRIC_COUNTER(imap_connections, "IMAP connections accepted.");

/* 100,000 of them are to cost little: what only some have, or only now and then, stands behind a
   pointer. Malloc's blocks are 16 bytes apart, and 8 of each are its own. */
_Static_assert(sizeof(struct session) <= 120, "a session is small");
_Static_assert(sizeof(struct selected) <= 88, "and so is what it has selected");

void session_write(struct session *s, struct slice text)
{
    if (!s->conn)
        return;
    s->bytes_out += text.n;
    conn_write(s->conn, text);
}

void session_write_buf(struct session *s, struct buf *b)
{
    s->bytes_out += b->n;
    if (s->conn && (b->n || b->failed))
        conn_write_buf(s->conn, b);
    buf_done(b);
}

void session_bye(struct session *s, const char *text)
{
    if (!s->conn || s->closing)
        return;
    s->closing = true;
    session_write(s, S("* BYE "));
    session_write(s, slice_str(text));
    session_write(s, S("\r\n"));
    conn_close(s->conn);
}

void session_bad(struct session *s)
{
    int64_t max = setting_get(&set_imap_bad_max);
    if (s->state == STATE_NEW)
        max = (max + 3) / 4;
    if (++s->bad >= max)
        session_bye(s, "Too many commands that make no sense");
}

void session_idle_timeout(struct session *s)
{
    if (s->conn)
        conn_timeout(s->conn, s->state == STATE_NEW ? setting_get(&set_imap_login_timeout)
                                                    : setting_get(&set_imap_idle_timeout));
}

void selected_free(struct selected *sel)
{
    if (!sel)
        return;
    view_unref(sel->view);
    uidset_done(&sel->recent);
    uidset_done(&sel->saved);
    free(sel);
}

void session_deselect(struct session *s)
{
    selected_free(s->sel);
    s->sel = NULL;
    if (s->state == STATE_SELECTED)
        s->state = STATE_AUTH;
}

void session_free(struct session *s)
{
    idle_end(s);
    session_deselect(s);
    group_free(s);
    if (s->req)
        request_free(s->req);
    if (s->counted)
        users_leave(s->account);
    metric_add(&metric_imap_sessions, s->state != STATE_NEW, -1);
    free(s->address);
    free(s);
}

void session_pause(struct session *s)
{
    s->running = true;
    if (s->conn)
        conn_pause(s->conn);
}

void session_go_on(struct session *s)
{
    bool waited = s->running;
    s->running = false;
    if (!s->conn) {
        session_free(s);
        return;
    }
    if (s->closing)
        return;
    if (s->plus)
        session_write(s, S("+ OK\r\n"));
    s->plus = false;
    if (waited)
        conn_resume(s->conn);
    if (s->held) {
        s->held = false;
        request_run(s->req);
    }
}

void session_next(struct session *s)
{
    if (s->group) {
        group_next(s);
        return;
    }
    if (s->req) {
        request_free(s->req);
        s->req = NULL;
    }
    session_go_on(s);
}

static void on_opened(struct conn *c)
{
    struct session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->conn = c;
    s->loop = conn_loop(c);
    s->state = STATE_NEW;
    s->opened_ms = clock_mono_ms();
    conn_set_user(c, s);
    metric_inc(&metric_imap_connections);
    metric_add(&metric_imap_sessions, 0, 1);
    session_idle_timeout(s);
    BUF_SCOPE out = {0};
    buf_adds(&out, "* OK [CAPABILITY ");
    capability_write(s, &out);
    buf_adds(&out, "] Carbonado ready\r\n");
    session_write_buf(s, &out);
}

static size_t on_input(struct conn *c, struct slice in)
{
    struct session *s = conn_user(c);
    if (s->closing)
        return in.n;
    if (s->state == STATE_NEW &&
        clock_mono_ms() - s->opened_ms > 3 * setting_get(&set_imap_login_timeout)) {
        session_bye(s, "Too long without login");
        return in.n;
    }
    size_t taken = session_input(s, in);
    s->bytes_in += taken;
    return taken;
}

static void on_drained(struct conn *c)
{
    struct session *s = conn_user(c);
    if (s->waiting) {
        s->waiting = false;
        request_resume(s->group ? s->group : s->req);
    } else {
        idle_synced(s);
    }
}

static void on_idle(struct conn *c)
{
    struct session *s = conn_user(c);
    if (!s->running)
        session_bye(s, "Autologout; idle for too long");
}

static void on_stopping(struct conn *c)
{
    session_bye(conn_user(c), "[UNAVAILABLE] The server stops");
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    static const char *const reasons[] = {"peer", "local", "timeout", "tls", "stop"};
    struct session *s = conn_user(c);
    if (!s)
        return;
    const char *user = s->state == STATE_NEW ? "" : s->address; /* a login may be writing it */
    LOG(LOG_INFO, "imap.session", LF("peer", conn_peer(c)), LFZ("user", user),
        LF("tls", conn_tls_summary(c)), LFN("commands", s->commands), LFN("in", s->bytes_in),
        LFN("out", s->bytes_out), LFN("seconds", (clock_mono_ms() - s->opened_ms) / 1000),
        LFZ("end", reasons[why]), LFZ("text", text ? text : ""));
    s->conn = NULL;
    if (s->running && !s->waiting)
        return; /* session_next frees it when the job comes back */
    session_free(s);
}

static struct slice on_login(struct conn *c)
{
    struct session *s = conn_user(c);
    return s && s->state != STATE_NEW ? slice_str(s->address) : SNONE;
}

const struct conn_ops imap_ops = {
    .opened = on_opened,
    .input = on_input,
    .drained = on_drained,
    .idle = on_idle,
    .login = on_login,
    .stopping = on_stopping,
    .closed = on_closed,
};

int imap_init(struct err *e)
{
    (void)e;
    capability_init();
    return 0;
}
