/* entry.h - what stands in a mailbox: uid, flags, modseq, and the item (message) it points to.
   Reads work on a snapshot; changes are set statements inside a write job, each writes one row of
   the change log. \Seen is of `person`: the owner's is in the flags, others' in their own table. */
#pragma once

#include "base/uidset.h"
#include "store/blob.h"
#include "store/flags.h"

/* What to read of each entry; the narrow table alone gives uid, item, flags, modseq, size,
 * saved_at. */
enum entry_want {
    ENTRY_KEYWORDS = 1,  /* overflow keywords */
    ENTRY_ITEM = 2,      /* received_at, thread, sent_at */
    ENTRY_ENVELOPE = 4,  /* envelope */
    ENTRY_STRUCTURE = 8, /* bodystructure */
    ENTRY_BYTES = 16,    /* prefix, parts and blob, for message_open */
    ENTRY_PREVIEW = 32,
    ENTRY_RECEIVED = 64, /* received_at alone */
    ENTRY_NARROW = 128,  /* size and saved_at, also of an entry that is gone */
};

struct entry {
    uint32_t uid;
    uint64_t item;  /* EMAILID is "M" and this in decimal */
    uint64_t flags; /* with the person's \Seen */
    uint64_t modseq;
    int64_t saved_at;         /* ms: when it came into this mailbox; 0: not known */
    const uint32_t *overflow; /* keyword ids; ENTRY_KEYWORDS */
    size_t overflow_n;
    int64_t received_at;                  /* ms: INTERNALDATE */
    int64_t sent_at;                      /* ms: Date header, received_at when it has none */
    int64_t size;                         /* RFC822.SIZE: prefix and blob */
    uint64_t thread;                      /* THREADID is "T" and this */
    bool damaged;                         /* something of the next four is not what was stored */
    struct slice envelope, bodystructure; /* as they go on the wire */
    struct slice preview;
    struct slice prefix;
    struct slice parts; /* format/part_index.h, of the bytes behind the prefix; may be empty */
    struct blob_ref blob;
};

/* Walks entries with lowest uid first. uids == NULL: all. Slices live until the next call. */
struct entry_walk;
int entry_walk_open(struct txn *t, uint64_t collection, uint64_t person, const struct uidset *uids,
                    unsigned want, struct entry_walk **ret, struct err *e);
int entry_walk_next(struct entry_walk *w, struct entry *ret, struct err *e); /* 1, 0 end, -1 */
void entry_walk_close(struct entry_walk *w);

/* An expunged entry that a session has not announced yet: its item, from the change log.
   ERR_NOTFOUND once the log is pruned. `want` as above; flags are those at the end. */
int entry_expunged(struct txn *t, uint64_t collection, uint32_t uid, unsigned want, struct arena *a,
                   struct entry *ret, struct err *e);

/* --- changes (write jobs) ------------------------------------------------------------------- */
enum flag_op { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };

/* unchanged_since: UINT64_MAX for none; entries with a higher modseq are left and put in *modified
   (RFC 7162 3.1.3). *changed: entries whose flags are different now (they got the job's modseq).
   New keywords are made; ERR_LIMIT over store.keywords_max. */
int entry_store_flags(struct txn *t, uint64_t collection, uint64_t person,
                      const struct uidset *uids, enum flag_op op, const struct flagset *flags,
                      uint64_t unchanged_since, struct uidset *changed, struct uidset *modified,
                      struct err *e);

/* Same account. The new uids are consecutive from *ret_first in the order of the source uids; those
   of `uids` that do not exist are left out; *copied is what was found. Flags and saved order kept.
   ERR_LIMIT over imap.copy_max, ERR_QUOTA never (an item counts once). */
int entry_copy(struct txn *t, uint64_t from, const struct uidset *uids, uint64_t to,
               struct uidset *copied, uint32_t *ret_first, struct err *e);
/* uids == NULL: all. However many: who moves very many does it in slices. */
int entry_move(struct txn *t, uint64_t from, const struct uidset *uids, uint64_t to,
               struct uidset *moved, uint32_t *ret_first, struct err *e);

/* uids == NULL: all. only_deleted: just those with \Deleted (EXPUNGE, UID EXPUNGE). */
int entry_expunge(struct txn *t, uint64_t collection, const struct uidset *uids, bool only_deleted,
                  struct uidset *expunged, struct err *e);
/* No more than `max` of them, lowest uids first: 1 when there are more, 0, -1. */
int entry_expunge_some(struct txn *t, uint64_t collection, const struct uidset *uids,
                       bool only_deleted, size_t max, struct uidset *expunged, struct err *e);
