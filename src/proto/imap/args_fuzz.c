/* args_fuzz.c - every argument parser on any text; the literals are cut out of the input the way
   the scanner would. The first byte says which parser and whether UTF-8 is on. */
#include "proto/imap/append_args.h"
#include "proto/imap/fetch_args.h"
#include "proto/imap/list_args.h"
#include "proto/imap/quota_args.h"
#include "proto/imap/search_args.h"
#include "proto/imap/select_args.h"
#include "proto/imap/sort_args.h"
#include "proto/imap/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n == 0)
        return 0;
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct err e = {0};
    struct slice text = slice_of(d + 1, n - 1);
    struct imap_literal lits[3];
    for (size_t i = 0; i < 3; i++)
        lits[i] = (struct imap_literal){.bytes = S("lit"), .size = 3};
    struct imap_parser p = {
        .text = text, .arena = &a, .e = &e, .literals = lits, .n_literals = 3, .utf8 = d[0] & 128};
    union {
        struct imap_fetch_args fetch;
        struct imap_search_args search;
        struct imap_list_args list;
        struct imap_append_args append;
        struct imap_store_args store;
        struct imap_select_args select;
        struct imap_sort_args sort;
        struct imap_thread_args thread;
        struct imap_setquota_args quota;
        struct slice s;
    } u;
    int r = 0;
    switch (d[0] & 15) {
    case 0:
        r = imap_fetch_args(&p, d[0] & 64, &u.fetch);
        break;
    case 1:
        r = imap_search_args(&p, &u.search);
        break;
    case 2:
        r = imap_list_args(&p, &u.list);
        break;
    case 3:
        r = imap_append_args(&p, &u.append);
        break;
    case 4:
        r = imap_store_args(&p, &u.store);
        break;
    case 5:
        r = imap_select_args(&p, &u.select);
        break;
    case 7:
        r = imap_sort_args(&p, &u.sort);
        break;
    case 9:
        r = imap_setquota_args(&p, &u.quota);
        break;
    case 8:
        r = imap_thread_args(&p, &u.thread);
        break;
    case 6:
        imap_list_match(slice_sub(text, 0, text.n / 2), slice_from(text, text.n / 2));
        break;
    default: /* the name of a mailbox */
        r = imap_mailbox(&p, &u.s);
        if (r == 0) {
            BUF_SCOPE out = {0};
            imap_write_mailbox(u.s, p.utf8, &out);
        }
        break;
    }
    if (r && e.code == ERR_OK)
        __builtin_trap(); /* a refusal says why */
    if (p.at > p.text.n)
        __builtin_trap();
    return 0;
}
