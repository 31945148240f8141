/* flags.h - flags of entries as responses show them, with the account's keywords by number. */
#pragma once

#include "imap/request.h"
#include "proto/imap/flag_args.h"
#include "store/entry.h"

/* The account's keywords, read once per step (r->keywords). */
struct keywords {
    struct keyword *list;
    size_t n;
    struct slice *by_id; /* names; p == NULL where there is none */
    size_t ids;
};
int flags_load(struct request *r, struct txn *t, struct err *e);

/* "(\Seen $Done)" */
void flags_write(const struct request *r, const struct entry *en, struct buf *out);

/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]" */
void flags_announce(const struct request *r, const struct selected *sel, struct buf *out);

/* The number of a keyword, or -1. */
int64_t flags_keyword(const struct request *r, struct slice name);
bool flags_has_keyword(const struct entry *en, uint32_t id);

struct flagset flags_of(const struct imap_flags *f);
