/* lock.h - one session a mailbox (RFC 1939 3, 8). From any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool pop3_lock(uint64_t account); /* false: somebody has it */
void pop3_unlock(uint64_t account);
