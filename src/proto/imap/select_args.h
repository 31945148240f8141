/* select_args.h - SELECT and EXAMINE with their parameters: RFC 9051 6.3.2, RFC 7162 3.1.8 and
   3.2.5. */
#pragma once

#include "proto/imap/set.h"

struct imap_select_args {
    struct slice mailbox;
    bool condstore;
    bool qresync;
    uint32_t uidvalidity;
    uint64_t modseq;
    bool has_known; /* known uids */
    struct imap_set known;
    bool has_match; /* seq-match-data */
    struct imap_set match_seqs, match_uids;
};

/* Begins behind the command's name, at its space. */
int imap_select_args(struct imap_parser *p, struct imap_select_args *ret);
