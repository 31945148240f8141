/* transfer_fuzz.c - transfer encodings and line ends: decoders give the same for any split of the
   input and no more than it can hold; encoders are undone by them. */
#include "base/fuzz.h"
#include "format/crlf.h"
#include "format/transfer.h"

struct decoding {
    struct transfer transfer;
    struct buf out;
};

static bool feed_transfer(void *ctx, struct slice piece)
{
    struct decoding *d = ctx;
    BUG_IF(transfer_feed(&d->transfer, piece, &d->out));
    return true;
}

static void decode(enum encoding e, struct slice in)
{
    BUF_SCOPE one = {0};
    transfer_decode(e, in, &one);
    BUG_IF(one.n > in.n);
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split++) {
        struct decoding d = {0};
        transfer_init(&d.transfer, e);
        fuzz_feed(in, (enum fuzz_split)split, feed_transfer, &d);
        BUG_IF(transfer_finish(&d.transfer, &d.out));
        BUG_IF(!slice_eq(buf_slice(&one), buf_slice(&d.out)));
        buf_done(&d.out);
    }
}

/* RFC 2045 6.7 and 6.8: no line of more than 76 characters. */
static void short_lines(struct slice s)
{
    while (s.p) {
        struct slice line = slice_cut(&s, '\n');
        BUG_IF(line.n > 77);
    }
}

static void encode(struct slice in)
{
    BUF_SCOPE coded = {0};
    BUF_SCOPE back = {0};
    for (int binary = 0; binary < 2; binary++) {
        buf_reset(&coded);
        buf_reset(&back);
        transfer_encode_quoted(in, binary, &coded);
        short_lines(buf_slice(&coded));
        BUG_IF(coded.n > in.n * 4 + 4);
        transfer_decode(ENCODING_QUOTED, buf_slice(&coded), &back);
        BUG_IF((binary || crlf_clean(in)) && !slice_eq(buf_slice(&back), in));
    }
    buf_reset(&coded);
    buf_reset(&back);
    transfer_encode_base64(in, &coded);
    short_lines(buf_slice(&coded));
    transfer_decode(ENCODING_BASE64, buf_slice(&coded), &back);
    BUG_IF(!slice_eq(buf_slice(&back), in));
}

struct ends {
    struct crlf crlf;
    struct buf out;
};

static bool feed_ends(void *ctx, struct slice piece)
{
    struct ends *e = ctx;
    crlf_feed(&e->crlf, piece, &e->out);
    return true;
}

static void line_ends(struct slice in)
{
    BUF_SCOPE first = {0};
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split++) {
        struct ends e = {0};
        fuzz_feed(in, (enum fuzz_split)split, feed_ends, &e);
        crlf_finish(&e.crlf, &e.out);
        BUG_IF(!crlf_clean(buf_slice(&e.out)) || e.out.n > in.n * 2);
        BUG_IF(crlf_clean(in) && !slice_eq(in, buf_slice(&e.out)));
        if (split == FUZZ_WHOLE)
            buf_add(&first, buf_slice(&e.out));
        BUG_IF(!slice_eq(buf_slice(&first), buf_slice(&e.out)));
        buf_done(&e.out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    for (enum encoding e = ENCODING_7BIT; e <= ENCODING_UNKNOWN; e++)
        decode(e, in);
    encode(in);
    line_ends(in);
    return 0;
}
