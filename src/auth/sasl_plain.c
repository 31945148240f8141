/* sasl_plain.c - RFC 4616 2: message = [authzid] NUL authcid NUL passwd, one message, UTF-8. */
#include "auth/mechanism.h"
#include "auth/sasl_plain.h"
#include "base/utf8.h"

int sasl_plain_parse(struct slice in, struct sasl_plain_message *ret, struct err *e)
{
    struct sasl_plain_message m = {.authzid = slice_cut(&in, '\0')};
    m.authcid = in.p ? slice_cut(&in, '\0') : SNONE;
    m.password = in;
    if (!in.p || slice_find(in, '\0') >= 0 || !m.authcid.n || !in.n || !utf8_valid(m.authzid) ||
        !utf8_valid(m.authcid))
        return err_set(e, ERR_SYNTAX, "not a PLAIN message");
    *ret = m;
    return 0;
}

static enum sasl_result step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e)
{
    (void)out;
    struct sasl_plain_message m;
    if (sasl_plain_parse(in, &m, e) ||
        login_password(&s->peer, m.authzid, m.authcid, m.password, ret, e))
        return SASL_FAIL;
    return SASL_OK;
}

const struct sasl_mechanism sasl_plain = {
    .name = S_INIT("PLAIN"),
    .needs = SASL_NEEDS_PLAIN_OK,
    .client_first = true,
    .step = step,
    .rfc = "4616:2",
};
