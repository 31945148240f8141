/* cmd_alias.c - carbonado alias add, remove, list. */
#include "cli/ask.h"

static int add(struct cli *c)
{
    return ask(c, "alias.add", json_pack("{s:s, s:s}", "alias", c->argv[0], "target", c->argv[1]),
               NULL);
}

const struct cli_command cmd_alias_add = {
    .name = "alias add",
    .args = "ALIAS TARGET",
    .summary = "Make an address that stands for another",
    .help = "The target may be an account, another alias, a list, or an address elsewhere.",
    .flags = CLI_STATE,
    .run = add,
};

static int remove_(struct cli *c)
{
    return ask(c, "alias.remove", json_pack("{s:s}", "alias", c->argv[0]), NULL);
}

const struct cli_command cmd_alias_remove = {
    .name = "alias remove",
    .args = "ALIAS",
    .summary = "Remove an alias",
    .flags = CLI_STATE,
    .run = remove_,
};

static void print(const json_t *row)
{
    printf("%-40s %s\n", json_text(row, "alias"), json_text(row, "target"));
}

static int list(struct cli *c)
{
    return ask_pages(c, "alias.list", json_pack("{s:s?}", "domain", c->argc ? c->argv[0] : NULL),
                     "aliases", "alias", print, "no aliases");
}

const struct cli_command cmd_alias_list = {
    .name = "alias list",
    .args = "[DOMAIN]",
    .summary = "Print the aliases, of one domain or all",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};
