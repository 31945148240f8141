/* cmd_help.c - carbonado help: all commands, or one. */
#include "cli/cli.h"

static int run(struct cli *c)
{
    if (cli_option(c, "--man")) {
        BUF_SCOPE out = {0};
        cli_help_man(&out);
        printf("%.*s", SARG(buf_slice(&out)));
        return CLI_OK;
    }
    if (c->argc == 0) {
        cli_help_all(stdout);
        return CLI_OK;
    }
    char name[64];
    snprintf(name, sizeof(name), "%s%s%s", c->argv[0], c->argc > 1 ? " " : "",
             c->argc > 1 ? c->argv[1] : "");
    size_t n, found = 0, len = strlen(name);
    const struct cli_command *const *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) {
        /* "account" shows every "account ..." too. */
        if (strncmp(all[i]->name, name, len) || (all[i]->name[len] && all[i]->name[len] != ' '))
            continue;
        if (found++)
            putchar('\n');
        cli_help_one(stdout, all[i]);
    }
    if (!found)
        return cli_usage(c, "there is no command \"%s\"", name);
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"--man", NULL, "All of it, as the part of carbonado(1) that lists the commands"},
    {0},
};

const struct cli_command cmd_help = {
    .name = "help",
    .args = "[COMMAND] [WORD]",
    .summary = "Show what a command does and takes",
    .options = options,
    .flags = CLI_NOCONFIG,
    .run = run,
};
