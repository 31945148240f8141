/* op_table.c - every operation, and the reading of their arguments. */
#include "base/utf8.h"
#include "node/op.h"

#define OP_TABLE(x) extern const struct op ops_##x[];
#include "node/op_tables.h"
#undef OP_TABLE

static const struct op *const tables[] = {
#define OP_TABLE(x) ops_##x,
#include "node/op_tables.h"
#undef OP_TABLE
};

const struct op *op_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (const struct op *op = tables[i]; op->name; op++) {
            if (slice_eq(slice_str(op->name), name))
                return op;
        }
    }
    return NULL;
}

/* The member, or NULL when it is absent or null; *ret_bad when it is required and absent. */
static json_t *member(json_t *args, const char *key)
{
    json_t *v = json_object_get(args, key);
    return json_is_null(v) ? NULL : v;
}

static int wrong(const char *key, const char *what, struct err *e)
{
    return err_set(e, ERR_SYNTAX, "\"%s\" %s", key, what);
}

int op_arg_text(json_t *args, const char *key, bool required, struct slice *ret, struct err *e)
{
    json_t *v = member(args, key);
    if (!v && required)
        return wrong(key, "is missing", e);
    if (v && !json_is_string(v))
        return wrong(key, "must be text", e);
    *ret = v ? slice_of(json_string_value(v), json_string_length(v)) : SNONE;
    return 0;
}

int op_arg_number(json_t *args, const char *key, bool required, int64_t fallback, int64_t *ret,
                  struct err *e)
{
    json_t *v = member(args, key);
    if (!v && required)
        return wrong(key, "is missing", e);
    if (v && !json_is_integer(v))
        return wrong(key, "must be a whole number", e);
    *ret = v ? json_integer_value(v) : fallback;
    return 0;
}

int op_arg_bool(json_t *args, const char *key, bool fallback, bool *ret, struct err *e)
{
    json_t *v = member(args, key);
    if (v && !json_is_boolean(v))
        return wrong(key, "must be true or false", e);
    *ret = v ? json_is_true(v) : fallback;
    return 0;
}

json_t *op_json_text(struct slice s)
{
    BUF_SCOPE b = {0};
    utf8_add_repaired(&b, s);
    json_t *v = json_stringn(b.p ? b.p : "", b.n);
    BUG_IF(!v);
    return v;
}
