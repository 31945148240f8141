/* cmd_account.c - carbonado account add, remove, list, show, set, rename. */
#include <time.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/output.h"
#include "cli/password.h"

static int add(struct cli *c)
{
    char password[PASSWORD_ROOM] = "";
    bool show = false;
    int64_t quota = 0;
    struct err e = {0};
    json_t *ret = NULL;
    const char *size = cli_option(c, "--quota");
    if (size && cli_size(size, &quota, &e))
        return cli_fail(c, &e);
    bool none = cli_option(c, "--no-password");
    int r = none ? CLI_OK : password_get(c, password, &show);
    if (r)
        return r;
    json_t *args = json_pack("{s:s, s:s?, s:b, s:I}", "address", c->argv[0], "name",
                             c->argc > 1 ? c->argv[1] : NULL, "admin",
                             cli_option(c, "--admin") != NULL, "quota", (json_int_t)quota);
    if (!args)
        return cli_usage(c, "address and name are UTF-8");
    if (!none)
        json_object_set_new(args, "password", op_json_text(slice_str(password)));
    r = ask(c, "account.add", args, &ret);
    if (!r && c->json) {
        if (show)
            json_object_set_new(ret, "password", json_string(password));
        cli_print_json(ret);
    } else if (!r && show) {
        printf("%s  password %s\n", json_text(ret, "address"), password);
    }
    explicit_bzero(password, sizeof(password));
    json_decref(ret);
    return r;
}

static const struct cli_option add_options[] = {
    PASSWORD_OPTIONS,
    {"--no-password", NULL, "Nobody can log in until one is set"},
    {"--admin", NULL, "May act for other accounts and administer"},
    {"--quota", "SIZE", "Space for mail: 500M, 2G, none (the default)"},
    {0},
};

const struct cli_command cmd_account_add = {
    .name = "account add",
    .args = "ADDRESS [NAME]",
    .summary = "Make an account",
    .help = "Without --password, --random or --no-password the password is asked for, or read from "
            "the first\n"
            "line of standard input when that is no terminal.",
    .options = add_options,
    .flags = CLI_STATE | CLI_JSON,
    .run = add,
};

static int remove_(struct cli *c)
{
    if (!cli_option(c, "--yes")) {
        char answer[8];
        if (!isatty(STDIN_FILENO))
            return cli_usage(c, "say --yes: the mail of the account goes too");
        fprintf(stderr, "Remove %s and all its mail? [y/N] ", c->argv[0]);
        if (!fgets(answer, sizeof(answer), stdin) || ascii_lower(answer[0]) != 'y')
            return CLI_FAILED;
    }
    return ask(c, "account.remove", json_pack("{s:s}", "address", c->argv[0]), NULL);
}

static const struct cli_option remove_options[] = {
    {"--yes", NULL, "Do not ask"},
    {0},
};

const struct cli_command cmd_account_remove = {
    .name = "account remove",
    .args = "ADDRESS",
    .summary = "Remove an account with its mail",
    .help = "Aliases, list memberships and catch-alls that point to it go too.",
    .options = remove_options,
    .flags = CLI_STATE,
    .run = remove_,
};

static void print_line(const json_t *row)
{
    char quota[32] = "-";
    if (json_number(row, "quota"))
        cli_size_print(json_number(row, "quota"), quota, sizeof(quota));
    const char *name = json_text(row, "name");
    printf("%-40s %10s%s%s%s%s%s\n", json_text(row, "address"), quota, name[0] ? "  " : "", name,
           json_is_true(json_object_get(row, "admin")) ? " [admin]" : "",
           json_is_true(json_object_get(row, "disabled")) ? " [disabled]" : "",
           json_is_false(json_object_get(row, "login")) ? " [no log-in]" : "");
}

static int list(struct cli *c)
{
    return ask_pages(c, "account.list", json_pack("{s:s?}", "domain", c->argc ? c->argv[0] : NULL),
                     "accounts", "address", print_line, "no accounts");
}

const struct cli_command cmd_account_list = {
    .name = "account list",
    .args = "[DOMAIN]",
    .summary = "Print the accounts, of one domain or all",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};

static int print_account(struct cli *c, int r, json_t *ret)
{
    if (!r && c->json) {
        cli_print_json(ret);
    } else if (!r) {
        char quota[32] = "none", when[32];
        time_t at = (time_t)json_number(ret, "created_at");
        struct tm tm;
        if (json_number(ret, "quota"))
            cli_size_print(json_number(ret, "quota"), quota, sizeof(quota));
        localtime_r(&at, &tm);
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
        printf("address   %s\nname      %s\nnumber    %lld\nadmin     %s\ndisabled  %s\n"
               "log-in    %s\nquota     %s\ncreated   %s\n",
               json_text(ret, "address"), json_text(ret, "name"), (long long)json_number(ret, "id"),
               json_is_true(json_object_get(ret, "admin")) ? "yes" : "no",
               json_is_true(json_object_get(ret, "disabled")) ? "yes" : "no",
               json_is_true(json_object_get(ret, "login")) ? "yes" : "no", quota, when);
    }
    json_decref(ret);
    return r;
}

static int show(struct cli *c)
{
    json_t *ret = NULL;
    int r = ask(c, "account.show", json_pack("{s:s}", "address", c->argv[0]), &ret);
    return print_account(c, r, ret);
}

const struct cli_command cmd_account_show = {
    .name = "account show",
    .args = "ADDRESS",
    .summary = "Print an account; an alias finds it too",
    .flags = CLI_STATE | CLI_JSON,
    .run = show,
};

/* yes or no of an option into a member. */
static int set_bool(struct cli *c, const char *option, json_t *args, const char *key)
{
    const char *v = cli_option(c, option);
    if (!v)
        return CLI_OK;
    bool yes = slice_eqi(slice_str(v), S("yes"));
    if (!yes && !slice_eqi(slice_str(v), S("no")))
        return cli_usage(c, "%s takes yes or no", option);
    json_object_set_new(args, key, json_boolean(yes));
    return CLI_OK;
}

static int set(struct cli *c)
{
    struct err e = {0};
    int64_t quota;
    json_t *ret = NULL, *args = json_pack("{s:s}", "address", c->argv[0]);
    const char *name = cli_option(c, "--name"), *size = cli_option(c, "--quota");
    if (name)
        json_object_set_new(args, "name", json_string(name));
    int r = size && cli_size(size, &quota, &e) ? cli_fail(c, &e) : CLI_OK;
    if (!r && size)
        json_object_set_new(args, "quota", json_integer(quota));
    if (!r)
        r = set_bool(c, "--admin", args, "admin");
    if (!r)
        r = set_bool(c, "--disabled", args, "disabled");
    if (!r)
        r = set_bool(c, "--login", args, "login");
    if (!r && json_object_size(args) < 2)
        r = cli_usage(c, "nothing to set: give an option");
    if (r) {
        json_decref(args);
        return r;
    }
    r = ask(c, "account.set", args, &ret);
    if (!r && !c->json) {
        json_decref(ret);
        return CLI_OK;
    }
    return print_account(c, r, ret);
}

static const struct cli_option set_options[] = {
    {"--name", "TEXT", "The name for people"},
    {"--quota", "SIZE", "Space for mail: 500M, 2G, none"},
    {"--admin", "yes|no", "May act for other accounts and administer"},
    {"--disabled", "yes|no", "No log-in, and mail is refused"},
    {"--login", "yes|no", "With no, mail is still taken"},
    {0},
};

const struct cli_command cmd_account_set = {
    .name = "account set",
    .args = "ADDRESS",
    .summary = "Change an account",
    .options = set_options,
    .flags = CLI_STATE | CLI_JSON,
    .run = set,
};

static int rename_(struct cli *c)
{
    return ask(c, "account.rename",
               json_pack("{s:s, s:s, s:b}", "address", c->argv[0], "to", c->argv[1], "keep_alias",
                         cli_option(c, "--keep-alias") != NULL),
               NULL);
}

static const struct cli_option rename_options[] = {
    {"--keep-alias", NULL, "The old address becomes an alias"},
    {0},
};

const struct cli_command cmd_account_rename = {
    .name = "account rename",
    .args = "ADDRESS NEW",
    .summary = "Give an account another address",
    .help = "Aliases, lists and catch-alls that point to it follow.",
    .options = rename_options,
    .flags = CLI_STATE,
    .run = rename_,
};
