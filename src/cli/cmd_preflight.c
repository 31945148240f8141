/* cmd_preflight.c - carbonado preflight: one line per topic, ok or what to do. */
#include <jansson.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "node/preflight.h"

static const char *const verdicts[] = {
    [PREFLIGHT_OK] = "ok", [PREFLIGHT_ADVICE] = "advice", [PREFLIGHT_STOP] = "stop"};

static json_t *line_json(const struct preflight_line *l)
{
    json_t *o = json_pack("{s:s, s:s, s:s%, s:s%}", "topic", l->topic, "verdict",
                          verdicts[l->verdict], "found", l->text.n ? l->text.p : "", l->text.n,
                          "mend", l->mend.n ? l->mend.p : "", l->mend.n);
    return o ? o : json_pack("{s:s, s:s}", "topic", l->topic, "verdict", verdicts[l->verdict]);
}

static int run(struct cli *c)
{
    struct preflight_line *lines;
    size_t n, stops = 0;
    bool roles[ROLE_COUNT];
    struct facts facts;
    struct err e = {0};
    struct slice domain = slice_str(cli_option(c, "--domain"));
    bool offline = cli_option(c, "--offline") != NULL;
    if (roles_installed(roles, &e) ||
        preflight_gather(&c->arena, c->state_dir, domain, offline, &facts, &e))
        return cli_fail(c, &e);
    preflight_judge(&facts, roles, &c->arena, &lines, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct preflight_line *l = &lines[i];
        stops += l->verdict == PREFLIGHT_STOP;
        json_array_append_new(list, line_json(l));
        if (c->json)
            continue;
        printf("%-7s %-15s %.*s\n", verdicts[l->verdict], l->topic, SARG(l->text));
        if (l->mend.n)
            printf("%24s%.*s\n", "", SARG(l->mend));
    }
    if (c->json)
        cli_print_json(list);
    else if (stops)
        printf("\nDo what the line%s marked stop say%s, then run this again.\n",
               stops == 1 ? "" : "s", stops == 1 ? "s" : "");
    json_decref(list);
    return stops ? CLI_FAILED : CLI_OK;
}

static const struct cli_option options[] = {
    {"--domain", "DOMAIN", "The mail domain, where it is not the parent of the host's name"},
    {"--offline", NULL, "Do not ask the DNS"},
    {0},
};

const struct cli_command cmd_preflight = {
    .name = "preflight",
    .args = "",
    .summary = "Say whether this host is fit for the roles it is given",
    .help =
        "One line for each topic: ok, advice (it works; something would be better), or stop (mend\n"
        "this first; exit status 1), with what to do below it. The roles are those of node.roles.\n"
        "Run it while the server is stopped: its own ports count as in use.",
    .options = options,
    .flags = CLI_JSON,
    .run = run,
};
