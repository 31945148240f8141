/* mbox_fuzz.c - any file reads the same in any chunks; any message that is written is read back. */
#include "base/err.h"
#include "format/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static int begin(void *ctx, struct slice sender, bool has_date, struct date date)
{
    return buf_addf(ctx, "{%.*s %d %lld}", SARG(sender), has_date, (long long)date.at);
}

static int data(void *ctx, struct slice s)
{
    return buf_add(ctx, s);
}

static int end(void *ctx)
{
    return buf_add(ctx, S("{end}"));
}

static void read_all(struct slice s, size_t chunk, enum mbox_kind kind, struct buf *out)
{
    struct mbox_reader r;
    mbox_reader_init(&r, kind, (struct mbox_sink){out, begin, data, end});
    for (size_t i = 0; i < s.n; i += chunk)
        mbox_feed(&r, slice_sub(s, i, i + chunk));
    mbox_finish(&r);
}

static int ignore_begin(void *ctx, struct slice sender, bool has_date, struct date date)
{
    (void)ctx;
    (void)sender;
    (void)has_date;
    (void)date;
    return 0;
}

static int ignore_end(void *ctx)
{
    (void)ctx;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    for (enum mbox_kind kind = MBOX_RD; kind <= MBOX_O; kind++) {
        BUF_SCOPE whole = {0};
        BUF_SCOPE bytes = {0};
        BUF_SCOPE chunks = {0};
        read_all(in, n ? n : 1, kind, &whole);
        read_all(in, 1, kind, &bytes);
        read_all(in, 7, kind, &chunks);
        BUG_IF(!slice_eq(buf_slice(&whole), buf_slice(&bytes)));
        BUG_IF(!slice_eq(buf_slice(&whole), buf_slice(&chunks)));
    }
    BUF_SCOPE file = {0};
    BUF_SCOPE back = {0};
    struct mbox_writer w;
    mbox_write_begin(&w, S("a@b"), (struct date){0}, &file);
    mbox_write(&w, slice_sub(in, 0, n / 2), &file);
    mbox_write(&w, slice_from(in, n / 2), &file);
    mbox_write_end(&w, &file);
    struct mbox_reader r;
    mbox_reader_init(&r, MBOX_RD, (struct mbox_sink){&back, ignore_begin, data, ignore_end});
    mbox_feed(&r, buf_slice(&file));
    mbox_finish(&r);
    struct slice got = buf_slice(&back);
    if (n && in.p[n - 1] != '\n') { /* the last line got its end */
        BUG_IF(got.n != n + 1 || got.p[n] != '\n');
        got.n = n;
    }
    BUG_IF(!slice_eq(got, in));
    return 0;
}
