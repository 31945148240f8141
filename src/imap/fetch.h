/* fetch.h - FETCH in its parts: cmd_fetch.c walks the messages, fetch_items.c writes what the
   database knows, fetch_body.c what must be read from the message's bytes. */
#pragma once

#include "format/section.h"
#include "format/transfer.h"
#include "imap/request.h"
#include "proto/imap/fetch_args.h"
#include "proto/imap/set.h"
#include "store/message.h"

/* What a body item needs before it is written, and where its literal comes from. */
enum fetch_source {
    FETCH_NOTHING,
    FETCH_NUL_SCAN, /* is there a NUL in it? */
    FETCH_COUNT,    /* how long is it without its encoding? */
    FETCH_BYTES,    /* a literal out of the message, */
    FETCH_MADE,     /* out of `made`, */
    FETCH_DECODED,  /* decoded again, piece by piece */
};

/* The message whose body items are being written. It is independent of the snapshot, so that a long
   literal goes out in steps. */
struct fetch_message {
    struct message_bytes *bytes;
    uint64_t size, prefix; /* prefix: how much of it the index does not count */
    bool no_nul;
    struct buf parts; /* the index (format/part_index.h), when a part is asked for */
    struct buf head;  /* the bytes from the start, as far as they were needed */
    struct arena arena;
    struct message *parsed; /* over head, which is whole then: where the index cannot tell */
    size_t item;            /* index of the next body item; the one before is under way: */
    enum fetch_source doing;
    struct buf made;         /* chosen fields, or a decoded piece */
    uint64_t at, left, scan; /* of the literal */
    enum encoding encoding;
    struct transfer decoder;
    uint64_t raw_at, raw_end, raw; /* the encoded part, and how far it is decoded */
    uint64_t decoded;
    bool nul; /* in what is asked for of it */
};

struct fetch {
    struct imap_set set;
    struct imap_fetch_args args;
    bool resolved, planned, marks_seen;
    uint32_t looked_at;  /* whether they are \Seen is known up to this uid */
    bool paged;          /* PARTIAL is applied */
    uint32_t sifted;     /* CHANGEDSINCE is, up to this uid, for PARTIAL */
    bool needs_parts;    /* a section of a part is asked for */
    bool open;           /* msg is under way: its ")" is still to come */
    bool space;          /* an item was written: the next one has a space before it */
    struct uidset uids;  /* what was asked for and is in the view */
    size_t range;        /* how far we are: this range of uids ... */
    uint32_t next;       /* ... and uids from this one on */
    uint32_t seq;        /* of the message written last */
    uint32_t rows;       /* how many were looked at */
    struct uidset known; /* those with a changed \Seen: FLAGS is part of the answer */
    struct fetch_message msg;
    bool nul_refused, cte_refused, lost;
    struct err error; /* the first message that could not be read; its items are NIL */
};

/* Writes the items of the database, from "* n FETCH (" on. */
int fetch_items(struct request *r, struct txn *t, struct fetch *f, const struct entry *en,
                uint32_t seq);
unsigned fetch_want(const struct imap_fetch_args *a);

/* Room for all of the step once it is seen to be a long one, so that what is there is not moved
   each time it doubles. */
void fetch_make_room(struct request *r);
/* Opens the message for its body items. */
int fetch_body_open(struct fetch *f, const struct entry *en, struct err *e);
/* Writes body items: 1 when output is full (call again), 0 when all are written, -1. */
int fetch_body(struct request *r, struct fetch *f);
void fetch_message_done(struct fetch_message *m);
