/* source_stream.c - what sink_stream.c writes, read from a descriptor. It has no position to go on
   from. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/sink.h"
#include "cli/source.h"

enum { ROOM = 65536, LINE_MAX_BYTES = 1 << 20 };

struct stream {
    struct source source;
    int fd;
    size_t message_max;
    struct buf mailbox, line;
    uint64_t n;
    bool begun;
    size_t used, filled;
    char room[ROOM];
};

static struct stream *of(struct source *s)
{
    return (struct stream *)(void *)s;
}

/* What is in the room, filled when it is empty: no bytes at the end. -1. */
static int fill(struct stream *s, struct slice *ret, struct err *e)
{
    if (s->used == s->filled) {
        ssize_t n;
        do
            n = read(s->fd, s->room, ROOM);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return err_errno(e, ERR_IO, "reading the stream");
        s->used = 0;
        s->filled = (size_t)n;
    }
    *ret = slice_of(s->room + s->used, s->filled - s->used);
    return 0;
}

static int cut_off(struct err *e)
{
    return err_set(e, ERR_CORRUPT, "the stream breaks off: not all of it has come");
}

static int read_line(struct stream *s, struct err *e)
{
    struct slice in;
    buf_reset(&s->line);
    for (;;) {
        if (fill(s, &in, e))
            return -1;
        if (!in.n)
            return cut_off(e);
        ptrdiff_t lf = slice_find(in, '\n');
        size_t n = lf < 0 ? in.n : (size_t)lf;
        if (buf_add(&s->line, slice_sub(in, 0, n)))
            return err_set(e, ERR_SYNTAX, "not a stream of ours: a line is too long");
        s->used += n + (lf >= 0);
        if (lf >= 0)
            return 0;
    }
}

/* n bytes to out, or nowhere. */
static int read_bytes(struct stream *s, uint64_t n, struct buf *out, struct err *e)
{
    struct slice in;
    while (n) {
        if (fill(s, &in, e))
            return -1;
        if (!in.n)
            return cut_off(e);
        in = slice_sub(in, 0, n < in.n ? (size_t)n : in.n);
        if (out && buf_add(out, in))
            return err_set(e, ERR_LIMIT, "no memory for a message");
        s->used += in.n;
        n -= in.n;
    }
    return 0;
}

static int take_message(struct stream *s, const json_t *row, struct source_message *m,
                        struct err *e)
{
    int64_t size = json_number(row, "size");
    size_t i;
    json_t *flag;
    if (size < 0)
        return err_set(e, ERR_SYNTAX, "not a stream of ours: a size is wrong");
    m->too_large = (uint64_t)size > s->message_max;
    m->received_at = json_number(row, "received_at");
    json_array_foreach(json_object_get(row, "flags"), i, flag) json_array_append(m->flags, flag);
    buf_add(&m->mailbox, buf_slice(&s->mailbox));
    buf_addf(&m->name, "%.*s, message %llu of the stream", SARG(buf_slice(&s->mailbox)),
             (unsigned long long)++s->n);
    return read_bytes(s, (uint64_t)size, m->too_large ? NULL : &m->bytes, e);
}

/* 1: a message; 0: a mailbox; 2: the end; -1 */
static int take(struct stream *s, struct source_message *m, struct err *e)
{
    json_error_t why;
    if (read_line(s, e))
        return -1;
    json_t *o = json_loadb(s->line.p ? s->line.p : "", s->line.n, 0, &why);
    const json_t *message = json_object_get(o, "message"), *box = json_object_get(o, "mailbox");
    int r = 0;
    if (message) {
        r = take_message(s, message, m, e) ? -1 : 1;
    } else if (box) {
        buf_reset(&s->mailbox);
        buf_adds(&s->mailbox, json_text(box, "path"));
    } else if (json_object_get(o, "end")) {
        r = 2;
    } else {
        r = err_set(e, ERR_SYNTAX, "not a stream of ours: \"%.40s\"", buf_cstr(&s->line));
    }
    json_decref(o);
    return r;
}

static int next(struct source *source, struct source_message *m, struct err *e)
{
    struct stream *s = of(source);
    if (!s->begun) {
        if (read_line(s, e))
            return -1;
        buf_addc(&s->line, '\n');
        if (!slice_eq(buf_slice(&s->line), S(STREAM_HEAD)))
            return err_set(e, ERR_SYNTAX, "not a stream of ours: it begins with \"%.40s\"",
                           buf_cstr(&s->line));
        s->begun = true;
    }
    int r;
    while ((r = take(s, m, e)) == 0)
        continue;
    return r == 2 ? 0 : r;
}

static void stream_close(struct source *source)
{
    struct stream *s = of(source);
    buf_done(&s->mailbox);
    buf_done(&s->line);
    free(s);
}

int source_stream(int fd, size_t message_max, struct source **ret, struct err *e)
{
    (void)e;
    struct stream *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->source = (struct source){.next = next, .close = stream_close};
    s->fd = fd;
    s->message_max = message_max;
    s->line.max = LINE_MAX_BYTES;
    *ret = &s->source;
    return 0;
}
