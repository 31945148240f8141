/* firewall.h - an nftables ruleset that lets in what this node's roles need and nothing else. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* For `nft -f -`; it replaces the table inet carbonado in one step. */
int firewall_print(struct buf *out, struct err *e);
