/* config_docs.h - the settings table as documentation and as configuration text. */
#pragma once

#include <stdio.h>

#include "base/buf.h"

void config_docs_markdown(struct buf *out); /* the whole of docs/configuration.md */
void config_docs_man(struct buf *out);      /* the SETTINGS section of carbonado.conf(5) */
void config_docs_metrics(struct buf *out);  /* the whole of docs/metrics.md */

/* `name = value`, quoted where the reader of config.c needs it. */
void config_print_pair(FILE *out, const char *name, const char *value);
