/* ops_alias.c - aliases: addresses that stand for one other. */
#include "node/ops.h"

static int add(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice alias, target;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_text(args, "alias", true, &alias, e) ||
        op_arg_text(args, "target", true, &target, e))
        return -1;
    return directory_alias_add(alias, target, e);
}

static int remove_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice alias;
    (void)payload;
    (void)ret;
    (void)out;
    return op_arg_text(args, "alias", true, &alias, e) ? -1 : directory_alias_remove(alias, e);
}

static int take(struct slice alias, struct slice target, void *arg)
{
    struct op_page *p = arg;
    int wanted = op_page_wants(p, alias);
    if (wanted > 0)
        json_array_append_new(p->rows, json_pack("{s:o, s:o}", "alias", op_json_text(alias),
                                                 "target", op_json_text(target)));
    return wanted < 0;
}

static int walk(struct slice domain, struct op_page *p, struct err *e)
{
    return directory_each_alias(domain, take, p, e);
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    static const struct op_page_of of = {"aliases", "domain", false, walk};
    (void)payload;
    (void)out;
    return op_page_list(args, &of, ret, e);
}

const struct op ops_alias[] = {
    {"alias.add", add},
    {"alias.remove", remove_},
    {"alias.list", list},
    {0},
};
