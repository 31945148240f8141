/* notice.h - after a commit, who listens to an account is told. A notice may be lost or merged: it
   says "look again", the log tells what. */
#pragma once

#include "base/list.h"
#include "base/slice.h"

struct loop;

struct notice {
    uint64_t account, collection, modseq; /* collection 0: the tree of collections */
    unsigned kinds;                       /* bits 1 << enum change_kind */
};

/* fn runs on the loop given. Between subscribe and unsubscribe (both on that loop) only. Notices of
   the same loop turn are merged per (subscription, collection). */
struct notice_sub {
    struct link link;
    uint64_t account;
    struct loop *loop;
    void (*fn)(struct notice_sub *, const struct notice *);
};
void notice_subscribe(struct notice_sub *s);
void notice_unsubscribe(struct notice_sub *s);

/* From any thread; store/ calls it after commits. */
void notice_publish(const struct notice *n);
