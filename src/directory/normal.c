/* normal.c - RFC 5321 4.1.2 (Mailbox) with RFC 6531 3.3 (UTF-8), lengths of RFC 5321 4.5.3.1, host
   names by IDNA 2008 (RFC 5891). Whatever passes here is safe to print, store and compare. */
#include "directory/normal.h"

#include <idn2.h>
#include <stdlib.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/utf8.h"

enum { LOCAL_MAX = 64, DOMAIN_MAX = 253, LABEL_MAX = 63 };

static bool is_atext(unsigned char c)
{
    return c >= 128 || ascii_alpha((char)c) || ascii_digit((char)c) ||
           (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Dot-string (RFC 5321 4.1.2): atoms joined by single dots. */
static bool is_dot_string(struct slice s)
{
    if (!s.n || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '.' ? s.p[i + 1] == '.' : !is_atext((unsigned char)s.p[i]))
            return false;
    return true;
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
            return true;
    return false;
}

/* NFC of valid UTF-8; pure ASCII is already. */
static int nfc(struct slice in, struct arena *a, struct slice *ret, struct err *e)
{
    if (ascii_only(in)) {
        *ret = in;
        return 0;
    }
    UErrorCode err = U_ZERO_ERROR;
    const UNormalizer2 *n = unorm2_getNFCInstance(&err);
    UChar wide[4 * LOCAL_MAX], done[4 * LOCAL_MAX];
    int32_t wide_n = 0, done_n, out_n = 0;
    u_strFromUTF8(wide, 4 * LOCAL_MAX, &wide_n, in.p, (int32_t)in.n, &err);
    done_n = unorm2_normalize(n, wide, wide_n, done, 4 * LOCAL_MAX, &err);
    char *out = arena_new(a, char, 3 * 4 * LOCAL_MAX);
    if (!out)
        return err_set(e, ERR_BUSY, "address: out of memory");
    u_strToUTF8(out, 3 * 4 * LOCAL_MAX, &out_n, done, done_n, &err);
    if (U_FAILURE(err))
        return err_set(e, ERR_SYNTAX, "the local part cannot be normalised");
    *ret = slice_of(out, (size_t)out_n);
    return 0;
}

/* Quoted-string without its quotes and backslashes, or the text itself. */
static int unquote(struct slice in, struct arena *a, struct slice *ret, struct err *e)
{
    *ret = in;
    if (in.n < 1 || in.p[0] != '"')
        return 0;
    char *out = arena_new(a, char, in.n);
    size_t n = 0, i = 1;
    if (!out)
        return err_set(e, ERR_BUSY, "address: out of memory");
    for (; i < in.n && in.p[i] != '"'; i++) {
        if (in.p[i] == '\\' && ++i >= in.n)
            break;
        out[n++] = in.p[i];
    }
    if (i + 1 != in.n || in.p[i] != '"')
        return err_set(e, ERR_SYNTAX, "the quoted local part does not end");
    *ret = slice_of(out, n);
    return 0;
}

static struct slice quote(struct slice in, struct arena *a)
{
    char *out = arena_new(a, char, 2 * in.n + 2);
    size_t n = 0;
    if (!out)
        return SNONE;
    out[n++] = '"';
    for (size_t i = 0; i < in.n; i++) {
        if (in.p[i] == '"' || in.p[i] == '\\')
            out[n++] = '\\';
        out[n++] = in.p[i];
    }
    out[n++] = '"';
    return slice_of(out, n);
}

static int local_normal(struct slice in, struct arena *a, struct address_normal *ret, struct err *e)
{
    struct slice text;
    bool quoted = in.n && in.p[0] == '"';
    if (!in.n || in.n > 2 * LOCAL_MAX)
        return err_set(e, ERR_SYNTAX, "the local part is empty or too long");
    if (unquote(in, a, &text, e) || nfc(text, a, &text, e))
        return -1;
    if (!text.n || text.n > LOCAL_MAX)
        return err_set(e, ERR_SYNTAX, "the local part is empty or over %d bytes", LOCAL_MAX);
    if (!is_dot_string(text)) {
        if (!quoted)
            return err_set(e, ERR_SYNTAX, "the local part needs quotes");
        text = quote(text, a);
    }
    ret->as_is = text;
    char *low = text.p ? arena_cstr(a, text) : NULL;
    if (!low)
        return err_set(e, ERR_BUSY, "address: out of memory");
    for (size_t i = 0; i < text.n; i++)
        low[i] = ascii_lower(low[i]);
    ret->local = slice_of(low, text.n);
    return 0;
}

/* Letters, digits, hyphens inside, underscores (seen in the wild); labels of 1 to 63. */
static bool is_host_name(struct slice s)
{
    size_t label = 0;
    if (!s.n || s.n > DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool edge = label == 0 || i + 1 == s.n || s.p[i + 1] == '.';
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if ((ascii_alpha(c) || ascii_digit(c) || c == '_' || (c == '-' && !edge)) &&
                   ++label <= LABEL_MAX) {
            continue;
        } else {
            return false;
        }
    }
    return label > 0;
}

int domain_normal(struct slice in, struct arena *a, struct slice *ret, struct err *e)
{
    if (!in.n)
        return err_set(e, ERR_SYNTAX, "the domain name is empty");
    if (in.n > 4 * DOMAIN_MAX || !utf8_valid(in) || has_control(in))
        return err_set(e, ERR_SYNTAX, "this is not a domain name");
    char *text = arena_cstr(a, in);
    if (!text)
        return err_set(e, ERR_BUSY, "domain: out of memory");
    struct slice name = slice_of(text, in.n);
    if (!ascii_only(in)) {
        uint8_t *ascii = NULL;
        int r =
            idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
        if (r != IDN2_OK)
            return err_set(e, ERR_SYNTAX, "domain name: %s", idn2_strerror(r));
        text = arena_cstr(a, slice_str((const char *)ascii));
        idn2_free(ascii);
        if (!text)
            return err_set(e, ERR_BUSY, "domain: out of memory");
        name = slice_str(text);
    }
    if (!is_host_name(name))
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is not a domain name", SARG(in));
    for (size_t i = 0; i < name.n; i++)
        text[i] = ascii_lower(text[i]);
    *ret = name;
    return 0;
}

int address_normal(struct slice in, struct arena *a, struct address_normal *ret, struct err *e)
{
    struct address_normal out;
    ptrdiff_t at = slice_rfind(in, '@');
    if (at < 0)
        return err_set(e, ERR_SYNTAX, "an address is local-part@domain");
    if (!utf8_valid(in) || has_control(in))
        return err_set(e, ERR_SYNTAX, "the address has bytes that none may have");
    if (domain_normal(slice_from(in, (size_t)at + 1), a, &out.domain, e) ||
        local_normal(slice_sub(in, 0, (size_t)at), a, &out, e))
        return -1;
    out.whole = arena_printf(a, "%.*s@%.*s", SARG(out.local), SARG(out.domain));
    out.given = arena_printf(a, "%.*s@%.*s", SARG(out.as_is), SARG(out.domain));
    if (!out.whole.p || !out.given.p)
        return err_set(e, ERR_BUSY, "address: out of memory");
    *ret = out;
    return 0;
}
