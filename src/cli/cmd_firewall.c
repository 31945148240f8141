/* cmd_firewall.c - carbonado firewall: nftables rules for the roles of this node. */
#include "cli/cli.h"
#include "node/firewall.h"

static int run(struct cli *c)
{
    BUF_SCOPE out = {0};
    struct err e = {0};
    if (firewall_print(&out, &e))
        return cli_fail(c, &e);
    printf("%.*s", SARG(buf_slice(&out)));
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
        "  carbonado firewall | nft -c -f -\n"
        "  carbonado firewall | sudo nft -f -",
    .run = run,
};
