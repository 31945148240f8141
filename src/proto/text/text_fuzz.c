/* text_fuzz.c - command lines are the same however the bytes arrive, and dot-stuffed text is read
   back as it was. */
#include "base/fuzz.h"
#include "proto/smtp/data.h"
#include "proto/text/dot.h"
#include "proto/text/line.h"

struct lines {
    struct line_scan scan;
    struct buf held; /* what was not taken yet */
    struct buf *out;
};

static bool feed_lines(void *ctx, struct slice piece)
{
    struct lines *l = ctx;
    BUG_IF(buf_add(&l->held, piece));
    for (;;) {
        struct slice line = SNONE;
        size_t taken = SIZE_MAX;
        enum line_result r = line_next(&l->scan, buf_slice(&l->held), &line, &taken);
        BUG_IF(taken > l->held.n);
        if (r != LINE_MORE) {
            BUG_IF(taken == 0 || line.n > l->scan.max);
            buf_addf(l->out, "%d:%.*s;", (int)r, SARG(line));
        }
        buf_drop(&l->held, taken);
        if (r == LINE_MORE)
            return true;
    }
}

struct dots {
    struct dot_writer writer;
    struct buf sent;
};

static bool feed_dots(void *ctx, struct slice piece)
{
    struct dots *d = ctx;
    BUG_IF(dot_write(&d->writer, piece, &d->sent));
    return true;
}

static void dots(struct slice in, enum fuzz_split split)
{
    struct dots w = {0};
    struct smtp_data d;
    BUF_SCOPE got = {0};
    fuzz_feed(in, split, feed_dots, &w);
    BUG_IF(dot_finish(&w.writer, &w.sent));
    smtp_data_init(&d, SMTP_DATA_RAW, true);
    BUG_IF(smtp_data_feed(&d, buf_slice(&w.sent), &got) != w.sent.n || !d.done);
    struct slice back = buf_slice(&got);
    BUG_IF(!slice_starts(back, in) || back.n > in.n + 2);
    buf_done(&w.sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    BUF_SCOPE whole = {0};
    BUF_SCOPE other = {0};
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split++) {
        struct lines l = {.scan = {.max = 40}, .out = split == FUZZ_WHOLE ? &whole : &other};
        buf_reset(&other);
        fuzz_feed(in, (enum fuzz_split)split, feed_lines, &l);
        buf_done(&l.held);
        BUG_IF(split != FUZZ_WHOLE && !slice_eq(buf_slice(&other), buf_slice(&whole)));
        dots(in, (enum fuzz_split)split);
    }
    return 0;
}
