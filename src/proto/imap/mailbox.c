/* mailbox.c - mailbox names in commands, as UTF-8. RFC 9051 5.1, RFC 3501 5.1.3. In a session
   without UTF-8 a name is modified UTF-7 however it is written; with it, names are UTF-8 and '&' is
   an ordinary character. Whether a name may exist is the store's to say; one that is no name at all
   is ERR_UNSUPPORTED, for it is not the grammar that forbids it (NO, not BAD: RFC 9051 6.3.4). */
#include "base/utf8.h"
#include "format/mutf7.h"
#include "proto/imap/token.h"

enum { NAME_BYTES_MAX = 4096 };

static int no_name(struct imap_parser *p, size_t from, const char *why)
{
    return err_set(p->e, ERR_UNSUPPORTED, "the mailbox name %s at column %zu", why, from + 1);
}

static int name_decode(struct imap_parser *p, size_t from, struct slice s, struct slice *ret)
{
    if (s.n > NAME_BYTES_MAX)
        return no_name(p, from, "is too long");
    if (!p->utf8 && slice_find(s, '&') < 0 && ascii_only(s)) {
        *ret = s;
        return 0;
    }
    if (p->utf8) {
        if (!utf8_valid(s))
            return no_name(p, from, "is not UTF-8");
        *ret = s;
        return 0;
    }
    BUF_SCOPE name = {0};
    if (mutf7_decode(s, &name, NULL))
        return no_name(p, from, "is not modified UTF-7");
    *ret = arena_dup(p->arena, buf_slice(&name));
    return ret->p ? 0 : err_set(p->e, ERR_LIMIT, "the command needs too much memory");
}

int imap_mailbox(struct imap_parser *p, struct slice *ret)
{
    size_t from = p->at;
    struct slice s;
    if (imap_astring(p, &s) || name_decode(p, from, s, &s))
        return -1;
    if (slice_eqi(s, S("INBOX")))
        s = S("INBOX");
    *ret = s;
    return 0;
}

int imap_list_mailbox(struct imap_parser *p, struct slice *ret)
{
    size_t from = p->at;
    struct slice s;
    char c = imap_peek(p);
    if (c == '"' || c == '{') {
        if (imap_take_string(p, &s))
            return -1;
    } else {
        while (imap_is_astring_char(imap_peek(p)) || imap_peek(p) == '%' || imap_peek(p) == '*')
            p->at++;
        s = slice_sub(p->text, from, p->at);
        if (s.n == 0)
            return imap_fail(p, "expected a mailbox pattern");
    }
    if (name_decode(p, from, s, ret) == 0)
        return 0;
    if (p->e->code != ERR_UNSUPPORTED)
        return -1;
    /* RFC 9051 6.3.9: what no name can match is passed over without a word. */
    *p->e = (struct err){0};
    *ret = S("//");
    return 0;
}
