/* thread_tree.h - the trees of THREAD: RFC 5256 3. Messages are added in the mailbox's order, then
   the tree is finished once and written in steps. All walks are loops: threads nest as deep as
   strangers like. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "format/msgid.h"
#include "proto/imap/sort_args.h"

struct thread_message {
    uint32_t uid;
    int64_t date;
    struct slice subject; /* base subject, casemapped */
    bool reply;           /* or forward */
    struct slice id;      /* may be empty */
    struct msgid_list refs;
};

struct thread_tree {
    enum imap_thread_way way;
    size_t limit; /* of memory */
    struct arena arena;
    struct buf nodes; /* of struct thread_node; the first one stands for none */
    struct hmap ids, subjects;
    uint32_t n_subjects;
    uint64_t walked;
    uint32_t first;  /* of the root's children, once it is finished */
    struct buf open; /* while it is written: what comes next at each level */
};

/* ERR_LIMIT: too much memory, or references that lead through too many messages. */
int thread_add(struct thread_tree *t, const struct thread_message *m, struct err *e);
int thread_finish(struct thread_tree *t, struct err *e);
/* Goes on until out has `full` bytes: 1 more, 0 done. number() makes of a uid what is written. */
int thread_write(struct thread_tree *t, uint32_t (*number)(void *arg, uint32_t uid), void *arg,
                 size_t full, struct buf *out);
void thread_tree_done(struct thread_tree *t);
