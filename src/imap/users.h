/* users.h - how many IMAP connections each account has, over all loops. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* ERR_LIMIT over imap.user_connections. */
int users_enter(uint64_t account, struct err *e);
void users_leave(uint64_t account);
