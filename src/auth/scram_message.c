/* scram_message.c - the grammar of RFC 5802 7. Attributes stand in a fixed order; extensions that
   are not known may follow and are left alone, except `m=`, which must end the exchange. */
#include "auth/scram_message.h"

#include "base/base64.h"
#include "base/utf8.h"

static int bad(const struct arena *a, struct err *e, const char *what)
{
    if (a->failed)
        return err_set(e, ERR_BUSY, "out of memory");
    return err_set(e, ERR_SYNTAX, "SCRAM: %s", what);
}

/* saslname: =2C is a comma, =3D an equals sign, no other use of '='. */
static int decode_name(struct slice in, struct arena *a, struct slice *ret)
{
    char *out = arena_new(a, char, in.n);
    size_t n = 0;
    if (!out || !in.n || !utf8_valid(in) || slice_find(in, '\0') >= 0)
        return -1;
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] != '=') {
            out[n++] = in.p[i];
            continue;
        }
        struct slice code = slice_sub(in, i, i + 3);
        if (slice_eqi(code, S("=2c")))
            out[n++] = ',';
        else if (slice_eqi(code, S("=3d")))
            out[n++] = '=';
        else
            return -1;
        i += 2;
    }
    *ret = slice_of(out, n);
    return 0;
}

/* printable: %x21-2B / %x2D-7E, at least one. */
static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
            return false;
    return s.n > 0;
}

/* cb-name = 1*(ALPHA / DIGIT / "." / "-") */
static bool is_binding_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
            return false;
    return s.n > 0;
}

/* The value of "x=value" up to the next comma. */
static int attribute(struct slice *rest, char name, struct slice *ret)
{
    struct slice field = rest->p ? slice_cut(rest, ',') : SNONE;
    if (field.n < 2 || field.p[0] != name || field.p[1] != '=')
        return -1;
    *ret = slice_from(field, 2);
    return 0;
}

/* attr-val = ALPHA "=" value, for extensions. */
static bool are_extensions(struct slice rest)
{
    while (rest.p) {
        struct slice field = slice_cut(&rest, ',');
        if (field.n < 3 || !ascii_alpha(field.p[0]) || field.p[1] != '=' || !utf8_valid(field) ||
            slice_find(field, '\0') >= 0 || field.p[0] == 'm') /* 5.1: m is never let pass */
            return false;
    }
    return true;
}

int scram_first_parse(struct slice in, struct arena *a, struct scram_first *ret, struct err *e)
{
    struct scram_first m = {.authzid = S("")};
    struct slice rest = in, flag = slice_cut(&rest, ','), value;
    if (slice_eq(flag, S("n")) || slice_eq(flag, S("y"))) {
        m.flag = flag.p[0];
    } else if (slice_starts(flag, S("p=")) && is_binding_name(slice_from(flag, 2))) {
        m.flag = 'p';
        m.binding_name = slice_from(flag, 2);
    } else {
        return bad(a, e, "gs2-header");
    }
    struct slice authzid = rest.p ? slice_cut(&rest, ',') : SNONE;
    if (!rest.p || (authzid.n && (!slice_starts(authzid, S("a=")) ||
                                  decode_name(slice_from(authzid, 2), a, &m.authzid))))
        return bad(a, e, "authorisation identity");
    m.gs2 = slice_sub(in, 0, (size_t)(rest.p - in.p));
    m.bare = rest;
    if (slice_starts(rest, S("m=")))
        return bad(a, e, "extensions-not-supported");
    if (attribute(&rest, 'n', &value) || decode_name(value, a, &m.name))
        return bad(a, e, "invalid-username-encoding");
    if (attribute(&rest, 'r', &m.nonce) || !is_printable(m.nonce))
        return bad(a, e, "nonce");
    if (!are_extensions(rest))
        return bad(a, e, "extensions");
    *ret = m;
    return 0;
}

static int decode(struct slice text, struct arena *a, struct slice *ret)
{
    size_t room = text.n / 4 * 3 + 4;
    char *p = arena_new(a, char, room);
    struct buf b = {.p = p, .cap = room, .max = room - 1};
    if (!text.n || !p || base64_decode(&b, text, NULL))
        return -1;
    *ret = buf_slice(&b);
    return 0;
}

int scram_last_parse(struct slice in, struct arena *a, struct scram_last *ret, struct err *e)
{
    struct scram_last m;
    struct slice rest = in, value, proof;
    if (attribute(&rest, 'c', &value) || decode(value, a, &m.binding))
        return bad(a, e, "invalid-encoding");
    if (attribute(&rest, 'r', &m.nonce) || !is_printable(m.nonce))
        return bad(a, e, "nonce");
    /* The proof is the last attribute. */
    ptrdiff_t comma = slice_rfind(in, ',');
    if (!rest.p || comma < rest.p - in.p - 1)
        return bad(a, e, "no proof");
    m.without_proof = slice_sub(in, 0, (size_t)comma);
    if (rest.p - in.p - 1 < comma &&
        !are_extensions(slice_of(rest.p, (size_t)(in.p + comma - rest.p))))
        return bad(a, e, "extensions");
    rest = slice_from(in, (size_t)comma + 1);
    if (attribute(&rest, 'p', &value) || decode(value, a, &proof) || proof.n != sizeof(m.proof))
        return bad(a, e, "invalid-proof");
    memcpy(m.proof, proof.p, sizeof(m.proof));
    *ret = m;
    return 0;
}
