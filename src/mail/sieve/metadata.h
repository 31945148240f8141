/* metadata.h - the tests of RFC 5490 3.3 and 4 differ only in whether they name a mailbox. */
#pragma once

#include "mail/sieve/run.h"

/* mailbox.p NULL: of the server. */
int sieve_metadata_test(struct sieve_runner *r, const struct sieve_call *c, struct slice mailbox,
                        enum sieve_slot entry);
int sieve_metadata_exists(struct sieve_runner *r, const struct sieve_call *c, struct slice mailbox,
                          enum sieve_slot entries);
