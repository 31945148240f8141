/* cmd_firewall.c - carbonado firewall: nftables rules for the roles of this node. */
#include "cli/ask.h"
#include "node/firewall.h"
#include "node/roles.h"

static int run(struct cli *c)
{
    BUF_SCOPE out = {0};
    struct err e = {0};
    bool running = ask_low_ports(c);
    if (firewall_print(&out, &e))
        return cli_fail(c, &e);
    printf("%.*s", SARG(buf_slice(&out)));
    if (!running && port_low_offset())
        fprintf(
            stderr,
            "carbonado: no server runs, and one of yours would move ports under 1024 by %u, so\n"
            "these rules do too. For a server that systemd or root starts, run this while it\n"
            "runs, or with --set ports.low_offset=0\n",
            port_low_offset());
    return CLI_OK;
}

const struct cli_command cmd_firewall = {
    .name = "firewall",
    .args = "",
    .summary = "Print nftables rules that open the ports of this node's roles and no others",
    .help =
        "Incoming traffic that no rule names is dropped, of every program on the host, in the\n"
        "table \"inet carbonado\". SSH stays open as firewall.ssh_from says. To look at the rules\n"
        "without loading them, and to load them:\n"
        "  carbonado firewall | sudo nft -c -f -\n"
        "  carbonado firewall | sudo nft -f -",
    .run = run,
};
