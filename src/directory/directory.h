/* directory.h - who there is: domains, accounts, aliases, lists. The embedded engine is SQLite
   (sql.c, STATE/directory.db); LDAP comes behind the same calls. Every call but
   directory_resolve_known may block: use it at PLACE_READ or PLACE_CPU, or from the command line;
   never on a loop. Thread-safe. Addresses are
   compared as: local part ASCII-case-folded and NFC, domain as lower-case A-labels. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum account_flags {
    ACCOUNT_ADMIN = 1,
    ACCOUNT_DISABLED = 2, /* no log-in, no delivery (550) */
    ACCOUNT_NO_LOGIN = 4, /* delivery goes on */
};

struct account_info {
    uint64_t id;          /* from 1, never used again */
    struct slice address; /* primary: local@domain */
    struct slice name;    /* for people; may be empty */
    uint64_t flags;
    int64_t quota;      /* bytes; 0: no limit */
    int64_t created_at; /* seconds */
};

int directory_open(const char *path, struct err *e); /* creates and migrates */
void directory_close(void);

/* --- looking up (strings live in the arena) ------------------------------------------------ */
int directory_account(struct slice address, struct arena *a, struct account_info *ret,
                      struct err *e); /* primary or alias; ERR_NOTFOUND */
int directory_account_by_id(uint64_t id, struct arena *a, struct account_info *ret, struct err *e);
/* A log-in name: an address, an alias, or a local part when there is one domain (or a default). */
int directory_login(struct slice name, struct arena *a, struct account_info *ret, struct err *e);
int directory_domain_is_local(struct slice domain, struct err *e); /* 1, 0, -1 */

/* Where mail for an address goes: aliases, lists (nested, loops cut), domain aliases, +detail,
   catch-all resolved. ERR_NOTFOUND: no such recipient here. ERR_UNSUPPORTED: the domain is not
   ours. ERR_NOPERM: disabled. ERR_LIMIT: a list over directory.list_max members. */
struct delivery_target {
    uint64_t account;     /* 0: mail goes on to `address` */
    struct slice address; /* the final address */
    struct slice detail;  /* what followed the '+', without it; p == NULL when none */
    struct slice list;    /* the list it came through, p == NULL when none */
    struct slice owner;   /* who administers that list: owner-LIST, when there is such an address */
};
int directory_resolve(struct slice recipient, struct arena *a, struct delivery_target **ret,
                      size_t *ret_n, struct err *e);

/* The same out of memory, also on a loop. 0, or -1: what it takes is not in memory, or there is an
   error; directory_resolve tells. */
int directory_resolve_known(struct slice recipient, struct arena *a, struct delivery_target **ret,
                            size_t *ret_n);

/* May this account send as this address? (own, aliases, grants) 1, 0, -1. */
int directory_may_send_as(uint64_t account, struct slice address, struct err *e);

/* Callback walks: return non-zero to stop. */
int directory_each_account(struct slice domain /* empty: all */,
                           int (*fn)(const struct account_info *, void *), void *arg,
                           struct err *e);
/* Only those whose address sorts after `after` (as bytes): for lists in pages. */
int directory_each_account_after(struct slice domain, struct slice after,
                                 int (*fn)(const struct account_info *, void *), void *arg,
                                 struct err *e);
int directory_each_domain(int (*fn)(struct slice name, struct slice alias_of,
                                    struct slice catch_all, void *),
                          void *arg, struct err *e);
int directory_each_alias(struct slice domain,
                         int (*fn)(struct slice alias, struct slice target, void *), void *arg,
                         struct err *e);
int directory_each_list(struct slice domain,
                        int (*fn)(struct slice address, size_t members, void *), void *arg,
                        struct err *e);
int directory_each_member(struct slice list, int (*fn)(struct slice member, void *), void *arg,
                          struct err *e);

/* --- changing ------------------------------------------------------------------------------ */
int directory_domain_add(struct slice name, struct slice alias_of /* or empty */, struct err *e);
int directory_domain_remove(struct slice name, struct err *e); /* ERR_CONFLICT: not empty */
/* Empty: none. The target must be an address of ours (ERR_NOTFOUND), or, when elsewhere is set, one
   of another domain. */
int directory_domain_catch_all(struct slice name, struct slice target, bool elsewhere,
                               struct err *e);
int directory_account_add(struct slice address, struct slice name, uint64_t flags, int64_t quota,
                          uint64_t *ret_id, struct err *e);
int directory_account_remove(uint64_t id, struct err *e);
int directory_account_set_flags(uint64_t id, uint64_t flags, struct err *e);
int directory_account_set_name(uint64_t id, struct slice name, struct err *e);
int directory_account_set_quota(uint64_t id, int64_t quota, struct err *e);
int directory_account_rename(uint64_t id, struct slice address, struct err *e);
int directory_alias_add(struct slice alias, struct slice target, struct err *e); /* ERR_EXISTS */
int directory_alias_remove(struct slice alias, struct err *e);
int directory_list_add(struct slice address, struct err *e);
int directory_list_remove(struct slice address, struct err *e);
int directory_member_add(struct slice list, struct slice member, struct err *e);
int directory_member_remove(struct slice list, struct slice member, struct err *e);

/* --- scripts of an administrator (Sieve) ------------------------------------------------------ */
/* Whose: of everybody (both empty), of a domain, of an account. */
struct script_owner {
    struct slice domain;
    uint64_t account;
};
/* Of a name: 1, 0, -1. */
int directory_script(struct script_owner of, struct slice name, struct arena *a, struct slice *ret,
                     struct err *e);
/* text.p NULL: it goes. ERR_NOTFOUND: no such domain, account or script. */
int directory_script_set(struct script_owner of, struct slice name, struct slice text,
                         struct err *e);
/* All, sorted by owner and name; `owner` is "", the domain, or "#" and the account's id. */
int directory_each_script(int (*fn)(struct slice owner, struct slice name, struct slice text,
                                    void *),
                          void *arg, struct err *e);
/* Another number after any change of them, or of who belongs to which domain. */
uint64_t directory_script_version(void);

/* --- credentials (auth/ only) --------------------------------------------------------------- */
struct credential {
    uint64_t account;
    struct slice hash;  /* argon2id string; empty: none */
    struct slice scram; /* "SCRAM-SHA-256$i:salt$StoredKey:ServerKey"; empty: none */
    int64_t changed_at;
};
int directory_credential(uint64_t account, struct arena *a, struct credential *ret, struct err *e);
int directory_credential_set(const struct credential *c, struct err *e);
