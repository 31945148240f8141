/* actions.c - the list of what is to be done: limits, what excludes what, what is said twice.
   RFC 5228 2.10.3 to 2.10.5, RFC 5429 2.4, 2.5. */
#include <inttypes.h>

#include "base/utf8.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

const char *const sieve_do_names[SIEVE_DO_COUNT] = {
    [SIEVE_KEEP] = "keep",     [SIEVE_FILEINTO] = "fileinto", [SIEVE_REDIRECT] = "redirect",
    [SIEVE_REJECT] = "reject", [SIEVE_EREJECT] = "ereject",   [SIEVE_VACATION] = "vacation",
    [SIEVE_NOTIFY] = "notify",
};

struct sieve_action *sieve_act(struct sieve_runner *r, enum sieve_do what, bool keeps)
{
    struct sieve_outcome *o = r->out;
    if (o->n >= r->limits->actions) {
        sieve_fail(r, ERR_LIMIT, "the script does more than %u actions", r->limits->actions);
        return NULL;
    }
    if (o->n == r->cap_actions) {
        struct sieve_action *more =
            arena_new(r->arena, struct sieve_action, (size_t)r->cap_actions * 2);
        if (!more) {
            sieve_fail_memory(r);
            return NULL;
        }
        memcpy(more, o->actions, o->n * sizeof(*more));
        o->actions = more;
        r->cap_actions *= 2;
    }
    struct sieve_action *a = &o->actions[o->n];
    *a = (struct sieve_action){.what = what, .line = r->line};
    a->script = r->frame ? r->frame->script : r->in->script_name;
    a->edited = r->mail.edited;
    if (sieve_mail_write(r, &a->header, &a->body))
        return NULL;
    r->kept |= !keeps;
    return a;
}

int sieve_mailbox_args(struct sieve_runner *r, const struct sieve_call *c, struct slice name,
                       struct sieve_mailbox *ret)
{
    *ret = (struct sieve_mailbox){.name = name, .create = sieve_has(c, SLOT_CREATE)};
    if (sieve_string(r, c, SLOT_MAILBOX_ID, &ret->id) ||
        sieve_string(r, c, SLOT_SPECIAL_USE, &ret->special_use))
        return -1;
    if (ret->special_use.p && !sieve_is_special_use(ret->special_use))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no special use",
                          (int)(ret->special_use.n > 60 ? 60 : ret->special_use.n),
                          ret->special_use.p);
    if (sieve_has(c, SLOT_FLAGS)) {
        struct sieve_list given;
        if (sieve_strings(r, c, SLOT_FLAGS, &given) || sieve_flags_normal(r, &given, &ret->flags))
            return -1;
        ret->has_flags = true;
    }
    return 0;
}

int sieve_fcc_args(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a)
{
    struct slice name;
    if (sieve_string(r, c, SLOT_FCC, &name))
        return -1;
    a->fcc = name.p;
    if (a->fcc && !sieve_is_mailbox(name))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a mailbox",
                          (int)(name.n > 80 ? 80 : name.n), name.p);
    return a->fcc ? sieve_mailbox_args(r, c, name, &a->mailbox) : 0;
}

static bool same_text(struct slice a, struct slice b)
{
    return !a.p == !b.p && slice_eq(a, b);
}

/* A second one of these would do nothing that the first has not done; with another header it is the
   same message all the same (RFC 5293 7). */
static bool same(const struct sieve_action *a, const struct sieve_action *b)
{
    if (a->what != b->what)
        return false;
    if (a->what == SIEVE_NOTIFY) /* RFC 5436 2.7 */
        return slice_eq(a->to, b->to) && slice_eq(a->text, b->text);
    if (a->what == SIEVE_REDIRECT)
        return a->list == b->list && slice_eqi(a->to, b->to);
    if (a->what != SIEVE_FILEINTO && a->what != SIEVE_KEEP)
        return false;
    return slice_eq(a->mailbox.name, b->mailbox.name) && same_text(a->mailbox.id, b->mailbox.id) &&
           same_text(a->mailbox.special_use, b->mailbox.special_use);
}

static bool refuses(const struct sieve_action *a)
{
    return a->what == SIEVE_REJECT || a->what == SIEVE_EREJECT;
}

/* RFC 5429 2.4: refused mail is neither delivered nor answered. */
static int check_conflict(struct sieve_runner *r, const struct sieve_action *a)
{
    for (size_t i = 0; i < r->out->n; i++) {
        const struct sieve_action *b = &r->out->actions[i];
        bool conflict =
            (refuses(a) && b->what != SIEVE_NOTIFY) || (refuses(b) && a->what != SIEVE_NOTIFY);
        if (conflict)
            return sieve_fail(r, ERR_CONFLICT, "%s does not go with %s (line %u)",
                              sieve_do_names[a->what], sieve_do_names[b->what], b->line);
    }
    return 0;
}

int sieve_act_done(struct sieve_runner *r, struct sieve_action *a)
{
    struct sieve_outcome *o = r->out;
    for (size_t i = 0; i < o->n; i++) {
        struct sieve_action *b = &o->actions[i];
        if (!same(a, b))
            continue;
        if (a->mailbox.has_flags) { /* the last one says which flags (RFC 5232 5) */
            b->mailbox.flags = a->mailbox.flags;
            b->mailbox.has_flags = true;
        }
        b->mailbox.create |= a->mailbox.create;
        return 0;
    }
    if (check_conflict(r, a))
        return -1;
    if (a->what == SIEVE_REDIRECT && ++r->redirects > r->limits->redirects)
        return sieve_fail(r, ERR_LIMIT, "the script redirects more than %u times",
                          r->limits->redirects);
    if (a->what == SIEVE_NOTIFY && ++r->notices > r->limits->notices)
        return sieve_fail(r, ERR_LIMIT, "the script notifies more than %u times",
                          r->limits->notices);
    o->n++;
    return 0;
}

/* --- for people --- */

static void write_text(const char *before, struct slice s, struct buf *out)
{
    buf_adds(out, before);
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n')
            buf_adds(out, "\\n");
        else if (s.p[i] == '"' || s.p[i] == '\\')
            buf_addf(out, "\\%c", s.p[i]);
        else if (s.p[i] != '\r')
            buf_addc(out, ascii_is_control(s.p[i]) ? ' ' : s.p[i]);
    }
    buf_addc(out, '"');
}

static void write_given(const char *before, struct slice s, struct buf *out)
{
    if (s.p)
        write_text(before, s, out);
}

static void write_list(const char *before, const struct sieve_list *l, struct buf *out)
{
    buf_adds(out, before);
    for (size_t i = 0; i < l->n; i++)
        buf_addf(out, "%s%.*s", i ? " " : "", SARG(l->items[i]));
    buf_addc(out, ')');
}

static void write_mailbox(const struct sieve_mailbox *m, struct buf *out)
{
    write_text(" ", m->name, out);
    write_given(" id ", m->id, out);
    write_given(" use ", m->special_use, out);
    if (m->has_flags)
        write_list(" flags (", &m->flags, out);
    if (m->create)
        buf_adds(out, " create");
}

static void write_redirect(const struct sieve_action *a, struct buf *out)
{
    write_text(a->list ? " list " : " ", a->to, out);
    write_given(" notify ", a->dsn_notify, out);
    write_given(" ret ", a->dsn_ret, out);
    if (a->by)
        buf_addf(out, " by %" PRId64 "%c%s", a->by_seconds, a->by_mode, a->by_trace ? "T" : "");
}

static void write_vacation(const struct sieve_action *a, struct buf *out)
{
    write_text(" to ", a->to, out);
    write_given(" subject ", a->subject, out);
    write_given(" from ", a->from, out);
    buf_addf(out, " for %" PRIu64 "s%s", a->seconds, a->mime ? " mime" : "");
    write_text(" ", a->text, out);
}

static void write_notify(const struct sieve_action *a, struct buf *out)
{
    write_text(" ", a->to, out);
    buf_addf(out, " importance %u", a->importance);
    write_given(" from ", a->from, out);
    if (a->options.n)
        write_list(" options (", &a->options, out);
    write_text(" ", a->text, out);
}

void sieve_outcome_write(const struct sieve_outcome *o, struct buf *out)
{
    for (size_t i = 0; i < o->n; i++) {
        const struct sieve_action *a = &o->actions[i];
        buf_adds(out, sieve_do_names[a->what]);
        if (a->what == SIEVE_KEEP && a->mailbox.has_flags)
            write_list(" flags (", &a->mailbox.flags, out);
        else if (a->what == SIEVE_FILEINTO)
            write_mailbox(&a->mailbox, out);
        else if (a->what == SIEVE_REDIRECT)
            write_redirect(a, out);
        else if (refuses(a))
            write_text(" ", a->text, out);
        else if (a->what == SIEVE_VACATION)
            write_vacation(a, out);
        else if (a->what == SIEVE_NOTIFY)
            write_notify(a, out);
        if (a->fcc) {
            buf_adds(out, " fcc");
            write_mailbox(&a->mailbox, out);
        }
        buf_adds(out, a->edited ? " edited\n" : "\n");
    }
    if (!o->n)
        buf_adds(out, "discard\n");
    for (size_t i = 0; i < o->silent.n; i++)
        buf_addf(out, "no vacation: %.*s\n", SARG(o->silent.items[i]));
    if (o->failed)
        buf_addf(out, "error line %u: %s\n", o->line, o->error.text);
}
