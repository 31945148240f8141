/* cmd_list.c - carbonado list add, remove, join, leave, members, list. */
#include "cli/ask.h"

/* The same operation for each member named on the line, in one session. One that fails is named and
   keeps none of the others from it. */
static int each_member(struct cli *c, const char *op)
{
    struct op_session *s = NULL;
    struct err e = {0};
    int status = op_open(c->state_dir, &s, &e) ? cli_fail(c, &e) : CLI_OK;
    for (int i = 1; i < c->argc && s; i++) {
        json_t *answer = NULL;
        json_t *args = json_pack("{s:s, s:s}", "address", c->argv[0], "member", c->argv[i]);
        if (!args)
            status = cli_usage(c, "arguments must be UTF-8");
        else if (op_call(s, op, args, SNONE, &answer, NULL, &e))
            status = cli_fail(c, &e);
        ask_note(answer);
        json_decref(answer);
        json_decref(args);
    }
    op_close(s);
    return status;
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
    int64_t members = json_number(row, "members");
    printf("%-40s %lld member%s\n", json_text(row, "address"), (long long)members,
           cli_plural((uint64_t)members));
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
