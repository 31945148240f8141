/* sasl_plain_fuzz.c - the message of PLAIN: three parts, two NULs between them, and all of it. */
#include "auth/sasl_plain.h"
#include "base/fuzz.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    struct sasl_plain_message m;
    struct err e = {0};
    if (sasl_plain_parse(in, &m, &e)) {
        BUG_IF(e.code != ERR_SYNTAX);
        return 0;
    }
    BUG_IF(m.authzid.n + m.authcid.n + m.password.n + 2 != n);
    BUG_IF(!m.authcid.n || !m.password.n || !utf8_valid(m.authzid) || !utf8_valid(m.authcid));
    BUG_IF(slice_find(m.authzid, '\0') >= 0 || slice_find(m.authcid, '\0') >= 0 ||
           slice_find(m.password, '\0') >= 0);
    return 0;
}
