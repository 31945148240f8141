/* ops_sessions.c - who is connected now, and what they have moved. */
#include <stdlib.h>

#include "io/conn.h"
#include "mail/desk_server.h"
#include "node/control.h"
#include "node/op.h"

enum { LIMIT_MAX = 10000 };

struct sessions {
    struct conn_info *rows;
    size_t n, limit, total;
    struct slice login; /* only of this account; empty: all */
};

/* Runs on the loops: copies, nothing else. */
static int take(const struct conn_info *info, void *arg)
{
    struct sessions *s = arg;
    if (strcmp(info->listener, CONTROL_LISTENER) == 0)
        return 0; /* who asks is no session */
    if (s->login.n && !slice_eqi(slice_str(info->login), s->login))
        return 0;
    s->total++;
    if (s->n < s->limit)
        s->rows[s->n++] = *info;
    return 0;
}

static int most_recent_first(const void *a, const void *b)
{
    const struct conn_info *x = a, *y = b;
    return x->silent_ms < y->silent_ms ? -1 : x->silent_ms > y->silent_ms;
}

static json_t *row(const struct conn_info *i)
{
    return json_pack("{s:I, s:s, s:s, s:I, s:o, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "id",
                     (json_int_t)i->id, "service", i->listener, "peer", i->peer, "peer_port",
                     (json_int_t)i->peer_port, "login", op_json_text(slice_str(i->login)), "tls",
                     i->tls, "compressed", (int)i->compressed, "open_ms", (json_int_t)i->open_ms,
                     "silent_ms", (json_int_t)i->silent_ms, "bytes_in", (json_int_t)i->bytes_in,
                     "bytes_out", (json_int_t)i->bytes_out, "unsent", (json_int_t)i->unsent);
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct sessions s = {0};
    int64_t limit;
    (void)payload;
    (void)out;
    if (op_arg_number(args, "limit", false, 1000, &limit, e) ||
        op_arg_text(args, "login", false, &s.login, e))
        return -1;
    if (limit < 0 || limit > LIMIT_MAX)
        return err_set(e, ERR_LIMIT, "\"limit\" must be 0 to %d", LIMIT_MAX);
    s.limit = (size_t)limit;
    s.rows = calloc(s.limit + 1, sizeof *s.rows);
    BUG_IF(!s.rows);
    conns_each(take, &s);
    desk_server_sessions(take, &s);
    qsort(s.rows, s.n, sizeof *s.rows, most_recent_first);
    json_t *rows = json_array();
    for (size_t i = 0; i < s.n; i++)
        json_array_append_new(rows, row(&s.rows[i]));
    *ret = json_pack("{s:o, s:I}", "sessions", rows, "total", (json_int_t)s.total);
    free(s.rows);
    return *ret ? 0 : err_set(e, ERR_BUG, "sessions");
}

const struct op ops_sessions[] = {
    {"sessions.list", list, .needs_server = true},
    {0},
};
