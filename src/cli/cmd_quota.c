/* cmd_quota.c - carbonado quota show, set, list. */
#include "cli/ask.h"
#include "cli/output.h"

static void print(const json_t *row)
{
    char used[32], limit[32] = "no limit";
    int64_t quota = json_number(row, "quota"), bytes = json_number(row, "bytes");
    cli_size_print(bytes, used, sizeof(used));
    if (quota)
        cli_size_print(quota, limit, sizeof(limit));
    printf("%-40s %10s %s %8s", json_text(row, "address"), used, quota ? "of" : "  ", limit);
    if (quota)
        printf(" %3d%%", (int)((double)bytes * 100 / (double)quota));
    printf("  %lld message%s\n", (long long)json_number(row, "messages"),
           cli_plural((uint64_t)json_number(row, "messages")));
}

static int show(struct cli *c)
{
    json_t *ret = NULL;
    int r = ask(c, "account.usage", json_pack("{s:s}", "address", c->argv[0]), &ret);
    if (!r && c->json)
        cli_print_json(ret);
    else if (!r)
        print(ret);
    json_decref(ret);
    return r;
}

const struct cli_command cmd_quota_show = {
    .name = "quota show",
    .args = "ADDRESS",
    .summary = "Print how much of its space an account uses",
    .flags = CLI_STATE | CLI_JSON,
    .run = show,
};

static int set(struct cli *c)
{
    struct err e = {0};
    int64_t bytes;
    if (cli_size(c->argv[1], &bytes, &e))
        return cli_fail(c, &e);
    return ask(c, "account.set",
               json_pack("{s:s, s:I}", "address", c->argv[0], "quota", (json_int_t)bytes), NULL);
}

const struct cli_command cmd_quota_set = {
    .name = "quota set",
    .args = "ADDRESS SIZE",
    .summary = "Limit the space of an account: 500M, 2G, none",
    .flags = CLI_STATE,
    .run = set,
};

static int list(struct cli *c)
{
    return ask_pages(c, "quota.list", json_pack("{s:s?}", "domain", c->argc ? c->argv[0] : NULL),
                     "accounts", "address", print, "no accounts");
}

const struct cli_command cmd_quota_list = {
    .name = "quota list",
    .args = "[DOMAIN]",
    .summary = "Print how much every account uses",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};
