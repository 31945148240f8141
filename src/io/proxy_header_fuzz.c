/* proxy_header_fuzz.c - whole against byte by byte: the first prefix that gives an answer must give
   the same one as the whole. */
#include <stdlib.h>

#include "io/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct proxy_header whole = {0}, part = {0};
    struct err e = {0};
    ptrdiff_t want = proxy_header_parse(slice_of(d, n), &whole, &e);
    for (size_t i = 0; i <= n; i++) {
        char *copy = malloc(i ? i : 1); /* exact size: an over-read is found */
        if (i)
            memcpy(copy, d, i);
        ptrdiff_t got = proxy_header_parse(slice_of(copy, i), &part, &e);
        free(copy);
        if (got == 0)
            continue;
        if (got != want || (got > 0 && memcmp(&whole, &part, sizeof(whole))))
            abort();
        return 0;
    }
    if (want != 0)
        abort();
    return 0;
}
