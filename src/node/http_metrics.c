/* http_metrics.c - strict: a request line and header of at most 8 KB, no body, GET and HEAD only;
   what is not exactly that is answered with an error and the connection ends (RFC 9112 2.2,
   3, 5.1, 6.1). */
#include "node/http_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/metric.h"
#include "io/conn.h"
#include "io/loop.h"

METRIC_COUNTER_BY(metrics_requests, "code", "200 400 404 405 414 431 501 505",
                  "Requests to the metrics port.");

/* A request has REQUEST_MS from its first byte to its last. */
enum { HEADER_MAX = 8192, IDLE_MS = 60 * 1000, REQUEST_MS = 10 * 1000 };
enum code_index { OK, BAD, NOT_FOUND, NOT_ALLOWED, TOO_LONG, TOO_LARGE, UNKNOWN, VERSION };

static const char *const status_lines[] = {
    [OK] = "200 OK",
    [BAD] = "400 Bad Request",
    [NOT_FOUND] = "404 Not Found",
    [NOT_ALLOWED] = "405 Method Not Allowed",
    [TOO_LONG] = "414 URI Too Long",
    [TOO_LARGE] = "431 Request Header Fields Too Large",
    [UNKNOWN] = "501 Not Implemented",
    [VERSION] = "505 HTTP Version Not Supported",
};

struct request {
    struct slice path;
    bool head, close;
    bool old; /* HTTP/1.0: no Host, and the connection ends (RFC 9112 9.3) */
};

/* --- what it says about the process ------------------------------------------------------- */
static int statm_fd = -1;
static DIR *descriptors;
static pthread_mutex_t descriptors_lock = PTHREAD_MUTEX_INITIALIZER;

int process_facts_open(struct err *e)
{
    statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    descriptors = opendir("/proc/self/fd");
    if (statm_fd < 0 || !descriptors)
        return err_errno(e, ERR_IO, "/proc/self");
    return 0;
}

static int64_t resident_bytes(void)
{
    char text[256];
    uint64_t pages = 0;
    ssize_t n = pread(statm_fd, text, sizeof(text), 0);
    struct slice rest = slice_of(text, n > 0 ? (size_t)n : 0);
    slice_cut(&rest, ' ');
    slice_u64(slice_cut(&rest, ' '), &pages);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

/* /proc is memory, and one directory of it: it does not block. */
static int64_t open_descriptors(void)
{
    int64_t n = 0;
    if (!descriptors) /* nobody called process_facts_open: tests */
        return 0;
    pthread_mutex_lock(&descriptors_lock);
    rewinddir(descriptors);
    while (readdir(descriptors))
        n++;
    pthread_mutex_unlock(&descriptors_lock);
    return n > 2 ? n - 2 : 0;
}

static int64_t started_ms;

__attribute__((constructor)) static void note_start(void)
{
    started_ms = clock_mono_ms();
}

struct process_facts process_facts(void)
{
    return (struct process_facts){.resident_bytes = resident_bytes(),
                                  .descriptors = open_descriptors(),
                                  .cpu_ms = clock_cpu_ms(),
                                  .up_ms = clock_mono_ms() - started_ms};
}

static void row(struct buf *out, const char *name, const char *kind, const char *help, double v)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", name, help, name, kind, name, v);
}

static void print_process(struct buf *out)
{
    struct process_facts facts = process_facts();
    row(out, "process_resident_memory_bytes", "gauge", "Memory of the worker.",
        (double)facts.resident_bytes);
    row(out, "process_open_fds", "gauge", "Open descriptors of the worker.",
        (double)facts.descriptors);
    row(out, "process_cpu_seconds_total", "counter", "CPU time of the worker.",
        (double)facts.cpu_ms / 1000);
    row(out, "process_start_time_seconds", "gauge", "When the server started, seconds since 1970.",
        (double)(clock_now_ms() - facts.up_ms) / 1000);
    buf_addf(out,
             "# HELP carbonado_info Version.\n# TYPE carbonado_info gauge\n"
             "carbonado_info{version=\"%s\"} 1\n",
             CARBONADO_VERSION);
}

/* --- HTTP --------------------------------------------------------------------------------- */
/* "Sun, 06 Nov 1994 08:49:37 GMT"; no locale is ever set */
static void http_date(char out[40])
{
    time_t now = (time_t)clock_now();
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(out, 40, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void reply(struct conn *c, enum code_index code, struct slice type, struct slice body,
                  const struct request *r)
{
    bool close = !r || r->close || code != OK;
    char date[40];
    http_date(date);
    metric_add(&metric_metrics_requests, code, 1);
    conn_printf(c,
                "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: %.*s\r\nContent-Length: %zu\r\n"
                "X-Content-Type-Options: nosniff\r\n%s%s\r\n",
                status_lines[code], date, SARG(type), body.n,
                code == NOT_ALLOWED ? "Allow: GET, HEAD\r\n" : "",
                close ? "Connection: close\r\n" : "");
    if (!r || !r->head)
        conn_write(c, body);
    if (close)
        conn_close(c);
}

static void refuse(struct conn *c, enum code_index code, const struct request *r)
{
    char text[64];
    snprintf(text, sizeof(text), "%s\n", status_lines[code]);
    reply(c, code, S("text/plain"), slice_str(text), r);
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!ascii_alpha(c) && !ascii_digit(c) && !strchr("!#$%&'*+-.^_`|~", c))
            return false;
    }
    return s.n > 0;
}

static bool is_text(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 127)
            return false;
    }
    return true;
}

/* RFC 9112 3.2: uri-host [":" port]. */
static bool is_host(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && !strchr("-._~%!$&'()*+,;=:[]", s.p[i]))
            return false;
    return true;
}

/* A method that HTTP knows is not allowed here; another is not known (RFC 9112 3.1). */
static bool is_method(struct slice s)
{
    static const char *const known[] = {"POST",    "PUT",   "DELETE", "CONNECT",
                                        "OPTIONS", "TRACE", "PATCH"};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (slice_eq(s, slice_str(known[i])))
            return true;
    return false;
}

/* RFC 9112 2.3, 2.5: any minor version of 1 is answered as what it has in common with 1.1. */
static enum code_index read_version(struct slice s, struct request *r)
{
    if (s.n != 8 || !slice_starts(s, S("HTTP/")) || !ascii_digit(s.p[5]) || s.p[6] != '.' ||
        !ascii_digit(s.p[7]))
        return BAD;
    r->old = s.p[7] == '0';
    r->close = r->old;
    return s.p[5] == '1' ? OK : VERSION;
}

/* Each field line; a body in any form is not ours to read. */
static enum code_index read_fields(struct slice fields, struct request *r)
{
    bool host = false;
    while (fields.n) {
        ptrdiff_t end = slice_search(fields, S("\r\n"));
        struct slice line = slice_sub(fields, 0, (size_t)end), value = line;
        fields = slice_from(fields, (size_t)end + 2);
        struct slice name = slice_cut(&value, ':');
        if (!value.p || !is_token(name) || !is_text(value))
            return BAD;
        value = slice_trim(value);
        if (slice_eqi(name, S("transfer-encoding")) ||
            (slice_eqi(name, S("content-length")) && !slice_eq(value, S("0"))))
            return BAD;
        if (slice_eqi(name, S("host"))) {
            if (host || !is_host(value))
                return BAD;
            host = true;
        }
        if (slice_eqi(name, S("connection")) && slice_searchi(value, S("close")) >= 0)
            r->close = true;
    }
    return host || r->old ? OK : BAD;
}

static enum code_index read_head(struct slice head, struct request *r)
{
    ptrdiff_t end = slice_search(head, S("\r\n"));
    struct slice line = slice_sub(head, 0, (size_t)end);
    struct slice method = slice_cut(&line, ' '), target = slice_cut(&line, ' '), version = line;
    if (!is_token(method) || target.n == 0 || !is_text(target))
        return BAD;
    enum code_index code = read_version(version, r);
    if (code == OK)
        code = read_fields(slice_from(head, (size_t)end + 2), r);
    if (code != OK)
        return code;
    r->head = slice_eq(method, S("HEAD"));
    if (!r->head && !slice_eq(method, S("GET")))
        return is_method(method) ? NOT_ALLOWED : UNKNOWN;
    if (slice_startsi(target, S("http://"))) { /* 3.2.2: MUST be accepted in that form too */
        ptrdiff_t slash = slice_find(slice_from(target, 7), '/');
        target = slash < 0 ? S("/") : slice_from(target, 7 + (size_t)slash);
    }
    if (!slice_starts(target, S("/"))) /* 3.2: in no other form */
        return BAD;
    r->path = slice_cut(&target, '?');
    return OK;
}

static void answer(struct conn *c, const struct request *r)
{
    if (slice_eq(r->path, S("/healthz"))) {
        reply(c, OK, S("text/plain"), S("ok\n"), r);
    } else if (slice_eq(r->path, S("/metrics"))) {
        BUF_SCOPE out = {0};
        metric_print_all(&out);
        print_process(&out);
        reply(c, OK, S("text/plain; version=0.0.4; charset=utf-8"), buf_slice(&out), r);
    } else {
        refuse(c, NOT_FOUND, r);
    }
}

struct client {
    struct conn *c;
    struct timer request;
    bool timed;
};

static void request_late(struct timer *t)
{
    struct client *k = list_entry(t, struct client, request);
    k->timed = false;
    conn_close(k->c);
}

/* A part of a request is there, or none. */
static void time_request(struct client *k, bool begun)
{
    if (!begun)
        timer_stop(&k->request);
    else if (!k->timed)
        timer_start(conn_loop(k->c), &k->request, REQUEST_MS, request_late);
    k->timed = begun;
}

static size_t take_requests(struct conn *c, struct slice in)
{
    size_t at = 0;
    while (at < in.n && conn_unsent(c) < 256 * 1024) {
        struct slice rest = slice_from(in, at);
        if (slice_starts(rest, S("\r\n"))) { /* RFC 9112 2.2: in front of a request line */
            at += 2;
            continue;
        }
        ptrdiff_t end = slice_search(slice_sub(rest, 0, HEADER_MAX), S("\r\n\r\n"));
        if (end < 0 && rest.n < HEADER_MAX)
            break;
        if (end < 0) {
            bool line = slice_search(slice_sub(rest, 0, HEADER_MAX), S("\r\n")) < 0;
            refuse(c, line ? TOO_LONG : TOO_LARGE, NULL);
            return in.n;
        }
        struct request r = {0};
        enum code_index code = read_head(slice_sub(rest, 0, (size_t)end + 2), &r);
        at += (size_t)end + 4;
        if (code != OK) {
            refuse(c, code, &r);
            return in.n;
        }
        answer(c, &r);
        if (r.close)
            return in.n;
    }
    return at;
}

static size_t on_input(struct conn *c, struct slice in)
{
    size_t taken = take_requests(c, in);
    time_request(conn_user(c), taken < in.n && conn_unsent(c) < 256 * 1024);
    return taken;
}

static void on_opened(struct conn *c)
{
    struct client *k = calloc(1, sizeof(*k));
    BUG_IF(!k);
    k->c = c;
    conn_set_user(c, k);
    conn_timeout(c, IDLE_MS);
}

static void on_idle(struct conn *c)
{
    conn_close(c);
}

static void on_drained(struct conn *c)
{
    conn_resume(c);
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct client *k = conn_user(c);
    (void)why;
    (void)text;
    if (k)
        timer_stop(&k->request);
    free(k);
}

const struct conn_ops http_metrics_ops = {
    .opened = on_opened,
    .input = on_input,
    .drained = on_drained,
    .idle = on_idle,
    .closed = on_closed,
};
