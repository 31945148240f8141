/* salvage.c - reading around damage. A table is walked in the order of its primary key; where a
   page cannot be read, the walk jumps ahead: the last integer of the key grows by 1, 2, 4 ... until
   a row is found again, then the one before it, and so on. */
#include "db/salvage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

enum { COLUMNS = 32, KEYS = 6, FINDINGS = 100, SQL = 4096 };

static int fail(sqlite3 *h, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "sqlite: %s", h ? sqlite3_errmsg(h) : "no memory");
}

static int open_file(const char *path, int flags, sqlite3 **ret, struct err *e)
{
    struct stat st;
    if (stat(path, &st))
        return err_errno(e, ERR_NOTFOUND, "%s", path);
    if (sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
        sqlite3_exec(*ret, "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF", NULL, NULL,
                     NULL) != SQLITE_OK) {
        fail(*ret, e);
        sqlite3_close(*ret);
        return -1;
    }
    return 0;
}

int db_sqlite_check(const char *path, void (*say)(void *arg, const char *line), void *arg,
                    unsigned *ret, struct err *e)
{
    sqlite3 *h;
    sqlite3_stmt *st = NULL;
    if (open_file(path, SQLITE_OPEN_READWRITE, &h, e))
        return -1;
    int rc = sqlite3_prepare_v2(h, "PRAGMA integrity_check(100)", -1, &st, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *line = (const char *)sqlite3_column_text(st, 0);
        rc = SQLITE_OK;
        if (line && strcmp(line, "ok") != 0) {
            ++*ret;
            say(arg, line);
        }
    }
    if (rc != SQLITE_DONE) {
        fail(h, e);
        sqlite3_finalize(st);
        sqlite3_close(h);
        return -1;
    }
    sqlite3_finalize(st);
    sqlite3_close(h);
    return 0;
}

/* --- one table -------------------------------------------------------------------------------- */

struct table {
    char name[64];
    int columns, keys;
    int type[COLUMNS]; /* SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB */
    bool nullable[COLUMNS];
    int key[KEYS]; /* columns of the primary key, in its order */
    char column[COLUMNS][64];
};

static int type_of(const char *declared)
{
    return strstr(declared, "INT")    ? SQLITE_INTEGER
           : strstr(declared, "TEXT") ? SQLITE_TEXT
                                      : SQLITE_BLOB;
}

/* The shape is that of the new file: the old one's may be damaged. */
static int table_read(sqlite3 *to, const char *name, struct table *t, struct err *e)
{
    char sql[200];
    sqlite3_stmt *st = NULL;
    *t = (struct table){.columns = 0};
    snprintf(t->name, sizeof t->name, "%s", name);
    snprintf(sql, sizeof sql, "SELECT name, type, \"notnull\", pk FROM pragma_table_info('%s')",
             name);
    int rc = sqlite3_prepare_v2(to, sql, -1, &st, NULL);
    while (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW && t->columns < COLUMNS) {
        int c = t->columns++, pk = sqlite3_column_int(st, 3);
        snprintf(t->column[c], sizeof t->column[c], "%s", sqlite3_column_text(st, 0));
        t->type[c] = type_of((const char *)sqlite3_column_text(st, 1));
        t->nullable[c] = !sqlite3_column_int(st, 2) && !pk;
        if (pk > 0 && pk <= KEYS) {
            t->key[pk - 1] = c;
            t->keys = pk > t->keys ? pk : t->keys;
        }
    }
    sqlite3_finalize(st);
    if (rc != SQLITE_OK)
        return fail(to, e);
    return 0;
}

static void add(char *sql, const char *text)
{
    size_t n = strlen(sql);
    snprintf(sql + n, SQL - n, "%s", text);
}

static void add_columns(char *sql, const struct table *t)
{
    for (int i = 0; i < t->columns; i++) {
        add(sql, i ? ", \"" : "\"");
        add(sql, t->column[i]);
        add(sql, "\"");
    }
}

static void add_keys(char *sql, const struct table *t)
{
    for (int i = 0; i < t->keys; i++) {
        add(sql, i ? ", \"" : "\"");
        add(sql, t->column[t->key[i]]);
        add(sql, "\"");
    }
}

static sqlite3_stmt *prepare_select(sqlite3 *from, const struct table *t, bool after)
{
    char sql[SQL] = "SELECT ";
    sqlite3_stmt *st = NULL;
    add_columns(sql, t);
    add(sql, " FROM \"");
    add(sql, t->name);
    add(sql, "\" NOT INDEXED");
    if (after) {
        add(sql, " WHERE (");
        add_keys(sql, t);
        add(sql, ") > (");
        for (int i = 0; i < t->keys; i++)
            add(sql, i ? ", ?" : "?");
        add(sql, ")");
    }
    add(sql, " ORDER BY ");
    add_keys(sql, t);
    return sqlite3_prepare_v2(from, sql, -1, &st, NULL) == SQLITE_OK ? st : NULL;
}

static sqlite3_stmt *prepare_insert(sqlite3 *to, const struct table *t)
{
    char sql[SQL] = "INSERT OR IGNORE INTO \"";
    sqlite3_stmt *st = NULL;
    add(sql, t->name);
    add(sql, "\" (");
    add_columns(sql, t);
    add(sql, ") VALUES (");
    for (int i = 0; i < t->columns; i++)
        add(sql, i ? ", ?" : "?");
    add(sql, ")");
    return sqlite3_prepare_v2(to, sql, -1, &st, NULL) == SQLITE_OK ? st : NULL;
}

/* What stands in front of the place to read on from. */
struct place {
    sqlite3_value *v[KEYS];
};

static void place_free(struct place *p)
{
    for (int i = 0; i < KEYS; i++) {
        sqlite3_value_free(p->v[i]);
        p->v[i] = NULL;
    }
}

static bool row_is_sound(sqlite3_stmt *row, const struct table *t)
{
    for (int i = 0; i < t->columns; i++) {
        int type = sqlite3_column_type(row, i);
        if (type != t->type[i] && !(type == SQLITE_NULL && t->nullable[i]))
            return false;
    }
    return true;
}

static int value_cmp(sqlite3_value *a, sqlite3_value *b)
{
    if (sqlite3_value_type(a) == SQLITE_INTEGER) {
        sqlite3_int64 x = sqlite3_value_int64(a), y = sqlite3_value_int64(b);
        return (x > y) - (x < y);
    }
    int n = sqlite3_value_bytes(a), m = sqlite3_value_bytes(b);
    int r =
        n && m ? memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b), (size_t)(n < m ? n : m)) : 0;
    return r ? r : (n > m) - (n < m);
}

static bool is_behind(sqlite3_stmt *row, const struct table *t, const struct place *p)
{
    for (int i = 0; i < t->keys; i++) {
        int r = p->v[i] ? value_cmp(sqlite3_column_value(row, t->key[i]), p->v[i]) : 1;
        if (r)
            return r > 0;
    }
    return false;
}

struct copying {
    sqlite3 *to;
    const struct table *t;
    sqlite3_stmt *insert;
    struct place p;
    uint64_t rows;
    bool lost;       /* a row could not be kept */
    uint64_t budget; /* steps left: pages that point in a circle come to an end */
};

/* A row that is sound is kept. The place moves only forward. True: it moved. */
static bool row_copy(sqlite3_stmt *row, struct copying *c)
{
    const struct table *t = c->t;
    if (!row_is_sound(row, t)) {
        c->lost = true;
        return false;
    }
    for (int i = 0; i < t->columns; i++)
        sqlite3_bind_value(c->insert, i + 1, sqlite3_column_value(row, i));
    if (sqlite3_step(c->insert) == SQLITE_DONE)
        c->rows += (uint64_t)sqlite3_changes64(c->to);
    else
        c->lost = true;
    sqlite3_reset(c->insert);
    if (!is_behind(row, t, &c->p))
        return false;
    place_free(&c->p);
    for (int i = 0; i < t->keys; i++)
        c->p.v[i] = sqlite3_value_dup(sqlite3_column_value(row, t->key[i]));
    return true;
}

/* Reads on behind the place. SQLITE_DONE at the end, else the error. *got: the place moved. */
static int read_on(sqlite3_stmt *select, struct copying *c, bool *got)
{
    int rc = SQLITE_CORRUPT;
    *got = false;
    while (c->budget && (rc = sqlite3_step(select)) == SQLITE_ROW) {
        c->budget--;
        *got |= row_copy(select, c);
    }
    sqlite3_reset(select);
    return c->budget ? rc : SQLITE_DONE;
}

/* The place with key column k raised by step and what follows as low as can be. */
static void bind_jump(sqlite3_stmt *select, const struct table *t, const struct place *p, int k,
                      int64_t step)
{
    for (int i = 0; i < t->keys; i++) {
        if (i < k || !p->v[i])
            sqlite3_bind_value(select, i + 1, p->v[i]);
        else if (i > k)
            sqlite3_bind_int64(select, i + 1, INT64_MIN);
        else {
            int64_t v = sqlite3_value_int64(p->v[i]);
            sqlite3_bind_int64(select, i + 1, v > INT64_MAX - step ? INT64_MAX : v + step);
        }
    }
}

static bool first_key(const struct table *t, struct place *p, sqlite3 *to)
{
    sqlite3_stmt *st = NULL; /* a value can only be had from a statement */
    if (sqlite3_prepare_v2(to, "SELECT 0", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        return false;
    for (int i = 0; i < t->keys; i++)
        p->v[i] = sqlite3_value_dup(sqlite3_column_value(st, 0));
    sqlite3_finalize(st);
    return true;
}

/* Finds the next readable row behind damage. SQLITE_DONE: the table's end was read. */
static int jump(sqlite3_stmt *after, struct copying *c, bool *got)
{
    int rc = SQLITE_CORRUPT;
    *got = false; /* a key without integers gives no place to jump to */
    for (int k = c->t->keys - 1; k >= 0; k--) {
        if (c->t->type[c->t->key[k]] != SQLITE_INTEGER)
            continue;
        for (int bit = 0; bit < 48; bit++) {
            bind_jump(after, c->t, &c->p, k, (int64_t)1 << bit);
            rc = read_on(after, c, got);
            if (*got || rc == SQLITE_DONE)
                return rc;
        }
    }
    return rc;
}

/* Does the table's index, where it has one, count as many? A page that points elsewhere can take
   rows away without an error. */
static bool counts_agree(sqlite3 *from, const struct copying *c)
{
    char sql[200];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "SELECT COUNT(*) FROM \"%s\"", c->t->name);
    bool same = sqlite3_prepare_v2(from, sql, -1, &st, NULL) == SQLITE_OK &&
                sqlite3_step(st) == SQLITE_ROW && (uint64_t)sqlite3_column_int64(st, 0) == c->rows;
    sqlite3_finalize(st);
    return same;
}

/* True: the whole of it. */
static bool table_copy(sqlite3 *from, struct copying *c)
{
    bool whole = false;
    sqlite3_stmt *all = prepare_select(from, c->t, false);
    sqlite3_stmt *after = prepare_select(from, c->t, true);
    bool got = false;
    c->insert = prepare_insert(c->to, c->t);
    if (all && after && c->insert) {
        int rc = read_on(all, c, &got);
        whole = rc == SQLITE_DONE && c->budget && !c->lost && counts_agree(from, c);
        if (rc != SQLITE_DONE && !got)
            got = first_key(c->t, &c->p, c->to);
        while (rc != SQLITE_DONE && got)
            rc = jump(after, c, &got);
    }
    place_free(&c->p);
    sqlite3_finalize(all);
    sqlite3_finalize(after);
    sqlite3_finalize(c->insert);
    return whole;
}

static int copy_all(sqlite3 *from, sqlite3 *to, uint64_t budget,
                    void (*told)(void *arg, const char *table, bool whole), void *arg,
                    uint64_t *rows, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(to,
                                "SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                "name NOT LIKE 'sqlite%' ORDER BY name",
                                -1, &st, NULL);
    if (rc != SQLITE_OK)
        return fail(to, e);
    char names[64][64];
    int n = 0;
    while (n < 64 && sqlite3_step(st) == SQLITE_ROW)
        snprintf(names[n++], sizeof names[0], "%s", sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    for (int i = 0; i < n; i++) {
        struct table t;
        if (table_read(to, names[i], &t, e))
            return -1;
        struct copying c = {.to = to, .t = &t, .budget = budget};
        bool whole = table_copy(from, &c);
        if (told)
            told(arg, t.name, whole);
        *rows += c.rows;
    }
    return 0;
}

int db_sqlite_salvage(const char *from, const char *to,
                      void (*told)(void *arg, const char *table, bool whole), void *arg,
                      uint64_t *ret_rows, struct err *e)
{
    sqlite3 *a = NULL, *b = NULL;
    uint64_t rows = 0;
    struct stat st;
    if (stat(from, &st))
        return err_errno(e, ERR_NOTFOUND, "%s", from);
    if (open_file(from, SQLITE_OPEN_READWRITE, &a, e))
        return -1;
    if (open_file(to, SQLITE_OPEN_READWRITE, &b, e)) {
        sqlite3_close(a);
        return -1;
    }
    int rc = sqlite3_exec(b, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(b, e);
    if (rc == 0)
        rc = copy_all(a, b, (uint64_t)st.st_size + 1000, told, arg, &rows, e);
    if (rc == 0 && sqlite3_exec(b, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = fail(b, e);
    sqlite3_close(a);
    sqlite3_close(b);
    if (rc == 0)
        *ret_rows = rows;
    return rc;
}
