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
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i]->name, name))
            continue;
        cli_help_one(stdout, all[i]);
        return CLI_OK;
    }
    if (cli_help_group(stdout, name))
        return CLI_OK;
    if (!cli_is_group(c->argv[0]))
        return cli_no_command(name);
    fprintf(stderr, "carbonado: there is no command \"%s\"\n", name);
    cli_help_group(stderr, c->argv[0]);
    return CLI_USAGE;
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
