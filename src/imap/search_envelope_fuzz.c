/* search_envelope_fuzz.c - reading back an ENVELOPE: any bytes, every field. */
#include "imap/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    BUF_SCOPE out = {.max = 1 << 20};
    for (int f = 0; f < ENVELOPE_FIELDS; f++) {
        buf_reset(&out);
        envelope_text(slice_of(d, n), (enum envelope_field)f, &out);
        struct envelope_address a = {0};
        envelope_first(slice_of(d, n), (enum envelope_field)f, &a);
        envelope_address_done(&a);
    }
    return 0;
}
