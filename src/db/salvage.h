/* salvage.h - a damaged SQLite file: what is wrong with it, and what can still be read. Works on
   files that nobody has open. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* SQLite's own check of structure and indexes. say() gets each finding (at most 100); *ret counts
   them. ERR_CORRUPT when the file is not even a database, ERR_NOTFOUND when there is none. */
int db_sqlite_check(const char *path, void (*say)(void *arg, const char *line), void *arg,
                    unsigned *ret, struct err *e);

/* Copies every row that can be read, of every table that both files have, into `to`, whose tables
   exist and are empty. Rows whose columns do not have the types that the table says are left out. A
   row that is there already is left. Indexes are made anew by that. *ret_rows: how many. told (or
   NULL) gets each table; whole: every row of it was read, so that what is not there never was, or
   was deleted. */
int db_sqlite_salvage(const char *from, const char *to,
                      void (*told)(void *arg, const char *table, bool whole), void *arg,
                      uint64_t *ret_rows, struct err *e);
