/* peers.h - connections counted per address over all loops, and what addresses mean: loopback,
   proxies that are trusted. An IPv6 address counts as its /64. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

struct peer_count;
struct sockaddr;

/* Takes a place for the address, or refuses: ERR_LIMIT. *ret is NULL for addresses that are not
   counted (this machine, trusted proxies before their header). */
int peers_enter(const struct sockaddr *peer, struct peer_count **ret, struct err *e);
void peers_leave(struct peer_count *p); /* NULL is fine */
unsigned peers_count(const struct sockaddr *peer);

bool peers_is_loopback(const struct sockaddr *a);
bool peers_trusts_proxy(const struct sockaddr *a); /* io.proxy_from; unix sockets are trusted */

/* "192.0.2.0/24 2001:db8::/32 127.0.0.1", separated by blanks or commas. */
bool cidr_match(struct slice list, const struct sockaddr *a);
int cidr_check(struct slice list, struct err *e);
