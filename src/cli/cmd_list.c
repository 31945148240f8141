/* cmd_list.c - carbonado list add, remove, join, leave, members, list. */
#include "cli/ask.h"

/* The same operation for each member named on the line, in one session. */
static int each_member(struct cli *c, const char *op)
{
    struct op_session *s = NULL;
    struct err e = {0};
    int r = op_open(c->state_dir, &s, &e);
    for (int i = 1; i < c->argc && r == 0; i++) {
        json_t *args = json_pack("{s:s, s:s}", "address", c->argv[0], "member", c->argv[i]);
        r = op_call(s, op, args, SNONE, NULL, NULL, &e);
        json_decref(args);
    }
    op_close(s);
    return r ? cli_fail(c, &e) : CLI_OK;
}

static int add(struct cli *c)
{
    int r = ask(c, "list.add", json_pack("{s:s}", "address", c->argv[0]), NULL);
    return r || c->argc == 1 ? r : each_member(c, "list.join");
}

const struct cli_command cmd_list_add = {
    .name = "list add",
    .args = "ADDRESS [MEMBER]...",
    .summary = "Make a distribution list",
    .help = "Members may be accounts, aliases, other lists, and addresses elsewhere.",
    .flags = CLI_STATE,
    .run = add,
};

static int remove_(struct cli *c)
{
    return ask(c, "list.remove", json_pack("{s:s}", "address", c->argv[0]), NULL);
}

const struct cli_command cmd_list_remove = {
    .name = "list remove",
    .args = "ADDRESS",
    .summary = "Remove a list",
    .flags = CLI_STATE,
    .run = remove_,
};

static int join(struct cli *c)
{
    return each_member(c, "list.join");
}

const struct cli_command cmd_list_join = {
    .name = "list join",
    .args = "ADDRESS MEMBER...",
    .summary = "Add members to a list",
    .flags = CLI_STATE,
    .run = join,
};

static int leave(struct cli *c)
{
    return each_member(c, "list.leave");
}

const struct cli_command cmd_list_leave = {
    .name = "list leave",
    .args = "ADDRESS MEMBER...",
    .summary = "Take members off a list",
    .flags = CLI_STATE,
    .run = leave,
};

static void print_member(const json_t *row)
{
    puts(json_text(row, "member"));
}

static int members(struct cli *c)
{
    return ask_pages(c, "list.members", json_pack("{s:s}", "address", c->argv[0]), "members",
                     "member", print_member, "no members");
}

const struct cli_command cmd_list_members = {
    .name = "list members",
    .args = "ADDRESS",
    .summary = "Print the members of a list",
    .flags = CLI_STATE | CLI_JSON,
    .run = members,
};

static void print(const json_t *row)
{
    printf("%-40s %lld members\n", json_text(row, "address"),
           (long long)json_number(row, "members"));
}

static int list(struct cli *c)
{
    return ask_pages(c, "list.list", json_pack("{s:s?}", "domain", c->argc ? c->argv[0] : NULL),
                     "lists", "address", print, "no lists");
}

const struct cli_command cmd_list_list = {
    .name = "list list",
    .args = "[DOMAIN]",
    .summary = "Print the lists, of one domain or all",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};
