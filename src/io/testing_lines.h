/* testing_lines.h - a server of lines for the tests of connections: "echo X", "pause MS", "big N",
   "starttls", "compress", "quit", "abort", "hold" (takes nothing more), "greedy" (takes all,
   however much is unsent), "info". */
#pragma once

#include <stdatomic.h>

#include "io/testing.h"

struct line_server {
    _Atomic int opened, closed, idled, drained, secured, stopped;
    _Atomic int last_why;
    _Atomic size_t largest_input, most_unsent;
    char last_text[256];
};

struct line_session {
    struct timer timer;
    struct conn *conn;
    bool hold, greedy;
};

static inline void lines_opened(struct conn *c)
{
    struct line_server *s = conn_service(c);
    struct line_session *session = calloc(1, sizeof(*session));
    session->conn = c;
    conn_set_user(c, session);
    s->opened++;
    conn_write(c, S("hello\r\n"));
}

static inline void lines_resume(struct timer *t)
{
    struct line_session *session = list_entry(t, struct line_session, timer);
    conn_write(session->conn, S("resumed\r\n"));
    conn_resume(session->conn);
}

static inline void lines_command(struct conn *c, struct slice line)
{
    struct line_session *session = conn_user(c);
    struct slice rest = line, verb = slice_cut(&rest, ' ');
    uint32_t n = 0;
    slice_u32(rest, &n);
    if (slice_eq(verb, S("echo"))) {
        conn_printf(c, "%.*s\r\n", SARG(rest));
    } else if (slice_eq(verb, S("pause"))) {
        conn_pause(c);
        timer_start(conn_loop(c), &session->timer, n, lines_resume);
    } else if (slice_eq(verb, S("big"))) {
        struct buf b = {0};
        char *p = buf_space(&b, n);
        memset(p, 'x', n);
        b.n = n;
        conn_write_buf(c, &b);
        conn_write(c, S("\r\n"));
    } else if (slice_eq(verb, S("starttls"))) {
        conn_write(c, S("go\r\n"));
        conn_starttls(c);
    } else if (slice_eq(verb, S("compress"))) {
        conn_write(c, S("squeeze\r\n"));
        conn_compress(c);
    } else if (slice_eq(verb, S("quit"))) {
        conn_write(c, S("bye\r\n"));
        conn_close(c);
    } else if (slice_eq(verb, S("abort"))) {
        conn_abort(c);
    } else if (slice_eq(verb, S("hold"))) {
        session->hold = true;
    } else if (slice_eq(verb, S("greedy"))) {
        session->greedy = true;
    } else if (slice_eq(verb, S("timeout"))) {
        conn_timeout(c, n);
    } else if (slice_eq(verb, S("info"))) {
        conn_printf(c, "%.*s %u %s [%.*s] [%.*s] [%.*s]\r\n", SARG(conn_peer(c)), conn_peer_port(c),
                    conn_is_loopback(c) ? "loopback" : "far", SARG(conn_tls_summary(c)),
                    SARG(conn_tls_sni(c)), SARG(conn_tls_alpn(c)));
    } else {
        conn_printf(c, "what?\r\n");
    }
}

/* One line a call is taken while nothing pauses; the rest is left. */
static inline size_t lines_input(struct conn *c, struct slice in)
{
    struct line_server *s = conn_service(c);
    struct line_session *session = conn_user(c);
    size_t at = 0;
    if (in.n > s->largest_input)
        s->largest_input = in.n;
    bool paused = false; /* or so much unsent that the rest waits for drained() */
    while (!session->hold && !paused) {
        ptrdiff_t lf = slice_find(slice_from(in, at), '\n');
        if (lf < 0)
            break;
        struct slice line = slice_trim(slice_sub(in, at, at + (size_t)lf));
        at += (size_t)lf + 1;
        lines_command(c, line);
        if (conn_unsent(c) > s->most_unsent)
            s->most_unsent = conn_unsent(c);
        paused = (conn_unsent(c) > 256 * 1024 && !session->greedy) ||
                 slice_starts(line, S("pause")) || slice_eq(line, S("starttls")) ||
                 slice_eq(line, S("compress")) || slice_eq(line, S("quit"));
    }
    return at;
}

static inline void lines_secured(struct conn *c)
{
    ((struct line_server *)conn_service(c))->secured++;
}

static inline void lines_drained(struct conn *c)
{
    struct line_session *session = conn_user(c);
    ((struct line_server *)conn_service(c))->drained++;
    if (!session->timer.loop)
        conn_resume(c); /* lines may wait that input() left because of the output */
}

static inline void lines_idle(struct conn *c)
{
    ((struct line_server *)conn_service(c))->idled++;
    conn_write(c, S("idle\r\n"));
    conn_close(c);
}

static inline void lines_stopping(struct conn *c)
{
    ((struct line_server *)conn_service(c))->stopped++;
    conn_write(c, S("stopping\r\n"));
    conn_close(c);
}

static inline void lines_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct line_server *s = conn_service(c);
    struct line_session *session = conn_user(c);
    if (session)
        timer_stop(&session->timer);
    free(session);
    conn_set_user(c, NULL);
    snprintf(s->last_text, sizeof(s->last_text), "%s", text);
    s->last_why = (int)why;
    s->closed++;
}

static const struct conn_ops lines_ops = {
    .opened = lines_opened,
    .input = lines_input,
    .secured = lines_secured,
    .drained = lines_drained,
    .idle = lines_idle,
    .stopping = lines_stopping,
    .closed = lines_closed,
};

static inline void lines_wait_closed(struct line_server *s, int n)
{
    for (int i = 0; i < 6000 && s->closed < n; i++)
        usleep(10000);
    assert_int_equal(s->closed, n);
}

/* The fixture of plain connections: n loops and one port of `lines`. */
static struct line_server lines_server;
static uint16_t lines_port;

static inline int lines_setup(unsigned n)
{
    struct err e = {0};
    memset(&lines_server, 0, sizeof(lines_server));
    assert_int_equal(loops_start(n, &e), 0);
    lines_port = test_listen(
        (struct listener){.name = "lines", .ops = &lines_ops, .service = &lines_server});
    return 0;
}

static inline int lines_teardown(void)
{
    listeners_stop();
    loops_stop();
    assert_int_equal(lines_server.opened, lines_server.closed);
    assert_int_equal(listeners_connections(), 0);
    return 0;
}
