/* schema.h - the tables of a shard, made and brought up to date. */
#pragma once

#include "db/db.h"

/* What this program writes, and the highest `reader` that it may open. */
enum { STORE_FORMAT = 1 };

enum pack_state { PACK_OPEN, PACK_SEALED, PACK_FILLING, PACK_RETIRED };
enum blob_ref_kind { BLOB_OF_ITEM = 1, BLOB_OF_OUTBOX = 2 };

/* Migrates and checks that the file is this shard's. ERR_UNSUPPORTED: made by a newer release;
   ERR_CONFLICT: another shard, or another number of shards. */
int schema_open(struct db *db, unsigned shard, unsigned shards, struct err *e);
int schema_check_format(struct db *db, struct err *e);
