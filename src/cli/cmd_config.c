/* cmd_config.c - carbonado config show, check, docs: the settings as they are, whether a file is
   right, and the reference made from the table. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "base/setting.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "node/config_docs.h"

static bool is_default(const struct setting *s)
{
    char now[512], def[512];
    setting_print(s, false, now, sizeof(now));
    setting_print(s, true, def, sizeof(def));
    return strcmp(now, def) == 0;
}

static json_t *value_json(const struct setting *s)
{
    if (s->type == SETTING_TEXT)
        return json_string(s->string);
    return s->type == SETTING_BOOL ? json_boolean(s->number) : json_integer(s->number);
}

static int show(struct cli *c)
{
    bool changed_only = cli_option(c, "--changed") != NULL;
    const char *wanted = c->argc ? c->argv[0] : "";
    size_t shown = 0, len = strlen(wanted);
    json_t *out = json_object();
    const char *group = "";
    for (struct setting *s = setting_first(); s; s = s->next) {
        char full[128], value[512];
        snprintf(full, sizeof(full), "%s.%s", s->group, s->name);
        if (len && strcmp(full, wanted) && strcmp(s->group, wanted))
            continue;
        shown++;
        if (changed_only && is_default(s))
            continue;
        setting_print(s, false, value, sizeof(value));
        json_object_set_new(out, full, value_json(s));
        if (c->json)
            continue;
        if (strcmp(group, s->group))
            printf("%s[%s]\n", group[0] ? "\n" : "", s->group);
        group = s->group;
        config_print_pair(stdout, s->name, value);
    }
    int r = CLI_OK;
    if (len && !shown)
        r = cli_usage(c, "there is no setting or group \"%s\"", wanted);
    else if (c->json)
        cli_print_json(out);
    json_decref(out);
    return r;
}

static int check(struct cli *c)
{
    CONFIG_SCOPE config = {0};
    struct err e = {0};
    const char *path = c->argc ? c->argv[0] : c->config.path;
    if (!path && !c->config.set_count) {
        printf("There is no configuration file; every setting has its default.\n");
        return CLI_OK;
    }
    if (path && config_read(&config, path, &e)) {
        fprintf(stderr, "carbonado: %s\n", e.text);
        return CLI_CONFIG;
    }
    for (size_t i = 0; i < c->config.set_count; i++)
        config_assign(&config, slice_str(c->config.sets[i]));
    fprintf(stderr, "%.*s", SARG(buf_slice(&config.problems)));
    if (config.problem_count)
        return CLI_CONFIG;
    printf("%s: %zu setting%s, all right\n", path ? path : "--set", config.n,
           config.n == 1 ? "" : "s");
    return CLI_OK;
}

static int docs(struct cli *c)
{
    BUF_SCOPE out = {0};
    if (cli_option(c, "--man"))
        config_docs_man(&out);
    else if (cli_option(c, "--metrics"))
        config_docs_metrics(&out);
    else
        config_docs_markdown(&out);
    printf("%.*s", SARG(buf_slice(&out)));
    return CLI_OK;
}

static const struct cli_option show_options[] = {
    {"--changed", NULL, "Only what differs from its default"},
    {0},
};

const struct cli_command cmd_config_show = {
    .name = "config show",
    .args = "[GROUP|GROUP.NAME]",
    .summary = "Print the settings as they hold, file and --set included",
    .help = "The output is a configuration file: it can be saved, changed and used.",
    .options = show_options,
    .flags = CLI_JSON,
    .run = show,
};

const struct cli_command cmd_config_check = {
    .name = "config check",
    .args = "[FILE]",
    .summary = "Say what is wrong in a configuration file, line by line",
    .help =
        "Without FILE, the file that the server would read. Exit status 78 when a line is wrong.",
    .flags = CLI_NOCONFIG,
    .run = check,
};

static const struct cli_option docs_options[] = {
    {"--man", NULL, "As the part of carbonado.conf(5) that lists the settings"},
    {"--metrics", NULL, "The reference of all metrics instead"},
    {0},
};

const struct cli_command cmd_config_docs = {
    .name = "config docs",
    .args = "",
    .summary = "Print the reference of all settings",
    .options = docs_options,
    .flags = CLI_NOCONFIG,
    .run = docs,
};
