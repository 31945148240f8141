/* base64_fuzz.c - base 64, UTF-8 and the numbers of compact rows: what is written is read back the
   same, and what is read strictly has one spelling only. */
#include "base/base64.h"
#include "base/fuzz.h"
#include "base/utf8.h"
#include "base/varint.h"

static void base64(struct slice in)
{
    BUF_SCOPE text = {0};
    BUF_SCOPE back = {0};
    base64_encode(&text, in);
    BUG_IF(text.n != (in.n + 2) / 3 * 4);
    BUG_IF(base64_decode(&back, buf_slice(&text), NULL) || !slice_eq(buf_slice(&back), in));
    buf_reset(&text);
    buf_reset(&back);
    if (base64_decode(&back, in, NULL) == 0) {
        base64_encode(&text, buf_slice(&back));
        BUG_IF(!slice_eq(buf_slice(&text), in));
    }
}

static void utf8(struct slice in)
{
    BUF_SCOPE text = {0};
    bool valid = true;
    for (size_t at = 0; at < in.n;) {
        uint32_t cp;
        size_t n = utf8_next(in.p + at, in.n - at, &cp);
        BUG_IF(n > in.n - at);
        valid = valid && n > 0;
        at += n ? n : 1;
    }
    BUG_IF(valid != utf8_valid(in));
    utf8_add_repaired(&text, in);
    BUG_IF(!utf8_valid(buf_slice(&text)) || text.n > in.n * 3);
    BUG_IF(valid && !slice_eq(buf_slice(&text), in));
}

static void varints(struct slice in)
{
    struct slice rest = in;
    uint64_t v, again;
    while (rest.n && varint_next(&rest, &v) == 0) {
        BUF_SCOPE b = {0};
        varint_add(&b, v);
        struct slice read = buf_slice(&b);
        BUG_IF(varint_next(&read, &again) || read.n || again != v);
        BUG_IF(varint_fold(varint_unfold(v)) != v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    base64(in);
    utf8(in);
    varints(in);
    return 0;
}
