/* coding_fuzz.c - decoders give the same for any split of the input, and encoders are undone by
   them. The first byte chooses the charset or encoding, the second where the input is cut. */
#include "base/err.h"
#include "base/utf8.h"
#include "format/charset.h"
#include "format/charset_names.h"
#include "format/crlf.h"
#include "format/param.h"
#include "format/transfer.h"
#include "format/word.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static void transfers(struct slice in, size_t cut)
{
    for (enum encoding e = ENCODING_7BIT; e <= ENCODING_UNKNOWN; e++) {
        struct transfer t;
        BUF_SCOPE one = {0};
        BUF_SCOPE two = {0};
        transfer_decode(e, in, &one);
        transfer_init(&t, e);
        transfer_feed(&t, slice_sub(in, 0, cut), &two);
        transfer_feed(&t, slice_from(in, cut), &two);
        transfer_finish(&t, &two);
        BUG_IF(!slice_eq(buf_slice(&one), buf_slice(&two)));
    }
    BUF_SCOPE enc = {0};
    BUF_SCOPE back = {0};
    transfer_encode_quoted(in, true, &enc);
    transfer_decode(ENCODING_QUOTED, buf_slice(&enc), &back);
    BUG_IF(!slice_eq(buf_slice(&back), in));
    buf_reset(&enc);
    buf_reset(&back);
    transfer_encode_base64(in, &enc);
    transfer_decode(ENCODING_BASE64, buf_slice(&enc), &back);
    BUG_IF(!slice_eq(buf_slice(&back), in));
}

static void charsets(struct slice name, struct slice in, size_t cut)
{
    struct charset_reader r;
    BUF_SCOPE one = {0};
    BUF_SCOPE two = {0};
    charset_to_utf8(name, in, &one);
    charset_reader_init(&r, name);
    charset_reader_feed(&r, slice_sub(in, 0, cut), &two);
    charset_reader_feed(&r, slice_from(in, cut), &two);
    charset_reader_finish(&r, &two);
    charset_reader_done(&r);
    BUG_IF(!slice_eq(buf_slice(&one), buf_slice(&two)));
    BUG_IF(!utf8_valid(buf_slice(&one)));
}

static void words(struct slice in)
{
    BUF_SCOPE text = {0};
    BUF_SCOPE enc = {0};
    BUF_SCOPE back = {0};
    word_decode(in, &text);
    struct slice s = slice_trim(buf_slice(&text));
    BUG_IF(!utf8_valid(s));
    word_encode(s, 10, &enc);
    word_decode(buf_slice(&enc), &back);
    BUG_IF(!slice_eq(buf_slice(&back), s));
}

static void params(struct slice in)
{
    ARENA_SCOPE a = {0};
    struct param_list l, again;
    BUG_IF(param_parse(in, &a, &l));
    for (size_t i = 0; i < l.n; i++) {
        BUF_SCOPE text = {0};
        BUF_SCOPE enc = {0};
        BUF_SCOPE back = {0};
        param_text(&l.items[i], &text);
        BUG_IF(!utf8_valid(buf_slice(&text)));
        if (slice_search(buf_slice(&text), S("=?")) >= 0)
            continue;
        param_write(S("name"), buf_slice(&text), &enc);
        BUG_IF(param_parse(buf_slice(&enc), &a, &again) || (text.n && again.n != 1));
        if (again.n)
            param_text(&again.items[0], &back);
        if (text.n < 20000)
            BUG_IF(!slice_eq(buf_slice(&back), buf_slice(&text)));
    }
}

static void lines(struct slice in, size_t cut)
{
    struct crlf c = {0};
    BUF_SCOPE out = {0};
    crlf_feed(&c, slice_sub(in, 0, cut), &out);
    crlf_feed(&c, slice_from(in, cut), &out);
    crlf_finish(&c, &out);
    BUG_IF(!crlf_clean(buf_slice(&out)));
    BUG_IF(crlf_clean(in) && !slice_eq(in, buf_slice(&out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    size_t rows;
    const struct charset_row *table = charset_rows(&rows);
    if (n < 2)
        return 0;
    struct slice name = slice_str(table[d[0] % rows].key), in = slice_of(d + 2, n - 2);
    size_t cut = in.n ? d[1] % in.n : 0;
    transfers(in, cut);
    charsets(name, in, cut);
    words(in);
    params(in);
    lines(in, cut);
    return 0;
}
