/* cmd_create.c - CREATE: RFC 9051 6.3.4, RFC 6154 3 (USE), RFC 8474 4.2 (MAILBOXID). */
#include "imap/cmds.h"
#include "imap/mailbox.h"

struct create {
    struct slice path;
    enum collection_role role;
};

/* "(USE (\Sent))"; this server has at most one special use for a mailbox. */
static int use(struct imap_parser *p, struct create *c)
{
    if (imap_expect(p, '('))
        return -1;
    if (!imap_accept_word(p, S("USE")))
        return imap_fail(p, "unknown CREATE parameter");
    if (imap_space(p) || imap_expect(p, '('))
        return -1;
    for (size_t n = 0; imap_peek(p) == '\\'; n++) {
        size_t from = p->at++;
        struct slice word;
        if (imap_atom(p, &word))
            return -1;
        c->role = n ? ROLE_NONE : role_from_special_use(slice_sub(p->text, from, p->at));
        if (c->role == ROLE_NONE || c->role == ROLE_INBOX)
            c->role = ROLE_INBOX; /* stands for "cannot": refused when it runs */
        if (!imap_accept(p, ' '))
            break;
    }
    return imap_expect(p, ')') || imap_expect(p, ')') ? -1 : 0;
}

int cmd_create_parse(struct request *r, struct imap_parser *p)
{
    struct create *c = request_new_of(r, struct create, 1);
    if (!c || imap_space(p) || imap_mailbox(p, &c->path))
        return -1;
    /* A separator at the end says that names below will come; it is not part of the name. */
    if (c->path.n > 1 && c->path.p[c->path.n - 1] == '/')
        c->path.n--;
    r->args = c;
    return imap_accept(p, ' ') ? use(p, c) : 0;
}

enum cmd_next cmd_create(struct request *r, struct txn *t)
{
    struct create *c = r->args;
    uint64_t id;
    if (c->role == ROLE_INBOX) {
        r->code = "USEATTR";
        return request_fail(r, ERR_UNSUPPORTED, "No such special use");
    }
    if (collection_create(t, c->path, COLLECTION_MAILBOX, c->role, &id, &r->job.err)) {
        if (r->job.err.code == ERR_CONFLICT) /* another mailbox has that use */
            r->code = "USEATTR";
        return CMD_FAIL;
    }
    mailbox_tell_oldname(r, t, id, c->path, false);
    r->code = arena_printf(&r->arena, "MAILBOXID (F%llu)", (unsigned long long)id).p;
    return CMD_DONE;
}
