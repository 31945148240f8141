/* schema.c - the tables of a shard. Narrow clustered ones for what is scanned (entry, change), a
   wide one for what is fetched (message). Both engines get the same text; the macros below are the
   two words that differ.

   Every row belongs to one account, except those of the shard itself: blobs, packs, outbox, spool.
   Times are milliseconds since 1970. */
#include "store/schema.h"

/* parts: where the parts of the message are (format/part_index.h). */
#define SCHEMA_2(EMPTY) "ALTER TABLE message ADD COLUMN parts " EMPTY ";"

#define SCHEMA_1(BYTES, ROW, CLUSTERED)                                                            \
    "CREATE TABLE store_meta (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)" CLUSTERED    \
    ";"                                                                                            \
                                                                                                   \
    /* modseq: last number given; floor: the change log holds what is above it; bytes: of items    \
       with entries, each once. */                                                                 \
    "CREATE TABLE account ("                                                                       \
    " id " ROW ", epoch BIGINT NOT NULL, modseq BIGINT NOT NULL,"                                  \
    " floor BIGINT NOT NULL, next_item BIGINT NOT NULL, next_collection BIGINT NOT NULL,"          \
    " uidvalidity BIGINT NOT NULL, keywords BIGINT NOT NULL, bytes BIGINT NOT NULL,"               \
    " messages BIGINT NOT NULL, quota BIGINT NOT NULL, created_at BIGINT NOT NULL);"               \
                                                                                                   \
    "CREATE TABLE collection ("                                                                    \
    " account BIGINT NOT NULL, id BIGINT NOT NULL, parent BIGINT NOT NULL, name TEXT NOT NULL,"    \
    " kind BIGINT NOT NULL, role BIGINT NOT NULL, selectable BIGINT NOT NULL,"                     \
    " uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL,"               \
    " messages BIGINT NOT NULL, unseen BIGINT NOT NULL, deleted BIGINT NOT NULL,"                  \
    " bytes BIGINT NOT NULL, deleted_bytes BIGINT NOT NULL, created_at BIGINT NOT NULL,"           \
    " PRIMARY KEY (account, id))" CLUSTERED ";"                                                    \
    "CREATE UNIQUE INDEX collection_name ON collection (account, parent, name);"                   \
                                                                                                   \
    "CREATE TABLE subscription (account BIGINT NOT NULL, path TEXT NOT NULL,"                      \
    " PRIMARY KEY (account, path))" CLUSTERED ";"                                                  \
                                                                                                   \
    "CREATE TABLE entry ("                                                                         \
    " account BIGINT NOT NULL, collection BIGINT NOT NULL, uid BIGINT NOT NULL,"                   \
    " item BIGINT NOT NULL, flags BIGINT NOT NULL, modseq BIGINT NOT NULL,"                        \
    " saved_at BIGINT NOT NULL, size BIGINT NOT NULL,"                                             \
    " PRIMARY KEY (account, collection, uid))" CLUSTERED ";"                                       \
    "CREATE INDEX entry_item ON entry (account, item);"                                            \
                                                                                                   \
    "CREATE TABLE keyword (account BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"       \
    " folded TEXT NOT NULL, PRIMARY KEY (account, id))" CLUSTERED ";"                              \
    "CREATE UNIQUE INDEX keyword_name ON keyword (account, folded);"                               \
                                                                                                   \
    "CREATE TABLE entry_keyword (account BIGINT NOT NULL, collection BIGINT NOT NULL,"             \
    " uid BIGINT NOT NULL, keyword BIGINT NOT NULL,"                                               \
    " PRIMARY KEY (account, collection, uid, keyword))" CLUSTERED ";"                              \
                                                                                                   \
    /* \Seen of people other than the owner. */                                                    \
    "CREATE TABLE seen (account BIGINT NOT NULL, collection BIGINT NOT NULL,"                      \
    " person BIGINT NOT NULL, uids " BYTES " NOT NULL,"                                            \
    " PRIMARY KEY (account, collection, person))" CLUSTERED ";"                                    \
                                                                                                   \
    /* thread: the item that began it. gone: modseq at which the last entry went, 0 while there    \
       is one. row: of table message. */                                                           \
    "CREATE TABLE item ("                                                                          \
    " account BIGINT NOT NULL, id BIGINT NOT NULL, thread BIGINT NOT NULL,"                        \
    " received_at BIGINT NOT NULL, sent_at BIGINT NOT NULL, size BIGINT NOT NULL,"                 \
    " gone BIGINT NOT NULL, blob BIGINT NOT NULL, row BIGINT NOT NULL,"                            \
    " PRIMARY KEY (account, id))" CLUSTERED ";"                                                    \
    "CREATE INDEX item_gone ON item (account, gone) WHERE gone > 0;"                               \
                                                                                                   \
    /* hash: of the content, as in blob; repair finds one by the other. refs: the hashes under     \
       which the item stands in thread_ref, 8 bytes each. */                                       \
    "CREATE TABLE message ("                                                                       \
    " row " ROW ", account BIGINT NOT NULL, item BIGINT NOT NULL,"                                 \
    " prefix " BYTES " NOT NULL, envelope " BYTES " NOT NULL, body " BYTES " NOT NULL,"            \
    " bodystructure " BYTES " NOT NULL, preview TEXT NOT NULL, subject TEXT NOT NULL,"             \
    " refs " BYTES " NOT NULL, hash " BYTES " NOT NULL);"                                          \
                                                                                                   \
    "CREATE TABLE thread_ref (account BIGINT NOT NULL, hash BIGINT NOT NULL,"                      \
    " item BIGINT NOT NULL, thread BIGINT NOT NULL, subject BIGINT NOT NULL,"                      \
    " PRIMARY KEY (account, hash, item))" CLUSTERED ";"                                            \
                                                                                                   \
    "CREATE TABLE change ("                                                                        \
    " account BIGINT NOT NULL, modseq BIGINT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL,"   \
    " kind BIGINT NOT NULL, collection BIGINT NOT NULL, uids " BYTES " NOT NULL,"                  \
    " items " BYTES " NOT NULL, old " BYTES " NOT NULL,"                                           \
    " PRIMARY KEY (account, modseq, seq))" CLUSTERED ";"                                           \
                                                                                                   \
    "CREATE TABLE blob (id " ROW ", hash " BYTES " NOT NULL, pack BIGINT NOT NULL,"                \
    " at BIGINT NOT NULL, size BIGINT NOT NULL, stored BIGINT NOT NULL,"                           \
    " dead_since BIGINT NOT NULL);"                                                                \
    "CREATE UNIQUE INDEX blob_hash ON blob (hash);"                                                \
    "CREATE INDEX blob_dead ON blob (dead_since) WHERE dead_since > 0;"                            \
                                                                                                   \
    /* kind 1: item of account; kind 2: outbox message. */                                         \
    "CREATE TABLE blob_ref (blob BIGINT NOT NULL, kind BIGINT NOT NULL,"                           \
    " account BIGINT NOT NULL, id BIGINT NOT NULL,"                                                \
    " PRIMARY KEY (blob, kind, account, id))" CLUSTERED ";"                                        \
                                                                                                   \
    /* committed: the file is true up to here. dead: bytes of records that nothing needs.          \
       state: 0 open, 1 sealed, 2 being filled by compaction, 3 to be unlinked. */                 \
    "CREATE TABLE pack (id " ROW ", state BIGINT NOT NULL,"                                        \
    " committed BIGINT NOT NULL, dead BIGINT NOT NULL, created_at BIGINT NOT NULL);"               \
                                                                                                   \
    "CREATE TABLE outbox ("                                                                        \
    " id " ROW ", account BIGINT NOT NULL, sender TEXT NOT NULL, envid TEXT NOT NULL,"             \
    " trace TEXT NOT NULL, flags BIGINT NOT NULL, queued_at BIGINT NOT NULL,"                      \
    " expires_at BIGINT NOT NULL, prefix " BYTES " NOT NULL, blob BIGINT NOT NULL);"               \
    "CREATE TABLE outbox_recipient ("                                                              \
    " outbox BIGINT NOT NULL, address TEXT NOT NULL, orcpt TEXT NOT NULL,"                         \
    " notify BIGINT NOT NULL, account BIGINT NOT NULL, detail TEXT,"                               \
    " attempts BIGINT NOT NULL, next_at BIGINT NOT NULL, last_reply TEXT NOT NULL,"                \
    " PRIMARY KEY (outbox, address))" CLUSTERED ";"                                                \
    "CREATE INDEX outbox_next ON outbox_recipient (next_at, outbox);"                              \
                                                                                                   \
    /* A delivery out of a spool row happens once. */                                              \
    "CREATE TABLE spool_guard (spool BIGINT NOT NULL, recipient TEXT NOT NULL,"                    \
    " at BIGINT NOT NULL, PRIMARY KEY (spool, recipient))" CLUSTERED ";"                           \
    "CREATE INDEX spool_guard_at ON spool_guard (at);"

/* Bytes of a pack that may not be on the disk yet: tail.h. */
#define SCHEMA_3(BYTES, ROW)                                                                       \
    "CREATE TABLE pack_tail (id " ROW ", pack BIGINT NOT NULL, at BIGINT NOT NULL,"                \
    " bytes " BYTES " NOT NULL)"

/* BODY is made of BODYSTRUCTURE. */
#define SCHEMA_4 "ALTER TABLE message DROP COLUMN body"

/* Compressed columns: row.h. */
#define SCHEMA_5 "ALTER TABLE message ADD COLUMN prefix_n BIGINT NOT NULL DEFAULT -1"

/* Sieve: script.h, memory.h. */
#define SCHEMA_6(BYTES, CLUSTERED)                                                                 \
    "CREATE TABLE script (account BIGINT NOT NULL, name TEXT NOT NULL, active BIGINT NOT NULL,"    \
    " size BIGINT NOT NULL, changed_at BIGINT NOT NULL, text " BYTES " NOT NULL,"                  \
    " PRIMARY KEY (account, name))" CLUSTERED ";"                                                  \
    "CREATE TABLE memory (account BIGINT NOT NULL, key " BYTES " NOT NULL,"                        \
    " expires_at BIGINT NOT NULL, PRIMARY KEY (account, key))" CLUSTERED

/* What an envelope said: outbox.h. */
#define SCHEMA_7 "ALTER TABLE outbox_recipient ADD COLUMN named TEXT NOT NULL DEFAULT ''"

static const struct db_migration store_migrations[] = {
    {1, SCHEMA_1("BLOB", "INTEGER PRIMARY KEY", " WITHOUT ROWID"),
     SCHEMA_1("BYTEA", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "")},
    {2, SCHEMA_2("BLOB NOT NULL DEFAULT x''"), SCHEMA_2("BYTEA NOT NULL DEFAULT ''")},
    {3, SCHEMA_3("BLOB", "INTEGER PRIMARY KEY"), SCHEMA_3("BYTEA", "BIGINT PRIMARY KEY")},
    {4, SCHEMA_4, SCHEMA_4},
    {5, SCHEMA_5, SCHEMA_5, .needs = DB_FIRST_RELEASE},
    {6, SCHEMA_6("BLOB", " WITHOUT ROWID"), SCHEMA_6("BYTEA", "")},
    {7, SCHEMA_7, SCHEMA_7},
};
DB_MODULE(store, store_migrations);

DB_STMT(meta_get, "SELECT value FROM store_meta WHERE name = $1");
DB_STMT(meta_put, "INSERT INTO store_meta (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING");

/* `want` is written when nothing is there; what is there must be equal. */
static int meta_same(struct db *db, const char *name, int64_t want, struct err *e)
{
    int64_t have = want;
    if (db_run(db, &stmt_meta_put, e, "ti", slice_str(name), want) ||
        db_get_i64(db, &stmt_meta_get, &have, e, "t", slice_str(name)) < 0)
        return -1;
    if (have != want)
        return err_set(e, ERR_CONFLICT, "the shard's %s is %lld, not %lld", name, (long long)have,
                       (long long)want);
    return 0;
}

int schema_look(struct db *db, struct err *e)
{
    return db_migrate_look(db, &db_module_store, e);
}

int schema_open(struct db *db, unsigned shard, unsigned shards, struct err *e)
{
    if (db_migrate_module(db, &db_module_store, e))
        return -1;
    if (db_engine(db) == DB_SQLITE && /* "CARB": what file(1) sees */
        db_script(db, "PRAGMA application_id = 1128354370", e))
        return -1;
    return meta_same(db, "shard", shard, e) || meta_same(db, "shards", shards, e) ? -1 : 0;
}
