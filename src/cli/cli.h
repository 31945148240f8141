/* cli.h - the frame of the command line. A sub-command is one row (struct cli_command) in its own
   file cmd_x.c, listed in commands.h; the frame parses its options, loads the configuration, checks
   who runs it, and calls it. Help, completion and the manual page are made from the same rows. */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "node/config.h"

/* Exit codes; the names and numbers follow sysexits(3) where it has one. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,       /* understood, tried, not done */
    CLI_USAGE = 2,        /* wrong arguments */
    CLI_UNAVAILABLE = 69, /* the server does not run, or does not answer */
    CLI_TEMPORARY = 75,   /* try again later */
    CLI_NOT_PERMITTED = 77,
    CLI_CONFIG = 78, /* the configuration is wrong */
};

enum cli_flags {
    CLI_STATE = 1 << 0,    /* needs a state directory, and its owner to run it */
    CLI_NOCONFIG = 1 << 1, /* runs even when the configuration is wrong or unreadable */
    CLI_JSON = 1 << 2,     /* takes --json */
};

struct cli_option {
    const char *name; /* "--users"; NULL ends the list */
    const char *arg;  /* "N", or NULL for a switch */
    const char *text;
};

enum { CLI_OPTIONS_MAX = 16 };

struct cli;
typedef int cli_run_fn(struct cli *c); /* returns an enum cli_exit */

struct cli_command {
    const char *name;    /* "ports", or two words: "account add" */
    const char *args;    /* "ADDRESS [NAME]", "" for none; [X] may be absent, X... repeats */
    const char *summary; /* one line without a full stop */
    const char *help;    /* paragraphs, or NULL */
    const struct cli_option *options;
    unsigned flags;
    cli_run_fn *run;
};

struct cli {
    const struct cli_command *cmd;
    const char *program;         /* argv[0] */
    const char *state_dir;       /* --state, CARBONADO_STATE, or the packaged place */
    struct config_source config; /* --config or the file found, and --set */
    bool json;
    int argc; /* positional arguments of the sub-command */
    char **argv;
    int argc_all; /* the whole line as typed, for messages */
    char **argv_all;
    const char *option_values[CLI_OPTIONS_MAX]; /* by row of cmd->options */
    struct arena arena;                         /* for the sub-command; freed at the end */
};

/* The value of an option ("" for a switch), or NULL when it was not given. BUG when the command has
   no such option. */
const char *cli_option(const struct cli *c, const char *name);

/* STATE_DIR/name, in the arena. */
const char *cli_state_path(struct cli *c, const char *name);

/* Prints "carbonado: text" and how to get help to stderr; returns CLI_USAGE. */
int cli_usage(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for a word that is none, with the one that may be meant. */
int cli_no_command(const char *word);
/* Prints "carbonado: text" to stderr and returns the exit code that fits e->code. */
int cli_fail(const struct cli *c, const struct err *e);

/* "s" unless n is 1: "%llu message%s". */
static inline const char *cli_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* CLI_OK when the effective user owns the state directory; else says who should run what. */
int cli_check_owner(const struct cli *c);

/* All rows, sorted as commands.h lists them. */
const struct cli_command *const *cli_commands(size_t *ret_n);
void cli_help_all(FILE *out);
void cli_help_one(FILE *out, const struct cli_command *cmd);
bool cli_is_group(const char *word); /* are there commands of two words that begin with it? */
/* One line for each command that begins with the word; false when none does. */
bool cli_help_group(FILE *out, const char *word);
void cli_help_man(struct buf *out); /* COMMANDS and OPTIONS of carbonado(1) */
const struct cli_option *cli_common_options(void);

/* Parses argv and runs; the value is the exit status of the process. */
int cli_main(int argc, char **argv);
