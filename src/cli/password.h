/* password.h - where a new password comes from: --password, --random, the terminal (asked twice,
   not shown), or the first line of standard input. */
#pragma once

#include "cli/cli.h"

#define PASSWORD_OPTIONS                                                                           \
    {"--password", "TEXT", "The password; others can see it in the list of processes"},            \
    {                                                                                              \
        "--random", NULL, "Make a password and print it"                                           \
    }

enum { PASSWORD_ROOM = 1100 };

/* CLI_OK and the text in out; *ret_print: it was made here and must be shown. */
int password_get(struct cli *c, char out[PASSWORD_ROOM], bool *ret_print);
