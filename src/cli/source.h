/* source.h - where an import reads from: a Maildir (with Maildir++ or nested folders) or mbox
   files. Messages come in an order that stays the same, each with the position behind it
   (cli/journal.h), so that a later import can go on there, in each folder or file for itself.
   Memory does not grow with the number of messages. */
#pragma once

#include <jansson.h>

#include "cli/journal.h"

struct source_message {
    struct buf mailbox;  /* UTF-8 path; empty: the top */
    struct buf bytes;    /* line ends are CRLF */
    int64_t received_at; /* ms; 0: not known */
    json_t *flags;       /* texts as IMAP writes them */
    struct buf position; /* behind this message */
    struct buf name;     /* for people: file, or file and offset */
    bool too_large;      /* bytes are not all there */
};

struct source {
    /* 1: a message; 0: no more; -1. */
    int (*next)(struct source *s, struct source_message *m, struct err *e);
    void (*close)(struct source *s);
    uint64_t total, done; /* for the progress bar; in bytes or files */
};

/* done: how far an earlier import came; it outlives the source. */
int source_maildir(const char *path, size_t message_max, const struct journal *done,
                   struct source **ret, struct err *e);
int source_mbox(const char *path, size_t message_max, const struct journal *done,
                struct source **ret, struct err *e);

/* What sink_stream wrote; ERR_CORRUPT when it breaks off. */
int source_stream(int fd, size_t message_max, struct source **ret, struct err *e);

/* A name of a folder as one level of a mailbox path: no '/', no control characters. */
void source_add_level(struct buf *path, struct slice name);
/* Adds text with every bare LF made CRLF. -1: no room. */
int source_add_crlf(struct buf *out, struct slice text);
