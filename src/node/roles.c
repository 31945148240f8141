/* roles.c - the table of ports with its settings, and what follows from it for this node. */
#include "node/roles.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

SETTING_STR(
    node, roles, "directory mta mailbox proxy", NULL,
    "The roles of this node: directory, database, mta, mailbox, proxy, video. Ports of other "
    "roles stay closed.");
SETTING_STR(node, peers, "", NULL,
            "The addresses or networks of the other nodes. While it is empty, ports between nodes "
            "are on loopback only.");
SETTING_STR(listen, outside, "0.0.0.0 ::", NULL,
            "The addresses on which this node listens for clients and other mail servers.");
SETTING_STR(listen, inside, "127.0.0.1 ::1", NULL,
            "The addresses on which this node listens for other nodes. Used as it stands only when "
            "node.peers names nodes; else these ports are on loopback.");
SETTING(ports, offset, INT, 0, 0, 40000, "Added to every port: several installations on one host.");
SETTING(
    ports, low_offset, INT, -1, -1, 40000,
    "Added to ports under 1024. -1: 10000 when the program may not listen there, as an ordinary "
    "user, and else 0.");
SETTING_AT_START(node, roles);
SETTING_AT_START(node, peers);
SETTING_AT_START(listen, outside);
SETTING_AT_START(listen, inside);
SETTING_AT_START(ports, offset);
SETTING_AT_START(ports, low_offset);

#define DEFAULT_NUMBER_OUTSIDE(n) n
#define DEFAULT_NUMBER_NODES(n) n
#define DEFAULT_NUMBER_OFF(n) 0
#define PORT(name_, role_, first_, last_, protocol_, tls_, service_, audience_, state_, text_)     \
    SETTING(ports, name_, INT, DEFAULT_NUMBER_##audience_(first_), 0, 65535,                       \
            text_ ". Usually " #first_ "; 0 switches it off.");                                    \
    SETTING_AT_START(ports, name_);
#include "node/ports.def"
#undef PORT

static const struct port table[] = {
#define PORT(name_, role_, first_, last_, protocol_, tls_, service_, audience_, state_, text_)     \
    {                                                                                              \
        .name = #name_,                                                                            \
        .role = ROLE_##role_,                                                                      \
        .first = first_,                                                                           \
        .last = last_,                                                                             \
        .protocol = PORT_##protocol_,                                                              \
        .tls = tls_,                                                                               \
        .service = SERVICE_##service_,                                                             \
        .audience = PORT_##audience_,                                                              \
        .state = PORT_##state_,                                                                    \
        .text = text_,                                                                             \
        .setting = &set_ports_##name_,                                                             \
    },
#include "node/ports.def"
#undef PORT
};

enum { TABLE_N = sizeof(table) / sizeof(table[0]) };

const struct port *ports_all(size_t *ret_n)
{
    *ret_n = TABLE_N;
    return table;
}

const char *role_name(enum role r)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_EVERY] = "every", [ROLE_DIRECTORY] = "directory",
        [ROLE_MESH] = "mesh",   [ROLE_DATABASE] = "database",
        [ROLE_MTA] = "mta",     [ROLE_MAILBOX] = "mailbox",
        [ROLE_PROXY] = "proxy", [ROLE_VIDEO] = "video",
    };
    BUG_IF(r >= ROLE_COUNT);
    return names[r];
}

const char *service_name(enum service s)
{
    static const char *const names[] = {
        [SERVICE_SMTP] = "smtp",     [SERVICE_SUBMISSION] = "submission",
        [SERVICE_LMTP] = "lmtp",     [SERVICE_IMAP] = "imap",
        [SERVICE_POP3] = "pop3",     [SERVICE_METRICS] = "metrics",
        [SERVICE_HTTP] = "http",     [SERVICE_SIEVE] = "sieve",
        [SERVICE_XMPP] = "xmpp",     [SERVICE_LDAP] = "ldap",
        [SERVICE_MILTER] = "milter", [SERVICE_LOOKUP] = "lookup",
        [SERVICE_SASL] = "sasl",     [SERVICE_MAILBOX] = "mailbox",
        [SERVICE_ENGINE] = "engine",
    };
    BUG_IF((size_t)s >= sizeof(names) / sizeof(names[0]));
    return names[s];
}

int roles_installed(bool ret[ROLE_COUNT], struct err *e)
{
    bool on[ROLE_COUNT] = {[ROLE_EVERY] = true};
    struct slice rest = slice_str(setting_text(&set_node_roles));
    while (rest.p) {
        struct slice word = slice_cut(&rest, ' ');
        enum role r = ROLE_DIRECTORY;
        if (!word.n)
            continue;
        while (r < ROLE_COUNT && (r == ROLE_MESH || !slice_eq(word, slice_str(role_name(r)))))
            r++;
        if (r == ROLE_COUNT)
            return err_set(e, ERR_SYNTAX, "node.roles: \"%.*s\" is no role", SARG(word));
        on[r] = true;
    }
    on[ROLE_MESH] = on[ROLE_DIRECTORY];
    memcpy(ret, on, sizeof(on));
    return 0;
}

/* The number after `key` in a small file of /proc, or fallback. */
static uint64_t proc_number(const char *path, struct slice key, bool hex, uint64_t fallback)
{
    BUF_SCOPE b = {.max = 65536};
    uint64_t v = 0;
    if (file_read(path, &b, NULL))
        return fallback;
    ptrdiff_t at = slice_search(buf_slice(&b), key);
    if (at < 0)
        return fallback;
    struct slice rest = slice_trim(slice_from(buf_slice(&b), (size_t)at + key.n));
    struct slice word = slice_trim(slice_cut(&rest, '\n'));
    return (hex ? slice_hex(word, &v) : slice_u64(word, &v)) ? fallback : v;
}

/* As it was when first asked for: the worker, which has given up its capabilities, has the ports
   that the supervisor opened before. */
static bool may_listen_low(void)
{
    enum { CAP_NET_BIND_SERVICE_BIT = 10, NOT_KNOWN = -1 };
    static int may = NOT_KNOWN;
    if (may == NOT_KNOWN) {
        uint64_t first =
            proc_number("/proc/sys/net/ipv4/ip_unprivileged_port_start", S(""), false, 1024);
        uint64_t caps = proc_number("/proc/self/status", S("CapEff:"), true, 0);
        may = first <= 25 || caps >> CAP_NET_BIND_SERVICE_BIT & 1;
    }
    return may;
}

unsigned port_low_offset(void)
{
    int64_t v = setting_get(&set_ports_low_offset);
    if (v >= 0)
        return (unsigned)v;
    return may_listen_low() ? 0 : PORT_LOW_OFFSET;
}

int port_number(const struct port *p, uint16_t *ret, struct err *e)
{
    int64_t n = setting_get(p->setting);
    if (n == 0 || p->state == PORT_SYSTEM) {
        *ret = (uint16_t)n;
        return 0;
    }
    if (n < 1024)
        n += port_low_offset();
    n += setting_get(&set_ports_offset);
    if (n + (p->last - p->first) > 65535)
        return err_set(e, ERR_LIMIT, "ports.%s: with the offset the port would be %lld", p->name,
                       (long long)n + (p->last - p->first));
    *ret = (uint16_t)n;
    return 0;
}

static int check_network(struct slice word, bool *ret_v6)
{
    char text[64];
    unsigned char raw[16];
    uint32_t bits;
    struct slice rest = word;
    struct slice address = slice_cut(&rest, '/');
    if (address.n == 0 || address.n >= sizeof(text))
        return -1;
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    *ret_v6 = slice_find(address, ':') >= 0;
    if (inet_pton(*ret_v6 ? AF_INET6 : AF_INET, text, raw) != 1)
        return -1;
    return rest.p && (slice_u32(rest, &bits) || bits > (*ret_v6 ? 128u : 32u)) ? -1 : 0;
}

int roles_networks(struct slice list, struct arena *a, struct network **ret, size_t *ret_n,
                   struct err *e)
{
    struct network *out = arena_new(a, struct network, list.n / 2 + 1);
    size_t n = 0;
    if (!out)
        return err_set(e, ERR_LIMIT, "too many networks");
    while (list.p) {
        struct slice word = slice_cut(&list, ' ');
        if (!word.n)
            continue;
        if (check_network(word, &out[n].v6))
            return err_set(e, ERR_SYNTAX, "\"%.*s\" is neither an address nor a network",
                           SARG(word));
        out[n++].text = word;
    }
    *ret = out;
    *ret_n = n;
    return 0;
}

/* The addresses of a listen setting: networks with a length make no sense here. */
static int addresses(struct setting *s, struct arena *a, struct network **ret, size_t *ret_n,
                     struct err *e)
{
    if (roles_networks(slice_str(setting_text(s)), a, ret, ret_n, e))
        return -1;
    for (size_t i = 0; i < *ret_n; i++)
        if (slice_find((*ret)[i].text, '/') >= 0)
            return err_set(e, ERR_SYNTAX, "%s.%s: \"%.*s\" is a network, not an address", s->group,
                           s->name, SARG((*ret)[i].text));
    if (*ret_n == 0)
        return err_set(e, ERR_SYNTAX, "%s.%s: no address", s->group, s->name);
    return 0;
}

static bool is_loopback(struct slice host)
{
    return slice_starts(host, S("127.")) || slice_eq(host, S("::1"));
}

int roles_listeners(struct arena *a, struct role_listener **ret, size_t *ret_n, struct err *e)
{
    static const struct network loopback[] = {{S_INIT("127.0.0.1"), false}, {S_INIT("::1"), true}};
    bool on[ROLE_COUNT];
    struct network *hosts[2], *peers;
    size_t hosts_n[2], peers_n, n = 0;
    if (roles_installed(on, e) ||
        roles_networks(slice_str(setting_text(&set_node_peers)), a, &peers, &peers_n, e) ||
        addresses(&set_listen_outside, a, &hosts[0], &hosts_n[0], e) ||
        addresses(&set_listen_inside, a, &hosts[1], &hosts_n[1], e))
        return -1;
    struct role_listener *out =
        arena_new(a, struct role_listener, TABLE_N * (hosts_n[0] + hosts_n[1] + 2));
    BUG_IF(!out);
    for (const struct port *p = table; p < table + TABLE_N; p++) {
        uint16_t number;
        if (p->state != PORT_SERVED || !on[p->role])
            continue;
        if (port_number(p, &number, e))
            return -1;
        if (number == 0)
            continue;
        for (size_t i = 0; i < n; i++)
            if (out[i].number == number && out[i].port != p)
                return err_set(e, ERR_CONFLICT, "ports.%s and ports.%s are both %u",
                               out[i].port->name, p->name, number);
        bool inside = p->audience == PORT_NODES;
        for (size_t i = 0; i < hosts_n[inside]; i++) {
            struct slice host = hosts[inside][i].text;
            if (inside && !peers_n && !is_loopback(host))
                continue;
            out[n++] = (struct role_listener){p, number, host};
        }
        /* No peers and no loopback among the inner addresses: loopback all the same. */
        bool none = n == 0 || out[n - 1].port != p;
        for (size_t i = 0; none && i < 2; i++)
            out[n++] = (struct role_listener){p, number, loopback[i].text};
    }
    *ret = out;
    *ret_n = n;
    return 0;
}
