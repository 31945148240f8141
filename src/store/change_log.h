/* change_log.h - writing the change log, and the compact lists its rows are made of. Inside store/
   only. */
#pragma once

#include "base/varint.h"
#include "store/change.h"
#include "store/shard.h"

/* Items in the order of their uids: differences, folded to stay short. */
struct item_packer {
    struct buf b;
    uint64_t last;
};

static inline void items_add(struct item_packer *p, uint64_t item)
{
    varint_add(&p->b, varint_fold((int64_t)(item - p->last)));
    p->last = item;
}

/* Begin with *last = 0. 1, 0 at the end, -1 damaged. */
static inline int items_next(struct slice *s, uint64_t *last)
{
    uint64_t v;
    if (!s->n)
        return 0;
    if (varint_next(s, &v))
        return -1;
    *last += (uint64_t)varint_unfold(v);
    return 1;
}

/* Flag words in the order of their uids: how many in a row, and which. */
struct flags_packer {
    struct buf b;
    uint64_t flags, run;
};

static inline void flags_end(struct flags_packer *p)
{
    if (p->run) {
        varint_add(&p->b, p->run);
        varint_add(&p->b, p->flags);
    }
    p->run = 0;
}

static inline void flags_add(struct flags_packer *p, uint64_t flags)
{
    if (flags != p->flags)
        flags_end(p);
    p->flags = flags;
    p->run++;
}

struct flags_reader {
    struct slice s;
    uint64_t run;
};

/* 1, 0 at the end, -1 damaged */
static inline int flags_next(struct flags_reader *r, uint64_t *flags)
{
    if (!r->run) {
        if (!r->s.n)
            return 0;
        if (varint_next(&r->s, &r->run) || varint_next(&r->s, flags) || !r->run)
            return -1;
    }
    r->run--;
    return 1;
}

/* One row of the log under the job's number, and a notice when the job is committed. uids may be
   NULL. */
int change_add(struct txn *t, enum change_kind kind, uint64_t collection, const struct uidset *uids,
               struct slice items, struct slice old, struct err *e);
