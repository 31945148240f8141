/* help.c - help made of the rows: one screen for all, one for each. */
#include "cli/cli.h"

#include "node/roff.h"

enum { WIDTH = 90, OPTION_TEXT = 31 };

/* Text in lines of WIDTH that begin at column `left`, where the first is already. A line that
   begins with a blank is an example and stays as it is. */
static void print_text(FILE *out, const char *text, size_t left)
{
    struct slice rest = slice_str(text);
    size_t column = left;
    bool begun = false, example = false;
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n');
        bool was_example = example;
        example = slice_starts(line, S(" "));
        if (begun && (example || was_example)) {
            fputc('\n', out);
            column = 0;
            begun = false;
        }
        if (example)
            fprintf(out, "%.*s", SARG(line));
        while (!example && line.n) {
            struct slice word = slice_cut(&line, ' ');
            bool breaks = begun && column + 1 + word.n > WIDTH;
            if (breaks)
                fprintf(out, "\n%*s", (int)left, "");
            else if (begun)
                fputc(' ', out);
            column = (breaks ? left : column + begun) + word.n;
            fprintf(out, "%.*s", SARG(word));
            begun = true;
        }
        begun = true;
    }
    fputc('\n', out);
}

static void print_options(FILE *out, const struct cli_option *o, bool json)
{
    for (; o && o->name; o++) {
        if (!json && strcmp(o->name, "--json") == 0)
            continue;
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(out, "  %-28s ", left);
        print_text(out, o->text, OPTION_TEXT);
    }
}

void cli_help_all(FILE *out)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    fputs("carbonado: a mail suite in one program\n\n"
          "Usage: carbonado [OPTIONS] COMMAND [ARGUMENTS]\n\nCommands:\n",
          out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "  %-18s %s\n", all[i]->name, all[i]->summary);
    fputs("\nOptions of every command:\n", out);
    print_options(out, cli_common_options(), true);
    fputc('\n', out);
    print_text(out,
               "\"carbonado help COMMAND\" tells more about one. Exit status: 0 done, 1 failed, 2 "
               "wrong arguments, 69 the server does not answer, 75 try later, 77 not permitted, 78 "
               "wrong configuration.",
               0);
}

static bool of_group(const struct cli_command *cmd, const char *word)
{
    size_t n = strlen(word);
    return strncmp(cmd->name, word, n) == 0 && cmd->name[n] == ' ';
}

bool cli_is_group(const char *word)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (of_group(all[i], word))
            return true;
    return false;
}

bool cli_help_group(FILE *out, const char *word)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    if (!cli_is_group(word))
        return false;
    for (size_t i = 0; i < n; i++) {
        char left[64];
        if (!of_group(all[i], word))
            continue;
        snprintf(left, sizeof(left), "%s %s", all[i]->name, all[i]->args);
        fprintf(out, "  carbonado %-32s  %s\n", left, all[i]->summary);
    }
    fprintf(out, "\n\"carbonado help %s COMMAND\" tells more about one.\n", word);
    return true;
}

void cli_help_one(FILE *out, const struct cli_command *cmd)
{
    bool options = cmd->options && cmd->options[0].name;
    fprintf(out, "Usage: carbonado %s%s%s%s\n\n%s.\n", cmd->name, options ? " [OPTIONS]" : "",
            cmd->args[0] ? " " : "", cmd->args, cmd->summary);
    if (cmd->help) {
        fputc('\n', out);
        print_text(out, cmd->help, 0);
    }
    if (options) {
        fputs("\nOptions:\n", out);
        print_options(out, cmd->options, true);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(out, cli_common_options(), cmd->flags & CLI_JSON);
}

static void man_options(struct buf *out, const struct cli_option *o)
{
    for (; o && o->name; o++) {
        buf_adds(out, ".TP\n.B ");
        roff_add(out, o->name);
        if (o->arg)
            buf_addf(out, " \\fI%s\\fR", o->arg);
        buf_addc(out, '\n');
        roff_add(out, o->text);
        buf_adds(out, ".\n");
    }
}

void cli_help_man(struct buf *out)
{
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    buf_adds(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, ".SS %s%s%s\n", all[i]->name, all[i]->args[0] ? " " : "", all[i]->args);
        roff_add(out, all[i]->summary);
        buf_adds(out, ".\n");
        if (all[i]->help) {
            buf_adds(out, ".PP\n");
            roff_add(out, all[i]->help);
            buf_addc(out, '\n');
        }
        man_options(out, all[i]->options);
    }
    buf_adds(out, ".SH OPTIONS\nEvery command takes these.\n");
    man_options(out, cli_common_options());
}
