/* cmd_domain.c - carbonado domain add, remove, list, catch-all. */
#include "cli/ask.h"

static int add(struct cli *c)
{
    const char *alias_of = cli_option(c, "--alias-of");
    return ask(c, "domain.add", json_pack("{s:s, s:s?}", "name", c->argv[0], "alias_of", alias_of),
               NULL);
}

static const struct cli_option add_options[] = {
    {"--alias-of", "DOMAIN", "Every address of DOMAIN exists under this name too"},
    {0},
};

const struct cli_command cmd_domain_add = {
    .name = "domain add",
    .args = "NAME",
    .summary = "Take mail for a domain",
    .help = "Names with letters beyond ASCII may be written as they are.",
    .options = add_options,
    .flags = CLI_STATE,
    .run = add,
};

static int remove_(struct cli *c)
{
    return ask(c, "domain.remove", json_pack("{s:s}", "name", c->argv[0]), NULL);
}

const struct cli_command cmd_domain_remove = {
    .name = "domain remove",
    .args = "NAME",
    .summary = "Take no more mail for a domain",
    .help = "It must have no accounts, aliases, lists or alias domains any more.",
    .flags = CLI_STATE,
    .run = remove_,
};

static void print(const json_t *row)
{
    printf("%s", json_text(row, "name"));
    if (json_text(row, "alias_of")[0])
        printf("  alias of %s", json_text(row, "alias_of"));
    if (json_text(row, "catch_all")[0])
        printf("  catch-all %s", json_text(row, "catch_all"));
    putchar('\n');
}

static int list(struct cli *c)
{
    return ask_pages(c, "domain.list", json_object(), "domains", "name", print, "no domains");
}

const struct cli_command cmd_domain_list = {
    .name = "domain list",
    .args = "",
    .summary = "Print the domains",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};

static int catch_all(struct cli *c)
{
    bool none = cli_option(c, "--none");
    if (none == (c->argc == 2))
        return cli_usage(c, "give an address, or --none");
    return ask(c, "domain.catch_all",
               json_pack("{s:s, s:s, s:b}", "name", c->argv[0], "target", none ? "" : c->argv[1],
                         "elsewhere", cli_option(c, "--elsewhere") != NULL),
               NULL);
}

static const struct cli_option catch_all_options[] = {
    {"--none", NULL, "Refuse mail for addresses that do not exist (the default)"},
    {"--elsewhere", NULL, "ADDRESS is of another domain: all of it, spam too, is sent there"},
    {0},
};

const struct cli_command cmd_domain_catch_all = {
    .name = "domain catch-all",
    .args = "NAME [ADDRESS]",
    .summary = "Say who gets mail for addresses that do not exist",
    .options = catch_all_options,
    .flags = CLI_STATE,
    .run = catch_all,
};
