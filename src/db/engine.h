/* engine.h - what an engine gives to db.c. Private to db/. Engines embed struct db and struct
   db_query as their first member. */
#pragma once

#include "db/db.h"

enum { DB_PARAMS = 48 }; /* highest $n */

struct db_ops {
    enum db_engine engine;
    void (*close)(struct db *db);
    int (*exec)(struct db *db, const char *sql, struct err *e);
    /* One statement without parameters or rows that will come again; kept prepared where that
       helps. The text is a constant: it is told by its address. */
    int (*control)(struct db *db, const char *sql, struct err *e);
    const char *begin[2]; /* by enum db_mode */
    int (*commit)(struct db *db, struct err *e);
    struct db_query *(*query_new)(struct db *db);
    void (*query_free)(struct db_query *q);
    void (*prepare)(struct db_query *q); /* on failure sets q->err */
    void (*bind_i64)(struct db_query *q, int n, int64_t v);
    void (*bind_bytes)(struct db_query *q, int n, struct slice v, bool text);
    void (*bind_null)(struct db_query *q, int n);
    int (*next)(struct db_query *q, struct err *e);
    int64_t (*i64)(struct db_query *q, int col);
    struct slice (*bytes)(struct db_query *q, int col, bool text);
    bool (*is_null)(struct db_query *q, int col);
    void (*end)(struct db_query *q);
};

struct db {
    const struct db_ops *ops;
    struct db_query **queries; /* by statement id */
    int queries_n;
    bool in_txn, in_savepoint;
    bool ailing;
    int64_t changes;
};

struct db_query {
    struct db *db;
    struct db_stmt *stmt;
    int params; /* highest $n in the text */
    bool in_use;
    struct err err; /* of preparing or binding; told by db_next */
};

/* The highest $n of a statement, quoted text and comments left out. */
int db_stmt_params(const char *sql);
/* How many statements are registered: ids are below it. */
int db_stmt_count(void);

/* PostgreSQL only: the types it infers for the parameters, one letter each as for db_run. */
int db_postgres_infer(struct db *db, struct db_stmt *s, char *ret, size_t size, struct err *e);
