/* entry_rows.h - the narrow rows of some entries, read at once for a change: what set statements
   need to know before (who is there, what the log shall remember) and the runs they work on. Inside
   store/ only. */
#pragma once

#include "base/uidset.h"
#include "store/flags.h"
#include "store/shard.h"

struct entry_row {
    uint32_t uid;
    bool ends_run; /* the next row is not in the same run */
    uint64_t item, flags, modseq;
    int64_t size;
};

struct entry_rows {
    struct entry_row *r;
    size_t n, cap;
    bool cut;  /* set before reading: stop at max instead of failing */
    bool more; /* stopped so */
    bool bare; /* set before reading: modseq and size are not needed, and stay 0 */
};

#define ENTRY_ROWS_SCOPE __attribute__((cleanup(entry_rows_done))) struct entry_rows
void entry_rows_done(struct entry_rows *rows);

/* Rows of the uids that exist (NULL: all), lowest first; those with all of `flags` set only. max:
   no more than that many, ERR_LIMIT. */
int entry_rows_read(struct txn *t, uint64_t collection, const struct uidset *uids, uint64_t flags,
                    size_t max, struct entry_rows *ret, struct err *e);
/* Takes out the rows that keep() does not want. */
void entry_rows_filter(struct entry_rows *rows, bool (*keep)(const struct entry_row *, void *),
                       void *arg);
/* The next run from *at: consecutive rows with nothing else between their uids in the mailbox, so
   that BETWEEN means exactly them. False at the end. */
struct entry_run {
    uint32_t first, last;
    const struct entry_row *rows;
    size_t n;
};
bool entry_run_next(const struct entry_rows *rows, size_t *at, struct entry_run *ret);
void entry_rows_uids(const struct entry_rows *rows, struct uidset *uids); /* added */

/* What a change does to a collection's row; the owner's flags count. */
struct collection_delta {
    int64_t uids; /* taken from uidnext */
    int64_t messages, unseen, deleted, bytes, deleted_bytes;
};
/* by: 1 comes, -1 goes. */
void delta_add(struct collection_delta *d, uint64_t flags, int64_t size, int by);
/* Applies it under the job's number. *ret_uid: the first uid taken. ERR_NOTFOUND: no such mailbox,
   or only a name. */
int collection_bump(struct txn *t, uint64_t collection, const struct collection_delta *d,
                    uint32_t *ret_uid, struct err *e);
