/* ask.h - sub-commands that consist of operations (node/op.h): call, print, exit code. */
#pragma once

#include <jansson.h>

#include "cli/cli.h"
#include "node/op.h"

/* One operation. args is taken over. ret may be NULL. Prints what failed. */
int ask(struct cli *c, const char *op, json_t *args, json_t **ret);

/* What an operation that was done has to say besides, on standard error. */
void ask_note(const json_t *answer);

/* Every row of a list in pages: `member` of the answer holds rows sorted by their text `key`. With
   --json the rows are printed as one array, else `print` is called for each; where there is none,
   `none` is said on stderr. */
int ask_pages(struct cli *c, const char *op, json_t *args, const char *member, const char *key,
              void (*print)(const json_t *row), const char *none);

/* Where a server runs, ports under 1024 are where it opened them, whatever this user could do: sets
   ports.low_offset to that. False: none runs, or it is not for this user to ask. */
bool ask_low_ports(struct cli *c);

const char *json_text(const json_t *o, const char *key); /* "" when absent */
int64_t json_number(const json_t *o, const char *key);

/* "500M", "2G", "none" as bytes (0: no limit). ERR_SYNTAX. */
int cli_size(const char *text, int64_t *ret, struct err *e);
/* 1536 as "1.5 KB". */
void cli_size_print(int64_t bytes, char *out, size_t n);
