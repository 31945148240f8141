/* firewall.c - prints the ruleset: what anybody may reach, what other nodes may reach, SSH, and the
   parts of ICMP without which a network does not work. */
#include "node/firewall.h"

#include "node/roles.h"

SETTING_STR(firewall, ssh_from, "0.0.0.0/0 ::/0", NULL,
            "The networks from which carbonado firewall lets SSH in, beside the other nodes. The "
            "default, anywhere, keeps an administrator from being locked out.");

/* "25, 465, 587": the ports that anybody (or the other nodes) may reach. */
static void add_ports(struct buf *out, bool for_nodes, const struct role_listener *rows, size_t n)
{
    const struct port *last = NULL;
    for (size_t i = 0; i < n; i++) {
        if ((rows[i].port->audience == PORT_NODES) != for_nodes || rows[i].port == last)
            continue;
        last = rows[i].port;
        buf_addf(out, "%s%u", out->n ? ", " : "", rows[i].number);
    }
}

static size_t add_set(struct buf *out, const char *name, bool v6, const struct network *nets,
                      size_t n)
{
    BUF_SCOPE elements = {0};
    for (size_t i = 0; i < n; i++)
        if (nets[i].v6 == v6)
            buf_addf(&elements, "%s%.*s", elements.n ? ", " : "", SARG(nets[i].text));
    if (!elements.n)
        return 0;
    buf_addf(out,
             "    set %s%s {\n        type ipv%s_addr\n        flags interval\n"
             "        auto-merge\n        elements = { %.*s }\n    }\n",
             name, v6 ? "6" : "4", v6 ? "6" : "4", SARG(buf_slice(&elements)));
    return 1;
}

static void add_rule(struct buf *out, const char *set, bool v6, struct slice ports)
{
    buf_addf(out, "        %s saddr @%s%s tcp dport { %.*s } accept\n", v6 ? "ip6" : "ip", set,
             v6 ? "6" : "4", SARG(ports));
}

static const struct port *ssh_port(void)
{
    size_t n;
    const struct port *p = ports_all(&n);
    while (p->state != PORT_SYSTEM)
        p++;
    return p;
}

int firewall_print(struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE outside = {0};
    BUF_SCOPE inside = {0};
    BUF_SCOPE ssh = {0};
    struct role_listener *rows;
    struct network *peers, *ssh_from;
    size_t rows_n, peers_n, ssh_n;
    uint16_t ssh_number;
    if (roles_listeners(&a, &rows, &rows_n, e) ||
        roles_networks(slice_str(setting_text(&set_node_peers)), &a, &peers, &peers_n, e) ||
        roles_networks(slice_str(setting_text(&set_firewall_ssh_from)), &a, &ssh_from, &ssh_n, e) ||
        port_number(ssh_port(), &ssh_number, e))
        return -1;
    add_ports(&outside, false, rows, rows_n);
    add_ports(&inside, true, rows, rows_n);
    if (ssh_number) {
        buf_addf(&ssh, "%u", ssh_number);
        buf_addf(&inside, "%s%u", inside.n ? ", " : "", ssh_number);
    }
    buf_adds(out, "#!/usr/sbin/nft -f\n"
                  "# made by carbonado firewall; it replaces the table when it is loaded\n"
                  "table inet carbonado\ndelete table inet carbonado\n"
                  "table inet carbonado {\n");
    bool has_nodes[2], has_ssh[2];
    for (int v6 = 0; v6 < 2; v6++) {
        has_nodes[v6] = add_set(out, "nodes", v6, peers, peers_n) && inside.n;
        has_ssh[v6] = add_set(out, "ssh", v6, ssh_from, ssh_n) && ssh.n;
    }
    buf_adds(out, "    chain input {\n"
                  "        type filter hook input priority filter; policy drop;\n"
                  "        ct state established,related accept\n"
                  "        ct state invalid drop\n"
                  "        iif \"lo\" accept\n"
                  "        icmp type { echo-request, destination-unreachable, time-exceeded, "
                  "parameter-problem } accept\n"
                  "        icmpv6 type { echo-request, destination-unreachable, packet-too-big, "
                  "time-exceeded, parameter-problem, nd-router-solicit, nd-router-advert, "
                  "nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, "
                  "mld-listener-report, mld-listener-done, mld2-listener-report } accept\n"
                  "        ip6 saddr fe80::/10 udp dport 546 accept\n");
    if (outside.n)
        buf_addf(out, "        tcp dport { %.*s } accept\n", SARG(buf_slice(&outside)));
    for (int v6 = 0; v6 < 2; v6++) {
        if (has_nodes[v6])
            add_rule(out, "nodes", v6, buf_slice(&inside));
        if (has_ssh[v6])
            add_rule(out, "ssh", v6, buf_slice(&ssh));
    }
    buf_adds(out, "    }\n}\n");
    return out->failed ? err_set(e, ERR_LIMIT, "the ruleset is too large") : 0;
}
