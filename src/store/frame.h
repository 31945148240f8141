/* frame.h - content as it is stored: cut into frames of 64 KB, each compressed by itself (zstd), so
   that a range can be read without the rest. A frame that does not shrink by three tenths is stored
   plain: what there is to win is not worth the time at every reading. Base 64 is kept as the bytes
   it stands for (recode.h). Each frame has an XXH3 over its stored bytes; the whole content has its
   SHA-256. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

extern struct setting set_store_compress;

enum {
    FRAME_SIZE = 65536,
    FRAME_HASH = 32,
    FRAMES_MEMORY = 256 * 1024,    /* stored bytes that are in memory in any case */
    FRAMES_MOST = 2 * 1024 * 1024, /* where there is memory to spare (store.staging_memory) */
};

struct frame {
    uint32_t stored;          /* bytes in the pack */
    bool recoded;             /* its pieces: bytes, text, plan */
    bool packed;              /* it or its text is zstd, */
    unsigned char dictionary; /* with this one (enum squeeze_dictionary) */
    uint64_t sum;             /* XXH3-64 of the stored bytes */
};

struct frames {
    uint64_t size; /* of the content */
    unsigned char hash[FRAME_HASH];
    struct frame *table;
    size_t n, cap;
    uint64_t stored;  /* bytes of all frames */
    struct buf bytes; /* the stored frames, one after the other, when they are not in the file */
    bool in_file;
    int file; /* without a name */
    /* while they are being made */
    uint64_t max;
    const char *dir; /* what is too much for memory goes to a file here; NULL: stays in memory */
    size_t granted;  /* of store.staging_memory */
};

/* max: limit on the stored bytes; dir: see above. ERR_LIMIT when memory or limit fail, ERR_IO; then
   there is nothing to be done. */
int frames_make(struct frames *f, struct slice content, uint64_t max, const char *dir,
                struct err *e);
void frames_done(struct frames *f);
/* The stored frames of one that is in a file, to another file. -1 with errno. */
int frames_copy(const struct frames *f, int to, uint64_t at);

/* Stored bytes of one frame to its content: exactly want bytes at out. ERR_CORRUPT. Of a frame that
   is stored plain (frame_plain) out may be stored. */
int frame_unpack(const struct frame *f, const char *stored, char *out, size_t want, struct err *e);

static inline bool frame_plain(const struct frame *f)
{
    return !f->packed && !f->recoded;
}

/* SHA-256 of a whole. */
void frame_hash(struct slice content, unsigned char out[FRAME_HASH]);
