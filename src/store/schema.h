/* schema.h - the tables of a shard, made and brought up to date. */
#pragma once

#include "db/db.h"

/* What this program writes into STATE/shards/format, the highest `reader` that it may open, and the
   release that came with it. */
enum { STORE_FORMAT = 1 };
#define STORE_FORMAT_RELEASE "0.1.0"

enum pack_state { PACK_OPEN, PACK_SEALED, PACK_FILLING, PACK_RETIRED };
enum blob_ref_kind { BLOB_OF_ITEM = 1, BLOB_OF_OUTBOX = 2 };

/* Migrates and checks that the file is this shard's. ERR_UNSUPPORTED: see db_migrate; ERR_CONFLICT:
   another shard, or another number of shards. */
int schema_open(struct db *db, unsigned shard, unsigned shards, struct err *e);
/* For readers: can this program use the tables as they are? 0 yes, 1 they are older, -1. */
int schema_look(struct db *db, struct err *e);
