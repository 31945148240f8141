/* scripts.h - a person's Sieve scripts, for servers and commands: checked, kept in the store, and
   known to deliveries from the moment that the change is committed. Blocks. */
#pragma once

#include "mail/sieve/sieve.h"
#include "store/script.h"

/* RFC 5804 1.6. ERR_SYNTAX. */
int scripts_check_name(struct slice name, struct err *e);
/* ERR_SYNTAX, ERR_LIMIT; where, when ret_at is not NULL. */
int scripts_check(struct slice text, struct sieve_place *ret_at, struct err *e);
/* Names of the extensions that scripts may use, separated by blanks. */
void scripts_extensions(struct buf *out);

int scripts_list(uint64_t account, struct arena *a, struct script **ret, size_t *ret_n,
                 struct err *e);
int scripts_get(uint64_t account, struct slice name, struct arena *a, struct slice *ret,
                struct err *e); /* ERR_NOTFOUND */
/* ERR_QUOTA when it would not fit. */
int scripts_room(uint64_t account, struct slice name, uint64_t size, struct err *e);
/* As store/script.h. */
int scripts_put(uint64_t account, struct slice name, struct slice text, struct sieve_place *ret_at,
                struct err *e);
int scripts_activate(uint64_t account, struct slice name, struct err *e);
int scripts_rename(uint64_t account, struct slice from, struct slice to, struct err *e);
int scripts_remove(uint64_t account, struct slice name, struct err *e);
