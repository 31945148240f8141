/* tls.h - certificates and contexts. The directory holds NAME.crt and NAME.key in PEM; default.* is
   used without or with an unknown SNI; wildcard certificates match one label. TLS 1.2 and 1.3. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

/* Loads all pairs; makes default.crt/key for `host` (self-signed, EC P-256, 10 years) when there is
   none. Calling it again reloads: new connections use the new certificates, old ones go on; on an
   error the old ones stay in use. Session tickets: keys made here, rotated, bound to the service
   (a ticket of IMAP is no use on SMTP). */
int tls_load(const char *dir, struct slice host, struct err *e);
/* Before a fork: what keys of tickets are made from is the child's too, as far as it is not over.
   A process that inherits nothing makes its own. */
void tls_tickets_share(void);
void tls_done(void);
