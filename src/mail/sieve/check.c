/* check.c - what strings of scripts have to be. */
#include "base/utf8.h"
#include "format/address.h"
#include "mail/sieve/compile.h"

bool sieve_is_field_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || s.p[i] == ':')
            return false;
    return s.n > 0;
}

bool sieve_is_address(struct slice s)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct address_list l;
    if (s.n > 1000 || ascii_has_control(s) || address_parse(s, 2, &a, &l) || l.n != 1 || l.cut)
        return false;
    const struct address *ad = &l.items[0];
    if (ad->kind != ADDRESS_MAILBOX || !ad->local.n || !ad->domain.n || ad->local.n > 256)
        return false;
    for (size_t i = 0; i < ad->domain.n; i++)
        if (ad->domain.p[i] == ' ' || ad->domain.p[i] == '@')
            return false;
    return slice_find(ad->local, ' ') < 0 || slice_find(s, '"') >= 0;
}

bool sieve_is_mailbox(struct slice s)
{
    return s.n > 0 && s.n <= 4096 && !ascii_has_control(s) && utf8_valid(s);
}

/* RFC 5804 1.6; no path either. */
bool sieve_is_script_name(struct slice s)
{
    if (!s.n || s.n > 512 || !utf8_valid(s))
        return false;
    for (size_t at = 0; at < s.n;) {
        uint32_t c;
        at += utf8_next(s.p + at, s.n - at, &c);
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == '/')
            return false;
    }
    return s.p[0] != '.';
}

bool sieve_is_special_use(struct slice s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("(){%*\"\\]", s.p[i]))
            return false;
    return s.n > 1 && s.p[0] == '\\';
}

int sieve_check_mailbox(struct sieve_compiler *c)
{
    static const enum sieve_slot with_fcc[] = {SLOT_CREATE, SLOT_FLAGS, SLOT_MAILBOX_ID,
                                               SLOT_SPECIAL_USE};
    bool sends = c->command->uses & USES_SENDS;
    for (size_t i = 0; i < sizeof(with_fcc) / sizeof(with_fcc[0]); i++)
        if (sends && sieve_given(c, with_fcc[i]) && !sieve_given(c, SLOT_FCC))
            return sieve_wrong(c, c->source[with_fcc[i]].at, "this argument goes with \":fcc\"");
    if (sieve_given(c, SLOT_MAILBOX_ID) && sieve_given(c, SLOT_SPECIAL_USE))
        return sieve_wrong(c, c->source[SLOT_SPECIAL_USE].at,
                           "\":mailboxid\" and \":specialuse\" exclude each other");
    if (sieve_check_each(c, SLOT_FCC, sieve_is_mailbox, "the name of a mailbox"))
        return -1;
    return sieve_check_each(c, SLOT_SPECIAL_USE, sieve_is_special_use,
                            "a special use such as \\Junk");
}
