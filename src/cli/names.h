/* names.h - sorts any number of file names in bounded memory: runs of some ten thousand are sorted
   and put into an unlinked temporary file, and merged when they are read. The order is the time in
   front of a Maildir name, then the name without its flags: the same however flags change. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct names;

struct names *names_new(void);
void names_free(struct names *n);
/* tag: a letter that comes back with the name. */
int names_add(struct names *n, char tag, struct slice name, struct err *e);
uint64_t names_count(const struct names *n);

/* After the last names_add. 1: a name, valid until the next call; 0: the end. */
int names_next(struct names *n, char *ret_tag, struct slice *ret_name, struct err *e);

/* The order, on names without tag; flags left out. */
int names_compare(struct slice a, struct slice b);
