/* ops_domain.c - domains, alias domains, catch-alls. */
#include "node/ops.h"

static int add(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice name, alias_of;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_text(args, "name", true, &name, e) ||
        op_arg_text(args, "alias_of", false, &alias_of, e))
        return -1;
    return directory_domain_add(name, alias_of, e);
}

static int remove_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice name;
    (void)payload;
    (void)ret;
    (void)out;
    return op_arg_text(args, "name", true, &name, e) ? -1 : directory_domain_remove(name, e);
}

static int catch_all(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                     struct err *e)
{
    struct slice name, target;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_text(args, "name", true, &name, e) || op_arg_text(args, "target", false, &target, e))
        return -1;
    return directory_domain_catch_all(name, target,
                                      json_is_true(json_object_get(args, "elsewhere")), e);
}

static int take(struct slice name, struct slice alias_of, struct slice target, void *arg)
{
    struct op_page *p = arg;
    int wanted = op_page_wants(p, name);
    if (wanted > 0)
        json_array_append_new(p->rows,
                              json_pack("{s:o, s:o, s:o}", "name", op_json_text(name), "alias_of",
                                        op_json_text(alias_of), "catch_all", op_json_text(target)));
    return wanted < 0;
}

static int walk(struct slice scope, struct op_page *p, struct err *e)
{
    (void)scope;
    return directory_each_domain(take, p, e);
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    static const struct op_page_of of = {"domains", NULL, false, walk};
    (void)payload;
    (void)out;
    return op_page_list(args, &of, ret, e);
}

const struct op ops_domain[] = {
    {"domain.add", add},
    {"domain.remove", remove_},
    {"domain.catch_all", catch_all},
    {"domain.list", list},
    {0},
};
