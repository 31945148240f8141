/* squeeze.h - zstd as the store uses it: with a dictionary of our own, because most of what is
   compressed is short, and with contexts that are kept. A dictionary that something was stored with
   never changes; scripts/make-dictionary says what is in them. */
#pragma once

#include "base/slice.h"

enum squeeze_dictionary {
    SQUEEZE_BARE, /* none */
    SQUEEZE_MAIL, /* messages: header fields, MIME, HTML, words of some languages */
    SQUEEZE_ROW,  /* what is stored beside a message */
    SQUEEZE_KNOWN,
};

/* Bytes that it takes, at `room`; 0: more than `most`. */
size_t squeeze(enum squeeze_dictionary d, int level, struct slice content, char *room, size_t most);
/* Will these bytes shrink by three tenths? Told by a sample out of their middle, first by how its
   letters are distributed. Room for what they would be then. */
bool squeeze_pays(struct slice content, char *room);
/* Exactly `want` bytes at out; -1: it is damaged, or of another dictionary. */
int unsqueeze(enum squeeze_dictionary d, struct slice packed, char *out, size_t want);
/* The dictionary's bytes. */
struct slice squeeze_dictionary(enum squeeze_dictionary d);
