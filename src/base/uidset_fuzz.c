/* uidset_fuzz.c - any text and any bytes: what parses prints to what parses to the same set. */
#include "base/err.h"
#include "base/uidset.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    UIDSET_SCOPE s = {0};
    UIDSET_SCOPE again = {0};
    BUF_SCOPE out = {0};
    if (uidset_parse(&s, in, 1000) == 0) {
        uidset_print(&s, &out);
        BUG_IF(uidset_parse(&again, buf_slice(&out), SIZE_MAX) || !uidset_equal(&s, &again));
    }
    if (uidset_unpack(&s, in) == 0) {
        buf_reset(&out);
        uidset_pack(&s, &out);
        BUG_IF(uidset_unpack(&again, buf_slice(&out)) || !uidset_equal(&s, &again));
    }
    return 0;
}
