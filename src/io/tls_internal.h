/* tls_internal.h - what connections need of tls.c. */
#pragma once

#include <openssl/ssl.h>

#include "base/err.h"
#include "base/slice.h"

/* A server's session on the default certificate; SNI changes it. `service` binds tickets, `alpn`
   may be NULL. NULL when nothing is loaded. */
SSL *tls_server_session(const char *service, const char *alpn, struct err *e);
/* A client's session; name goes into SNI unless it is an address, and is matched with verify. */
SSL *tls_client_session(struct slice name, bool verify, struct err *e);
bool tls_ready(void);
/* The first error of this thread's queue as text; the queue is emptied. */
void tls_error_text(char *out, size_t n);
