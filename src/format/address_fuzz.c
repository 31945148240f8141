/* address_fuzz.c - any text is an address list; what is written of it is read back as the same. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "format/address.h"
#include "format/msgid.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    struct slice in = slice_of(d, n);
    struct address_list l, again;
    struct msgid_list ids;
    int depth = 0;
    BUG_IF(address_parse(in, 100, &a, &l));
    for (size_t i = 0; i < l.n; i++) {
        const struct address *ad = &l.items[i];
        depth += ad->kind == ADDRESS_GROUP ? 1 : ad->kind == ADDRESS_GROUP_END ? -1 : 0;
        BUG_IF(depth < 0 || depth > 1);
        BUF_SCOPE name = {0};
        BUF_SCOPE text = {0};
        address_name(ad, &name);
        BUG_IF(!utf8_valid(buf_slice(&name)));
        if (ad->kind != ADDRESS_MAILBOX || !ad->local.n || !utf8_valid(ad->local) ||
            memchr(ad->local.p, '\r', ad->local.n) || memchr(ad->local.p, '\n', ad->local.n))
            continue;
        buf_addc(&text, '<');
        address_spec(&(struct address){.local = ad->local, .domain = S("x.test")}, &text);
        buf_addc(&text, '>');
        BUG_IF(address_parse(buf_slice(&text), 0, &a, &again) || again.n != 1);
        BUG_IF(!slice_eq(again.items[0].local, ad->local));
        BUG_IF(!slice_eq(again.items[0].domain, S("x.test")));
    }
    BUG_IF(depth != 0);
    BUG_IF(msgid_parse(in, &a, &ids));
    return 0;
}
