/* complete.c - the rules for one header as a table: where an address field's addresses point to,
   how often a field may stand. Whoever sends it can still mend it, so it is refused with a reason
   rather than sent on damaged (RFC 6409 3.2). */
#include "mail/complete.h"

#include "directory/directory.h"
#include "format/address.h"
#include "format/date.h"
#include "format/message.h"
#include "proto/smtp/path.h"

enum kind { TEXT, AUTHOR, TARGET, DATE, ID }; /* what the value is */

static const struct rule {
    struct slice name;
    enum kind kind;
    bool once; /* RFC 5322 3.6 */
} rules[] = {
    {S_INIT("From"), AUTHOR, true},
    {S_INIT("Sender"), AUTHOR, true},
    {S_INIT("Reply-To"), AUTHOR, true},
    {S_INIT("To"), TARGET, true},
    {S_INIT("Cc"), TARGET, true},
    {S_INIT("Bcc"), TARGET, true},
    {S_INIT("Date"), DATE, true},
    {S_INIT("Message-ID"), ID, true},
    {S_INIT("In-Reply-To"), TEXT, true},
    {S_INIT("References"), TEXT, true},
    {S_INIT("Subject"), TEXT, true},
    {S_INIT("Resent-From"), AUTHOR, false},
    {S_INIT("Resent-Sender"), AUTHOR, false},
    {S_INIT("Resent-To"), TARGET, false},
    {S_INIT("Resent-Cc"), TARGET, false},
    {S_INIT("Resent-Bcc"), TARGET, false},
};
enum { RULES = sizeof(rules) / sizeof(*rules), FROM = 0, SENDER = 1 };

struct checking {
    struct mail_wants wants;
    unsigned seen[RULES];
    size_t authors; /* mailboxes in From */
};

static const struct rule *rule_of(struct slice name)
{
    for (size_t i = 0; i < RULES; i++)
        if (slice_eqi(rules[i].name, name))
            return &rules[i];
    return NULL;
}

/* RFC 6409 4.2: a domain of one label is whole only when it is ours. */
static int check_domain(const struct rule *r, const struct smtp_path *path, struct err *e)
{
    struct err why = {0};
    if (path->literal || slice_find(path->domain, '.') >= 0)
        return 0;
    int ours = directory_domain_is_local(path->domain, &why);
    if (ours < 0 && why.code != ERR_SYNTAX)
        return err_set(e, ERR_BUSY, "4.3.0 Directory is not available");
    return ours > 0 ? 0
                    : err_set(e, ERR_SYNTAX, "5.1.%d The domain %.*s in %s is not fully qualified",
                              r->kind == AUTHOR ? 8 : 2, SARG(slice_sub(path->domain, 0, 60)),
                              r->name.p);
}

/* RFC 6409 5.1. */
static int check_address(const struct rule *r, const struct address *ad, struct err *e)
{
    ARENA_SCOPE a = {.limit = 64 * 1024};
    BUF_SCOPE spec = {.max = 4096};
    struct smtp_path path;
    struct err why = {0};
    address_spec(ad, &spec);
    if (spec.failed || smtp_mailbox_parse(buf_slice(&spec), SMTP_PATH_UTF8, &a, &path, &why))
        return err_set(e, ERR_SYNTAX, "5.1.%d Bad address in %s", r->kind == AUTHOR ? 7 : 3,
                       r->name.p);
    return check_domain(r, &path, e);
}

static int check_addresses(struct checking *c, const struct rule *r, struct slice value,
                           struct err *e)
{
    ARENA_SCOPE a = {.limit = 16 * MiB};
    struct address_list list;
    if (address_parse(value, 0, &a, &list) || list.cut)
        return err_set(e, ERR_LIMIT, "5.3.4 Too many addresses in %s", r->name.p);
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].kind != ADDRESS_MAILBOX)
            continue;
        c->authors += r == &rules[FROM];
        if (check_address(r, &list.items[i], e))
            return -1;
    }
    return 0;
}

/* RFC 5322 3.6.4, as far as any reader needs it: something@something in brackets, without blanks.
 */
static bool id_valid(struct slice value)
{
    ptrdiff_t from = slice_find(value, '<'), to = slice_rfind(value, '>');
    struct slice id =
        from >= 0 && to > from ? slice_sub(value, (size_t)from + 1, (size_t)to) : SNONE;
    ptrdiff_t at = slice_rfind(id, '@');
    for (size_t i = 0; i < id.n; i++)
        if ((unsigned char)id.p[i] <= 32 || id.p[i] == 127 || id.p[i] == '<' || id.p[i] == '>')
            return false;
    return at > 0 && at + 1 < (ptrdiff_t)id.n;
}

static int check_field(struct checking *c, const struct rule *r, const struct field *f,
                       struct err *e)
{
    struct date ignored;
    if (c->seen[r - rules]++ && r->once)
        return err_set(e, ERR_SYNTAX, "5.6.0 More than one %s field", r->name.p);
    if (r->kind == AUTHOR || r->kind == TARGET)
        return check_addresses(c, r, f->value, e);
    if (r->kind == DATE)
        c->wants.date = !date_parse(f->value, &ignored);
    else if (r->kind == ID)
        c->wants.message_id = !id_valid(f->value);
    return 0;
}

int mail_header_check(struct slice header, struct mail_wants *ret, struct err *e)
{
    struct checking c = {.wants = {.date = true, .message_id = true}};
    struct field f;
    size_t pos = 0;
    while (header_next(header, &pos, &f)) {
        const struct rule *r = rule_of(f.name);
        if (r && check_field(&c, r, &f, e))
            return -1;
    }
    c.wants.from = !c.seen[FROM];
    c.wants.sender = c.authors > 1 && !c.seen[SENDER];  /* RFC 5322 3.6.2 */
    c.wants.without = (uint64_t)1 << FIELD_RETURN_PATH; /* RFC 5321 4.4 */
    if (c.wants.date)
        c.wants.without |= (uint64_t)1 << FIELD_DATE;
    if (c.wants.message_id)
        c.wants.without |= (uint64_t)1 << FIELD_MESSAGE_ID;
    *ret = c.wants;
    return 0;
}
