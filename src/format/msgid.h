/* msgid.h - message ids (RFC 5322 3.6.4) out of Message-ID, In-Reply-To and References, and what
   threading compares. Tolerant: comments and phrases between ids are passed over, folded ids are
   joined, and ids that lost their brackets are taken when nothing else is there. */
#pragma once

#include "base/arena.h"

struct msgid_list {
    struct slice *items; /* without < and >, blanks inside removed, quoting undone */
    size_t n;
};

enum { MSGID_MAX = 1000, MSGID_LENGTH_MAX = 998 };

/* Every id of the field in order, without repetitions. Beyond MSGID_MAX the first and the last
   stay. Ids over MSGID_LENGTH_MAX are left out. -1 only when the arena is full. */
int msgid_parse(struct slice value, struct arena *a, struct msgid_list *ret);

/* The first id of the field or an empty slice (p == NULL); also when the arena is full. */
struct slice msgid_first(struct slice value, struct arena *a);

/* What threading stores and compares instead of the id: 63 bits of SHA-free, unkeyed FNV-1a 64 with
   a final mix, stable for ever because it is stored. Never 0. */
int64_t msgid_hash(struct slice id);
