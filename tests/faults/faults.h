/* faults.h - the page that a test and the preloaded library share: which calls shall fail, how, and
   what has happened. tests/faults/faults.py has the same layout in ctypes; FAULTS_LAYOUT changes
   when it does. */
#pragma once

#include <stdint.h>

enum { FAULTS_MAGIC = 0x53544c46, FAULTS_LAYOUT = 2, FAULTS_RULES = 8, FAULTS_MATCH = 96 };

/* What a rule is about; a mask. */
enum faults_op {
    OP_OPEN = 1,
    OP_WRITE = 2, /* write, pwrite, writev, pwritev */
    OP_SYNC = 4,
    OP_RENAME = 8,
    OP_TRUNCATE = 16, /* ftruncate, fallocate */
    OP_ACCEPT = 32,
    OP_MEMORY = 64, /* malloc, calloc, realloc; arena and buf in a build with -Dfaults=true */
    OP_READ = 128,
    OP_UNLINK = 256,
    OP_MKDIR = 512,
    OP_MMAP = 1024,
};
enum { FAULTS_OPS = 11 };

/* What a rule does instead of an errno. */
enum {
    ACT_KILL = 10000, /* SIGKILL before the call: this process, or with `all` its parent too */
    ACT_CUT,          /* the power goes before the call: nothing is recorded, nothing returns */
    ACT_SHORT,        /* write: half of it */
    ACT_PASS,         /* nothing, but the rule has fired */
};

struct faults_rule {
    uint32_t ops;
    int32_t action;       /* errno or ACT_ */
    int64_t after;        /* so many matching calls pass first; counts down */
    int64_t times;        /* so many fail then; counts down. Negative: no end */
    uint32_t per_million; /* each matching call fails with this probability; 0: every one */
    uint32_t min;         /* OP_MEMORY: smaller requests never fail */
    uint64_t seed;        /* of the probability; changes */
    int64_t fired;
    uint32_t behind; /* only when the rule of this number, from 1, has fired */
    uint32_t spare;
    char match[FAULTS_MATCH]; /* a part of the path; empty: any */
};

struct faults_page {
    uint32_t magic, layout;
    uint32_t cut;      /* the power is off */
    uint32_t record;   /* operations go to the journal */
    uint32_t readonly; /* EROFS */
    uint32_t lies;     /* a sync says that it is done and does nothing */
    uint32_t spare;
    uint32_t full;     /* what a full disk says: ENOSPC or EDQUOT; 0: there is room */
    int64_t room;      /* bytes by which files may still grow */
    int64_t calls[16]; /* matching no rule too, by bit number of the operation */
    uint64_t seq;      /* last record of the journal */
    struct faults_rule rules[FAULTS_RULES];
};

/* A record of the journal: this head, then `path` bytes, then `data` bytes. */
enum faults_record {
    REC_CREATE = 1, /* path, inode */
    REC_WRITE,      /* inode, at, data */
    REC_TRUNCATE,   /* inode, at */
    REC_SYNC,       /* inode, at: sequence number up to which it holds */
    REC_SYNC_LOST,  /* the same, of a sync that failed: what was dirty never reaches the disk */
    REC_DIR_SYNC,   /* path, at */
    REC_RENAME,     /* path: old, data: new */
    REC_UNLINK,     /* path */
    REC_MKDIR,      /* path */
};

struct faults_head {
    uint32_t kind, path;
    uint64_t seq, inode, at, data;
};
