/* sasl_login.c - LOGIN, which no RFC defines (draft-murchison-sasl-login) and old clients know
   only: the server asks for name and password in turn. A name sent as initial response is taken. */
#include "auth/mechanism.h"

struct login_state {
    bool asked_name, asked_password;
    struct slice name;
};

static enum sasl_result step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e)
{
    struct login_state *st = s->state;
    if (!in.p && !st->asked_name) {
        st->asked_name = true;
        buf_adds(out, "Username:");
        return SASL_MORE;
    }
    if (!st->asked_password) {
        st->asked_password = true;
        st->name = arena_dup(&s->arena, in);
        if (!st->name.p) {
            err_set(e, ERR_BUSY, "out of memory");
            return SASL_FAIL;
        }
        buf_adds(out, "Password:");
        return SASL_MORE;
    }
    return login_password(&s->peer, SNONE, st->name, in, ret, e) ? SASL_FAIL : SASL_OK;
}

const struct sasl_mechanism sasl_login = {
    .name = S_INIT("LOGIN"),
    .needs = SASL_NEEDS_PLAIN_OK,
    .state_size = sizeof(struct login_state),
    .step = step,
    .rfc = "draft-murchison-sasl-login",
};
