/* postgres.c - the engine at scale, by libpq. A statement is prepared once per connection under the
   name sID: integers are declared BIGINT, bytes and text are left for the server to infer, and
   both travel in binary form. Whole results are taken; callers that expect very many rows ask for
   them in ranges. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "db/engine.h"

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_NUMERIC = 1700 };

struct pg_db {
    struct db db;
    PGconn *c;
    unsigned epoch; /* counts connections: what was prepared before is gone */
    bool read_only;
};

struct pg_query {
    struct db_query q;
    char name[16];
    unsigned epoch; /* of the connection that has it prepared; 0: none */
    PGresult *res;
    int row;
    Oid types[DB_PARAMS];
    const char *values[DB_PARAMS];
    int lengths[DB_PARAMS], formats[DB_PARAMS];
    char numbers[DB_PARAMS][24];
};

/* SQLSTATE classes and codes (PostgreSQL 15, appendix A); the longest match comes first. */
static const struct {
    const char *state;
    enum err_code code;
} codes[] = {{"23505", ERR_EXISTS},  {"40001", ERR_BUSY},   {"40P01", ERR_BUSY},
             {"55P03", ERR_BUSY},    {"57014", ERR_BUSY},   {"57P0", ERR_BUSY},
             {"53100", ERR_IO},      {"53", ERR_BUSY},      {"08", ERR_IO},
             {"58", ERR_IO},         {"25006", ERR_IO},     {"22021", ERR_SYNTAX},
             {"54", ERR_LIMIT},      {"28", ERR_NOPERM},    {"42501", ERR_NOPERM},
             {"XX001", ERR_CORRUPT}, {"XX002", ERR_CORRUPT}};

static int fail(struct pg_db *db, PGresult *res, const char *what, struct err *e)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum err_code code = PQstatus(db->c) != CONNECTION_OK ? ERR_IO : ERR_BUG;
    if (state && code == ERR_BUG)
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
            if (slice_starts(slice_str(state), slice_str(codes[i].state))) {
                code = codes[i].code;
                break;
            }
    struct slice line = slice_trim(slice_str(text ? text : PQerrorMessage(db->c)));
    ptrdiff_t end = slice_find(line, '\n');
    if (end >= 0)
        line.n = (size_t)end;
    return err_set(e, code, "postgresql: %s: %.*s (%s)", what, SARG(line), state ? state : "-");
}

static struct pg_db *pg(struct db *db)
{
    return (struct pg_db *)(void *)db;
}

static struct pg_query *of(struct db_query *q)
{
    return (struct pg_query *)(void *)q;
}

static void quiet(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static int command(struct pg_db *db, const char *sql, const char *what, const char *tag,
                   struct err *e)
{
    PGresult *res = PQexec(db->c, sql);
    ExecStatusType st = PQresultStatus(res);
    int r = 0;
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK && st != PGRES_EMPTY_QUERY)
        r = fail(db, res, what, e);
    else if (tag && !slice_eq(slice_str(PQcmdStatus(res)), slice_str(tag)))
        r = err_set(e, ERR_BUSY, "postgresql: %s: the transaction had failed before", what);
    PQclear(res);
    return r;
}

static int session(struct pg_db *db, struct err *e)
{
    PQsetNoticeReceiver(db->c, quiet, NULL);
    db->epoch++;
    return command(db,
                   db->read_only ? "SET default_transaction_read_only = on; "
                                   "SET client_encoding = 'UTF8'"
                                 : "SET client_encoding = 'UTF8'",
                   "connect", NULL, e);
}

/* Connects again after the server went away; never inside a transaction, which is lost with it. */
static int revive(struct pg_db *db, struct err *e)
{
    if (PQstatus(db->c) == CONNECTION_OK || db->db.in_txn)
        return 0;
    PQreset(db->c);
    if (PQstatus(db->c) != CONNECTION_OK)
        return fail(db, NULL, "connect", e);
    return session(db, e);
}

static int pg_exec(struct db *db, const char *sql, struct err *e)
{
    return revive(pg(db), e) || command(pg(db), sql, "script", NULL, e) ? -1 : 0;
}

/* COMMIT of a failed transaction succeeds and rolls back: only the tag tells. */
static int pg_commit(struct db *db, struct err *e)
{
    return command(pg(db), "COMMIT", "commit", "COMMIT", e);
}

static void pg_close(struct db *db)
{
    PQfinish(pg(db)->c);
    free(db);
}

/* --- statements ------------------------------------------------------------------------------ */

static struct db_query *pg_query_new(struct db *db)
{
    (void)db;
    struct pg_query *q = calloc(1, sizeof(*q));
    BUG_IF(!q);
    return &q->q;
}

static void pg_query_free(struct db_query *q)
{
    PQclear(of(q)->res);
    free(q);
}

static void pg_prepare(struct db_query *base)
{
    struct pg_query *q = of(base);
    snprintf(q->name, sizeof(q->name), "s%d", base->stmt->id);
    q->row = -1;
    for (int i = 0; i < base->params; i++) {
        q->types[i] = 0;
        q->values[i] = NULL;
    }
}

static void pg_bind_i64(struct db_query *base, int n, int64_t v)
{
    struct pg_query *q = of(base);
    snprintf(q->numbers[n - 1], sizeof(q->numbers[0]), "%lld", (long long)v);
    q->types[n - 1] = OID_INT8;
    q->values[n - 1] = q->numbers[n - 1];
    q->formats[n - 1] = 0;
}

static void pg_bind_bytes(struct db_query *base, int n, struct slice v, bool text)
{
    struct pg_query *q = of(base);
    (void)text; /* the same bytes; the server knows which it wants */
    if (v.n > INT32_MAX) {
        err_set(&base->err, ERR_LIMIT, "%s: value is too large", base->stmt->name);
        return;
    }
    q->values[n - 1] = v.n ? v.p : "";
    q->lengths[n - 1] = (int)v.n;
    q->formats[n - 1] = 1;
}

static void pg_bind_null(struct db_query *base, int n)
{
    of(base)->values[n - 1] = NULL;
}

static int execute(struct pg_query *q, struct err *e)
{
    struct pg_db *db = pg(q->q.db);
    const char *name = q->q.stmt->name;
    if (revive(db, e))
        return -1;
    if (q->epoch != db->epoch) {
        PGresult *res = PQprepare(db->c, q->name, q->q.stmt->sql, q->q.params, q->types);
        int r = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : fail(db, res, name, e);
        PQclear(res);
        if (r)
            return -1;
        q->epoch = db->epoch;
    }
    q->res = PQexecPrepared(db->c, q->name, q->q.params, q->values, q->lengths, q->formats, 1);
    ExecStatusType st = PQresultStatus(q->res);
    if (st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK)
        return fail(db, q->res, name, e);
    const char *changed = PQcmdTuples(q->res);
    uint64_t n = 0;
    bool reads = slice_starts(slice_str(PQcmdStatus(q->res)), S("SELECT"));
    db->db.changes = !reads && slice_u64(slice_str(changed), &n) == 0 ? (int64_t)n : 0;
    return 0;
}

static int pg_next(struct db_query *base, struct err *e)
{
    struct pg_query *q = of(base);
    if (q->row < 0 && execute(q, e))
        return -1;
    if (q->row + 1 >= PQntuples(q->res)) {
        q->row = PQntuples(q->res);
        return 0;
    }
    q->row++;
    return 1;
}

/* The binary form of NUMERIC, which SUM(BIGINT) gives: digits of base 10000. Parts after the point
   are dropped, what does not fit becomes the nearest end of the range. */
static int64_t numeric_i64(const unsigned char *p, int n)
{
    int digits = p[0] << 8 | p[1], weight = (int16_t)(p[2] << 8 | p[3]), sign = p[4] << 8 | p[5];
    __int128 v = 0;
    for (int i = 0; i <= weight && v < (__int128)INT64_MAX + 1; i++) {
        int at = 8 + 2 * i;
        v = v * 10000 + (i < digits && at + 1 < n ? p[at] << 8 | p[at + 1] : 0);
    }
    if (sign)
        v = -v;
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static int64_t pg_i64(struct db_query *base, int col)
{
    struct pg_query *q = of(base);
    if (PQgetisnull(q->res, q->row, col))
        return 0;
    const void *p = PQgetvalue(q->res, q->row, col);
    uint64_t wide;
    uint32_t word;
    uint16_t half;
    switch (PQftype(q->res, col)) {
    case OID_INT8:
        memcpy(&wide, p, sizeof(wide));
        return (int64_t)be64toh(wide);
    case OID_INT4:
        memcpy(&word, p, sizeof(word));
        return (int32_t)be32toh(word);
    case OID_INT2:
        memcpy(&half, p, sizeof(half));
        return (int16_t)be16toh(half);
    case OID_BOOL:
        return *(const char *)p != 0;
    case OID_NUMERIC:
        return numeric_i64(p, PQgetlength(q->res, q->row, col));
    default:
        BUG_IF("a column that is no number is read as one");
        return 0;
    }
}

static struct slice pg_bytes(struct db_query *base, int col, bool text)
{
    struct pg_query *q = of(base);
    (void)text;
    if (PQgetisnull(q->res, q->row, col))
        return SNONE;
    return slice_of(PQgetvalue(q->res, q->row, col), (size_t)PQgetlength(q->res, q->row, col));
}

static bool pg_is_null(struct db_query *base, int col)
{
    return PQgetisnull(of(base)->res, of(base)->row, col);
}

static void pg_end(struct db_query *base)
{
    PQclear(of(base)->res);
    of(base)->res = NULL;
}

static const struct db_ops pg_ops = {
    .engine = DB_POSTGRES,
    .close = pg_close,
    .exec = pg_exec,
    .control = pg_exec,
    .begin = {[DB_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [DB_WRITE] = "BEGIN"},
    .commit = pg_commit,
    .query_new = pg_query_new,
    .query_free = pg_query_free,
    .prepare = pg_prepare,
    .bind_i64 = pg_bind_i64,
    .bind_bytes = pg_bind_bytes,
    .bind_null = pg_bind_null,
    .next = pg_next,
    .i64 = pg_i64,
    .bytes = pg_bytes,
    .is_null = pg_is_null,
    .end = pg_end,
};

int db_open_postgres(const char *conninfo, unsigned flags, struct db **ret, struct err *e)
{
    struct pg_db *db = calloc(1, sizeof(*db));
    BUG_IF(!db);
    db->db.ops = &pg_ops;
    db->read_only = flags & DB_READONLY;
    db->c = PQconnectdb(conninfo);
    int r = PQstatus(db->c) == CONNECTION_OK ? session(db, e) : fail(db, NULL, "connect", e);
    if (r) {
        pg_close(&db->db);
        return -1;
    }
    *ret = &db->db;
    return 0;
}

/* The types the server infers for a statement's parameters, one letter each as in db_run. For the
   statements test. */
int db_postgres_infer(struct db *base, struct db_stmt *s, char *ret, size_t size, struct err *e)
{
    struct pg_db *db = pg(base);
    PGresult *res = PQprepare(db->c, "infer", s->sql, 0, NULL);
    int r = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : fail(db, res, s->name, e);
    PQclear(res);
    if (r)
        return -1;
    res = PQdescribePrepared(db->c, "infer");
    r = PQresultStatus(res) == PGRES_COMMAND_OK ? 0 : fail(db, res, s->name, e);
    int n = PQnparams(res);
    BUG_IF((size_t)n >= size);
    for (int i = 0; i < n; i++) {
        Oid t = PQparamtype(res, i);
        ret[i] = t == OID_INT8 || t == OID_INT4 || t == OID_INT2 ? 'i' : t == 17 ? 'b' : 't';
    }
    ret[n] = '\0';
    PQclear(res);
    return r || command(db, "DEALLOCATE infer", "infer", NULL, e) ? -1 : 0;
}
