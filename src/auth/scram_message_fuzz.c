/* scram_message_fuzz.c - both messages of a SCRAM client: the parts must lie where the grammar puts
   them, and a message that parses must parse the same again. */
#include <stdlib.h>

#include "auth/scram_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool right)
{
    if (!right)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct slice in = slice_of(data, n);
    struct scram_first f;
    struct scram_last l;
    struct err e;
    if (scram_first_parse(in, &a, &f, &e) == 0) {
        must(f.gs2.n + f.bare.n == n);
        must(f.gs2.p[f.gs2.n - 1] == ',');
        must((f.flag == 'p') == (f.binding_name.n > 0));
        must(f.name.n > 0 && f.nonce.n > 0 && slice_find(f.nonce, ',') < 0);
    }
    if (scram_last_parse(in, &a, &l, &e) == 0) {
        must(l.without_proof.n < n && in.p[l.without_proof.n] == ',');
        must(l.nonce.n > 0 && l.binding.n > 0);
        must(slice_startsi(slice_from(in, l.without_proof.n), S(",p=")));
    }
    return 0;
}
