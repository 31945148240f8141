/* names.c - an external merge sort. A record is its tag and name with their length in front. */
#include "cli/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"

enum { RUN_NAMES = 50000, RUN_BYTES = 8 << 20, READ_ROOM = 64 << 10, NAME_LIMIT = 4096 };

struct run {
    int64_t at, end; /* in the file: what is not in `room` yet */
    struct buf room;
    size_t used;       /* of room */
    struct slice head; /* the record in front; p == NULL: none any more */
};

struct names {
    struct buf text;     /* records of the run being made, or the only one */
    struct slice *index; /* its records */
    size_t n;
    uint64_t count;
    int fd;
    int64_t size;
    struct run *runs;
    size_t runs_n;
    bool reading;
    size_t at;           /* in the index, when there is only one run */
    struct run *current; /* whose head was given last */
};

struct names *names_new(void)
{
    struct names *n = calloc(1, sizeof(*n));
    BUG_IF(!n);
    n->fd = -1;
    n->text.max = RUN_BYTES + 2 * NAME_LIMIT;
    n->index = calloc(RUN_NAMES, sizeof(*n->index));
    BUG_IF(!n->index);
    return n;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->runs_n; i++)
        buf_done(&n->runs[i].room);
    free(n->runs);
    free(n->index);
    buf_done(&n->text);
    fd_closep(&n->fd);
    free(n);
}

uint64_t names_count(const struct names *n)
{
    return n->count;
}

/* The digits in front, and the rest without ":2,FLAGS". */
static struct slice split(struct slice name, uint64_t *ret_time)
{
    size_t digits = 0;
    while (digits < name.n && digits < 18 && ascii_digit(name.p[digits]))
        digits++;
    *ret_time = 0;
    slice_u64(slice_sub(name, 0, digits), ret_time);
    ptrdiff_t info = slice_search(name, S(":2,"));
    return info >= 0 ? slice_sub(name, 0, (size_t)info) : name;
}

int names_compare(struct slice a, struct slice b)
{
    uint64_t at, bt;
    a = split(a, &at);
    b = split(b, &bt);
    return at < bt ? -1 : at > bt ? 1 : slice_cmp(a, b);
}

static int compare_records(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int r = names_compare(slice_from(*x, 1), slice_from(*y, 1));
    return r ? r : slice_cmp(*x, *y);
}

/* The memory moved while it grew: records are found again by their lengths. */
static void make_index(struct names *n)
{
    const char *p = n->text.p;
    for (size_t i = 0; i < n->n; i++) {
        uint16_t len;
        memcpy(&len, p, sizeof(len));
        n->index[i] = slice_of(p + sizeof(len), len);
        p += sizeof(len) + len;
    }
    if (n->n)
        qsort(n->index, n->n, sizeof(*n->index), compare_records);
}

static int open_file(struct names *n, struct err *e)
{
    const char *dir = getenv("TMPDIR");
    n->fd = open(dir && dir[0] ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return n->fd < 0 ? err_errno(e, ERR_IO, "temporary file") : 0;
}

static int flush_run(struct names *n, struct err *e)
{
    BUF_SCOPE out = {0};
    if (!n->n)
        return 0;
    if (n->fd < 0 && open_file(n, e))
        return -1;
    make_index(n);
    for (size_t i = 0; i < n->n; i++) {
        uint16_t len = (uint16_t)n->index[i].n;
        buf_add(&out, slice_of(&len, sizeof(len)));
        buf_add(&out, n->index[i]);
    }
    if (out.failed || fd_pwrite_all(n->fd, out.p, out.n, n->size))
        return err_errno(e, ERR_IO, "temporary file");
    n->runs = reallocarray(n->runs, n->runs_n + 1, sizeof(*n->runs));
    BUG_IF(!n->runs);
    n->runs[n->runs_n++] = (struct run){.at = n->size, .end = n->size + (int64_t)out.n};
    n->size += (int64_t)out.n;
    n->n = 0;
    buf_reset(&n->text);
    return 0;
}

int names_add(struct names *n, char tag, struct slice name, struct err *e)
{
    if (name.n >= NAME_LIMIT)
        return err_set(e, ERR_LIMIT, "a file name of %zu bytes", name.n);
    if ((n->n == RUN_NAMES || n->text.n > RUN_BYTES) && flush_run(n, e))
        return -1;
    uint16_t len = (uint16_t)(name.n + 1);
    buf_add(&n->text, slice_of(&len, sizeof(len)));
    buf_addc(&n->text, tag);
    buf_add(&n->text, name);
    n->n++;
    n->count++;
    return n->text.failed ? err_set(e, ERR_LIMIT, "no memory for file names") : 0;
}

/* Puts the next record of the run in front. */
static int advance(const struct names *n, struct run *r, struct err *e)
{
    uint16_t len;
    size_t left = r->room.n - r->used;
    if (left < sizeof(len) + NAME_LIMIT && r->at < r->end) {
        buf_drop(&r->room, r->used);
        r->used = 0;
        int64_t want = r->end - r->at < READ_ROOM ? r->end - r->at : READ_ROOM;
        char *p = buf_space(&r->room, (size_t)want);
        if (!p || fd_pread_full(n->fd, p, (size_t)want, r->at) != want)
            return err_errno(e, ERR_IO, "temporary file");
        r->room.n += (size_t)want;
        r->at += want;
        left = r->room.n;
    }
    r->head = SNONE;
    if (left) {
        memcpy(&len, r->room.p + r->used, sizeof(len));
        r->head = slice_of(r->room.p + r->used + sizeof(len), len);
        r->used += sizeof(len) + len;
    }
    return 0;
}

static int begin_reading(struct names *n, struct err *e)
{
    n->reading = true;
    if (!n->runs_n) {
        make_index(n);
        return 0;
    }
    if (flush_run(n, e))
        return -1;
    for (size_t i = 0; i < n->runs_n; i++)
        if (advance(n, &n->runs[i], e))
            return -1;
    return 0;
}

int names_next(struct names *n, char *ret_tag, struct slice *ret_name, struct err *e)
{
    struct slice record;
    if (!n->reading && begin_reading(n, e))
        return -1;
    if (!n->runs_n) {
        if (n->at == n->n)
            return 0;
        record = n->index[n->at++];
    } else {
        if (n->current && advance(n, n->current, e))
            return -1;
        n->current = NULL;
        for (size_t i = 0; i < n->runs_n; i++) {
            struct run *r = &n->runs[i];
            if (r->head.p && (!n->current || compare_records(&r->head, &n->current->head) < 0))
                n->current = r;
        }
        if (!n->current)
            return 0;
        record = n->current->head;
    }
    *ret_tag = record.p[0];
    *ret_name = slice_from(record, 1);
    return 1;
}
