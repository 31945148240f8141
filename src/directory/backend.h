/* backend.h - what an engine of the directory does: plain rows, no rules. Everything it gets is
   normalised and checked; aliases, nesting, loops, details and catch-alls are decided above it, so
   that SQL and LDAP behave alike. Private to directory/. Lookups give 1 found, 0 not, -1. */
#pragma once

#include "directory/directory.h"

enum row_kind { ROW_ACCOUNT = 1, ROW_ALIAS = 2, ROW_LIST = 3 };

struct domain_row {
    struct slice alias_of;  /* empty: a domain of its own */
    struct slice catch_all; /* empty: none */
};

struct address_row {
    enum row_kind kind;
    uint64_t account;    /* ROW_ACCOUNT */
    struct slice target; /* ROW_ALIAS */
};

struct directory_backend {
    int (*open)(const char *where, struct err *e);
    void (*close)(void);

    int (*domain)(struct slice name, struct arena *a, struct domain_row *ret, struct err *e);
    /* The only domain that is no alias. */
    int (*only_domain)(struct arena *a, struct slice *ret, struct err *e);
    int (*address)(struct slice address, struct arena *a, struct address_row *ret, struct err *e);
    int (*account)(uint64_t id, struct arena *a, struct account_info *ret, struct err *e);
    int (*credential)(uint64_t account, struct arena *a, struct credential *ret, struct err *e);

    int (*each_account)(struct slice domain, struct slice after,
                        int (*fn)(const struct account_info *, void *), void *arg, struct err *e);
    int (*each_domain)(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                       struct err *e);
    int (*each_alias)(struct slice domain, int (*fn)(struct slice, struct slice, void *), void *arg,
                      struct err *e);
    int (*each_list)(struct slice domain, int (*fn)(struct slice, size_t, void *), void *arg,
                     struct err *e);
    int (*each_member)(struct slice list, int (*fn)(struct slice, void *), void *arg,
                       struct err *e);

    int (*script)(struct slice owner, struct slice name, struct arena *a, struct slice *ret,
                  struct err *e);
    int (*each_script)(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                       struct err *e);

    /* Changes: ERR_EXISTS, ERR_NOTFOUND, ERR_CONFLICT as directory.h says. */
    int (*domain_add)(struct slice name, struct slice alias_of, struct err *e);
    int (*domain_remove)(struct slice name, struct err *e);
    int (*domain_catch_all)(struct slice name, struct slice target, struct err *e);
    int (*account_add)(const struct account_info *info, struct slice domain, uint64_t *ret_id,
                       struct err *e);
    int (*account_remove)(uint64_t id, struct err *e);
    int (*account_set_flags)(uint64_t id, uint64_t flags, struct err *e);
    int (*account_set_name)(uint64_t id, struct slice name, struct err *e);
    int (*account_set_quota)(uint64_t id, int64_t quota, struct err *e);
    int (*account_rename)(uint64_t id, struct slice address, struct slice domain, struct err *e);
    int (*alias_add)(struct slice alias, struct slice domain, struct slice target, struct err *e);
    int (*address_remove)(struct slice address, enum row_kind kind, struct err *e);
    int (*list_add)(struct slice address, struct slice domain, struct err *e);
    int (*member_add)(struct slice list, struct slice member, size_t max, struct err *e);
    int (*member_remove)(struct slice list, struct slice member, struct err *e);
    int (*script_set)(struct slice owner, struct slice name, struct slice text, struct err *e);
    int (*credential_set)(const struct credential *c, struct err *e);
};

extern const struct directory_backend directory_sql;

/* The engine in use, behind the cache. What would have to ask the engine fails (ERR_BUSY) while
   lookup_known_only is set, which is each thread's own. */
extern _Thread_local bool lookup_known_only;
int lookup_blocked(struct err *e); /* 1 or 0 */
int lookup_domain(struct slice name, struct arena *a, struct domain_row *ret, struct err *e);
int lookup_address(struct slice address, struct arena *a, struct address_row *ret, struct err *e);
int lookup_account(uint64_t id, struct arena *a, struct account_info *ret, struct err *e);
const struct directory_backend *directory_backend(void);
