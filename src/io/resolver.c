/* resolver.c - names on the wire, questions to the servers (resolver_ask.c) or the file of fixed
   answers (resolver_file.c), and the decoding of the answers. */
#include "io/resolver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/setting.h"
#include "io/resolver_internal.h"

SETTING_STR(io, dns_hosts, "", NULL,
            "A file of fixed DNS answers that stands for all servers, for tests. Its form is in "
            "src/io/resolver.h of the source.");
METRIC_COUNTER_BY(dns_questions, "result", "ok none failed", "Questions to DNS.");

/* RFC 1035 2.3.4: 255 octets, of which the first length and the empty label at the end are no text.
 */
enum { NAME_MAX_WIRE = 255, NAME_MAX_TEXT = NAME_MAX_WIRE - 2, MX_MAX = 32, ADDRESSES_MAX = 32 };

/* --- names -------------------------------------------------------------------------------- */
int dns_name_to_wire(struct slice text, struct arena *a, struct slice *ret)
{
    BUF_SCOPE b = {.max = NAME_MAX_WIRE};
    if (slice_ends(text, S(".")))
        text.n--;
    while (text.n) {
        struct slice label = slice_cut(&text, '.');
        if (label.n == 0 || label.n > 63 || (text.p && text.n == 0))
            return -1;
        buf_addc(&b, (char)label.n);
        for (size_t i = 0; i < label.n; i++) {
            unsigned char c = (unsigned char)label.p[i];
            if (c <= ' ' || c >= 127)
                return -1;
            buf_addc(&b, ascii_lower((char)c));
        }
    }
    buf_addc(&b, '\0');
    *ret = b.failed ? SNONE : arena_dup(a, buf_slice(&b));
    return ret->p ? 0 : -1;
}

int dns_name_to_text(struct slice wire, struct arena *a, struct slice *ret)
{
    BUF_SCOPE b = {.max = NAME_MAX_TEXT};
    for (;;) {
        if (wire.n == 0)
            return -1;
        size_t n = (unsigned char)wire.p[0];
        if (n == 0)
            break;
        if (n > 63 || wire.n < n + 1)
            return -1;
        if (b.n)
            buf_addc(&b, '.');
        for (size_t i = 1; i <= n; i++) {
            unsigned char c = (unsigned char)wire.p[i];
            if (c <= ' ' || c >= 127 || c == '.')
                return -1; /* never a host: not written on, not into logs */
            buf_addc(&b, ascii_lower((char)c));
        }
        wire = slice_from(wire, n + 1);
    }
    if (b.n == 0)
        buf_addc(&b, '.');
    *ret = b.failed ? SNONE : arena_dup(a, buf_slice(&b));
    return ret->p ? 0 : -1;
}

/* RFC 1035 3.5, RFC 3596 2.5 */
int dns_reverse_name(struct slice address, struct arena *a, struct slice *ret)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char p[16];
    BUF_SCOPE b = {.max = 100};
    if (address.n >= sizeof(text))
        return -1;
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    if (inet_pton(AF_INET, text, p) == 1) {
        buf_addf(&b, "%u.%u.%u.%u.in-addr.arpa", p[3], p[2], p[1], p[0]);
    } else if (inet_pton(AF_INET6, text, p) == 1) {
        for (int i = 15; i >= 0; i--)
            buf_addf(&b, "%x.%x.", p[i] & 15u, p[i] >> 4);
        buf_adds(&b, "ip6.arpa");
    } else {
        return -1;
    }
    *ret = arena_dup(a, buf_slice(&b));
    return ret->p ? 0 : -1;
}

/* --- asking ------------------------------------------------------------------------------- */
int dns_ask(struct slice name, enum dns_type type, struct arena *a, struct dns_records *ret,
            struct err *e)
{
    struct slice wire;
    struct err local;
    e = e ? e : &local;
    if (slice_ends(name, S(".")))
        name.n--;
    if (name.n == 0 || dns_name_to_wire(name, a, &wire))
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is not a name for DNS", SARG(name));
    const char *file = setting_text(&set_io_dns_hosts);
    int rc =
        *file ? dns_ask_file(file, name, type, a, ret, e) : dns_ask_servers(name, type, a, ret, e);
    metric_add(&metric_dns_questions, rc == 0 ? 0 : e->code == ERR_NOTFOUND ? 1 : 2, 1);
    return rc;
}

/* --- answers ------------------------------------------------------------------------------ */
struct ranked {
    struct dns_mx mx;
    uint32_t luck;
};

static int by_preference(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->mx.preference != y->mx.preference)
        return x->mx.preference < y->mx.preference ? -1 : 1;
    return x->luck < y->luck ? -1 : x->luck > y->luck;
}

/* RFC 1035 3.3.9, RFC 5321 5.1, RFC 7505 */
int dns_mx_read(const struct dns_records *r, struct slice domain, struct arena *a,
                struct dns_mx **ret, size_t *ret_n, bool *ret_null_mx, struct err *e)
{
    struct ranked ranked[MX_MAX];
    size_t n = 0;
    bool null_mx = false;
    for (size_t i = 0; i < r->n && n < MX_MAX; i++) {
        struct slice d = r->data[i], host;
        if (d.n < 3 || dns_name_to_text(slice_from(d, 2), a, &host))
            continue;
        if (slice_eq(host, S("."))) {
            null_mx = true;
            continue;
        }
        unsigned preference = (unsigned)(unsigned char)d.p[0] << 8 | (unsigned char)d.p[1];
        ranked[n++] = (struct ranked){.mx = {.preference = (uint16_t)preference, .host = host},
                                      .luck = (uint32_t)random_u64()};
    }
    if (n == 0 && !null_mx)
        return err_set(e, ERR_BUSY, "DNS: no usable MX of %.*s", SARG(domain));
    qsort(ranked, n, sizeof(*ranked), by_preference);
    struct dns_mx *mx = arena_new(a, struct dns_mx, n);
    if (!mx)
        return err_set(e, ERR_LIMIT, "DNS: answers too large");
    for (size_t i = 0; i < n; i++)
        mx[i] = ranked[i].mx;
    *ret = mx;
    *ret_n = n;
    *ret_null_mx = null_mx && n == 0;
    return 0;
}

int dns_mx(struct slice domain, struct arena *a, struct dns_mx **ret, size_t *ret_n,
           bool *ret_null_mx, struct err *e)
{
    struct dns_records r;
    return dns_ask(domain, DNS_MX, a, &r, e)
               ? -1
               : dns_mx_read(&r, domain, a, ret, ret_n, ret_null_mx, e);
}

int dns_addresses(struct slice host, struct arena *a, struct dns_address **ret, size_t *ret_n,
                  struct err *e)
{
    static const enum dns_type types[] = {DNS_AAAA, DNS_A};
    struct err failed = {0}, one = {0};
    struct dns_address *list = arena_new(a, struct dns_address, ADDRESSES_MAX);
    size_t n = 0;
    if (!list)
        return err_set(e, ERR_LIMIT, "DNS: answers too large");
    for (int t = 0; t < 2; t++) {
        struct dns_records r;
        size_t size = types[t] == DNS_A ? 4 : 16, max = t ? ADDRESSES_MAX : ADDRESSES_MAX / 2;
        if (dns_ask(host, types[t], a, &r, &one)) {
            if (failed.code == ERR_OK || one.code != ERR_NOTFOUND)
                failed = one;
            continue;
        }
        for (size_t i = 0; i < r.n && n < max; i++) {
            if (r.data[i].n != size)
                continue;
            list[n].v6 = size == 16;
            inet_ntop(size == 16 ? AF_INET6 : AF_INET, r.data[i].p, list[n].text,
                      sizeof(list[n].text));
            n++;
        }
    }
    if (n == 0)
        return err_set(e, failed.code ? failed.code : ERR_NOTFOUND, "%s",
                       failed.code ? failed.text : "DNS: no address");
    *ret = list;
    *ret_n = n;
    return 0;
}

int dns_ptr(struct slice address, struct arena *a, struct slice *ret_name, struct err *e)
{
    struct dns_records r;
    struct slice name;
    if (dns_reverse_name(address, a, &name))
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is not an address", SARG(address));
    if (dns_ask(name, DNS_PTR, a, &r, e))
        return -1;
    for (size_t i = 0; i < r.n; i++) {
        if (dns_name_to_text(r.data[i], a, ret_name) == 0)
            return 0;
    }
    return err_set(e, ERR_NOTFOUND, "DNS: %.*s has no usable name", SARG(address));
}

/* RFC 1035 3.3, 3.3.14: one or more strings, a length in front of each. */
int dns_txt_read(const struct dns_records *r, struct arena *a, struct slice **ret, size_t *ret_n,
                 struct err *e)
{
    struct slice *list = arena_new(a, struct slice, r->n);
    if (!list)
        return err_set(e, ERR_LIMIT, "DNS: answers too large");
    for (size_t i = 0; i < r->n; i++) {
        BUF_SCOPE b = {.max = 65535};
        for (struct slice d = r->data[i]; d.n;) {
            size_t n = (unsigned char)d.p[0];
            buf_add(&b, slice_sub(d, 1, n + 1));
            d = slice_from(d, n + 1);
        }
        list[i] = arena_dup(a, buf_slice(&b));
        if (!list[i].p)
            return err_set(e, ERR_LIMIT, "DNS: answers too large");
    }
    *ret = list;
    *ret_n = r->n;
    return 0;
}

int dns_txt(struct slice name, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e)
{
    struct dns_records r;
    return dns_ask(name, DNS_TXT, a, &r, e) ? -1 : dns_txt_read(&r, a, ret, ret_n, e);
}
