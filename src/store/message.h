/* message.h - messages as items: preparing (parse, hash, compress: PLACE_CPU), adding to a mailbox
   (write job), and reading their bytes. One item per delivery, APPEND or import, even of equal
   bytes. */
#pragma once

#include "store/entry.h"

/* A message made ready: everything the writer needs, computed once, used for any number of
   recipients. Immutable. */
struct message_ready;

/* bytes: whole message, CRLF line ends, as it is to be read back. ERR_LIMIT over
   store.message_max. The bytes are not needed after. */
int message_ready_make(struct slice bytes, struct message_ready **ret, struct err *e);
int message_ready_make_fd(int fd, uint64_t size, struct message_ready **ret, struct err *e);
void message_ready_free(struct message_ready *m);
uint64_t message_ready_size(const struct message_ready *m);

struct message_add {
    uint64_t collection;
    struct slice prefix; /* top lines of the final hop, each with CRLF; read back in front */
    int64_t received_at; /* ms; 0: now */
    struct flagset flags;
    uint64_t spool; /* not 0: adds at most once per (spool, recipient); ret_uid 0 when there */
    struct slice recipient;
    bool no_quota; /* import by an administrator */
};
/* In a write job. ERR_QUOTA when the account would be over. Several in one job get consecutive
   uids. */
int message_add(struct txn *t, struct message_ready *m, const struct message_add *how,
                uint32_t *ret_uid, uint64_t *ret_item, struct err *e);

/* The guard by itself, for deliveries that are more or less than one message_add: 1 the first time,
   0, -1. */
int message_once(struct txn *t, uint64_t spool, struct slice recipient, struct err *e);

/* --- reading --------------------------------------------------------------------------------- */
/* The bytes of an entry read with ENTRY_BYTES, prefix in front; independent of the snapshot. */
struct message_bytes;
int message_open(const struct entry *en, struct message_bytes **ret, struct err *e);
uint64_t message_size(const struct message_bytes *m);
/* How much to read from `at` on, to where a stored frame ends (64 KB and the prefix at most): whole
   frames are not copied. */
uint64_t message_frame(const struct message_bytes *m, uint64_t at);
int message_read(struct message_bytes *m, uint64_t from, uint64_t n, struct buf *out,
                 struct err *e);
void message_close(struct message_bytes *m);
