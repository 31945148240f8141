/* inbox_lock.h - one session of POP3 a mailbox (RFC 1939 3, 8). From any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

bool inbox_lock(uint64_t account); /* false: somebody has it */
void inbox_unlock(uint64_t account);
