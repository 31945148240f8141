/* op_page.c - the counting of pages. */
#include "node/op_page.h"

enum { LIMIT_DEFAULT = 1000, LIMIT_MAX = 10000 };

static int begin(json_t *args, struct op_page *p, struct err *e)
{
    *p = (struct op_page){.after = S("")};
    if (op_arg_text(args, "after", false, &p->after, e) ||
        op_arg_number(args, "limit", false, LIMIT_DEFAULT, &p->limit, e))
        return -1;
    if (p->limit < 1 || p->limit > LIMIT_MAX)
        return err_set(e, ERR_SYNTAX, "limit is 1 to %d", LIMIT_MAX);
    p->rows = json_array();
    return 0;
}

int op_page_wants(struct op_page *p, struct slice key)
{
    if (p->after.n && slice_cmp(key, p->after) <= 0)
        return 0;
    if ((int64_t)json_array_size(p->rows) < p->limit)
        return 1;
    p->more = true;
    return -1;
}

int op_page_list(json_t *args, const struct op_page_of *of, json_t **ret, struct err *e)
{
    struct op_page p;
    struct slice scope = S("");
    if ((of->scope && op_arg_text(args, of->scope, of->required, &scope, e)) || begin(args, &p, e))
        return -1;
    int r = of->walk(scope, &p, e);
    if (r == 0)
        *ret = json_pack("{s:O, s:b}", of->name, p.rows, "more", (int)p.more);
    json_decref(p.rows);
    return r;
}
