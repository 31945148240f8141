/* collection_row.h - single rows of table collection, for the two files that work on it. Inside
   store/ only. */
#pragma once

#include "store/collection.h"
#include "store/shard.h"

enum { INBOX_ID = 1 };

/* The columns id to deleted_bytes, in the order of struct collection. */
void collection_row_read(struct db_query *q, struct arena *a, struct collection *c);
/* 1 found, 0 not, -1. name is of the arena; path, subscribed and has_children are not filled. */
int collection_row_get(struct txn *t, uint64_t id, struct arena *a, struct collection *ret,
                       struct err *e);
int collection_child(struct txn *t, uint64_t parent, struct slice name, uint64_t *ret_id,
                     struct err *e);
int collection_has_children(struct txn *t, uint64_t id, struct err *e);
/* The id of a normalised path; 1, 0, -1. */
int collection_find(struct txn *t, struct slice path, uint64_t *ret_id, struct err *e);
