/* output.h - what several sub-commands print with. */
#pragma once

#include <jansson.h>
#include <stdio.h>

void cli_print_json(const json_t *value); /* indented, to stdout, with a line end */
