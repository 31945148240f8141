/* parameter.c - MAIL and RCPT with their parameters. Each parameter is a row: where it may stand,
   which offer it needs, and the function that reads its value. A parameter given twice is an error,
   and so is a value where none belongs or none where one must be. */
#include "proto/smtp/command.h"

#include "base/utf8.h"
#include "proto/smtp/xtext.h"

enum where { IN_MAIL = 1, IN_RCPT = 2 };

struct target {
    struct smtp_mail *mail;
    struct smtp_rcpt *rcpt;
    struct arena *a;
    bool utf8;
};

/* RFC 1870 6.1. */
static int read_size(struct slice v, struct target *t, struct err *e)
{
    if (slice_u64(v, &t->mail->size) || v.n > 20)
        return err_set(e, ERR_SYNTAX, "5.5.4 SIZE needs a number");
    return 0;
}

/* RFC 6152 3, RFC 3030 3. */
static int read_body(struct slice v, struct target *t, struct err *e)
{
    static const struct slice names[] = {S_INIT("7BIT"), S_INIT("8BITMIME"), S_INIT("BINARYMIME")};
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (slice_eqi(v, names[i])) {
            t->mail->body = (enum smtp_body)i;
            return 0;
        }
    return err_set(e, ERR_SYNTAX, "5.5.4 BODY must be 7BIT, 8BITMIME or BINARYMIME");
}

/* RFC 6531 3.4: no value. */
static int read_smtputf8(struct slice v, struct target *t, struct err *e)
{
    if (v.p)
        return err_set(e, ERR_SYNTAX, "5.5.4 SMTPUTF8 has no value");
    t->mail->utf8 = true;
    return 0;
}

/* RFC 3461 4.3. */
static int read_ret(struct slice v, struct target *t, struct err *e)
{
    t->mail->ret = slice_eqi(v, S("FULL"))   ? SMTP_RET_FULL
                   : slice_eqi(v, S("HDRS")) ? SMTP_RET_HDRS
                                             : SMTP_RET_NONE;
    return t->mail->ret ? 0 : err_set(e, ERR_SYNTAX, "5.5.4 RET must be FULL or HDRS");
}

/* RFC 3461 4.4: at most 100 characters as they stand. */
static int read_envid(struct slice v, struct target *t, struct err *e)
{
    BUF_SCOPE text = {.max = 100};
    if (v.n > 100 || !xtext_decode(v, &text) || !ascii_only(buf_slice(&text)))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad ENVID");
    t->mail->envid = arena_dup(t->a, buf_slice(&text));
    return t->mail->envid.p ? 0 : err_set(e, ERR_LIMIT, "5.5.4 Too much");
}

/* RFC 4954 5: "<>" or a mailbox. */
static int read_auth(struct slice v, struct target *t, struct err *e)
{
    BUF_SCOPE text = {.max = 500};
    struct smtp_path path;
    if (!xtext_decode(v, &text))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad AUTH parameter");
    struct slice s = buf_slice(&text);
    if (!slice_eq(s, S("<>")) &&
        smtp_mailbox_parse(s, t->utf8 ? SMTP_PATH_UTF8 : 0, t->a, &path, NULL))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad AUTH parameter");
    t->mail->auth = arena_dup(t->a, s);
    return t->mail->auth.p ? 0 : err_set(e, ERR_LIMIT, "5.5.4 Too much");
}

/* RFC 3461 4.1: NEVER stands alone, the others in any order, each once. */
static int read_notify(struct slice v, struct target *t, struct err *e)
{
    static const struct {
        struct slice name;
        unsigned bit;
    } names[] = {
        {S_INIT("NEVER"), SMTP_NOTIFY_NEVER},
        {S_INIT("SUCCESS"), SMTP_NOTIFY_SUCCESS},
        {S_INIT("FAILURE"), SMTP_NOTIFY_FAILURE},
        {S_INIT("DELAY"), SMTP_NOTIFY_DELAY},
    };
    unsigned bits = 0;
    while (v.p) {
        struct slice word = slice_cut(&v, ',');
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
            if (slice_eqi(word, names[i].name))
                bit = names[i].bit;
        if (bit == 0 || bits & bit)
            return err_set(e, ERR_SYNTAX, "5.5.4 Bad NOTIFY");
        bits |= bit;
    }
    if (bits == 0 || (bits & SMTP_NOTIFY_NEVER && bits != SMTP_NOTIFY_NEVER))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad NOTIFY");
    t->rcpt->notify = bits;
    return 0;
}

/* RFC 3461 4.2: addr-type ";" xtext, at most 500 characters; RFC 6533 3 for the type utf-8. */
static int read_orcpt(struct slice v, struct target *t, struct err *e)
{
    BUF_SCOPE text = {.max = 1024};
    struct slice address = v, type = slice_cut(&address, ';');
    bool good = v.n <= 500 && type.n && address.n;
    for (size_t i = 0; good && i < type.n; i++)
        good = ascii_alpha(type.p[i]) || ascii_digit(type.p[i]) || type.p[i] == '-';
    buf_add(&text, type);
    buf_addc(&text, ';');
    good = good && (slice_eqi(type, S("utf-8"))
                        ? xtext_decode_utf8_addr(address, &text)
                        : xtext_decode(address, &text) && ascii_only(buf_slice(&text)));
    if (!good)
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad ORCPT");
    t->rcpt->orcpt = arena_dup(t->a, buf_slice(&text));
    return t->rcpt->orcpt.p ? 0 : err_set(e, ERR_LIMIT, "5.5.4 Too much");
}

static const struct parameter {
    struct slice name;
    unsigned where, offer;
    bool has_value;
    int (*read)(struct slice v, struct target *t, struct err *e);
} parameters[] = {
    {S_INIT("SIZE"), IN_MAIL, SMTP_OFFER_SIZE, true, read_size},
    {S_INIT("BODY"), IN_MAIL, SMTP_OFFER_8BITMIME, true, read_body},
    {S_INIT("SMTPUTF8"), IN_MAIL, SMTP_OFFER_SMTPUTF8, false, read_smtputf8},
    {S_INIT("RET"), IN_MAIL, SMTP_OFFER_DSN, true, read_ret},
    {S_INIT("ENVID"), IN_MAIL, SMTP_OFFER_DSN, true, read_envid},
    {S_INIT("AUTH"), IN_MAIL, SMTP_OFFER_AUTH, true, read_auth},
    {S_INIT("NOTIFY"), IN_RCPT, SMTP_OFFER_DSN, true, read_notify},
    {S_INIT("ORCPT"), IN_RCPT, SMTP_OFFER_DSN, true, read_orcpt},
};

/* esmtp-param of RFC 5321 4.1.2, one off *s. 1: taken, 0: no more. */
static int next_parameter(struct slice *s, struct slice *name, struct slice *value, struct err *e)
{
    while (s->n && s->p[0] == ' ')
        *s = slice_from(*s, 1);
    if (s->n == 0)
        return 0;
    struct slice item = slice_cut(s, ' ');
    *name = slice_cut(&item, '=');
    *value = item;
    if (name->n == 0 || (value->p && value->n == 0))
        return err_set(e, ERR_SYNTAX, "5.5.4 Bad parameter");
    return 1;
}

static int read_parameters(struct slice s, enum where where, unsigned offer, struct target *t,
                           struct err *e)
{
    unsigned seen = 0;
    struct slice name, value;
    int more;
    while ((more = next_parameter(&s, &name, &value, e)) > 0) {
        const struct parameter *p = NULL;
        for (unsigned i = 0; i < sizeof(parameters) / sizeof(*parameters) && !p; i++)
            if (parameters[i].where & where && slice_eqi(parameters[i].name, name))
                p = &parameters[i];
        if (!p || !(offer & p->offer))
            return err_set(e, ERR_UNSUPPORTED, "5.5.4 Unsupported parameter %.*s",
                           SARG(slice_sub(name, 0, 40)));
        unsigned bit = 1u << (p - parameters);
        if (seen & bit)
            return err_set(e, ERR_SYNTAX, "5.5.4 %s is given twice", p->name.p);
        seen |= bit;
        if (p->has_value && !value.p)
            return err_set(e, ERR_SYNTAX, "5.5.4 %s needs a value", p->name.p);
        if (p->read(value, t, e))
            return -1;
    }
    return more;
}

/* "FROM:" or "TO:" and the blanks that some clients put behind it. */
static int take_keyword(struct slice *args, struct slice keyword, struct err *e)
{
    if (!slice_startsi(*args, keyword))
        return err_set(e, ERR_SYNTAX, "5.5.4 Expected %s<address>", keyword.p);
    *args = slice_from(*args, keyword.n);
    while (args->n && args->p[0] == ' ')
        *args = slice_from(*args, 1);
    return 0;
}

static int end_of_path(struct slice rest, struct err *e)
{
    if (rest.n && rest.p[0] != ' ')
        return err_set(e, ERR_SYNTAX, "5.5.4 Text behind the address");
    return 0;
}

/* RFC 5321 4.1.1.2. SMTPUTF8 decides how the path in front of it is read (RFC 6531 3.4), so the
   path is read with UTF-8 first and judged when the parameters are known. */
int smtp_mail_parse(struct slice args, unsigned offer, struct arena *a, struct smtp_mail *ret,
                    struct err *e)
{
    struct smtp_mail mail = {0};
    unsigned flags = SMTP_PATH_NULL | (offer & SMTP_OFFER_SMTPUTF8 ? SMTP_PATH_UTF8 : 0);
    struct target t = {.mail = &mail, .a = a, .utf8 = offer & SMTP_OFFER_SMTPUTF8};
    if (take_keyword(&args, S("FROM:"), e) || smtp_path_parse(&args, flags, a, &mail.from, e) ||
        end_of_path(args, e) || read_parameters(args, IN_MAIL, offer, &t, e))
        return -1;
    if (mail.from.utf8 && !mail.utf8)
        return err_set(e, ERR_SYNTAX, "5.6.7 A non-ASCII address needs SMTPUTF8");
    if (mail.body == SMTP_BODY_BINARYMIME && !(offer & SMTP_OFFER_BINARYMIME))
        return err_set(e, ERR_UNSUPPORTED, "5.5.4 BINARYMIME is not offered");
    *ret = mail;
    return 0;
}

/* RFC 5321 4.1.1.3. */
int smtp_rcpt_parse(struct slice args, unsigned offer, bool utf8, struct arena *a,
                    struct smtp_rcpt *ret, struct err *e)
{
    struct smtp_rcpt rcpt = {0};
    unsigned flags = SMTP_PATH_POSTMASTER | (utf8 ? SMTP_PATH_UTF8 : 0);
    struct target t = {.rcpt = &rcpt, .a = a, .utf8 = utf8};
    if (take_keyword(&args, S("TO:"), e) || smtp_path_parse(&args, flags, a, &rcpt.to, e) ||
        end_of_path(args, e) || read_parameters(args, IN_RCPT, offer, &t, e))
        return -1;
    *ret = rcpt;
    return 0;
}
