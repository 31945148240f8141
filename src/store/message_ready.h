/* message_ready.h - what message_ready_make() worked out. Inside store/ only. */
#pragma once

#include "store/message.h"
#include "store/thread.h"

struct message_ready {
    struct blob_staged *staged;
    bool has_date;
    int64_t sent_at; /* ms */
    struct thread_key thread;
    struct buf envelope, bodystructure, preview, subject, thread_refs, parts;
    struct buf told; /* envelope and bodystructure as a column (row.h), which are empty then */
};

/* An entry for an item that is there, with its row in the log. */
int message_place(struct txn *t, const struct message_add *how, uint64_t item, int64_t size,
                  int64_t now, uint32_t *ret_uid, struct err *e);
