/* log.c - formats one line and writes it with one call. */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/random.h"

static _Atomic int threshold = LOG_INFO;
static _Atomic int use_json;
static _Atomic int out_fd = 2;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

enum log_level log_threshold(void)
{
    return (enum log_level)atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_set(enum log_level level, bool json, int fd)
{
    threshold = (int)level;
    use_json = json;
    out_fd = fd;
}

static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= ' ' || c >= 127 || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return s.n > 0;
}

/* Bytes that are not printable ASCII become \u00XX: valid in JSON, harmless on a terminal. */
static void add_quoted(struct buf *b, struct slice s)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\') {
            buf_addc(b, '\\');
            buf_addc(b, (char)c);
        } else if (c < ' ' || c >= 127) {
            buf_addf(b, "\\u%04x", c);
        } else {
            buf_addc(b, (char)c);
        }
    }
    buf_addc(b, '"');
}

/* A thread writes many lines in a second: what is the same in them is made once. */
static void add_time(struct buf *b)
{
    static __thread struct {
        time_t at;
        char text[32];
    } second = {.at = -1};
    int64_t now = clock_now_ms();
    time_t sec = (time_t)(now / 1000);
    unsigned ms = (unsigned)(now % 1000);
    if (second.at != sec) {
        struct tm tm;
        gmtime_r(&sec, &tm);
        snprintf(second.text, sizeof second.text, "%04d-%02d-%02dT%02d:%02d:%02d.",
                 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        second.at = sec;
    }
    char rest[] = {(char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z'};
    buf_adds(b, second.text);
    buf_add(b, slice_of(rest, sizeof rest));
}

static void add_number(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_addc(b, '-');
    buf_addu(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    enum { LINE_MAX_BYTES = 16384, VALUE_MAX_BYTES = 2000 };
    BUF_SCOPE b = {.max = LINE_MAX_BYTES};
    buf_reserve(&b, 500); /* most lines */
    bool json = use_json;
    buf_adds(&b, json ? "{\"time\":\"" : "time=");
    add_time(&b);
    buf_adds(&b, json ? "\",\"level\":\"" : " level=");
    buf_adds(&b, level_names[level]);
    buf_adds(&b, json ? "\",\"event\":\"" : " event=");
    buf_adds(&b, event);
    if (json)
        buf_addc(&b, '"');
    bool truncated = false;
    for (const struct log_field *f = fields; f->key && !truncated; f++) {
        size_t whole = b.n;
        struct slice text = slice_sub(f->text, 0, VALUE_MAX_BYTES);
        buf_adds(&b, json ? ",\"" : " ");
        buf_adds(&b, f->key);
        buf_adds(&b, json ? "\":" : "=");
        if (f->is_number)
            add_number(&b, f->number);
        else if (json || !is_plain(text))
            add_quoted(&b, text);
        else
            buf_add(&b, text);
        /* A field that does not fit goes whole: the line stays one that can be parsed. */
        if ((truncated = b.failed))
            b.n = whole;
    }
    b.failed = false;
    b.max += 64;
    if (truncated)
        buf_adds(&b, json ? ",\"truncated\":1" : " truncated=1");
    buf_adds(&b, json ? "}\n" : "\n");
    ssize_t put = write(out_fd, b.p, b.n);
    (void)put; /* a full log disk must not stop mail */
}

struct trace trace_new(void)
{
    struct trace t;
    random_name(t.id, sizeof(t.id) - 1);
    return t;
}
