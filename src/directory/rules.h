/* rules.h - steps that looking up an account and resolving a recipient share. Private to
   directory/. */
#pragma once

#include "directory/backend.h"
#include "directory/normal.h"

enum { RULES_DEPTH_MAX = 10 }; /* aliases of aliases, lists in lists */

/* -1, ERR_BUSY: memory has lacked, and what was not found may be there. */
int rules_sure(const struct arena *a, struct err *e);

/* Puts the domain that an alias domain stands for in its place. 1: ours; 0: not; -1. */
int rules_own_domain(struct address_normal *n, struct arena *a, struct domain_row *ret,
                     struct err *e);

/* The account behind an address, through aliases, not through lists. details: `user+x` counts as
   `user` when there is no such address. 1, 0, -1 (ERR_SYNTAX: not an address). */
int rules_account_of(struct slice address, bool details, struct arena *a, uint64_t *ret,
                     struct err *e);

/* Splits local+detail: the address without it, and the detail as it was written. false also when
   memory lacks: see rules_sure(). */
bool rules_cut_detail(const struct address_normal *n, struct arena *a, struct slice *ret_base,
                      struct slice *ret_detail);
