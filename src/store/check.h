/* check.h - `store check [--repair]`: reads everything, names what is damaged, keeps what can be
   read. Runs on a store that is not open. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct store_check_report {
    uint64_t accounts, collections, entries, items, blobs, packs;
    uint64_t bytes;
    uint64_t problems, repaired, lost; /* lost: messages whose bytes are gone */
};

/* say: called for each finding with one line of text. Progress in parts of 1000. */
int store_check(const char *dir, bool repair, void (*say)(void *arg, const char *line),
                void (*progress)(void *arg, unsigned per_mille), void *arg,
                struct store_check_report *ret, struct err *e);
