/* collection.h - mailboxes (and later calendars, address books, folders) of an account: a tree of
   names. A path is the names joined by '/', UTF-8 in NFC; "INBOX" is matched without case and has
   id 1. Ids are never used again in the account. */
#pragma once

#include "store/store.h"

enum collection_kind { COLLECTION_MAILBOX = 1 };

enum collection_role { /* RFC 6154, and JMAP's names */
                       ROLE_NONE,
                       ROLE_INBOX,
                       ROLE_ARCHIVE,
                       ROLE_DRAFTS,
                       ROLE_FLAGGED,
                       ROLE_JUNK,
                       ROLE_SENT,
                       ROLE_TRASH,
                       ROLE_ALL,
                       ROLE_IMPORTANT,
};

struct collection {
    uint64_t id;
    uint64_t parent;   /* 0: at the top */
    struct slice name; /* last component */
    struct slice path; /* whole */
    enum collection_kind kind;
    enum collection_role role;
    bool selectable; /* false: only a name with children under it (\NoSelect) */
    bool subscribed;
    bool has_children;
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint64_t modseq; /* highest of its entries, expunges included (HIGHESTMODSEQ) */
    uint64_t messages, unseen, deleted; /* entries; without \Seen; with \Deleted */
    int64_t bytes;                      /* sum of the message sizes */
    int64_t deleted_bytes;
};

/* All of the account, sorted by path with INBOX first. */
/* Order of paths: INBOX first, children right behind their parent, else by bytes. */
int collection_path_cmp(struct slice a, struct slice b);
int collection_list(struct txn *t, struct arena *a, struct collection **ret, size_t *ret_n,
                    struct err *e);
int collection_by_path(struct txn *t, struct slice path, struct arena *a, struct collection *ret,
                       struct err *e); /* ERR_NOTFOUND */
int collection_by_id(struct txn *t, uint64_t id, struct arena *a, struct collection *ret,
                     struct err *e);
int collection_by_role(struct txn *t, enum collection_role role, struct arena *a,
                       struct collection *ret, struct err *e);

/* Makes missing parents too (selectable). ERR_EXISTS; ERR_CONFLICT: another one has the role (the
   same in set_role); ERR_LIMIT: depth, length, number;
   ERR_SYNTAX: not a name (empty component, control characters, not NFC is normalised). Creating a
   name that exists as \NoSelect makes it selectable, with a new uidvalidity. */
int collection_create(struct txn *t, struct slice path, enum collection_kind kind,
                      enum collection_role role, uint64_t *ret_id, struct err *e);

/* The messages go; with children the name stays as \NoSelect, and goes with the last of them.
   INBOX: ERR_NOPERM; a \NoSelect with children: ERR_CONFLICT. */
int collection_delete(struct txn *t, uint64_t id, struct err *e);

/* Children move along. Renaming INBOX moves its messages to a new mailbox and leaves INBOX empty
   (RFC 9051 6.3.6). ERR_EXISTS, ERR_SYNTAX (into itself), ERR_NOTFOUND. */
int collection_rename(struct txn *t, uint64_t id, struct slice new_path, struct err *e);

int collection_set_role(struct txn *t, uint64_t id, enum collection_role role, struct err *e);

/* Subscriptions are names: they may be of mailboxes that do not exist (RFC 9051 6.3.7). */
int subscription_set(struct txn *t, struct slice path, bool on, struct err *e);
int subscription_list(struct txn *t, struct arena *a, struct slice **ret, size_t *ret_n,
                      struct err *e);

const char *role_special_use(enum collection_role role); /* "\\Sent"; NULL for none and INBOX */
enum collection_role
role_from_special_use(struct slice attribute); /* without case; NONE: unknown */
