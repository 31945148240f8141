/* cmd_completion.c - carbonado completion bash: a completion script made of the rows. */
#include "base/setting.h"
#include "cli/cli.h"

static void print_words(const struct cli_option *o, bool json)
{
    for (; o && o->name; o++)
        if (json || strcmp(o->name, "--json"))
            printf(" %s", o->name);
}

/* First words once each, in their order. */
static void print_first_words(const struct cli_command *const *all, size_t n)
{
    struct slice last = SNONE;
    for (size_t i = 0; i < n; i++) {
        struct slice rest = slice_str(all[i]->name);
        struct slice word = slice_cut(&rest, ' ');
        if (!slice_eq(word, last))
            printf(" %.*s", SARG(word));
        last = word;
    }
}

static void print_second_words(const struct cli_command *const *all, size_t n)
{
    struct slice last = SNONE;
    for (size_t i = 0; i < n; i++) {
        struct slice rest = slice_str(all[i]->name);
        struct slice word = slice_cut(&rest, ' ');
        if (!rest.p)
            continue;
        if (!slice_eq(word, last))
            printf("%s        %.*s) words=\"", last.p ? "\" ;;\n" : "", SARG(word));
        printf(" %.*s", SARG(rest));
        last = word;
    }
    if (last.p)
        printf("\" ;;\n");
}

static bool has_word(const char *list, const char *const *words)
{
    for (; *words; words++)
        if (strstr(list, *words))
            return true;
    return false;
}

/* What stands behind an option that takes a value: words where the row names them ("yes|no"), files
   or users where it is one, else nothing. */
static void print_value(const struct cli_option *o)
{
    static const char *const files[] = {"FILE", NULL}, *const dirs[] = {"DIR", NULL},
                             *const users[] = {"USER", NULL};
    struct slice rest = slice_str(o->arg);
    printf("                %s) ", o->name);
    if (strchr(o->arg, '|')) {
        printf("words=\"");
        while (rest.p) {
            struct slice word = slice_cut(&rest, '|');
            printf(" %.*s", SARG(word));
        }
        printf("\" ;;\n");
    } else if (has_word(o->arg, files) || has_word(o->arg, dirs)) {
        printf("_carbonado_files %s; return ;;\n", has_word(o->arg, dirs) ? "-d" : "-f");
    } else if (has_word(o->arg, users)) {
        printf("COMPREPLY=($(compgen -u -- \"$cur\")); return ;;\n");
    } else {
        printf("return ;;\n");
    }
}

static void print_command(const struct cli_command *cmd)
{
    static const char *const files[] = {"FILE", "DIR", "SOURCE", "FOLDER", NULL};
    bool two = strchr(cmd->name, ' ') != NULL, values = false;
    printf("        \"%s%s)\n            options=\"", cmd->name, two ? "\"" : " \"*");
    print_words(cmd->options, true);
    print_words(cli_common_options(), cmd->flags & CLI_JSON);
    printf("\"\n");
    if (has_word(cmd->args, files))
        printf("            files=yes\n");
    for (const struct cli_option *o = cmd->options; o && o->name; o++) {
        if (!o->arg)
            continue;
        if (!values)
            printf("            case $prev in\n");
        values = true;
        print_value(o);
    }
    printf("%s            ;;\n", values ? "            esac\n" : "");
}

static void print_settings(void)
{
    for (const struct setting *s = setting_first(); s; s = s->next)
        printf(" %s.%s=", s->group, s->name);
}

static int run(struct cli *c)
{
    if (strcmp(c->argv[0], "bash"))
        return cli_usage(c, "only bash has completion, not %s", c->argv[0]);
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    printf("# bash completion for carbonado, made by `carbonado completion bash`\n"
           "_carbonado_files()\n{\n"
           "    local IFS=$'\\n'\n"
           "    compopt -o filenames 2>/dev/null\n"
           "    COMPREPLY=($(compgen \"$1\" -- \"$cur\"))\n"
           "}\n"
           "_carbonado()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local words=\"\" options=\"\" files=\"\" first=\"\" second=\"\" i=1 w\n"
           "    COMPREPLY=()\n"
           "    case $prev in\n"
           "        --state) _carbonado_files -d; return ;;\n"
           "        --config) _carbonado_files -f; return ;;\n"
           "        --set)\n"
           "            compopt -o nospace 2>/dev/null\n"
           "            COMPREPLY=($(compgen -W \"");
    print_settings();
    printf("\" -- \"$cur\")); return ;;\n"
           "    esac\n"
           "    while ((i < COMP_CWORD)); do\n"
           "        w=${COMP_WORDS[i]}\n"
           "        case $w in\n"
           "            --state|--config|--set) ((i++)) ;;\n"
           "            -*) ;;\n"
           "            *) if [[ -z $first ]]; then first=$w; elif [[ -z $second ]]; then "
           "second=$w; fi ;;\n"
           "        esac\n"
           "        ((i++))\n"
           "    done\n"
           "    if [[ $first == help && $cur != -* ]]; then\n"
           "        first=$second second=\"\"\n"
           "    fi\n"
           "    if [[ -z $first ]]; then\n"
           "        words=\"");
    print_first_words(all, n);
    print_words(cli_common_options(), true);
    printf("\"\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return\n    fi\n");
    printf("    if [[ -z $second && $cur != -* ]]; then\n        case $first in\n"
           "        completion) words=\"bash\" ;;\n");
    print_second_words(all, n);
    printf("        esac\n    fi\n"
           "    case \"$first $second\" in\n");
    for (size_t i = 0; i < n; i++)
        print_command(all[i]);
    printf("    esac\n"
           "    if [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    elif [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
           "    elif [[ -n $files ]]; then _carbonado_files -f\n"
           "    fi\n"
           "}\n"
           "complete -F _carbonado carbonado\n");
    return CLI_OK;
}

const struct cli_command cmd_completion = {
    .name = "completion",
    .args = "bash",
    .summary = "Print the completion script for a shell",
    .help = "Put the output where the shell looks for it:\n"
            "  carbonado completion bash > /etc/bash_completion.d/carbonado",
    .flags = CLI_NOCONFIG,
    .run = run,
};
