/* cmd_status.c - carbonado status: does the server run, since when, and how busy is it? */
#include "cli/ask.h"
#include "cli/output.h"

static void print(const json_t *s)
{
    long long seconds = (long long)(json_number(s, "uptime_ms") / 1000);
    printf("running      carbonado %s, process %lld\n"
           "up           %lldd %02lld:%02lld:%02lld\n"
           "connections  %lld\n"
           "loops        %lld\n"
           "sandbox      %s\n",
           json_text(s, "version"), (long long)json_number(s, "pid"), seconds / 86400,
           seconds / 3600 % 24, seconds / 60 % 60, seconds % 60,
           (long long)json_number(s, "connections"), (long long)json_number(s, "loops"),
           json_text(s, "sandbox"));
}

static int run(struct cli *c)
{
    struct op_session *s = NULL;
    struct err e = {0};
    json_t *ret = NULL;
    int r = op_open(c->state_dir, &s, &e);
    bool runs = r == 0 && op_has_server(s);
    if (runs)
        r = op_call(s, "server.status", NULL, SNONE, &ret, NULL, &e);
    op_close(s);
    if (r)
        return cli_fail(c, &e);
    if (!runs)
        ret = json_object();
    json_object_set_new(ret, "running", json_boolean(runs));
    if (c->json)
        cli_print_json(ret);
    else if (runs)
        print(ret);
    else
        printf("not running  (carbonado serve)\n");
    json_decref(ret);
    return runs ? CLI_OK : CLI_UNAVAILABLE;
}

const struct cli_command cmd_server_status = {
    .name = "status",
    .args = "",
    .summary = "Say whether the server runs, and how busy it is",
    .help = "The exit status is 69 when it does not run.",
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
