/* check.c - `store check`: each shard's database, its rows, its packs; and with repair, what can be
   read is kept and what cannot is named. A damaged database is put aside as N.db.damaged and its
   readable rows are copied into a new one. */
#include "store/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "db/salvage.h"
#include "store/checking.h"
#include "store/schema.h"
#include "store/shard.h"
#include "store/tail.h"

void check_say(struct checking *c, const char *fmt, ...)
{
    char line[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (c->say)
        c->say(c->arg, line);
}

void finding_add(struct findings *f, const struct finding *one)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 16;
        f->f = reallocarray(f->f, f->cap, sizeof *f->f);
        BUG_IF(!f->f);
    }
    f->f[f->n++] = *one;
}

static void say_integrity(void *arg, const char *line)
{
    check_say(arg, "database: %s", line);
}

/* The damaged file goes aside under a name that is free. */
static int put_aside(const char *path, char *aside, size_t n, struct err *e)
{
    static const char *const tails[] = {"-wal", "-shm"};
    for (int i = 0; i < 1000; i++) {
        snprintf(aside, n, "%s.damaged%d", path, i);
        if (access(aside, F_OK) != 0)
            break;
    }
    if (rename(path, aside))
        return err_errno(e, ERR_IO, "%s", path);
    for (size_t i = 0; i < 2; i++) {
        char a[700], b[700];
        snprintf(a, sizeof a, "%s%s", path, tails[i]);
        snprintf(b, sizeof b, "%s%s", aside, tails[i]);
        if (rename(a, b))
            unlink(b);
    }
    return 0;
}

static void note_table(void *arg, const char *table, bool whole)
{
    struct checked_shard *s = arg;
    if (strcmp(table, "blob") == 0)
        s->blobs_whole = whole;
}

static int salvage(struct checking *c, struct checked_shard *s, const char *path, unsigned shards,
                   struct err *e)
{
    char aside[600] = "";
    uint64_t rows = 0;
    struct db *db;
    struct err why = {0};
    bool there = access(path, F_OK) == 0;
    if (there && put_aside(path, aside, sizeof aside, e))
        return -1;
    if (db_open_sqlite(path, DB_CREATE | DB_NO_CHECKPOINT, &db, e))
        return -1;
    int rc = schema_open(db, s->id, shards, e);
    db_close(db);
    if (rc)
        return -1;
    s->salvaged = true;
    c->r->repaired++;
    if (there && db_sqlite_salvage(aside, path, note_table, s, &rows, &why))
        check_say(c, "shard %u: nothing of the database can be read: %s", s->id, why.text);
    check_say(c, "shard %u: a new database with %llu rows; the old one is %s", s->id,
              (unsigned long long)rows, there ? aside : "missing");
    return 0;
}

/* 0: can be worked on, 1: cannot, -1 */
/* The tables of a newer release are not damaged, and not to be mended by this one. */
static bool too_new(const char *path, struct err *e)
{
    struct db *db;
    struct err why = {0};
    if (db_open_sqlite(path, DB_READONLY | DB_NO_CHECKPOINT, &db, NULL))
        return false;
    bool yes = schema_look(db, &why) < 0 && why.code == ERR_UNSUPPORTED;
    db_close(db);
    if (yes)
        err_set(e, why.code, "%s", why.text);
    return yes;
}

static int check_database(struct checking *c, struct checked_shard *s, unsigned shards,
                          struct err *e)
{
    char path[512];
    unsigned found = 0;
    struct err why = {0};
    snprintf(path, sizeof path, "%s/shards/%u.db", c->dir, s->id);
    if (too_new(path, e))
        return -1;
    int rc = db_sqlite_check(path, say_integrity, c, &found, &why);
    if (rc)
        check_say(c, "shard %u: %s", s->id, why.text);
    if (rc == 0 && !found) {
        rc = db_open_sqlite(path, DB_NO_CHECKPOINT, &s->db, &why) ||
             schema_open(s->db, s->id, shards, &why);
        if (rc == 0)
            return 0;
        db_close(s->db);
        s->db = NULL;
        if (why.code == ERR_UNSUPPORTED)
            return err_set(e, why.code, "%s", why.text);
        check_say(c, "shard %u: %s", s->id, why.text);
    }
    c->r->problems += found ? found : 1;
    if (!c->repair)
        return 1;
    if (salvage(c, s, path, shards, e) || db_open_sqlite(path, DB_NO_CHECKPOINT, &s->db, e))
        return -1;
    return 0;
}

DB_STMT(check_counts, "SELECT (SELECT COUNT(*) FROM account), (SELECT COUNT(*) FROM collection), "
                      "(SELECT COUNT(*) FROM entry), (SELECT COUNT(*) FROM item)");

static int count_rows(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_check_counts);
    int rc = db_next(q, e);
    if (rc > 0) {
        c->r->accounts += (uint64_t)db_i64(q, 0);
        c->r->collections += (uint64_t)db_i64(q, 1);
        c->r->entries += (uint64_t)db_i64(q, 2);
        c->r->items += (uint64_t)db_i64(q, 3);
    }
    db_end(q);
    return rc < 0 ? -1 : 0;
}

/* Messages are looked for by their content: with an index for as long as the repair takes. */
static int salvaged_rows(struct checking *c, struct checked_shard *s, struct err *e)
{
    return db_script(s->db,
                     "CREATE INDEX IF NOT EXISTS repair_hash ON message (hash);"
                     "CREATE INDEX IF NOT EXISTS repair_item ON message (account, item);"
                     "CREATE INDEX IF NOT EXISTS repair_ref ON blob_ref (account, id)",
                     e) ||
                   check_log(s, e) || check_rules(c, s, e)
               ? -1
               : 0;
}

static int check_shard(struct checking *c, struct checked_shard *s, unsigned shards, struct err *e)
{
    int rc = check_database(c, s, shards, e);
    if (rc)
        return rc < 0 ? -1 : 0;
    if (tail_recover(s->db, s->packs.dir, s->id, e)) { /* as a start does */
        db_close(s->db);
        s->db = NULL;
        return -1;
    }
    /* What the rules bring back of a salvaged database decides which records are needed. */
    rc = check_rows(c, s, e) || (s->salvaged && salvaged_rows(c, s, e)) || check_packs(c, s, e) ||
                 check_queue(c, s, e) || check_rules(c, s, e) || count_rows(c, s, e)
             ? -1
             : 0;
    db_close(s->db);
    s->db = NULL;
    return rc;
}

/* With the store open; then once more over the rows, because what came back has to be counted. */
static int mend(struct checking *c, struct checked_shard *s, unsigned shards, struct err *e)
{
    if (store_open(&(struct store_config){.dir = c->dir}, e))
        return -1;
    int rc = 0;
    for (unsigned i = 0; i < shards && rc == 0; i++)
        rc = check_mend(c, &s[i], e);
    store_close();
    struct store_check_report quiet = {0};
    struct checking again = {.dir = c->dir, .repair = true, .r = &quiet};
    for (unsigned i = 0; i < shards && rc == 0; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/shards/%u.db", c->dir, i);
        rc = db_open_sqlite(path, DB_NO_CHECKPOINT, &s[i].db, e) ||
                     db_script(s[i].db,
                               "DROP INDEX IF EXISTS repair_hash;"
                               "DROP INDEX IF EXISTS repair_item;"
                               "DROP INDEX IF EXISTS repair_ref",
                               e) ||
                     check_rules(&again, &s[i], e) ||
                     db_script(s[i].db, "UPDATE blob SET dead_since = 1 WHERE dead_since < 0", e)
                 ? -1
                 : 0;
        db_close(s[i].db);
        s[i].db = NULL;
    }
    return rc;
}

static unsigned count_databases(const char *dir)
{
    char path[512];
    unsigned n = 0;
    do
        snprintf(path, sizeof path, "%s/shards/%u.db", dir, n);
    while (access(path, F_OK) == 0 && ++n < 64);
    return n;
}

static int read_format(struct checking *c, unsigned *ret_shards, struct err *e)
{
    struct err why = {0};
    if (store_format_read(c->dir, ret_shards, &why) == 0)
        return 0;
    unsigned n = count_databases(c->dir);
    if (why.code == ERR_UNSUPPORTED || !n)
        return err_set(e, why.code, "%s", why.text);
    c->r->problems++;
    check_say(c, "%s", why.text);
    *ret_shards = n;
    if (!c->repair)
        return 0;
    c->r->repaired++;
    return store_format_write(c->dir, n, e);
}

static void shard_init(struct checked_shard *s, unsigned id, const char *dir)
{
    char packs[512];
    s->id = id;
    snprintf(packs, sizeof packs, "%s/packs/%u", dir, id);
    packs_init(&s->packs, id, packs);
}

int store_check(const char *dir, bool repair, void (*say)(void *arg, const char *line),
                void (*progress)(void *arg, unsigned per_mille), void *arg,
                struct store_check_report *ret, struct err *e)
{
    *ret = (struct store_check_report){0};
    struct checking c = {.dir = dir, .repair = repair, .say = say, .arg = arg, .r = ret};
    unsigned n = 0;
    AUTO_FD lock = -1;
    if (store_lock(dir, &lock, e) || read_format(&c, &n, e))
        return -1;
    struct checked_shard *s = calloc(n, sizeof *s);
    BUG_IF(!s);
    int rc = 0;
    for (unsigned i = 0; i < n; i++)
        shard_init(&s[i], i, dir);
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = check_shard(&c, &s[i], n, e);
        if (progress)
            progress(arg, (i + 1) * 1000 / n);
    }
    fd_closep(&lock);
    if (rc == 0 && repair && ret->problems)
        rc = mend(&c, s, n, e);
    if (!repair)
        for (unsigned i = 0; i < n; i++)
            ret->lost += s[i].damaged.n;
    for (unsigned i = 0; i < n; i++) {
        db_close(s[i].db);
        packs_done(&s[i].packs);
        free(s[i].damaged.f);
        free(s[i].orphans.f);
    }
    free(s);
    return rc;
}
