/* charset_names.h - the table of charset names, for charset.c. */
#pragma once

#include "format/charset.h"

struct charset_row {
    const char *key;  /* lower case, letters and digits only */
    const char *name; /* for iconv */
    enum charset_kind kind;
};

const struct charset_row *charset_row(struct slice name); /* NULL: not in the table */
const struct charset_row *charset_rows(size_t *ret_n);
