/* wal.h - the write-ahead log of a SQLite file on a disk whose syncs may fail. Private to db/. */
#pragma once

#include <sqlite3.h>

#include "base/err.h"

/* For a connection just opened. The log is never unlinked, and only wal_checkpoint checkpoints. */
void wal_keep(sqlite3 *h);
/* A commit after which the log has a thousand frames or more checkpoints. */
void wal_checkpoint_by_itself(sqlite3 *h);
/* sqlite3_wal_checkpoint_v2. When it fails, the next one, by whomever, copies the whole log again.
 */
int wal_checkpoint(sqlite3 *h, int how, int *ret_log, int *ret_moved);
/* The names of the file at `path` and of its log are on the disk. */
int wal_sync_names(const char *path, struct err *e);
/* SQLite said that the file is damaged: is it that it could not be read? The errno, or 0. */
int wal_read_errno(sqlite3 *h);
