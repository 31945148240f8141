/* resolver_internal.h - records as the sources of answers give them: the servers, or the file. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "io/resolver.h"

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };
enum { DNS_RECORDS_MAX = 64 };

struct dns_records {
    struct slice data[DNS_RECORDS_MAX]; /* wire format, without compression; in the arena */
    size_t n;
};

/* ERR_NOTFOUND when there are none. */
int dns_ask(struct slice name, enum dns_type type, struct arena *a, struct dns_records *ret,
            struct err *e);
int dns_ask_servers(struct slice name, enum dns_type type, struct arena *a, struct dns_records *ret,
                    struct err *e);
int dns_ask_file(const char *path, struct slice name, enum dns_type type, struct arena *a,
                 struct dns_records *ret, struct err *e);

/* Answers decoded: dns_mx and dns_txt of resolver.h. */
int dns_mx_read(const struct dns_records *r, struct slice domain, struct arena *a,
                struct dns_mx **ret, size_t *ret_n, bool *ret_null_mx, struct err *e);
int dns_txt_read(const struct dns_records *r, struct arena *a, struct slice **ret, size_t *ret_n,
                 struct err *e);

/* Text to wire format and back. -1: no name. "." is the root. */
int dns_name_to_wire(struct slice text, struct arena *a, struct slice *ret);
int dns_name_to_text(struct slice wire, struct arena *a, struct slice *ret); /* lower case */
/* "4.3.2.1.in-addr.arpa" */
int dns_reverse_name(struct slice address, struct arena *a, struct slice *ret);
