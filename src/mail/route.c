/* route.c - RFC 5321 5.1: MX by preference, equals in random order, the domain itself without any;
   RFC 7505 null MX; hosts behind ourselves are left out, so that mail does not circle. */
#include "mail/route.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/setting.h"
#include "directory/normal.h"
#include "io/resolver.h"
#include "mail/host.h"

SETTING_STR(mail, smarthost, "", NULL,
            "host:port that takes all mail for other domains; empty: their own servers.");
SETTING(mail, mx_port, INT, 25, 1, 65535, "Port of other domains' servers (for tests).");
SETTING(mail, mx_loopback, BOOL, 0, 0, 1,
        "Whether another domain's server may have a loopback address (for tests).");
SETTING(mail, mx_addresses, INT, 6, 1, 50, "How many addresses of a domain are tried in one go.");

struct route {
    struct arena *a;
    struct mail_hop *hops;
    size_t n, max;
    bool own;  /* an address was left out because it is ours */
    bool here; /* and it was not one that other machines call theirs, too */
};

static bool address_parse_text(const char *text, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

static bool is_loopback(const struct sockaddr_storage *s)
{
    if (s->ss_family == AF_INET) {
        uint32_t ip = ntohl(((const struct sockaddr_in *)s)->sin_addr.s_addr);
        return ip >> 24 == 127 || ip >> 24 == 0;
    }
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)s)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || IN6_IS_ADDR_UNSPECIFIED(ip) ||
           (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

static void add_address(struct route *r, struct slice host, const char *text, uint16_t port,
                        bool smarthost)
{
    struct mail_hop hop = {.host = host, .smarthost = smarthost};
    if (r->n == r->max || !address_parse_text(text, port, &hop.address))
        return;
    if (!smarthost && is_loopback(&hop.address) && !setting_get(&set_mail_mx_loopback)) {
        r->own = true;
        return;
    }
    if (!smarthost && !is_loopback(&hop.address) && mail_is_own_address(&hop.address)) {
        r->own = r->here = true;
        return;
    }
    snprintf(hop.text, sizeof(hop.text), "%.45s:%u", text, port);
    r->hops[r->n++] = hop;
}

static int add_host(struct route *r, struct slice host, uint16_t port, bool smarthost,
                    struct err *e)
{
    struct dns_address *list;
    size_t n;
    char text[64];
    struct sockaddr_storage ignored;
    if (host.n < sizeof(text)) { /* an address needs no DNS */
        snprintf(text, sizeof(text), "%.*s", SARG(host));
        if (address_parse_text(text, port, &ignored)) {
            add_address(r, host, text, port, smarthost);
            return 0;
        }
    }
    if (dns_addresses(host, r->a, &list, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        add_address(r, host, list[i].text, port, smarthost);
    return 0;
}

static int by_preference(const void *a, const void *b)
{
    const struct dns_mx *x = a, *y = b;
    return x->preference < y->preference ? -1 : x->preference > y->preference;
}

/* RFC 5321 5.1: equals in random order; those not better than ourselves are left out. */
static size_t order(struct dns_mx *mx, size_t n)
{
    size_t keep = n;
    for (size_t i = n; i > 1; i--) {
        size_t k = random_u64() % i;
        struct dns_mx t = mx[i - 1];
        mx[i - 1] = mx[k];
        mx[k] = t;
    }
    qsort(mx, n, sizeof(*mx), by_preference);
    for (size_t i = 0; i < keep; i++)
        if (mail_is_own_name(mx[i].host))
            for (keep = i; keep > 0 && mx[keep - 1].preference == mx[i].preference; keep--)
                continue;
    return keep;
}

static int by_mx(struct route *r, struct slice domain, struct err *e)
{
    uint16_t port = (uint16_t)setting_get(&set_mail_mx_port);
    struct dns_mx *mx = NULL;
    size_t n = 0;
    bool null_mx = false, later = false;
    struct err why = {0};
    if (domain_normal(domain, r->a, &domain, NULL)) /* RFC 5891 4.4: DNS knows A-labels */
        return err_set(e, ERR_NOTFOUND, "5.1.2 %.*s is no domain", SARG(slice_sub(domain, 0, 100)));
    if (dns_mx(domain, r->a, &mx, &n, &null_mx, &why) && why.code != ERR_NOTFOUND)
        return err_set(e, ERR_BUSY, "4.4.3 DNS of %.*s does not answer", SARG(domain));
    if (null_mx)
        return err_set(e, ERR_UNSUPPORTED, "5.1.10 The domain takes no mail");
    if (n == 0) {
        struct dns_mx *self = arena_new(r->a, struct dns_mx, 1);
        if (!self)
            return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
        self->host = domain; /* the implicit MX */
        mx = self;
        n = 1;
    }
    size_t keep = order(mx, n), level = 0; /* hops better than those of this preference */
    for (size_t i = 0; i < keep && r->n < r->max && !r->here; i++) {
        struct err host = {0};
        if (i == 0 || mx[i].preference != mx[i - 1].preference)
            level = r->n;
        if (add_host(r, mx[i].host, port, false, &host) && host.code != ERR_NOTFOUND)
            later = true;
    }
    if (r->here) /* RFC 5321 5.1: that preference and all behind it are discarded */
        r->n = level;
    if (r->n)
        return 0;
    if (later)
        return err_set(e, ERR_BUSY, "4.4.3 DNS of %.*s does not answer", SARG(domain));
    if (keep == 0 || r->own)
        return err_set(e, ERR_LIMIT, "5.4.6 Mail for %.*s loops back to this server", SARG(domain));
    return err_set(e, ERR_NOTFOUND, "5.1.2 There is no mail server for %.*s", SARG(domain));
}

static int by_smarthost(struct route *r, struct slice where, struct err *e)
{
    struct err why = {0};
    ptrdiff_t colon = slice_rfind(where, ':');
    uint32_t port = 25;
    struct slice host = where;
    if (colon > 0 && slice_u32(slice_from(where, (size_t)colon + 1), &port) == 0 && port < 65536)
        host = slice_sub(where, 0, (size_t)colon);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = slice_sub(host, 1, host.n - 1);
    if (add_host(r, host, (uint16_t)port, true, &why) || r->n == 0)
        return err_set(e, ERR_BUSY, "4.4.3 No address for the smarthost");
    return 0;
}

int mail_route(struct slice domain, struct arena *a, struct mail_hop **ret, size_t *ret_n,
               struct err *e)
{
    struct route r = {.a = a, .max = (size_t)setting_get(&set_mail_mx_addresses)};
    struct slice smarthost = slice_str(setting_text(&set_mail_smarthost));
    r.hops = arena_new(a, struct mail_hop, r.max);
    if (!r.hops)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    if (smarthost.n) {
        if (by_smarthost(&r, smarthost, e))
            return -1;
    } else if (domain.n > 2 && domain.p[0] == '[') { /* RFC 5321 4.1.3 */
        struct slice inside = slice_sub(domain, 1, domain.n - 1);
        if (slice_startsi(inside, S("IPv6:")))
            inside = slice_from(inside, 5);
        if (add_host(&r, inside, (uint16_t)setting_get(&set_mail_mx_port), false, e) || r.n == 0)
            return err_set(e, ERR_LIMIT, "5.4.6 No way to %.*s", SARG(domain));
    } else if (by_mx(&r, domain, e)) {
        return -1;
    }
    *ret = r.hops;
    *ret_n = r.n;
    return 0;
}
