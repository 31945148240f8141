/* path_fuzz.c - paths and xtext: what is taken is spelled so that it is taken again as the same,
   and never holds a line end. The first byte gives the flags. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "proto/smtp/path.h"
#include "proto/smtp/xtext.h"

static void clean(struct slice s)
{
    BUG_IF(ascii_has_control(s) || !utf8_valid(s));
}

static void paths(struct slice in, unsigned flags)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct smtp_path path, again;
    struct slice rest = in;
    struct err e = {0};
    if (smtp_path_parse(&rest, flags, &a, &path, &e)) {
        BUG_IF(e.code == ERR_OK || e.text[0] != '5');
        return;
    }
    BUG_IF(rest.n > in.n || path.local.n > SMTP_LOCAL_MAX || path.domain.n > SMTP_DOMAIN_MAX);
    clean(path.address);
    BUG_IF(path.utf8 != !ascii_only(path.address));
    if (path.domain.n == 0)
        return; /* <> or <Postmaster> */
    BUG_IF(smtp_mailbox_parse(path.address, flags, &a, &again, NULL));
    BUG_IF(!slice_eq(again.local, path.local) || !slice_eq(again.domain, path.domain));
    BUG_IF(!slice_eq(again.address, path.address) || again.literal != path.literal);
}

static void xtext(struct slice in)
{
    BUF_SCOPE plain = {0};
    BUF_SCOPE coded = {0};
    BUF_SCOPE back = {0};
    xtext_encode(in, &coded);
    bool ok = xtext_decode(buf_slice(&coded), &back);
    BUG_IF(ok && !slice_eq(buf_slice(&back), in));
    if (xtext_decode(in, &plain))
        clean(buf_slice(&plain));
    buf_reset(&plain);
    if (xtext_decode_utf8_addr(in, &plain))
        clean(buf_slice(&plain));
    BUG_IF(coded.n > in.n * 3 || plain.n > in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n == 0)
        return 0;
    struct slice in = slice_of(d + 1, n - 1);
    paths(in, d[0] & 7);
    xtext(in);
    smtp_literal_valid(in);
    BUG_IF(smtp_domain_valid(in, false) && !smtp_domain_valid(in, true));
    return 0;
}
