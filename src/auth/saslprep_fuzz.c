/* saslprep_fuzz.c - RFC 4013: what is prepared is UTF-8 without controls, and prepared already. */
#include "auth/internal.h"
#include "base/fuzz.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    BUF_SCOPE once = {0};
    BUF_SCOPE twice = {0};
    if (!auth_prepare(slice_of(d, n), &once))
        return 0;
    struct slice s = buf_slice(&once);
    BUG_IF(!utf8_valid(s) || ascii_has_control(s) || (n && s.n == 0));
    if (s.n <= AUTH_PASSWORD_MAX && auth_prepare(s, &twice))
        BUG_IF(!slice_eq(buf_slice(&twice), s));
    return 0;
}
