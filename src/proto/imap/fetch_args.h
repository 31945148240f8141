/* fetch_args.h - what FETCH asks for: RFC 9051 6.4.5 and 9 fetch-att, RFC 3501 6.4.5 (RFC822...),
   RFC 3516 (BINARY), RFC 7162 3.1.4 (MODSEQ, CHANGEDSINCE, VANISHED), RFC 8474 5 (EMAILID,
   THREADID), RFC 8970 (PREVIEW), RFC 8514 (SAVEDATE), RFC 9394
   3.4 (PARTIAL). Begins behind the sequence set and its space.
 */
#pragma once

#include "format/section.h"
#include "proto/imap/partial.h"
#include "proto/imap/set.h"

enum imap_fetch_item {
    IMAP_FETCH_FLAGS = 1,
    IMAP_FETCH_UID = 2,
    IMAP_FETCH_INTERNALDATE = 4,
    IMAP_FETCH_SIZE = 8,
    IMAP_FETCH_ENVELOPE = 16,
    IMAP_FETCH_BODY = 32,
    IMAP_FETCH_BODYSTRUCTURE = 64,
    IMAP_FETCH_MODSEQ = 128,
    IMAP_FETCH_EMAILID = 256,
    IMAP_FETCH_THREADID = 512,
    IMAP_FETCH_PREVIEW = 1024,
    IMAP_FETCH_SAVEDATE = 2048,
    IMAP_FETCH_LAST = IMAP_FETCH_SAVEDATE,
};

enum imap_fetch_kind {
    IMAP_BODY_SECTION, /* BODY[...], RFC822 and its relatives */
    IMAP_BINARY,       /* BINARY[...] */
    IMAP_BINARY_SIZE,  /* BINARY.SIZE[...] */
};

struct imap_fetch_body {
    enum imap_fetch_kind kind;
    bool peek; /* does not set \Seen */
    bool partial;
    uint64_t from, count;
    struct section section;
    struct slice label; /* as the response names it: "BODY[1.MIME]<0>" */
};

struct imap_fetch_args {
    unsigned items; /* enum imap_fetch_item */
    struct imap_fetch_body *bodies;
    size_t n_bodies;
    bool has_since; /* CHANGEDSINCE */
    uint64_t since;
    bool vanished;
    bool asked_uid;              /* UID is in the list itself */
    struct imap_partial partial; /* of UID FETCH */
};

enum { IMAP_FETCH_BODIES_MAX = 1000, IMAP_SECTION_DEPTH_MAX = 200 };

/* uid: of UID FETCH, where VANISHED and PARTIAL are allowed. */
int imap_fetch_args(struct imap_parser *p, bool uid, struct imap_fetch_args *ret);
