/* entry_item.h - what is known of an item whose entry is gone. Inside store/ only. */
#pragma once

#include "store/entry.h"

/* By en->item; slices are of the arena. ERR_NOTFOUND: nothing is left of it. */
int entry_item_read(struct txn *t, struct arena *a, struct entry *en, struct err *e);
