/* sink.h - where an export writes to. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

struct sink {
    /* A mailbox (row of mailbox.list). offset: go on there, as sync told it; 0: from the start. */
    int (*open)(struct sink *s, const json_t *mailbox, uint64_t offset, struct err *e);
    /* A message (row of message.export). Writing the same again is harmless. */
    int (*put)(struct sink *s, const json_t *message, struct slice bytes, struct err *e);
    /* What was put is on the disk. */
    int (*sync)(struct sink *s, uint64_t *ret_offset, struct err *e);
    void (*close)(struct sink *s);
};

int sink_maildir(const char *path, struct sink **ret, struct err *e);
int sink_mbox(const char *path, struct sink **ret, struct err *e);

/* On a descriptor that stays the caller's; source_stream reads it. The last line is written by
   sink_stream_end. */
#define STREAM_HEAD "carbonado messages 1\n"
int sink_stream(int fd, struct sink **ret, struct err *e);
int sink_stream_end(struct sink *s, struct err *e);
