/* slices.h - a command over very many messages does SLICE_MAX of them in one transaction, so that
   deliveries and other sessions get in between. The handler may be called again for a slice whose
   commit failed: what is still to do moves on only when the commit is known. */
#pragma once

#include "imap/request.h"

enum { SLICE_MAX = 25000 };

struct slices {
    struct uidset todo; /* filled by the handler in the beginning */
    struct uidset now;  /* the slice of this call */
    unsigned done;      /* how many are committed and out of todo */
};

/* In each call, with r->slice counting the commits: now is what this one is about. True when it is
   not the last. */
bool slices_next(const struct request *r, struct slices *s);
void slices_done(struct slices *s);
