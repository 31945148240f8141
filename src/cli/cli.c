/* cli.c - finds the sub-command, parses its options, loads the configuration, checks the owner of
   the state directory, and runs it. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/paths.h"

#define CLI_COMMAND(x) extern const struct cli_command cmd_##x;
#include "cli/commands.h"
#undef CLI_COMMAND

static const struct cli_command *const commands[] = {
#define CLI_COMMAND(x) &cmd_##x,
#include "cli/commands.h"
#undef CLI_COMMAND
};

const struct cli_command *const *cli_commands(size_t *ret_n)
{
    *ret_n = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

enum common { COMMON_STATE, COMMON_CONFIG, COMMON_SET, COMMON_JSON, COMMON_HELP, COMMON_VERSION };

static const struct cli_option common_options[] = {
    [COMMON_STATE] = {"--state", "DIR",
                      "The state directory; else $CARBONADO_STATE, else " PATHS_STATE},
    [COMMON_CONFIG] = {"--config", "FILE",
                       "The configuration; else DIR/carbonado.conf, else " PATHS_CONFIG},
    [COMMON_SET] = {"--set", "GROUP.NAME=VALUE",
                    "One setting, whatever the file says; may be repeated"},
    [COMMON_JSON] = {"--json", NULL, "Print data as JSON, where a command prints data"},
    [COMMON_HELP] = {"--help", NULL, "Show help for the command"},
    [COMMON_VERSION] = {"--version", NULL, "Show the version"},
    {0},
};

const struct cli_option *cli_common_options(void)
{
    return common_options;
}

int cli_usage(const struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("carbonado: ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry: carbonado help%s%s\n", c->cmd ? " " : "", c->cmd ? c->cmd->name : "");
    return CLI_USAGE;
}

int cli_fail(const struct cli *c, const struct err *e)
{
    static const struct {
        enum err_code code;
        enum cli_exit exit;
    } map[] = {
        {ERR_SYNTAX, CLI_USAGE},
        {ERR_NOPERM, CLI_NOT_PERMITTED},
        {ERR_BUSY, CLI_TEMPORARY},
        {ERR_UNSUPPORTED, CLI_UNAVAILABLE},
    };
    (void)c;
    fprintf(stderr, "carbonado: %s\n", e->text);
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (map[i].code == e->code)
            return (int)map[i].exit;
    return CLI_FAILED;
}

const char *cli_option(const struct cli *c, const char *name)
{
    for (size_t i = 0; c->cmd->options && c->cmd->options[i].name; i++)
        if (strcmp(c->cmd->options[i].name, name) == 0)
            return c->option_values[i];
    BUG_IF(!"no such option in the command's row");
    return NULL;
}

const char *cli_state_path(struct cli *c, const char *name)
{
    struct slice path = arena_printf(&c->arena, "%s/%s", c->state_dir, name);
    BUG_IF(!path.p);
    return path.p;
}

/* A word as the shell would need it. */
static void print_quoted(FILE *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    if (word[0] && strspn(word, plain) == strlen(word)) {
        fprintf(out, " %s", word);
        return;
    }
    fputs(" '", out);
    for (const char *p = word; *p; p++)
        if (*p == '\'')
            fputs("'\\''", out);
        else
            fputc(*p, out);
    fputc('\'', out);
}

int cli_check_owner(const struct cli *c)
{
    struct stat st;
    if (stat(c->state_dir, &st)) {
        if (errno == ENOENT) {
            fprintf(stderr,
                    "carbonado: there is no installation in %s\n"
                    "Make one with: carbonado init, or name its directory: --state DIR\n",
                    c->state_dir);
            return CLI_FAILED;
        }
        fprintf(stderr, "carbonado: %s: %s\n", c->state_dir, strerror(errno));
        return errno == EACCES ? CLI_NOT_PERMITTED : CLI_FAILED;
    }
    if (st.st_uid == geteuid())
        return CLI_OK;
    struct passwd *pw = getpwuid(st.st_uid);
    fprintf(stderr,
            "carbonado: %s belongs to %s%s, and only its owner may do this. Type:\n  sudo -u ",
            c->state_dir, pw ? "" : "user number ", pw ? pw->pw_name : "");
    if (pw)
        fputs(pw->pw_name, stderr);
    else
        fprintf(stderr, "'#%u'", (unsigned)st.st_uid);
    print_quoted(stderr, c->program);
    if (getenv("CARBONADO_STATE")) {
        /* sudo drops the environment: the directory goes on the line. */
        fputs(" --state", stderr);
        print_quoted(stderr, c->state_dir);
    }
    for (int i = 1; i < c->argc_all; i++)
        print_quoted(stderr, c->argv_all[i]);
    fputc('\n', stderr);
    return CLI_NOT_PERMITTED;
}

/* The longest row whose words begin the arguments; *ret_words is how many it took. */
static const struct cli_command *find_command(int argc, char **argv, int *ret_words)
{
    const struct cli_command *one = NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct slice second = slice_str(commands[i]->name);
        struct slice first = slice_cut(&second, ' ');
        if (!slice_eq(slice_str(argv[0]), first))
            continue;
        if (second.p && argc > 1 && slice_eq(slice_str(argv[1]), second)) {
            *ret_words = 2;
            return commands[i];
        }
        if (!second.p)
            one = commands[i];
    }
    *ret_words = 1;
    return one;
}

/* The first word of the command that is nearest to this one, or NULL when none is near. */
static const char *nearest(const char *word, char *space, size_t n)
{
    size_t best = strlen(word) < 5 ? 2 : 3;
    const char *found = NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct slice rest = slice_str(commands[i]->name), first = slice_cut(&rest, ' ');
        size_t d = slice_distance(slice_str(word), first);
        if (d >= best)
            continue;
        best = d;
        snprintf(space, n, "%.*s", SARG(first));
        found = space;
    }
    return found;
}

int cli_no_command(const char *word)
{
    char space[32];
    const char *meant = nearest(word, space, sizeof(space));
    fprintf(stderr, "carbonado: there is no command \"%s\"%s%s%s\nTry: carbonado help\n", word,
            meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
    return CLI_USAGE;
}

/* "account" alone, or with a second word that is none: list what there is. */
static int no_command(const char *word, bool help)
{
    if (!help && cli_is_group(word))
        fprintf(stderr, "carbonado: %s what?\n", word);
    if (cli_help_group(help ? stdout : stderr, word))
        return help ? CLI_OK : CLI_USAGE;
    return cli_no_command(word);
}

enum { ARGS_MAX = 4096 };

/* Takes the option at argv[i]: 1 when it used the next word too, 0 when not, -1 on error. */
static int take_option(struct cli *c, int argc, char **argv, int i, int *ret_special)
{
    struct slice rest = slice_str(argv[i]);
    struct slice name = slice_cut(&rest, '=');
    bool joined = rest.p != NULL;
    const struct cli_option *tables[] = {common_options, c->cmd ? c->cmd->options : NULL};
    for (size_t t = 0; t < 2; t++) {
        for (size_t k = 0; tables[t] && tables[t][k].name; k++) {
            const struct cli_option *o = &tables[t][k];
            if (!slice_eq(name, slice_str(o->name)))
                continue;
            if (!o->arg && joined) {
                cli_usage(c, "%s takes no value", o->name);
                return -1;
            }
            if (o->arg && !joined && i + 1 >= argc) {
                cli_usage(c, "%s needs a value: %s", o->name, o->arg);
                return -1;
            }
            const char *value = !o->arg ? "" : joined ? rest.p : argv[i + 1];
            if (t == 1) {
                BUG_IF(k >= CLI_OPTIONS_MAX);
                c->option_values[k] = value;
                return o->arg && !joined;
            }
            if (k == COMMON_STATE)
                c->state_dir = value;
            else if (k == COMMON_CONFIG)
                c->config.path = value;
            else if (k == COMMON_SET)
                c->config.sets[c->config.set_count++] = value;
            else if (k == COMMON_JSON)
                c->json = true;
            else
                *ret_special = (int)k;
            return o->arg && !joined;
        }
    }
    cli_usage(c, "there is no option %.*s", SARG(name));
    return -1;
}

static int check_count(const struct cli *c)
{
    int least = 0, most = 0;
    struct slice rest = slice_str(c->cmd->args);
    while (rest.p) {
        struct slice word = slice_cut(&rest, ' ');
        if (!word.n)
            continue;
        if (word.p[0] != '[')
            least++;
        most = slice_search(word, S("...")) >= 0 || most == ARGS_MAX ? ARGS_MAX : most + 1;
    }
    if (c->argc >= least && c->argc <= most)
        return CLI_OK;
    return cli_usage(c, "%s arguments: carbonado %s%s%s", c->argc < least ? "missing" : "too many",
                     c->cmd->name, c->cmd->args[0] ? " " : "", c->cmd->args);
}

/* Which file is read. An installation whose file this user may not see is not one without a file:
   what is printed would be the defaults, and wrong. */
static int find_config(struct cli *c)
{
    const char *own = cli_state_path(c, "carbonado.conf");
    if (c->config.path)
        return CLI_OK;
    int r = faccessat(AT_FDCWD, own, R_OK, AT_EACCESS);
    if (r == 0 || errno == EACCES)
        c->config.path = own;
    else if (access(PATHS_CONFIG, F_OK) == 0)
        c->config.path = PATHS_CONFIG;
    return r && c->config.path == own && !(c->cmd->flags & CLI_NOCONFIG) ? cli_check_owner(c)
                                                                         : CLI_OK;
}

static int load_config(struct cli *c)
{
    BUF_SCOPE problems = {0};
    struct err e = {0};
    int r = find_config(c);
    if (r)
        return r;
    if (c->cmd->flags & CLI_NOCONFIG ||
        config_load(&c->config, true, NULL, NULL, &problems, &e) == 0)
        return CLI_OK;
    if (problems.n)
        fprintf(stderr, "%.*s", SARG(buf_slice(&problems)));
    else
        fprintf(stderr, "carbonado: %s\n", e.text);
    return CLI_CONFIG;
}

static int run(struct cli *c, int argc, char **argv)
{
    int words = 0, special = 0;
    int first = 1;
    /* Common options may stand before the command. */
    while (first < argc && argv[first][0] == '-') {
        int used = take_option(c, argc, argv, first, &special);
        if (used < 0)
            return CLI_USAGE;
        first += 1 + used;
    }
    if (special == COMMON_VERSION) {
        printf("carbonado %s\n", CARBONADO_VERSION);
        return CLI_OK;
    }
    if (first >= argc || special == COMMON_HELP) {
        cli_help_all(special == COMMON_HELP ? stdout : stderr);
        return special == COMMON_HELP ? CLI_OK : CLI_USAGE;
    }
    c->cmd = find_command(argc - first, argv + first, &words);
    if (!c->cmd)
        return no_command(argv[first], first + 1 < argc && strcmp(argv[first + 1], "--help") == 0);
    bool only_words = false;
    for (int i = first + words; i < argc; i++) {
        if (only_words || argv[i][0] != '-' || argv[i][1] == '\0') {
            c->argv[c->argc++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else {
            int used = take_option(c, argc, argv, i, &special);
            if (used < 0)
                return CLI_USAGE;
            i += used;
        }
    }
    if (special == COMMON_HELP) {
        cli_help_one(stdout, c->cmd);
        return CLI_OK;
    }
    if (c->json && !(c->cmd->flags & CLI_JSON))
        return cli_usage(c, "%s prints no data: --json has no meaning", c->cmd->name);
    int r = check_count(c);
    if (!r && c->cmd->flags & CLI_STATE)
        r = cli_check_owner(c);
    if (!r)
        r = load_config(c);
    return r ? r : c->cmd->run(c);
}

int cli_main(int argc, char **argv)
{
    const char *state = getenv("CARBONADO_STATE");
    struct cli c = {
        .program = argc > 0 ? argv[0] : "carbonado",
        .state_dir = state && state[0] ? state : PATHS_STATE,
        .argc_all = argc,
        .argv_all = argv,
    };
    c.argv = calloc((size_t)argc + 1, sizeof(*c.argv));
    c.config.sets = calloc((size_t)argc + 1, sizeof(*c.config.sets));
    BUG_IF(!c.argv || !c.config.sets);
    int r = run(&c, argc, argv);
    if (fflush(stdout) && !r) {
        fprintf(stderr, "carbonado: cannot write the output: %s\n", strerror(errno));
        r = CLI_FAILED;
    }
    free(c.argv);
    free(c.config.sets);
    arena_reset(&c.arena);
    return r;
}
