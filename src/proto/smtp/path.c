/* path.c - RFC 5321 4.1.2 and 4.1.3, RFC 6531 3.3. One pass over the text; nothing recurses and
   nothing is copied but what a quoted local part changes. */
#include "proto/smtp/path.h"

#include <arpa/inet.h>

#include "base/utf8.h"

static bool is_atext(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || (c && memchr("!#$%&'*+-/=?^_`{|}~", c, 19));
}

/* Length of one UTF-8 sequence beyond ASCII at the front of s, 0 when there is none. */
static size_t utf8_run(struct slice s)
{
    uint32_t cp;
    size_t n = s.n && (unsigned char)s.p[0] >= 0x80 ? utf8_next(s.p, s.n, &cp) : 0;
    return n && cp >= 0xA0 ? n : 0; /* no C1 controls */
}

/* RFC 5321 4.1.2 sub-domain: letters, digits and hyphens, no hyphen at the ends; RFC 6531 3.3 adds
   U-labels. */
static bool label_valid(struct slice s, bool utf8)
{
    if (s.n == 0 || s.n > SMTP_LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    while (s.n) {
        size_t n = ascii_alpha(s.p[0]) || ascii_digit(s.p[0]) || s.p[0] == '-' ? 1 : 0;
        if (n == 0 && utf8)
            n = utf8_run(s);
        if (n == 0)
            return false;
        s = slice_from(s, n);
    }
    return true;
}

bool smtp_domain_valid(struct slice s, bool utf8)
{
    if (s.n == 0 || s.n > SMTP_DOMAIN_MAX)
        return false;
    while (s.p)
        if (!label_valid(slice_cut(&s, '.'), utf8))
            return false;
    return true;
}

/* RFC 5321 4.1.3. General literals (a tag other than IPv6) are of no use to anybody and refused. */
bool smtp_literal_valid(struct slice s)
{
    char text[64];
    unsigned char raw[16];
    if (s.n < 3 || s.n >= sizeof(text) || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    struct slice inside = slice_sub(s, 1, s.n - 1);
    bool v6 = slice_startsi(inside, S("IPv6:"));
    if (v6)
        inside = slice_from(inside, 5);
    if (slice_find(inside, '\0') >= 0)
        return false;
    memcpy(text, inside.p, inside.n);
    text[inside.n] = '\0';
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, raw) == 1;
}

/* Quoted-string of 4.1.2: qtextSMTP is printable ASCII and the blank without quote and backslash.
   Takes it off *in with the quotes undone in *ret. */
static int take_quoted(struct slice *in, bool utf8, struct arena *a, struct slice *ret)
{
    struct slice s = slice_from(*in, 1);
    char *out = arena_new(a, char, s.n + 1);
    size_t n = 0;
    if (!out)
        return -1;
    while (s.n && s.p[0] != '"') {
        bool pair = s.p[0] == '\\';
        if (pair)
            s = slice_from(s, 1);
        if (s.n == 0)
            return -1;
        size_t run = s.p[0] >= 32 && s.p[0] <= 126 ? 1 : 0;
        if (run == 0 && utf8 && !pair)
            run = utf8_run(s);
        if (run == 0)
            return -1;
        memcpy(out + n, s.p, run);
        n += run;
        s = slice_from(s, run);
    }
    if (s.n == 0)
        return -1;
    *in = slice_from(s, 1);
    *ret = (struct slice){out, n};
    return 0;
}

static int take_dot_string(struct slice *in, bool utf8, struct slice *ret)
{
    struct slice s = *in;
    bool atom = false; /* inside an atom: a dot may follow */
    while (s.n) {
        size_t run = is_atext(s.p[0]) ? 1 : utf8 ? utf8_run(s) : 0;
        if (run == 0 && (s.p[0] != '.' || !atom))
            break;
        atom = run != 0;
        s = slice_from(s, run ? run : 1);
    }
    if (!atom)
        return -1;
    *ret = slice_sub(*in, 0, (size_t)(s.p - in->p));
    *in = s;
    return 0;
}

static bool needs_quotes(struct slice local)
{
    struct slice rest = local, dot;
    return take_dot_string(&rest, true, &dot) || rest.n;
}

/* The address in the one spelling that the rest of the program sees. */
static int spell(struct arena *a, struct smtp_path *path)
{
    BUF_SCOPE out = {.max = 2 * SMTP_LOCAL_MAX + SMTP_DOMAIN_MAX + 8};
    if (!needs_quotes(path->local)) {
        buf_add(&out, path->local);
    } else {
        buf_addc(&out, '"');
        for (size_t i = 0; i < path->local.n; i++) {
            if (path->local.p[i] == '"' || path->local.p[i] == '\\')
                buf_addc(&out, '\\');
            buf_addc(&out, path->local.p[i]);
        }
        buf_addc(&out, '"');
    }
    if (path->domain.n) {
        buf_addc(&out, '@');
        buf_add(&out, path->domain);
    }
    path->utf8 = !ascii_only(buf_slice(&out));
    path->address = arena_dup(a, buf_slice(&out));
    if (out.failed || !path->address.p)
        return -1;
    if (path->address.n && path->address.p[0] != '"')
        path->local = slice_sub(path->address, 0, path->local.n);
    path->domain = slice_from(path->address, path->address.n - path->domain.n);
    return 0;
}

static const char *domain_end(struct slice s)
{
    const char *p = s.p, *end = s.p + s.n;
    if (s.n && *p == '[')
        while (p < end && *p != ']')
            p++;
    while (p < end && *p != '>' && *p != ' ')
        p++;
    return p;
}

/* Mailbox of 4.1.2, taken off *in. */
static int take_mailbox(struct slice *in, unsigned flags, struct arena *a, struct smtp_path *ret,
                        struct err *e)
{
    bool utf8 = flags & SMTP_PATH_UTF8;
    struct smtp_path path = {0};
    int bad = in->n && in->p[0] == '"' ? take_quoted(in, utf8, a, &path.local)
                                       : take_dot_string(in, utf8, &path.local);
    if (bad)
        return err_set(e, ERR_SYNTAX, "5.1.3 Bad local part");
    if (path.local.n > SMTP_LOCAL_MAX)
        return err_set(e, ERR_SYNTAX, "5.1.3 Local part is too long");
    if (in->n && in->p[0] == '@') {
        *in = slice_from(*in, 1);
        const char *end = domain_end(*in);
        path.domain = slice_of(in->p, (size_t)(end - in->p));
        path.literal = path.domain.n && path.domain.p[0] == '[';
        if (path.literal ? !smtp_literal_valid(path.domain) : !smtp_domain_valid(path.domain, utf8))
            return err_set(e, ERR_SYNTAX, "5.1.3 Bad domain");
        *in = slice_from(*in, path.domain.n);
    } else if (!(flags & SMTP_PATH_POSTMASTER) || !slice_eqi(path.local, S("postmaster"))) {
        return err_set(e, ERR_SYNTAX, "5.1.3 Address needs a domain");
    }
    if (spell(a, &path))
        return err_set(e, ERR_LIMIT, "5.5.4 Address is too long");
    *ret = path;
    return 0;
}

/* RFC 5321 4.1.2 A-d-l, which a server MUST accept and SHOULD ignore (4.1.1.3). */
static int skip_route(struct slice *in, bool utf8, struct err *e)
{
    if (in->n == 0 || in->p[0] != '@')
        return 0;
    ptrdiff_t colon = slice_find(*in, ':');
    if (colon < 0)
        return err_set(e, ERR_SYNTAX, "5.1.3 Bad source route");
    struct slice route = slice_sub(*in, 0, (size_t)colon);
    while (route.p) {
        struct slice hop = slice_cut(&route, ',');
        if (hop.n < 2 || hop.p[0] != '@' || !smtp_domain_valid(slice_from(hop, 1), utf8))
            return err_set(e, ERR_SYNTAX, "5.1.3 Bad source route");
    }
    *in = slice_from(*in, (size_t)colon + 1);
    return 0;
}

int smtp_path_parse(struct slice *in, unsigned flags, struct arena *a, struct smtp_path *ret,
                    struct err *e)
{
    struct slice s = *in;
    struct smtp_path path = {.address = S("")};
    if (s.n == 0 || s.p[0] != '<')
        return err_set(e, ERR_SYNTAX, "5.1.3 Address must stand in <>");
    s = slice_from(s, 1);
    bool null = s.n && s.p[0] == '>';
    if (null && !(flags & SMTP_PATH_NULL))
        return err_set(e, ERR_SYNTAX, "5.1.3 Address is empty");
    if (!null &&
        (skip_route(&s, flags & SMTP_PATH_UTF8, e) || take_mailbox(&s, flags, a, &path, e)))
        return -1;
    if (s.n == 0 || s.p[0] != '>')
        return err_set(e, ERR_SYNTAX, "5.1.3 Address is not closed by >");
    *in = slice_from(s, 1);
    *ret = path;
    return 0;
}

int smtp_mailbox_parse(struct slice s, unsigned flags, struct arena *a, struct smtp_path *ret,
                       struct err *e)
{
    struct smtp_path path;
    if (take_mailbox(&s, flags, a, &path, e))
        return -1;
    if (s.n)
        return err_set(e, ERR_SYNTAX, "5.1.3 Text behind the address");
    *ret = path;
    return 0;
}
