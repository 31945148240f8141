/* change_old.h - what a row of the change log keeps beside the flag words: sets of uids that had an
   overflow keyword, or \Seen of a person who is not the owner. They stand behind the words as
   sections: kind, id, length, packed uids. Inside store/ only. */
#pragma once

#include "store/change_log.h"
#include "store/entry_rows.h"

enum old_kind {
    OLD_KEYWORD = 1, /* id: the keyword; the uids had it */
    OLD_SEEN,        /* id: the person; the uids had \Seen */
    OLD_UNSEEN,      /* id: the person; the uids did not have it */
};

struct old_set {
    enum old_kind kind;
    uint64_t id;
    struct uidset uids;
};

struct old_sets {
    struct old_set *s;
    size_t n, cap;
};

#define OLD_SETS_SCOPE __attribute__((cleanup(old_sets_done))) struct old_sets
void old_sets_done(struct old_sets *o);
void old_sets_add(struct old_sets *o, enum old_kind kind, uint64_t id, const struct uidset *uids);

/* The overflow keywords that these rows have now; nothing is read when none can have any. */
int old_keywords_read(struct txn *t, uint64_t collection, const struct entry_rows *rows,
                      struct old_sets *o, struct err *e);
/* Who of the others has seen any of the mailbox. */
int old_seen_read(struct txn *t, uint64_t collection, struct old_sets *o, struct err *e);

/* Only what is of `among`. */
void old_sets_pack(const struct old_sets *o, const struct uidset *among, struct buf *out);

/* The next section; the set is replaced. 1, 0 at the end, -1 damaged. */
int old_section_next(struct slice *s, struct old_set *ret);
