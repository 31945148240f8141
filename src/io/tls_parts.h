/* tls_parts.h - parts of tls.c that stand in files of their own. */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/slice.h"

/* tls_ticket.c: tickets of this context are sealed with our rotating keys. */
void tls_tickets_use(SSL_CTX *ctx);

/* What the keys come from: the secret of the oldest period whose key still opens. The next one's is
   made of it, the one before cannot be found. */
enum { TICKET_SECRET = 32, TICKET_KEYS = 2 };
struct ticket_chain {
    unsigned char secret[TICKET_SECRET];
    int64_t oldest;
    bool begun;
};
struct ticket_key {
    unsigned char name[16], cipher[32], mac[32];
};
void ticket_chain_begin(struct ticket_chain *c, int64_t period);
void ticket_chain_go(struct ticket_chain *c, int64_t period); /* forgets what is over */
/* [0]: of this period, it seals; [1]: of the one before, it only opens. */
void ticket_chain_keys(struct ticket_chain *c, int64_t period, struct ticket_key ret[TICKET_KEYS]);

/* tls_cert.c: writes default.key and default.crt unless default.crt is there. */
int tls_make_default(const char *dir, struct slice host, struct err *e);
bool tls_is_address(const char *host); /* IPv4 or IPv6 in text */
