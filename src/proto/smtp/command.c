/* command.c - the line, and the arguments of the commands that have simple ones. MAIL and RCPT with
   their parameters are in parameter.c. */
#include "proto/smtp/command.h"

#include "proto/smtp/xtext.h"

static struct slice trim_blanks(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_from(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool has_controls(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 32 && s.p[i] != '\t') || s.p[i] == 127)
            return true;
    return false;
}

/* RFC 5321 2.4, 4.1.1: a verb, and behind a blank its arguments. Trailing blanks are forgiven. */
int smtp_command_parse(struct slice line, struct smtp_command *ret, struct err *e)
{
    if (has_controls(line))
        return err_set(e, ERR_SYNTAX, "5.5.2 Control characters in the command");
    line = trim_blanks(line);
    size_t n = 0;
    while (n < line.n && (ascii_alpha(line.p[n]) || ascii_digit(line.p[n])))
        n++;
    if (n == 0 || (n < line.n && line.p[n] != ' ' && line.p[n] != '\t'))
        return err_set(e, ERR_SYNTAX, "5.5.2 Command not understood");
    ret->verb = slice_sub(line, 0, n);
    ret->args = trim_blanks(slice_from(line, n));
    return 0;
}

/* RFC 5321 4.1.1.1: "it is probably wise for servers to be prepared" for a text behind a literal.
 */
static struct slice literal_alone(struct slice args)
{
    ptrdiff_t blank = slice_find(args, ' ');
    struct slice first = blank < 0 ? args : slice_sub(args, 0, (size_t)blank);
    return smtp_literal_valid(first) ? first : args;
}

/* RFC 5321 4.1.1.1. */
int smtp_helo_parse(struct slice args, bool lenient, struct slice *ret, struct err *e)
{
    if (args.n == 0)
        return err_set(e, ERR_SYNTAX, "5.5.4 Say who you are: a domain or an address literal");
    args = literal_alone(args);
    if (args.n > SMTP_DOMAIN_MAX)
        return err_set(e, ERR_SYNTAX, "5.5.4 The name is too long");
    if (!smtp_domain_valid(args, false) && !smtp_literal_valid(args)) {
        if (!lenient)
            return err_set(e, ERR_SYNTAX, "5.5.4 Neither a domain nor an address literal");
        for (size_t i = 0; i < args.n; i++)
            if (args.p[i] <= 32 || args.p[i] == 127 || memchr("()<>\\\"", args.p[i], 6))
                return err_set(e, ERR_SYNTAX, "5.5.4 Neither a domain nor an address literal");
    }
    *ret = args;
    return 0;
}

/* RFC 3030 2. */
int smtp_bdat_parse(struct slice args, uint64_t *ret_size, bool *ret_last, struct err *e)
{
    ptrdiff_t blank = slice_find(args, ' ');
    struct slice number = blank < 0 ? args : slice_sub(args, 0, (size_t)blank);
    struct slice rest = blank < 0 ? SNONE : trim_blanks(slice_from(args, (size_t)blank));
    uint64_t size;
    if (slice_u64(number, &size) || size > INT64_MAX)
        return err_set(e, ERR_SYNTAX, "5.5.4 BDAT needs a size");
    if (rest.n && !slice_eqi(rest, S("LAST")))
        return err_set(e, ERR_SYNTAX, "5.5.4 Only LAST may follow the size");
    *ret_size = size;
    *ret_last = rest.n != 0;
    return 0;
}

/* RFC 4954 4. */
int smtp_auth_parse(struct slice args, struct slice *ret_mechanism, struct slice *ret_initial,
                    struct err *e)
{
    size_t n = 0;
    while (n < args.n && (ascii_alpha(args.p[n]) || ascii_digit(args.p[n]) || args.p[n] == '-' ||
                          args.p[n] == '_'))
        n++;
    struct slice initial = trim_blanks(slice_from(args, n));
    if (n == 0 || n > 20 || (n < args.n && args.p[n] != ' '))
        return err_set(e, ERR_SYNTAX, "5.5.4 AUTH needs the name of a mechanism");
    if (slice_find(initial, ' ') >= 0)
        return err_set(e, ERR_SYNTAX, "5.5.4 One initial response at most");
    *ret_mechanism = slice_sub(args, 0, n);
    *ret_initial = initial.n == 0 ? SNONE : slice_eq(initial, S("=")) ? S("") : initial;
    return 0;
}

int smtp_attribute_next(struct slice *args, struct arena *a, struct slice *ret_name,
                        struct slice *ret_value, struct err *e)
{
    struct slice rest = trim_blanks(*args);
    if (rest.n == 0)
        return 0;
    struct slice item = slice_cut(&rest, ' ');
    ptrdiff_t eq = slice_find(item, '=');
    if (eq <= 0)
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad attribute");
    BUF_SCOPE value = {.max = 1024};
    if (!xtext_decode(slice_from(item, (size_t)eq + 1), &value))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad value of an attribute");
    struct slice v = buf_slice(&value);
    if (slice_eqi(v, S("[UNAVAILABLE]")) || slice_eqi(v, S("[TEMPUNAVAIL]")))
        v = S("");
    *ret_value = arena_dup(a, v);
    if (!ret_value->p)
        return err_set(e, ERR_LIMIT, "5.5.4 Attributes are too long");
    *ret_name = slice_sub(item, 0, (size_t)eq);
    *args = rest;
    return 1;
}
