/* resolver.h - DNS through libunbound, asked from any thread, answered on a thread of the caller's
   choosing: these calls block and belong to jobs at PLACE_READ or to threads of their own. Answers
   are bounded in number and kept in the arena. io.dns_servers overrides the system's servers.

   io.dns_hosts names a file of fixed answers, for tests: with it no server is ever asked. Lines:
       mx example.org 10 mail.example.org     (mx example.org 0 .  is a null MX)
       a mail.example.org 127.0.0.1           (also IPv6 addresses)
       ptr 127.0.0.1 mail.example.org
       txt example.org any text to the end of the line
       fail busy.example.org                  (every question about it: ERR_BUSY) */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct dns_mx {
    uint16_t preference;
    struct slice host; /* lower case, no final dot; "." for null MX (RFC 7505) gives n = 0 */
};

/* ERR_NOTFOUND: the name does not exist or has none; ERR_BUSY: temporary failure; ERR_SYNTAX: no
   name that DNS could know (names are A-labels here: convert first). Sorted by preference, equals
   in random order (RFC 5321 5.1). */
int dns_mx(struct slice domain, struct arena *a, struct dns_mx **ret, size_t *ret_n,
           bool *ret_null_mx, struct err *e);
struct dns_address {
    char text[46];
    bool v6;
};
/* IPv6 first. */
int dns_addresses(struct slice host, struct arena *a, struct dns_address **ret, size_t *ret_n,
                  struct err *e);
int dns_ptr(struct slice address, struct arena *a, struct slice *ret_name, struct err *e);
/* Strings of one record joined. */
int dns_txt(struct slice name, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e);

/* Reads the system's settings now (/etc/resolv.conf); else the first question does. */
void resolver_prepare(void);
/* Every question to servers, now and later, ends with ERR_BUSY: the server stops. */
void dns_interrupt(bool on);
void resolver_done(void); /* frees the shared context; nothing may be asking */
