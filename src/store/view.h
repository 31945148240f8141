/* view.h - what an IMAP session believes of a mailbox: uids by sequence number. Immutable and
   reference-counted, shared by all sessions at the same modseq; chunks of 1,024 uids, shared
   between successors. A session points to the view that it has announced; a job carries a
   reference. */
#pragma once

#include "base/uidset.h"
#include "store/store.h"

struct view;

/* The view of the snapshot: from the cache when its modseq is the newest, else made from the one
   before (changes applied) or from the table. The caller owns a reference. */
int view_get(struct txn *t, uint64_t collection, struct view **ret, struct err *e);
struct view *view_ref(struct view *v);
void view_unref(struct view *v);

uint64_t view_modseq(const struct view *v); /* of the collection */
uint32_t view_count(const struct view *v);
uint32_t view_uidnext(const struct view *v);
uint32_t view_uid(const struct view *v, uint32_t seq); /* seq from 1; 0 past the end */
uint32_t view_seq(const struct view *v, uint32_t uid); /* 0: not in it */
/* The same, quicker when it is the one behind `near`. */
uint32_t view_seq_near(const struct view *v, uint32_t uid, uint32_t near);
uint32_t view_seq_floor(const struct view *v, uint32_t uid); /* how many uids are <= uid */

/* Sequence numbers to uids and back; numbers past the end are left out. */
void view_seqs_to_uids(const struct view *v, const struct uidset *seqs, struct uidset *uids);
void view_uids_to_seqs(const struct view *v, const struct uidset *uids, struct uidset *seqs);
void view_all(const struct view *v, struct uidset *uids);

/* What is in `a` and not in `b`: expunged when a is the older. */
void view_minus(const struct view *a, const struct view *b, struct uidset *uids);

/* `v` with these uids, which came later, behind it: for sessions that may not announce what has
   gone. Its modseq stays that of v. */
struct view *view_with(const struct view *v, const struct uidset *uids, uint32_t uidnext);
