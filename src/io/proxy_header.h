/* proxy_header.h - the PROXY protocol, versions 1 (text) and 2 (binary), as HAProxy's
   doc/proxy-protocol.txt (2.0 of 2020) has it. Strict; no I/O, no allocation. */
#pragma once

#include <netinet/in.h>

#include "base/err.h"
#include "base/slice.h"

enum { PROXY_HEADER_MAX = 16 + 4096 };

struct proxy_header {
    bool local; /* LOCAL or UNKNOWN: the addresses of the connection itself hold */
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } from, to;
};

/* The length of the header when `in` begins with a whole one, 0 when more is needed, -1 when it
   is none (ERR_SYNTAX, ERR_LIMIT). The answer for a prefix is never taken back. */
ptrdiff_t proxy_header_parse(struct slice in, struct proxy_header *ret, struct err *e);
