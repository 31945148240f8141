/* sql.h - connections of the SQL engine: a pool of readers and one writer. Private to directory/.
 */
#pragma once

#include "db/db.h"
#include "directory/backend.h"

struct db *sql_reader(struct err *e); /* NULL and *e set */
void sql_reader_done(struct db *db);

/* Runs fn in a transaction of the writer. */
int sql_write(int (*fn)(struct db *db, void *arg, struct err *e), void *arg, struct err *e);

/* sql_change.c */
int sql_domain_add(struct slice name, struct slice alias_of, struct err *e);
int sql_domain_remove(struct slice name, struct err *e);
int sql_domain_catch_all(struct slice name, struct slice target, struct err *e);
int sql_account_add(const struct account_info *info, struct slice domain, uint64_t *ret_id,
                    struct err *e);
int sql_account_remove(uint64_t id, struct err *e);
int sql_account_set_flags(uint64_t id, uint64_t flags, struct err *e);
int sql_account_set_name(uint64_t id, struct slice name, struct err *e);
int sql_account_set_quota(uint64_t id, int64_t quota, struct err *e);
int sql_account_rename(uint64_t id, struct slice address, struct slice domain, struct err *e);
int sql_alias_add(struct slice alias, struct slice domain, struct slice target, struct err *e);
int sql_address_remove(struct slice address, enum row_kind kind, struct err *e);
int sql_list_add(struct slice address, struct slice domain, struct err *e);
int sql_member_add(struct slice list, struct slice member, size_t max, struct err *e);
int sql_member_remove(struct slice list, struct slice member, struct err *e);
int sql_script_set(struct slice owner, struct slice name, struct slice text, struct err *e);
int sql_credential_set(const struct credential *c, struct err *e);
