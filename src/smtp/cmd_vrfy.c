/* cmd_vrfy.c - VRFY and EXPN: RFC 5321 3.5 and 7.3. Strangers are not told who has a mailbox here
   and who is in a list: that MUST be 252, whatever the argument. With smtp.verify = login those who
   have logged in get true answers: an address that was looked up, or the members of a list. */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/resolve.h"
#include "smtp/session.h"
#include "smtp/settings.h"

enum { ARENA_MAX = 4 * 1024 * 1024, REPLY_MAX = 60 * 1024 };

struct verify_job {
    struct smtp_job base;
    struct arena arena;
    struct smtp_path path;
    struct delivery_target *targets;
    size_t n;
    bool expand, utf8;
};

bool smtp_session_verifies(const struct smtp_session *s)
{
    return s->logged_in && slice_eq(slice_str(setting_text(&set_smtp_verify)), S("login"));
}

static void job_clear(struct smtp_job *base)
{
    arena_reset(&list_entry(base, struct verify_job, base)->arena);
}

static enum job_next resolve(struct job *job, struct txn *txn)
{
    struct verify_job *j = list_entry(job, struct verify_job, base.job);
    (void)txn;
    mail_resolve(j->path.address, false, &j->arena, &j->targets, &j->n, &job->err);
    return JOB_DONE;
}

/* RFC 5321 3.5.2: addresses in pointed brackets, one a line. */
static void add_members(const struct verify_job *j, struct buf *text)
{
    for (size_t i = 0; i < j->n && text->n < REPLY_MAX; i++)
        buf_addf(text, "%s<%.*s>", i ? "\n" : "", SARG(j->targets[i].address));
}

static void resolved(struct smtp_session *s, struct smtp_job *base)
{
    struct verify_job *j = list_entry(base, struct verify_job, base);
    const struct err *e = &base->job.err;
    BUF_SCOPE text = {0};
    if (e->code == ERR_UNSUPPORTED) { /* a domain of others */
        smtp_session_reply(s, 252, "2.5.0", "Not a domain of this server");
        return;
    }
    if (e->code) {
        smtp_session_refuse(s, e->text[0] == '5' ? 550 : 451, "4.3.0", e);
        return;
    }
    if (j->expand)
        add_members(j, &text);
    else
        buf_addf(&text, "<%.*s>", SARG(j->path.address));
    if (text.n >= REPLY_MAX)
        smtp_session_reply(s, 252, "2.5.0", "There are too many to name");
    else if (!ascii_only(buf_slice(&text))) /* RFC 6531 3.7.4.2, X.6.8 of its section 4.4 */
        smtp_session_reply(s, 252, "2.6.8", "The answer is not ASCII");
    else
        smtp_session_reply(s, 250, "2.1.5", "%.*s", SARG(buf_slice(&text)));
}

/* "user", "user@domain" or either in brackets: a name alone is one of the asker's own domain. */
static int read_name(struct smtp_session *s, struct slice name, struct verify_job *j, struct err *e)
{
    struct slice own = slice_str(s->who.address);
    ptrdiff_t at = slice_rfind(own, '@');
    unsigned flags = j->utf8 ? SMTP_PATH_UTF8 : 0;
    if (name.n > 2 && name.p[0] == '<' && name.p[name.n - 1] == '>')
        name = slice_sub(name, 1, name.n - 1);
    if (slice_rfind(name, '@') < 0)
        name = arena_printf(&j->arena, "%.*s%.*s", SARG(name),
                            SARG(at < 0 ? SNONE : slice_from(own, (size_t)at)));
    return smtp_mailbox_parse(name, flags, &j->arena, &j->path, e);
}

static void look_up(struct smtp_session *s, struct slice name, bool expand, bool utf8)
{
    struct verify_job *j = calloc(1, sizeof(*j));
    struct err e = {0};
    BUG_IF(!j);
    j->arena.limit = ARENA_MAX;
    j->expand = expand;
    j->utf8 = utf8;
    j->base.clear = job_clear;
    if (read_name(s, name, j, &e)) {
        smtp_session_refuse(s, 501, "5.1.3", &e);
        job_clear(&j->base);
        free(j);
        return;
    }
    smtp_session_run(s, &j->base, PLACE_READ, resolve, resolved);
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
