/* cmd_vrfy.c - VRFY and EXPN: RFC 5321 3.5 and 7.3. Strangers are not told who has a mailbox here
   and who is in a list: that MUST be 252, whatever the argument. With smtp.verify = login those who
   have logged in get true answers: an address that was looked up, or the members of a list. */
#include "base/utf8.h"
#include "smtp/session.h"
#include "smtp/settings.h"

enum { ARENA_MAX = 64 * 1024 };

bool smtp_session_verifies(const struct smtp_session *s)
{
    return s->logged_in && slice_eq(slice_str(setting_text(&set_smtp_verify)), S("login"));
}

static void verified(struct smtp_session *s, const struct desk_answer *a)
{
    const struct err *e = &a->err;
    if (e->code == ERR_UNSUPPORTED) /* a domain of others */
        smtp_session_reply(s, 252, "2.5.0", "Not a domain of this server");
    else if (e->code)
        smtp_session_refuse(s, e->text[0] == '5' ? 550 : 451, "4.3.0", e);
    else if (a->text.n == 0)
        smtp_session_reply(s, 252, "2.5.0", "There are too many to name");
    else if (!ascii_only(a->text)) /* RFC 6531 3.7.4.2, X.6.8 of its section 4.4 */
        smtp_session_reply(s, 252, "2.6.8", "The answer is not ASCII");
    else
        smtp_session_reply(s, 250, "2.1.5", "%.*s", SARG(a->text));
}

/* "user", "user@domain" or either in brackets: a name alone is one of the asker's own domain. */
static int read_name(struct smtp_session *s, struct slice name, bool utf8, struct arena *a,
                     struct smtp_path *ret, struct err *e)
{
    struct slice own = slice_str(s->who.address);
    ptrdiff_t at = slice_rfind(own, '@');
    if (name.n > 2 && name.p[0] == '<' && name.p[name.n - 1] == '>')
        name = slice_sub(name, 1, name.n - 1);
    if (slice_rfind(name, '@') < 0)
        name = arena_printf(a, "%.*s%.*s", SARG(name),
                            SARG(at < 0 ? SNONE : slice_from(own, (size_t)at)));
    return smtp_mailbox_parse(name, utf8 ? SMTP_PATH_UTF8 : 0, a, ret, e);
}

static void look_up(struct smtp_session *s, struct slice name, bool expand, bool utf8)
{
    ARENA_SCOPE a = {.limit = ARENA_MAX};
    struct smtp_path path;
    struct err e = {0};
    if (read_name(s, name, utf8, &a, &path, &e))
        smtp_session_refuse(s, 501, "5.1.3", &e);
    else
        smtp_session_ask(s,
                         &(struct desk_question){.verb = DESK_VERIFY,
                                                 .recipient.address = path.address,
                                                 .expand = expand},
                         verified);
}

/* RFC 6531 3.7.4.2: an argument that is not ASCII says so behind it. */
static void answer(struct smtp_session *s, struct slice args, const char *verb, bool expand)
{
    bool utf8 = args.n > 9 && slice_eqi(slice_from(args, args.n - 9), S(" SMTPUTF8"));
    struct slice name = slice_trim(slice_sub(args, 0, utf8 ? args.n - 9 : args.n));
    BUF_SCOPE text = {0};
    buf_addf(&text, "%s needs an argument in ASCII", verb);
    if (name.n == 0 || (utf8 ? !utf8_valid(name) : !ascii_only(name)))
        smtp_session_error(s, 501, "5.5.4", buf_cstr(&text));
    else if (smtp_session_verifies(s))
        look_up(s, name, expand, utf8);
    else
        smtp_session_reply(s, 252, "2.5.0", "Send the message and see");
}

void smtp_cmd_vrfy(struct smtp_session *s, struct slice args)
{
    answer(s, args, "VRFY", false);
}

void smtp_cmd_expn(struct smtp_session *s, struct slice args)
{
    answer(s, args, "EXPN", true);
}
