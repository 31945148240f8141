/* blob.h - the bytes of messages: content-addressed, immutable, in append-only packs (embedded) or
   an object store behind the same calls. Two steps to write, because an object store needs them:
   blob_stage() before the writer (hash, compress; for S3 the durable PUT), blob_commit() inside. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct txn;

enum { BLOB_HASH = 32 }; /* SHA-256 */

/* Where a committed blob is: opaque above store/, stable for the life of a snapshot. */
struct blob_ref {
    unsigned char hash[BLOB_HASH];
    uint64_t id;              /* of the shard's table */
    uint64_t shard, pack, at; /* pack number and offset of its record */
    uint64_t size;            /* of the content */
};

/* Prepared content, ready for any number of accounts and shards. Reference-counted, thread-safe. */
struct blob_staged;
int blob_stage(struct slice content, struct blob_staged **ret, struct err *e);
struct blob_staged *blob_staged_ref(struct blob_staged *s);
void blob_staged_unref(struct blob_staged *s);
uint64_t blob_staged_size(const struct blob_staged *s);

/* In a write job: the record is appended unless the shard has the content; durable with the job. */
/* collection: of the first entry, for a repair without the database; 0: of none. */
int blob_commit(struct txn *t, struct blob_staged *s, uint64_t collection, struct blob_ref *ret,
                struct err *e);

/* Reading: any thread but a loop's. The pin keeps the pack file until blob_close. Frames are
   checked (XXH3) as they are read: ERR_CORRUPT names pack and offset. */
struct blob;
int blob_open(const struct blob_ref *ref, struct blob **ret, struct err *e);
int blob_read(struct blob *b, uint64_t from, uint64_t n, struct buf *out, struct err *e);
void blob_close(struct blob *b);
