/* ext_imapsieve.c - RFC 6785: scripts that run on what happens in IMAP ask for this name; their
   items are in the test environment, the rest is up to whoever runs them. */
#include "mail/sieve/table.h"

const struct sieve_extension sieve_ext_imapsieve = {.name = S_INIT("imapsieve")};
