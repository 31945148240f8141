/* pack.h - the pack file: append-only, many records, each the bytes of one blob. All numbers are
   little-endian.

     file    "CARBPACK", u32 format, u32 lowest format a reader must know, u64 shard, u64 pack,
             i64 ms created, u64 mark, u16 x 3 release that came with that format, 2 bytes zero,
             u64 XXH3 of these 56 bytes: the same in all formats
     record  u32 "CBRC", u32 frames, u64 mark, SHA-256, u64 size, u64 stored, u64 account,
             u64 collection, i64 ms (of the job that brought it: what a repair goes by when the
             database is gone), u64 XXH3 of the head without this field and of the table;
             the table, frames times: u32 stored (top bit: zstd; the next: base 64 is bytes, see
             recode.h; the 6 bits below: dictionary, see squeeze.h), u64 XXH3; the frames

   Format 1 had no dictionaries and format 2 no bytes for base 64: their packs are read, and not
   written to any more.

   The mark is random and secret, the same in all packs of a shard, so that a damaged head gets it
   back from another file. A search through a damaged pack looks for it: the bytes of a message are
   a stranger's, and may look like a record, but cannot hold the mark. It is of no use to who can
   read the files, and nothing else ever shows it.

   Nothing here is retried after a failed write. */
#pragma once

#include "store/frame.h"

/* The release that came with PACK_FORMAT. */
enum { PACK_RELEASE_MAJOR = 0, PACK_RELEASE_MINOR = 1, PACK_RELEASE_PATCH = 0 };
enum { PACK_FORMAT = 3, PACK_HEAD = 64, RECORD_HEAD = 96, RECORD_FRAME = 12 };
enum { RECORD_FRAMES_MAX = 1 << 18 }; /* 16 GB */

struct record {
    uint64_t at;   /* offset of the record */
    uint64_t data; /* offset of the first frame */
    uint64_t end;  /* offset behind the last */
    unsigned char hash[FRAME_HASH];
    uint64_t size, stored;
    uint64_t account, collection, mark;
    int64_t made_at;
    struct frame *table;
    uint64_t *start; /* n + 1 offsets of the frames */
    uint32_t n;
};

struct record_origin {
    uint64_t account, collection;
    int64_t made_at;
};

void pack_path(char *out, size_t n, const char *dir, uint64_t pack);

/* A new file with its head written, not synced. There already is one: it is from a commit that
   never was, and is replaced. */
int pack_create(const char *dir, uint64_t shard, uint64_t pack, int *ret_fd, struct err *e);
/* Opens and checks the head: ERR_NOTFOUND, ERR_CORRUPT, ERR_UNSUPPORTED (newer format). */
int pack_open(const char *dir, uint64_t shard, uint64_t pack, bool write, int *ret_fd,
              struct err *e);

/* The mark and the format of a file whose head was checked. */
int pack_mark(int fd, uint64_t *ret, struct err *e);
int pack_format(int fd, uint32_t *ret, struct err *e);

/* Writes the head of an existing file anew, for one whose head is damaged. The mark is that of the
   first record; when that is damaged too, of another pack of the shard. */
int pack_mend(const char *dir, uint64_t shard, uint64_t pack, struct err *e);

/* The head of a record for these frames in a pack of this mark; the frames' bytes follow it in the
   file. */
void record_head(const struct frames *f, const struct record_origin *o, uint64_t mark,
                 struct buf *out);
/* A head with its table that was read out of another pack: now of one with this mark. */
void record_remark(char *head, size_t n, uint64_t mark);
static inline uint64_t record_length(const struct frames *f)
{
    return RECORD_HEAD + (uint64_t)RECORD_FRAME * f->n + f->stored;
}

/* Reads the head of the record at an offset; it must end at or before `end`. */
int record_read(int fd, uint64_t at, uint64_t end, struct record *ret, struct err *e);
/* The same, and what was read: up to `room` (RECORD_HEAD at least) bytes from `at` are in `first`,
   which saves the next reading of a small record. */
int record_read_ahead(int fd, uint64_t at, uint64_t end, char *first, size_t room, size_t *ret_n,
                      struct record *ret, struct err *e);
void record_done(struct record *r);
/* Bytes of content in frame i. */
static inline size_t record_frame_size(const struct record *r, uint32_t i)
{
    return i + 1 < r->n ? FRAME_SIZE : (size_t)(r->size - (uint64_t)i * FRAME_SIZE);
}
/* Frame i, checked, to out (room for FRAME_SIZE). */
int record_frame(int fd, const struct record *r, uint32_t i, char *out, struct err *e);
/* The same with memory for the stored bytes (FRAME_SIZE). */
int record_frame_by(int fd, const struct record *r, uint32_t i, char *stored, char *out,
                    struct err *e);
/* Everything: frames and SHA-256. ERR_CORRUPT. */
int record_check(int fd, const struct record *r, struct err *e);
/* The next offset at or after `at` where a whole head of this mark stands; `end` when there is
   none. For repair: a damaged record says nothing about where the next begins. */
uint64_t record_search(int fd, uint64_t mark, uint64_t at, uint64_t end);
