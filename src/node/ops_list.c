/* ops_list.c - distribution lists and their members. */
#include "node/ops.h"

static int add(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice address;
    (void)payload;
    (void)ret;
    (void)out;
    return op_arg_text(args, "address", true, &address, e) ? -1 : directory_list_add(address, e);
}

static int remove_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice address;
    (void)payload;
    (void)ret;
    (void)out;
    return op_arg_text(args, "address", true, &address, e) ? -1 : directory_list_remove(address, e);
}

static int member(json_t *args, int (*change)(struct slice, struct slice, struct err *),
                  struct err *e)
{
    struct slice address, who;
    if (op_arg_text(args, "address", true, &address, e) ||
        op_arg_text(args, "member", true, &who, e))
        return -1;
    return change(address, who, e);
}

static int join(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice who;
    (void)payload;
    (void)out;
    if (member(args, directory_member_add, e) || op_arg_text(args, "member", true, &who, e))
        return -1;
    op_note_dead_end(who, ret);
    return 0;
}

static int leave(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    (void)payload;
    (void)ret;
    (void)out;
    return member(args, directory_member_remove, e);
}

static int take_list(struct slice address, size_t members, void *arg)
{
    struct op_page *p = arg;
    int wanted = op_page_wants(p, address);
    if (wanted > 0)
        json_array_append_new(p->rows, json_pack("{s:o, s:I}", "address", op_json_text(address),
                                                 "members", (json_int_t)members));
    return wanted < 0;
}

static int walk_lists(struct slice domain, struct op_page *p, struct err *e)
{
    return directory_each_list(domain, take_list, p, e);
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    static const struct op_page_of of = {"lists", "domain", false, walk_lists};
    (void)payload;
    (void)out;
    return op_page_list(args, &of, ret, e);
}

static int take_member(struct slice address, void *arg)
{
    struct op_page *p = arg;
    int wanted = op_page_wants(p, address);
    if (wanted > 0)
        json_array_append_new(p->rows, json_pack("{s:o}", "member", op_json_text(address)));
    return wanted < 0;
}

static int walk_members(struct slice address, struct op_page *p, struct err *e)
{
    return directory_each_member(address, take_member, p, e);
}

static int members(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    static const struct op_page_of of = {"members", "address", true, walk_members};
    (void)payload;
    (void)out;
    return op_page_list(args, &of, ret, e);
}

const struct op ops_list[] = {
    {"list.add", add},
    {"list.remove", remove_},
    {"list.join", join},
    {"list.leave", leave},
    {"list.list", list},
    {"list.members", members},
    {0},
};
