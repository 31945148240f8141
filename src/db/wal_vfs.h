/* wal_vfs.h - SQLite's own file layer with one difference: what goes into a write-ahead log is
   gathered and written in large pieces. SQLite writes the head and the page of each frame by
   themselves, two calls a page. Nothing else changes: a commit is in the file before it is synced
   and before any other connection can know of it. */
#pragma once

#include <sqlite3.h>

const char *wal_vfs_name(void); /* for sqlite3_open_v2; registered at the first call */

/* Right after opening: a transaction that is rolled back leaves nothing to be written. Takes the
   connection's rollback hook. */
void wal_vfs_watch(sqlite3 *h);
