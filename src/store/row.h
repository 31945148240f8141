/* row.h - what is stored beside a message, in table `message`. ENVELOPE and BODYSTRUCTURE are
   compressed together in column `envelope`, prefix and preview in column `prefix`; `prefix_n` is
   the length of the prefix then, and below 0 in a row whose four columns are plain (store.compress
   is off, or the row is of before). Inside store/ only. */
#pragma once

#include "store/entry.h"

struct db_query;
struct message_ready;
struct txn;

/* SQL for the length of the prefix of row m. */
#define ROW_PREFIX_N "CASE WHEN m.prefix_n < 0 THEN LENGTH(m.prefix) ELSE m.prefix_n END"

/* a and b as one column. What is read of very many messages at once is packed without coding of
   letters: a sixth larger, and read in half the time. */
enum row_way { ROW_QUICK, ROW_SMALL };
void row_pack(enum row_way way, struct slice a, struct slice b, struct buf *out);
/* 1: they lie in `room`, 0: damaged, -1: no memory now. */
int row_unpack(struct slice packed, struct buf *room, struct slice *ret_a, struct slice *ret_b,
               struct err *e);

int row_put(struct txn *t, uint64_t account, uint64_t item, struct slice prefix,
            const struct message_ready *m, const unsigned char *hash, int64_t *ret_row,
            struct err *e);

/* Of a query: `prefix_n` stands in column n; envelope and bodystructure, prefix and preview in
   `column` and the next one. What is damaged is marked so and has something harmless instead. -1:
   no memory now, which says nothing of the row. */
int row_told(struct db_query *q, int n, int column, struct buf *room, struct entry *en,
             struct err *e);
int row_kept(struct db_query *q, int n, int column, struct buf *room, struct entry *en,
             struct err *e);
