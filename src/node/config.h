/* config.h - the configuration: a file of sections and `key = value` lines, and --set assignments,
   read whole and checked whole before anything is stored. Every wrong line is named; with one
   problem nothing changes, so that a reload with a typing error leaves the server as it was. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/setting.h"

struct config_entry {
    struct setting *setting;
    struct slice value; /* in the arena */
    int line;           /* 0: from --set */
};

struct config {
    struct arena arena;
    struct config_entry *entries;
    size_t n, cap;
    struct buf problems; /* lines "file:line: what is wrong" */
    size_t problem_count;
};

#define CONFIG_SCOPE __attribute__((cleanup(config_done))) struct config

/* Adds the entries of a text; `name` stands before the line number in problems. */
void config_parse(struct config *c, const char *name, struct slice text);
/* Adds "group.name=value"; it outranks the file. */
void config_assign(struct config *c, struct slice assignment);
/* Reads a file. ERR_NOTFOUND when there is none; wrong lines are problems, not errors. */
int config_read(struct config *c, const char *path, struct err *e);

enum config_effect {
    CONFIG_CHANGED,       /* holds from now on */
    CONFIG_NEEDS_RESTART, /* the running value stays: the row is at_start */
};
typedef void config_report_fn(void *arg, const struct setting *s, enum config_effect effect,
                              const char *was, const char *becomes);

/* Stores what the entries say, and the default for every setting that they do not name. `starting`:
   at_start rows are stored too. Reports rows whose value differs (report may be NULL). ERR_SYNTAX,
   and nothing stored, when there are problems: the text is the first one. */
int config_apply(struct config *c, bool starting, config_report_fn *report, void *arg,
                 struct err *e);

void config_done(struct config *c);

/* Where the configuration comes from: what the server keeps for its reloads. */
struct config_source {
    const char *path;  /* NULL: no file */
    const char **sets; /* "group.name=value" */
    size_t set_count;
};

/* Reads the file, adds the assignments, applies. On -1 *problems (may be NULL) has every wrong
   line; ERR_NOTFOUND or ERR_IO when the file cannot be read. */
int config_load(const struct config_source *from, bool starting, config_report_fn *report,
                void *arg, struct buf *problems, struct err *e);
/* The same for a running process: from a descriptor of the file that may be read again from its
   start (-1 where there is no file), and never at_start rows. */
int config_reload(const struct config_source *from, int fd, config_report_fn *report, void *arg,
                  struct err *e);
