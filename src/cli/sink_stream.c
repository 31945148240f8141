/* sink_stream.c - mailboxes and messages one behind the other on a descriptor: a line that names
   the format, then for each a line of JSON, behind that of a message its bytes, and a last line, by
   which the reader knows that nothing is missing. */
#include <stdlib.h>

#include "base/fd.h"
#include "cli/sink.h"

struct stream {
    struct sink sink;
    int fd;
};

static struct stream *of(struct sink *s)
{
    return (struct stream *)(void *)s;
}

static int put_line(struct stream *s, const char *kind, const json_t *row, struct slice bytes,
                    struct err *e)
{
    json_t *o = row ? json_pack("{s:O}", kind, row) : json_pack("{s:b}", kind, 1);
    char *text = json_dumps(o, JSON_COMPACT);
    int r = !text || fd_write_all(s->fd, text, strlen(text)) || fd_write_all(s->fd, "\n", 1) ||
                    fd_write_all(s->fd, bytes.p, bytes.n)
                ? err_errno(e, ERR_IO, "writing the stream")
                : 0;
    free(text);
    json_decref(o);
    return r;
}

static int stream_open(struct sink *s, const json_t *mailbox, uint64_t offset, struct err *e)
{
    (void)offset;
    return put_line(of(s), "mailbox", mailbox, SNONE, e);
}

static int put(struct sink *s, const json_t *message, struct slice bytes, struct err *e)
{
    return put_line(of(s), "message", message, bytes, e);
}

static int sync_(struct sink *s, uint64_t *ret_offset, struct err *e)
{
    (void)s;
    (void)e;
    *ret_offset = 0;
    return 0;
}

static void stream_close(struct sink *s)
{
    free(of(s));
}

int sink_stream_end(struct sink *s, struct err *e)
{
    return put_line(of(s), "end", NULL, SNONE, e);
}

int sink_stream(int fd, struct sink **ret, struct err *e)
{
    struct stream *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->sink = (struct sink){.open = stream_open, .put = put, .sync = sync_, .close = stream_close};
    s->fd = fd;
    *ret = &s->sink;
    struct slice head = S(STREAM_HEAD);
    return fd_write_all(fd, head.p, head.n) ? err_errno(e, ERR_IO, "writing the stream") : 0;
}
