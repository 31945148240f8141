/* message_ready.h - what message_ready_make() worked out. Inside store/ only. */
#pragma once

#include "store/message.h"
#include "store/thread.h"

struct message_ready {
    _Atomic unsigned refs;
    struct blob_staged *staged;
    bool has_date;
    int64_t sent_at; /* ms */
    struct thread_key thread;
    struct buf envelope, body, bodystructure, preview, subject, thread_refs;
};
