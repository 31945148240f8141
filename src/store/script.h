/* script.h - the Sieve scripts of a person: named texts, one of which may be active. Texts are kept
   as they came; whether they are Sieve was looked at before. */
#pragma once

#include "store/store.h"

enum { SCRIPT_NAME_MAX = 512 };

struct script {
    struct slice name;
    bool active;
    int64_t size;
    int64_t changed_at; /* ms */
};

/* Sorted by name. */
int script_list(struct txn *t, struct arena *a, struct script **ret, size_t *ret_n, struct err *e);
/* 1, 0: there is none, -1. name.p NULL: the active one. */
int script_read(struct txn *t, struct slice name, struct arena *a, struct slice *ret_name,
                struct slice *ret_text, struct err *e);
/* Would it fit? 0, or ERR_QUOTA: over sieve.scripts_max or sieve.storage_max. Of `name`, what is
   there already does not count. Reads and writes. */
int script_fits(struct txn *t, struct slice name, uint64_t size, struct err *e);

/* --- changes (write jobs) ------------------------------------------------------------------- */
/* A new one, or other text for the one of that name, which stays active when it is. ERR_QUOTA as
   above. */
int script_put(struct txn *t, struct slice name, struct slice text, struct err *e);
/* name empty: none is active. ERR_NOTFOUND. */
int script_activate(struct txn *t, struct slice name, struct err *e);
int script_rename(struct txn *t, struct slice from, struct slice to,
                  struct err *e);                                   /* ERR_NOTFOUND, ERR_EXISTS */
int script_remove(struct txn *t, struct slice name, struct err *e); /* ERR_CONFLICT: active */

/* Called inside the write job that changes something, on the writer's thread: what is kept of the
   account's scripts is not to be believed from here on. script_version() goes up with it. */
void script_told(uint64_t account);
/* A number that is another one after any change of the scripts of an account; looked at before they
   are read. Strangers to each other may share one. */
uint64_t script_version(uint64_t account);
