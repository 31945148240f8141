/* names_fuzz.c - names and texts: one spelling each, and what is normal stays. */
#include "base/utf8.h"
#include "format/html_text.h"
#include "format/mutf7.h"
#include "format/netunicode.h"
#include "format/subject.h"
#include "format/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    BUF_SCOPE one = {0};
    BUF_SCOPE two = {0};
    if (mutf7_decode(in, &one, NULL) == 0) {
        BUG_IF(!utf8_valid(buf_slice(&one)));
        BUG_IF(mutf7_encode(buf_slice(&one), &two, NULL) || !slice_eq(buf_slice(&two), in));
    }
    buf_reset(&one);
    buf_reset(&two);
    if (mutf7_encode(in, &one, NULL) == 0)
        BUG_IF(mutf7_decode(buf_slice(&one), &two, NULL) || !slice_eq(buf_slice(&two), in));
    buf_reset(&one);
    buf_reset(&two);
    if (netunicode(in, &one, NULL) == 0)
        BUG_IF(netunicode(buf_slice(&one), &two, NULL) ||
               !slice_eq(buf_slice(&one), buf_slice(&two)));
    buf_reset(&one);
    buf_reset(&two);
    utf8_add_repaired(&one, in);
    struct slice text = buf_slice(&one);
    subject_base(text, &two);
    html_text(text, 10000, &two);
    text_casemap(text, &two);
    BUG_IF(!utf8_valid(buf_slice(&two)));
    return 0;
}
