/* unreachable.h - addresses that could not be connected to a moment ago, so that each of many
   messages for a dead host does not wait for it anew (RFC 5321 4.5.4.1). In memory only. Any
   thread. */
#pragma once

#include <stdbool.h>

/* "192.0.2.1:25", as in struct mail_hop. */
void unreachable_note(const char *address);
bool unreachable_is(const char *address);
void unreachable_clear(const char *address); /* it answers again */
void unreachable_forget(void);               /* all: somebody asks for an attempt now */
