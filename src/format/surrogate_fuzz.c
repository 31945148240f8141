/* surrogate_fuzz.c - headers for readers of ASCII: nothing changes that need not, what is written
   anew is no longer UTF-8, and a list of fields stays one. */
#include "format/surrogate.h"

#include "base/utf8.h"
#include "format/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

/* Fields only, and all of them UTF-8: then nothing may be left of it. */
static bool is_all_fields(struct slice in)
{
    struct field f;
    size_t at = 0;
    for (size_t pos = 0; header_next(in, &pos, &f); at = f.at + f.n)
        if (f.at != at)
            return false;
    return at == in.n && utf8_valid(in) && (in.n == 0 || slice_ends(in, S("\n")));
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    BUF_SCOPE one = {0};
    header_surrogate(in, &one);
    if (!header_has_utf8(in))
        BUG_IF(!slice_eq(buf_slice(&one), in));
    if (is_all_fields(in)) {
        BUG_IF(!ascii_only(buf_slice(&one)));
        BUG_IF(!is_all_fields(buf_slice(&one)));
    }
    return 0;
}
