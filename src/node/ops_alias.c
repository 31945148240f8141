/* ops_alias.c - aliases: addresses that stand for one other. */
#include "node/ops.h"

void op_note_dead_end(struct slice address, json_t **ret)
{
    ARENA_SCOPE a = {.limit = 16 << 20};
    struct delivery_target *targets;
    size_t n;
    struct err e = {0};
    char text[600];
    if (directory_resolve(address, &a, &targets, &n, &e) == 0 || e.code != ERR_NOTFOUND)
        return;
    snprintf(text, sizeof(text), "mail for %.*s reaches nobody yet",
             SARG(slice_sub(address, 0, 500)));
    *ret = json_object();
    json_object_set_new(*ret, "note", op_json_text(slice_str(text)));
}

static int add(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice alias, target;
    (void)payload;
    (void)out;
    if (op_arg_text(args, "alias", true, &alias, e) ||
        op_arg_text(args, "target", true, &target, e))
        return -1;
    if (directory_alias_add(alias, target, e))
        return -1;
    op_note_dead_end(target, ret);
    return 0;
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
