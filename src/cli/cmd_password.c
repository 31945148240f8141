/* cmd_password.c - carbonado password. */
#include "cli/ask.h"
#include "cli/password.h"

static int run(struct cli *c)
{
    char password[PASSWORD_ROOM];
    bool show;
    int r = password_get(c, password, &show);
    if (r)
        return r;
    r = ask(c, "account.password",
            json_pack("{s:s, s:o}", "address", c->argv[0], "password",
                      op_json_text(slice_str(password))),
            NULL);
    if (!r && show)
        printf("%s  password %s\n", c->argv[0], password);
    explicit_bzero(password, sizeof(password));
    return r;
}

static const struct cli_option options[] = {PASSWORD_OPTIONS, {0}};

const struct cli_command cmd_password = {
    .name = "password",
    .args = "ADDRESS",
    .summary = "Set the password of an account",
    .help = "Asked for on the terminal, or read from the first line of standard input.",
    .options = options,
    .flags = CLI_STATE,
    .run = run,
};
