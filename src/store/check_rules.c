/* check_rules.c - what the rows of a shard must be true of each other, one rule a row: how many
   break it, and the statement that mends them. The order matters: what is made by one is counted by
   the next. */
#include "store/checking.h"
#include "store/row.h"

#define OF_COLLECTION                                                                              \
    "FROM entry e WHERE e.account = collection.account AND "                                       \
    "e.collection = collection.id"
#define OF_ACCOUNT(table) "FROM " table " x WHERE x.account = account.id"

/* The log counts too: an account that began again would give its numbers a second time. */
#define LOST_ACCOUNTS                                                                              \
    "FROM (SELECT account FROM collection UNION SELECT account FROM item UNION SELECT account "    \
    "FROM change) x WHERE NOT EXISTS (SELECT 1 FROM account a WHERE a.id = x.account)"
DB_STMT(accounts_bad, "SELECT COUNT(*) " LOST_ACCOUNTS);
DB_STMT(accounts_mend,
        "INSERT INTO account (id, epoch, modseq, floor, next_item, next_collection, uidvalidity, "
        "keywords, bytes, messages, quota, created_at) SELECT account, 1, 1, 0, 1, 1, 1, "
        "0, 0, 0, 0, 0 " LOST_ACCOUNTS);
DB_STMT(items_bad, "SELECT COUNT(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM item i WHERE "
                   "i.account = m.account AND i.id = m.item) AND EXISTS (SELECT 1 FROM entry e "
                   "WHERE e.account = m.account AND e.item = m.item)");
DB_STMT(items_mend,
        "INSERT INTO item (account, id, thread, received_at, sent_at, size, gone, blob, row) "
        "SELECT m.account, m.item, m.item, MIN(e.saved_at), MIN(e.saved_at), MIN(e.size), 0, "
        "COALESCE(MIN(b.id), 0), MIN(m.row) FROM message m JOIN entry e ON e.account = m.account "
        "AND e.item = m.item LEFT JOIN blob b ON b.hash = m.hash WHERE NOT EXISTS (SELECT 1 FROM "
        "item i WHERE i.account = m.account AND i.id = m.item) GROUP BY m.account, m.item");
/* Numbers begin at 1; a page of zeros has rows without one. */
DB_STMT(entries_without_number_bad, "SELECT COUNT(*) FROM entry WHERE item < 1 OR uid < 1");
DB_STMT(entries_without_number_mend, "DELETE FROM entry WHERE item < 1 OR uid < 1");
DB_STMT(items_without_number_bad, "SELECT COUNT(*) FROM item WHERE id < 1");
DB_STMT(items_without_number_mend, "DELETE FROM item WHERE id < 1");
DB_STMT(entries_bad, "SELECT COUNT(*) FROM entry WHERE NOT EXISTS (SELECT 1 FROM item i WHERE "
                     "i.account = entry.account AND i.id = entry.item)");
DB_STMT(entries_mend, "DELETE FROM entry WHERE NOT EXISTS (SELECT 1 FROM item i WHERE "
                      "i.account = entry.account AND i.id = entry.item)");
DB_STMT(homeless_bad,
        "SELECT COUNT(*) FROM entry WHERE NOT EXISTS (SELECT 1 FROM collection c WHERE "
        "c.account = entry.account AND c.id = entry.collection)");
DB_STMT(homeless_mend,
        "INSERT INTO collection (account, id, parent, name, kind, role, selectable, uidvalidity, "
        "uidnext, modseq, messages, unseen, deleted, bytes, deleted_bytes, created_at) "
        "SELECT DISTINCT account, collection, 0, CASE WHEN collection = 1 THEN 'INBOX' ELSE "
        "'Recovered mailbox ' || collection END, 1, CASE WHEN collection = 1 THEN 1 ELSE 0 END, 1, "
        "1, 1, 1, 0, 0, 0, 0, 0, 0 FROM entry WHERE NOT EXISTS (SELECT 1 FROM collection c WHERE "
        "c.account = entry.account AND c.id = entry.collection)");
DB_STMT(inbox_bad, "SELECT COUNT(*) FROM account WHERE NOT EXISTS (SELECT 1 FROM collection c "
                   "WHERE c.account = account.id AND c.id = 1)");
DB_STMT(inbox_mend,
        "INSERT INTO collection (account, id, parent, name, kind, role, selectable, uidvalidity, "
        "uidnext, modseq, messages, unseen, deleted, bytes, deleted_bytes, created_at) "
        "SELECT id, 1, 0, 'INBOX', 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 FROM account WHERE NOT "
        "EXISTS (SELECT 1 FROM collection c WHERE c.account = account.id AND c.id = 1)");
DB_STMT(parents_bad, "SELECT COUNT(*) FROM collection WHERE parent <> 0 AND NOT EXISTS (SELECT 1 "
                     "FROM collection p WHERE p.account = collection.account AND "
                     "p.id = collection.parent)");
DB_STMT(parents_mend, "UPDATE collection SET parent = 0, name = name || ' (' || id || ')' WHERE "
                      "parent <> 0 AND NOT EXISTS (SELECT 1 FROM collection p WHERE "
                      "p.account = collection.account AND p.id = collection.parent)");
DB_STMT(gone_bad, "SELECT COUNT(*) FROM item WHERE gone = 0 AND NOT EXISTS (SELECT 1 FROM entry e "
                  "WHERE e.account = item.account AND e.item = item.id)");
DB_STMT(gone_mend, "UPDATE item SET gone = 1 WHERE gone = 0 AND NOT EXISTS (SELECT 1 FROM entry e "
                   "WHERE e.account = item.account AND e.item = item.id)");
DB_STMT(gone_mark, "UPDATE item SET gone = 0 - 1 WHERE gone = 0 AND NOT EXISTS (SELECT 1 FROM "
                   "entry e WHERE e.account = item.account AND e.item = item.id)");
DB_STMT(alive_bad, "SELECT COUNT(*) FROM item WHERE gone > 0 AND EXISTS (SELECT 1 FROM entry e "
                   "WHERE e.account = item.account AND e.item = item.id)");
DB_STMT(alive_mend, "UPDATE item SET gone = 0 WHERE gone > 0 AND EXISTS (SELECT 1 FROM entry e "
                    "WHERE e.account = item.account AND e.item = item.id)");
DB_STMT(keywords_bad, "SELECT COUNT(*) FROM entry_keyword WHERE NOT EXISTS (SELECT 1 FROM entry e "
                      "WHERE e.account = entry_keyword.account AND "
                      "e.collection = entry_keyword.collection AND e.uid = entry_keyword.uid)");
DB_STMT(keywords_mend, "DELETE FROM entry_keyword WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE "
                       "e.account = entry_keyword.account AND "
                       "e.collection = entry_keyword.collection AND e.uid = entry_keyword.uid)");
DB_STMT(wide_bad, "SELECT COUNT(*) FROM message WHERE NOT EXISTS (SELECT 1 FROM item i WHERE "
                  "i.account = message.account AND i.id = message.item AND i.row = message.row)");
DB_STMT(wide_mend, "DELETE FROM message WHERE NOT EXISTS (SELECT 1 FROM item i WHERE "
                   "i.account = message.account AND i.id = message.item AND i.row = message.row)");
DB_STMT(refs_bad, "SELECT COUNT(*) FROM item WHERE blob > 0 AND NOT EXISTS (SELECT 1 FROM "
                  "blob_ref r WHERE r.blob = item.blob AND r.kind = 1 AND "
                  "r.account = item.account AND r.id = item.id)");
DB_STMT(refs_mend, "INSERT INTO blob_ref (blob, kind, account, id) SELECT blob, 1, account, id "
                   "FROM item WHERE blob > 0 AND NOT EXISTS (SELECT 1 FROM blob_ref r WHERE "
                   "r.blob = item.blob AND r.kind = 1 AND r.account = item.account AND "
                   "r.id = item.id)");
DB_STMT(stale_bad, "SELECT COUNT(*) FROM blob_ref WHERE kind = 1 AND NOT EXISTS (SELECT 1 FROM "
                   "item i WHERE i.account = blob_ref.account AND i.id = blob_ref.id AND "
                   "i.blob = blob_ref.blob)");
DB_STMT(stale_mend, "DELETE FROM blob_ref WHERE kind = 1 AND NOT EXISTS (SELECT 1 FROM item i "
                    "WHERE i.account = blob_ref.account AND i.id = blob_ref.id AND "
                    "i.blob = blob_ref.blob)");
DB_STMT(dead_bad, "SELECT COUNT(*) FROM blob WHERE dead_since = 0 AND NOT EXISTS (SELECT 1 FROM "
                  "blob_ref r WHERE r.blob = blob.id)");
DB_STMT(dead_mend, "UPDATE blob SET dead_since = 1 WHERE dead_since = 0 AND NOT EXISTS (SELECT 1 "
                   "FROM blob_ref r WHERE r.blob = blob.id)");
/* It is not known whether the mail was deleted or its rows are lost: check_packs.c asks the log. */
DB_STMT(dead_mark, "UPDATE blob SET dead_since = 0 - 1 WHERE dead_since = 0 AND NOT EXISTS (SELECT "
                   "1 FROM blob_ref r WHERE r.blob = blob.id)");
DB_STMT(buried_bad, "SELECT COUNT(*) FROM blob WHERE dead_since <> 0 AND EXISTS (SELECT 1 FROM "
                    "blob_ref r WHERE r.blob = blob.id)");
DB_STMT(buried_mend, "UPDATE blob SET dead_since = 0 WHERE dead_since <> 0 AND EXISTS (SELECT 1 "
                     "FROM blob_ref r WHERE r.blob = blob.id)");
#define TRUE_SIZE                                                                                  \
    "(SELECT b.size + " ROW_PREFIX_N " FROM message m JOIN blob b ON b.id = item.blob WHERE "      \
    "m.row = item.row)"
DB_STMT(sizes_bad, "SELECT COUNT(*) FROM item WHERE size <> " TRUE_SIZE);
DB_STMT(sizes_mend, "UPDATE item SET size = " TRUE_SIZE " WHERE size <> " TRUE_SIZE);
#define ITEM_SIZE                                                                                  \
    "(SELECT i.size FROM item i WHERE i.account = entry.account AND i.id = entry.item)"
DB_STMT(copies_bad, "SELECT COUNT(*) FROM entry WHERE size <> " ITEM_SIZE);
DB_STMT(copies_mend, "UPDATE entry SET size = " ITEM_SIZE " WHERE size <> " ITEM_SIZE);
DB_STMT(counts_bad,
        "SELECT COUNT(*) FROM collection WHERE messages <> (SELECT COUNT(*) " OF_COLLECTION ") OR "
        "unseen <> (SELECT COUNT(*) " OF_COLLECTION " AND e.flags & 1 = 0) OR "
        "deleted <> (SELECT COUNT(*) " OF_COLLECTION " AND e.flags & 8 > 0) OR "
        "bytes <> (SELECT COALESCE(SUM(e.size), 0) " OF_COLLECTION ") OR "
        "deleted_bytes <> (SELECT COALESCE(SUM(e.size), 0) " OF_COLLECTION
        " AND e.flags & 8 > 0) OR "
        "uidnext <= (SELECT COALESCE(MAX(e.uid), 0) " OF_COLLECTION ") OR "
        "modseq < (SELECT COALESCE(MAX(e.modseq), 0) " OF_COLLECTION ")");
DB_STMT(counts_mend,
        "UPDATE collection SET messages = (SELECT COUNT(*) " OF_COLLECTION "), "
        "unseen = (SELECT COUNT(*) " OF_COLLECTION " AND e.flags & 1 = 0), "
        "deleted = (SELECT COUNT(*) " OF_COLLECTION " AND e.flags & 8 > 0), "
        "bytes = (SELECT COALESCE(SUM(e.size), 0) " OF_COLLECTION "), "
        "deleted_bytes = (SELECT COALESCE(SUM(e.size), 0) " OF_COLLECTION " AND e.flags & 8 > 0), "
        "uidnext = CASE WHEN uidnext > (SELECT COALESCE(MAX(e.uid), 0) " OF_COLLECTION ") THEN "
        "uidnext ELSE (SELECT COALESCE(MAX(e.uid), 0) + 1 " OF_COLLECTION ") END, "
        "modseq = CASE WHEN modseq > (SELECT COALESCE(MAX(e.modseq), 0) " OF_COLLECTION ") THEN "
        "modseq ELSE (SELECT COALESCE(MAX(e.modseq), 0) " OF_COLLECTION ") END");
#define ITEM_BYTES "(SELECT COALESCE(SUM(x.size), 0) " OF_ACCOUNT("item") " AND x.gone = 0)"
#define MESSAGES "(SELECT COALESCE(SUM(x.messages), 0) " OF_ACCOUNT("collection") ")"
#define LAST_ITEM "(SELECT COALESCE(MAX(x.id), 0) " OF_ACCOUNT("item") ")"
#define LAST_COLLECTION "(SELECT COALESCE(MAX(x.id), 0) " OF_ACCOUNT("collection") ")"
#define KEYWORDS "(SELECT COALESCE(MAX(x.id) + 1, 0) " OF_ACCOUNT("keyword") ")"
#define LAST_MODSEQ "(SELECT COALESCE(MAX(x.modseq), 0) " OF_ACCOUNT("collection") ")"
#define LAST_CHANGE "(SELECT COALESCE(MAX(x.modseq), 0) " OF_ACCOUNT("change") ")"
#define AT_LEAST(column, least)                                                                    \
    column " = CASE WHEN " column " < " least " THEN " least " ELSE " column " END"
DB_STMT(totals_bad,
        "SELECT COUNT(*) FROM account WHERE bytes <> " ITEM_BYTES " OR messages <> " MESSAGES
        " OR next_item <= " LAST_ITEM " OR next_collection <= " LAST_COLLECTION
        " OR keywords < " KEYWORDS " OR modseq < " LAST_MODSEQ " OR modseq < " LAST_CHANGE);
DB_STMT(totals_mend,
        "UPDATE account SET bytes = " ITEM_BYTES ", messages = " MESSAGES
        ", " AT_LEAST("next_item", LAST_ITEM " + 1") ", " AT_LEAST(
            "next_collection", LAST_COLLECTION
            " + 1") ", " AT_LEAST("keywords", KEYWORDS) ", " AT_LEAST("modseq", LAST_MODSEQ));
DB_STMT(totals_mend_log, "UPDATE account SET " AT_LEAST("modseq", LAST_CHANGE));
#define SPACE                                                                                      \
    "(SELECT p.id AS id, p.committed - 64 - COALESCE(g.living, 0) AS dead FROM pack p LEFT JOIN "  \
    "(SELECT pack, SUM(stored) AS living FROM blob GROUP BY pack) g ON g.pack = p.id "             \
    "WHERE p.state < 2) v"
DB_STMT(space_bad, "SELECT COUNT(*) FROM pack, " SPACE " WHERE v.id = pack.id AND v.dead >= 0 AND "
                   "v.dead <> pack.dead");
DB_STMT(space_mend, "UPDATE pack SET dead = v.dead FROM " SPACE " WHERE v.id = pack.id AND "
                    "v.dead >= 0 AND v.dead <> pack.dead");
DB_STMT(queue_bad, "SELECT COUNT(*) FROM outbox_recipient WHERE NOT EXISTS (SELECT 1 FROM outbox "
                   "o WHERE o.id = outbox_recipient.outbox)");
DB_STMT(queue_mend, "DELETE FROM outbox_recipient WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE "
                    "o.id = outbox_recipient.outbox)");
DB_STMT(lost_entries,
        "SELECT e.account, e.collection, e.uid FROM entry e LEFT JOIN item i ON "
        "i.account = e.account AND i.id = e.item LEFT JOIN message m ON m.account = e.account AND "
        "m.item = e.item WHERE i.id IS NULL AND m.row IS NULL ORDER BY 1, 2, 3");

static const struct rule {
    const char *what;
    struct db_stmt *bad, *mend, *mend_too;
    struct db_stmt *salvaged; /* instead, where rows were lost: check_mend.c goes on from there */
} rules[] = {
    {"entries without a number", &stmt_entries_without_number_bad,
     &stmt_entries_without_number_mend, NULL},
    {"items without a number", &stmt_items_without_number_bad, &stmt_items_without_number_mend,
     NULL},
    {"items that were lost, but not their messages", &stmt_items_bad, &stmt_items_mend, NULL},
    {"entries whose message is lost", &stmt_entries_bad, &stmt_entries_mend, NULL},
    {"entries of a mailbox that is lost", &stmt_homeless_bad, &stmt_homeless_mend, NULL},
    {"accounts whose row is lost", &stmt_accounts_bad, &stmt_accounts_mend, NULL},
    {"accounts without INBOX", &stmt_inbox_bad, &stmt_inbox_mend, NULL},
    {"mailboxes inside one that is lost", &stmt_parents_bad, &stmt_parents_mend, NULL},
    {"items without an entry", &stmt_gone_bad, &stmt_gone_mend, NULL, &stmt_gone_mark},
    {"items counted as gone", &stmt_alive_bad, &stmt_alive_mend, NULL},
    {"keywords of no entry", &stmt_keywords_bad, &stmt_keywords_mend, NULL},
    {"message rows of no item", &stmt_wide_bad, &stmt_wide_mend, NULL},
    {"items that their blob does not know", &stmt_refs_bad, &stmt_refs_mend, NULL},
    {"blobs kept for items that are gone", &stmt_stale_bad, &stmt_stale_mend, NULL},
    {"blobs that nothing needs", &stmt_dead_bad, &stmt_dead_mend, NULL, &stmt_dead_mark},
    {"blobs counted as dead", &stmt_buried_bad, &stmt_buried_mend, NULL},
    {"items with a wrong size", &stmt_sizes_bad, &stmt_sizes_mend, NULL, NULL},
    {"entries with a wrong size", &stmt_copies_bad, &stmt_copies_mend, NULL, NULL},
    {"mailboxes with wrong counters", &stmt_counts_bad, &stmt_counts_mend, NULL},
    {"accounts with wrong totals", &stmt_totals_bad, &stmt_totals_mend, &stmt_totals_mend_log},
    {"packs with a wrong count of dead bytes", &stmt_space_bad, &stmt_space_mend, NULL},
    {"recipients of no queued message", &stmt_queue_bad, &stmt_queue_mend, NULL},
};

/* Names what no rule can bring back. */
static int name_lost(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_lost_entries);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        c->r->lost++;
        check_say(c, "lost: account %lld, mailbox %lld, uid %lld: its row is unreadable",
                  (long long)db_i64(q, 0), (long long)db_i64(q, 1), (long long)db_i64(q, 2));
    }
    db_end(q);
    return rc;
}

static int check_rule(struct checking *c, struct checked_shard *s, const struct rule *rule,
                      struct err *e)
{
    int64_t bad = 0;
    if (db_get_i64(s->db, rule->bad, &bad, e, "") < 0)
        return -1;
    if (!bad)
        return 0;
    c->r->problems += (uint64_t)bad;
    check_say(c, "shard %u: %lld %s", s->id, (long long)bad, rule->what);
    if (!c->repair)
        return 0;
    struct db_stmt *mend = s->salvaged && rule->salvaged ? rule->salvaged : rule->mend;
    if (db_run(s->db, mend, e, "") || (rule->mend_too && db_run(s->db, rule->mend_too, e, "")))
        return -1;
    c->r->repaired += (uint64_t)bad;
    return 0;
}

int check_rules(struct checking *c, struct checked_shard *s, struct err *e)
{
    if (db_begin(s->db, c->repair ? DB_WRITE : DB_READ, e))
        return -1;
    int rc = name_lost(c, s, e);
    for (size_t i = 0; rc == 0 && i < sizeof rules / sizeof *rules; i++)
        rc = check_rule(c, s, &rules[i], e);
    if (rc == 0)
        return db_commit(s->db, e);
    db_rollback(s->db);
    return -1;
}
