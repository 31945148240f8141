/* resolver_answer_fuzz.c - MX and TXT answers of any bytes: hosts are names that DNS could know, in
   order, and texts are no longer than what came. The input is a list of records, two bytes of
   length in front of each. */
#include "base/fuzz.h"
#include "io/resolver_internal.h"

static void records_of(struct slice in, struct dns_records *r)
{
    r->n = 0;
    while (in.n >= 2 && r->n < DNS_RECORDS_MAX) {
        size_t n = (size_t)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1];
        r->data[r->n++] = slice_sub(in, 2, n + 2);
        in = slice_from(in, n + 2);
    }
}

static void mx(const struct dns_records *r)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct dns_mx *list;
    size_t n;
    bool null_mx;
    struct err e = {0};
    if (dns_mx_read(r, S("a.test"), &a, &list, &n, &null_mx, &e)) {
        BUG_IF(e.code == ERR_OK);
        return;
    }
    BUG_IF(n > r->n || (n == 0) != null_mx);
    for (size_t i = 0; i < n; i++) {
        struct slice wire;
        BUG_IF(i && list[i].preference < list[i - 1].preference);
        BUG_IF(slice_eq(list[i].host, S(".")) || dns_name_to_wire(list[i].host, &a, &wire));
    }
}

static void txt(const struct dns_records *r)
{
    ARENA_SCOPE a = {.limit = 16 << 20};
    struct slice *list;
    size_t n;
    struct err e = {0};
    if (dns_txt_read(r, &a, &list, &n, &e)) {
        BUG_IF(e.code != ERR_LIMIT);
        return;
    }
    BUG_IF(n != r->n);
    for (size_t i = 0; i < n; i++)
        BUG_IF(list[i].n > r->data[i].n);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct dns_records r;
    records_of(slice_of(d, n), &r);
    mx(&r);
    txt(&r);
    return 0;
}
