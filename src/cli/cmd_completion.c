/* cmd_completion.c - carbonado completion bash: a completion script made of the rows. */
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

static int run(struct cli *c)
{
    if (strcmp(c->argv[0], "bash"))
        return cli_usage(c, "only bash has completion, not %s", c->argv[0]);
    size_t n;
    const struct cli_command *const *all = cli_commands(&n);
    printf("# bash completion for carbonado, made by `carbonado completion bash`\n"
           "_carbonado()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local words=\"\" first=\"\" second=\"\" i=1 w\n"
           "    COMPREPLY=()\n"
           "    case $prev in\n"
           "        --state) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
           "        --config) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
           "        --set) return ;;\n"
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
           "    if [[ -z $first ]]; then\n"
           "        words=\"");
    print_first_words(all, n);
    print_words(cli_common_options(), true);
    printf("\"\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return\n    fi\n");
    printf("    if [[ -z $second && $cur != -* ]]; then\n        case $first in\n");
    print_second_words(all, n);
    printf("        esac\n    fi\n"
           "    case \"$first $second\" in\n");
    for (size_t i = 0; i < n; i++) {
        bool two = strchr(all[i]->name, ' ') != NULL;
        printf("        \"%s\"%s) [[ $cur == -* ]] && words=\"", all[i]->name, two ? "" : "*");
        print_words(all[i]->options, true);
        print_words(cli_common_options(), all[i]->flags & CLI_JSON);
        printf("\" ;;\n");
    }
    printf("    esac\n"
           "    if [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "    else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n"
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
