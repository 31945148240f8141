/* sasl_plain.c - RFC 4616 2: message = [authzid] NUL authcid NUL passwd, one message, UTF-8. */
#include "auth/mechanism.h"
#include "base/utf8.h"

static enum sasl_result step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e)
{
    (void)out;
    struct slice authzid = slice_cut(&in, '\0');
    struct slice authcid = in.p ? slice_cut(&in, '\0') : SNONE;
    struct slice password = in;
    if (!password.p || slice_find(password, '\0') >= 0 || !authcid.n || !password.n ||
        !utf8_valid(authzid) || !utf8_valid(authcid)) {
        err_set(e, ERR_SYNTAX, "not a PLAIN message");
        return SASL_FAIL;
    }
    return login_password(&s->peer, authzid, authcid, password, ret, e) ? SASL_FAIL : SASL_OK;
}

const struct sasl_mechanism sasl_plain = {
    .name = S_INIT("PLAIN"),
    .needs = SASL_NEEDS_PLAIN_OK,
    .client_first = true,
    .step = step,
    .rfc = "4616:2",
};
