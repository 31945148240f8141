/* test_store.h - a store in a temporary directory for tests. Include after base/test.h. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/message.h"
#include "store/store.h"

static char test_dir[64];

static int test_rm(const char *path, const struct stat *st, int type, struct FTW *f)
{
    (void)st;
    (void)type;
    (void)f;
    return remove(path);
}

__attribute__((unused)) static void test_store_again(void)
{
    struct err e = {0};
    store_close();
    if (store_open(&(struct store_config){.dir = test_dir}, &e))
        fail_msg("%s", e.text);
}

__attribute__((unused)) static void test_store_open(unsigned shards)
{
    struct err e = {0};
    snprintf(test_dir, sizeof test_dir, "/tmp/carbonado-store-XXXXXX");
    assert_non_null(mkdtemp(test_dir));
    if (store_open(&(struct store_config){.dir = test_dir, .shards = shards}, &e))
        fail_msg("%s", e.text);
}

__attribute__((unused)) static void test_store_close(void)
{
    store_close();
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

struct test_adding {
    struct message_ready *m;
    struct message_add how;
    uint32_t uid;
};

__attribute__((unused)) static int test_add_job(struct txn *t, void *arg, struct err *e)
{
    struct test_adding *a = arg;
    return message_add(t, a->m, &a->how, &a->uid, NULL, e);
}

/* The uid. */
__attribute__((unused)) static uint32_t test_add(uint64_t account, uint64_t collection,
                                                 struct slice text, struct slice prefix,
                                                 uint64_t flags)
{
    struct err e = {0};
    struct test_adding a = {
        .how = {.collection = collection, .prefix = prefix, .flags = {.system = flags}}};
    if (message_ready_make(text, &a.m, &e) || store_write(account, test_add_job, &a, &e))
        fail_msg("%s", e.text);
    message_ready_free(a.m);
    return a.uid;
}

/* All bytes, with the prefix. */
__attribute__((unused)) static void test_bytes(struct message_bytes *m, struct buf *ret)
{
    struct err e = {0};
    if (message_read(m, 0, message_size(m), ret, &e))
        fail_msg("%s", e.text);
}

__attribute__((unused)) static void test_read(const struct entry *en, struct buf *ret)
{
    struct err e = {0};
    struct message_bytes *m;
    if (message_open(en, &m, &e))
        fail_msg("%s", e.text);
    test_bytes(m, ret);
    message_close(m);
}

/* fn gets every message of INBOX in order, with its bytes; how many there are. */
__attribute__((unused)) static unsigned
test_each(struct txn *t, unsigned want,
          void (*fn)(const struct entry *en, struct slice bytes, void *arg), void *arg)
{
    struct err e = {0};
    struct entry_walk *w;
    struct entry en;
    unsigned n = 0;
    int rc;
    assert_int_equal(entry_walk_open(t, 1, 0, NULL, want | ENTRY_BYTES, &w, &e), 0);
    for (; (rc = entry_walk_next(w, &en, &e)) > 0; n++) {
        BUF_SCOPE got = {0};
        test_read(&en, &got);
        fn(&en, buf_slice(&got), arg);
    }
    entry_walk_close(w);
    if (rc)
        fail_msg("%s", e.text);
    return n;
}
