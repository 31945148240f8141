/* resolver.h - DNS through libunbound, asked from any thread, answered on a thread of the caller's
   choosing: these calls block and belong to jobs at PLACE_READ or to threads of their own. Answers
   are bounded in number and kept in the arena. io.dns_servers and io.dns_hosts (a file of fixed
   answers, for tests) override the system's. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct dns_mx {
    uint16_t preference;
    struct slice host; /* lower case, no final dot; "." for null MX (RFC 7505) gives n = 0 */
};

/* ERR_NOTFOUND: the name does not exist or has none; ERR_BUSY: temporary failure. */
int dns_mx(struct slice domain, struct arena *a, struct dns_mx **ret, size_t *ret_n,
           bool *ret_null_mx, struct err *e);
struct dns_address {
    char text[46];
    bool v6;
};
int dns_addresses(struct slice host, struct arena *a, struct dns_address **ret, size_t *ret_n,
                  struct err *e);
int dns_ptr(struct slice address, struct arena *a, struct slice *ret_name, struct err *e);
int dns_txt(struct slice name, struct arena *a, struct slice **ret, size_t *ret_n, struct err *e);
