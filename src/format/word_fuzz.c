/* word_fuzz.c - RFC 2047 words and RFC 2231 parameters: what is decoded is text, and what is
   encoded of it is read back as the same. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "format/fields.h"
#include "format/param.h"
#include "format/word.h"

enum { GROWTH = 6 };

static void words(struct slice in)
{
    BUF_SCOPE text = {0};
    BUF_SCOPE enc = {0};
    BUF_SCOPE back = {0};
    word_decode(in, &text);
    BUG_IF(text.n > (in.n + 1) * GROWTH);
    struct slice s = slice_trim(buf_slice(&text));
    BUG_IF(!utf8_valid(s));
    word_encode(s, 10, &enc);
    word_decode(buf_slice(&enc), &back);
    BUG_IF(!slice_eq(buf_slice(&back), s));
    buf_reset(&back);
    field_text(in, &back);
    BUG_IF(!utf8_valid(buf_slice(&back)));
}

static void params(struct slice in)
{
    ARENA_SCOPE a = {0};
    struct param_list l, again;
    BUG_IF(param_parse(in, &a, &l) || l.n > PARAM_MAX);
    for (size_t i = 0; i < l.n; i++) {
        BUF_SCOPE text = {0};
        BUF_SCOPE enc = {0};
        BUF_SCOPE back = {0};
        param_text(&l.items[i], &text);
        BUG_IF(!utf8_valid(buf_slice(&text)) || text.n > (in.n + 1) * GROWTH);
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

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    words(slice_of(d, n));
    params(slice_of(d, n));
    return 0;
}
