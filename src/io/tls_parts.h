/* tls_parts.h - parts of tls.c that stand in files of their own. */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/slice.h"

/* tls_ticket.c: tickets of this context are sealed with our rotating keys. */
void tls_tickets_use(SSL_CTX *ctx);
void tls_tickets_rotate(void); /* a new key now; the two before it still open */

/* tls_cert.c: writes default.key and default.crt unless default.crt is there. */
int tls_make_default(const char *dir, struct slice host, struct err *e);
bool tls_is_address(const char *host); /* IPv4 or IPv6 in text */
