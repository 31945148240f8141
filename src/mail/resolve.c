/* resolve.c - the directory's answer, and what SMTP says about it. */
#include "mail/resolve.h"

#include "base/buf.h"
#include "base/setting.h"

SETTING_STR(mail, postmaster, "", NULL,
            "Address that gets the mail for postmaster of domains where there is no such account. "
            "Empty: the first administrator among the accounts.");

static int first_domain(struct slice name, struct slice alias_of, struct slice catch_all, void *arg)
{
    (void)alias_of;
    (void)catch_all;
    buf_add(arg, name);
    return 1;
}

static const struct {
    enum err_code code;
    const char *text;
} texts[] = {
    {ERR_NOTFOUND, "5.1.1 No such recipient here"},
    {ERR_UNSUPPORTED, "5.7.1 Relaying denied"},
    {ERR_NOPERM, "5.2.1 Mailbox is disabled"},
    {ERR_LIMIT, "5.2.4 Too many recipients behind this address"},
    {ERR_SYNTAX, "5.1.3 Bad recipient address"},
};

static int say(const struct err *why, struct err *e)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].code == why->code)
            return err_set(e, why->code, "%s", texts[i].text);
    return err_set(e, ERR_BUSY, "4.3.0 Directory is not available");
}

static int one_target(struct slice address, struct arena *a, struct delivery_target **ret,
                      size_t *ret_n, struct err *e)
{
    struct delivery_target *t = arena_new(a, struct delivery_target, 1);
    if (!t || !(t->address = arena_dup(a, address)).p)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    *ret = t;
    *ret_n = 1;
    return 0;
}

static int first_admin(const struct account_info *info, void *arg)
{
    if (!(info->flags & ACCOUNT_ADMIN) || info->flags & ACCOUNT_DISABLED)
        return 0;
    buf_add(arg, info->address);
    return 1;
}

/* RFC 5321 4.5.1: mail for postmaster MUST find somebody. */
static void find_postmaster(struct buf *out)
{
    buf_adds(out, setting_text(&set_mail_postmaster));
    if (out->n == 0)
        directory_each_account(S(""), first_admin, out, NULL);
}

int mail_resolve(struct slice recipient, bool relay, struct arena *a, struct delivery_target **ret,
                 size_t *ret_n, struct err *e)
{
    BUF_SCOPE whole = {.max = 1024};
    struct err why = {0};
    bool bare = slice_eqi(recipient, S("postmaster"));
    if (bare) {
        buf_add(&whole, S("postmaster@"));
        directory_each_domain(first_domain, &whole, &why);
        recipient = buf_slice(&whole);
    }
    if (directory_resolve(recipient, a, ret, ret_n, &why) == 0)
        return 0;
    if (why.code == ERR_UNSUPPORTED && relay && !bare)
        return one_target(recipient, a, ret, ret_n, e);
    if (slice_startsi(recipient, S("postmaster@")) && (why.code == ERR_NOTFOUND || bare)) {
        BUF_SCOPE found = {.max = 1024};
        find_postmaster(&found);
        struct slice postmaster = buf_slice(&found);
        if (postmaster.n == 0)
            return say(&why, e);
        if (directory_resolve(postmaster, a, ret, ret_n, &why) == 0)
            return 0;
        if (why.code == ERR_UNSUPPORTED)
            return one_target(postmaster, a, ret, ret_n, e);
    }
    return say(&why, e);
}
