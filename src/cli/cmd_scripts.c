/* cmd_scripts.c - carbonado sieve list, put, get, activate, remove: the scripts of a person; and
   admin-list, admin-put, admin-get, admin-remove: those that run before and after them. */
#include "base/fd.h"
#include "cli/ask.h"
#include "cli/output.h"
#include "mail/sieve/sieve.h"

/* The file's bytes go with the question; it is compiled there. */
static int send(struct cli *c, const char *op, json_t *args, const char *path)
{
    BUF_SCOPE text = {.max = sieve_limits().script + 1};
    struct op_session *s = NULL;
    struct err e = {0};
    int rc = file_read(path, &text, &e) || op_open(c->state_dir, &s, &e) ||
             op_call(s, op, args, buf_slice(&text), NULL, NULL, &e);
    op_close(s);
    json_decref(args);
    return rc ? cli_fail(c, &e) : CLI_OK;
}

static int fetch(struct cli *c, const char *op, json_t *args)
{
    BUF_SCOPE text = {.max = 64 << 20};
    struct op_session *s = NULL;
    struct err e = {0};
    int rc = op_open(c->state_dir, &s, &e) || op_call(s, op, args, SNONE, NULL, &text, &e);
    op_close(s);
    json_decref(args);
    if (rc)
        return cli_fail(c, &e);
    fwrite(text.p ? text.p : "", 1, text.n, stdout);
    return CLI_OK;
}

static int list_of(struct cli *c, const char *op, json_t *args, void (*print)(const json_t *))
{
    json_t *ret = NULL, *row;
    size_t i;
    int r = ask(c, op, args, &ret);
    json_t *rows = json_object_get(ret, "scripts");
    if (!r && c->json)
        cli_print_json(rows);
    else if (!r)
        json_array_foreach(rows, i, row)
        {
            print(row);
        }
    json_decref(ret);
    return r;
}

/* --- of a person ------------------------------------------------------------------------------ */

static void print_own(const json_t *row)
{
    printf("%c %8lld  %s\n", json_is_true(json_object_get(row, "active")) ? '*' : ' ',
           (long long)json_number(row, "size"), json_text(row, "name"));
}

static int list(struct cli *c)
{
    return list_of(c, "sieve.list", json_pack("{s:s}", "account", c->argv[0]), print_own);
}

const struct cli_command cmd_sieve_list = {
    .name = "sieve list",
    .args = "ADDRESS",
    .summary = "Print the Sieve scripts of an account; a star is before the active one",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};

static int put(struct cli *c)
{
    return send(c, "sieve.put",
                json_pack("{s:s, s:s, s:b}", "account", c->argv[0], "name", c->argv[1], "activate",
                          cli_option(c, "--activate") != NULL),
                c->argv[2]);
}

static const struct cli_option put_options[] = {
    {"--activate", NULL, "It is the one that runs from now on"},
    {0},
};

const struct cli_command cmd_sieve_put = {
    .name = "sieve put",
    .args = "ADDRESS NAME FILE",
    .summary = "Give an account a Sieve script, or another text for one that it has",
    .help = "A script that is wrong is refused with the line and column of its first error.",
    .options = put_options,
    .flags = CLI_STATE,
    .run = put,
};

static int get(struct cli *c)
{
    return fetch(c, "sieve.get",
                 json_pack("{s:s, s:s}", "account", c->argv[0], "name", c->argv[1]));
}

const struct cli_command cmd_sieve_get = {
    .name = "sieve get",
    .args = "ADDRESS NAME",
    .summary = "Print a Sieve script of an account",
    .flags = CLI_STATE,
    .run = get,
};

static int activate(struct cli *c)
{
    return ask(
        c, "sieve.activate",
        json_pack("{s:s, s:s?}", "account", c->argv[0], "name", c->argc > 1 ? c->argv[1] : NULL),
        NULL);
}

const struct cli_command cmd_sieve_activate = {
    .name = "sieve activate",
    .args = "ADDRESS [NAME]",
    .summary = "Say which Sieve script of an account runs; without NAME, none does",
    .flags = CLI_STATE,
    .run = activate,
};

static int remove_(struct cli *c)
{
    return ask(c, "sieve.remove",
               json_pack("{s:s, s:s}", "account", c->argv[0], "name", c->argv[1]), NULL);
}

const struct cli_command cmd_sieve_remove = {
    .name = "sieve remove",
    .args = "ADDRESS NAME",
    .summary = "Remove a Sieve script of an account, which is not the active one",
    .flags = CLI_STATE,
    .run = remove_,
};

/* --- of the administrator --------------------------------------------------------------------- */

static json_t *admin_args(struct cli *c, bool gone)
{
    return json_pack("{s:s, s:s?, s:s?, s:b}", "name", c->argv[0], "account",
                     cli_option(c, "--account"), "domain", cli_option(c, "--domain"), "remove",
                     gone);
}

static const struct cli_option admin_options[] = {
    {"--account", "ADDRESS", "For this account only"},
    {"--domain", "DOMAIN", "For the accounts of this domain"},
    {0},
};

static int admin_put(struct cli *c)
{
    return send(c, "sieve.site_set", admin_args(c, false), c->argv[1]);
}

const struct cli_command cmd_sieve_admin_put = {
    .name = "sieve admin-put",
    .args = "NAME FILE",
    .summary = "Set a Sieve script of the administrator: before, after, or one to include",
    .help =
        "Scripts named \"before\" run ahead of a person's own: first that of everybody, then\n"
        "that of the domain, then that of the account. Those named \"after\" run behind it, in\n"
        "the opposite order. Each runs only while the message is still to be kept in INBOX.\n"
        "Of everybody, any other name is one that scripts may include with :global.",
    .options = admin_options,
    .flags = CLI_STATE,
    .run = admin_put,
};

static int admin_get(struct cli *c)
{
    return fetch(c, "sieve.site_get", admin_args(c, false));
}

const struct cli_command cmd_sieve_admin_get = {
    .name = "sieve admin-get",
    .args = "NAME",
    .summary = "Print a Sieve script of the administrator",
    .options = admin_options,
    .flags = CLI_STATE,
    .run = admin_get,
};

static int admin_remove(struct cli *c)
{
    return ask(c, "sieve.site_set", admin_args(c, true), NULL);
}

const struct cli_command cmd_sieve_admin_remove = {
    .name = "sieve admin-remove",
    .args = "NAME",
    .summary = "Remove a Sieve script of the administrator",
    .options = admin_options,
    .flags = CLI_STATE,
    .run = admin_remove,
};

static void print_admin(const json_t *row)
{
    const char *owner = json_text(row, "owner");
    printf("%-30s %8lld  %s\n", *owner ? owner : "(everybody)", (long long)json_number(row, "size"),
           json_text(row, "name"));
}

static int admin_list(struct cli *c)
{
    return list_of(c, "sieve.site_list", json_object(), print_admin);
}

const struct cli_command cmd_sieve_admin_list = {
    .name = "sieve admin-list",
    .args = "",
    .summary = "Print whose Sieve scripts of the administrator there are",
    .flags = CLI_STATE | CLI_JSON,
    .run = admin_list,
};
