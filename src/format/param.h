/* param.h - the parameters of Content-Type and Content-Disposition: `; name=value`. RFC 2045 5.1
   tokens and quoted strings, RFC 2231 continuations (`name*0=`), charset and language (`name*=`).
   Tolerant: values without quotes may hold blanks and specials, lost quotes end at the field's end,
   encoded words (RFC 2047) in values, which no RFC allows and many programs write, are decoded.
   The number of parameters and of pieces is limited; what is beyond is left out. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct param {
    struct slice name; /* as written, without `*` and the piece number */
    struct slice raw;  /* pieces joined, quotes undone; when extended still charset'language'%XX */
    bool extended;     /* on the wire the name carries a `*` */
};

struct param_list {
    struct param *items;
    size_t n;
};

enum { PARAM_MAX = 100, PARAM_PIECES_MAX = 1000 };

/* `value` is what follows the first `;` of the field (folds may still be in it). Linear in its
   length. -1 only when the arena is full. A name that comes twice: the first counts. */
int param_parse(struct slice value, struct arena *a, struct param_list *ret);

/* The parameter of that name (ASCII case folded) or NULL. */
const struct param *param_find(const struct param_list *l, struct slice name);

/* The raw value, or an empty slice with p == NULL. For boundary, charset, format. */
struct slice param_raw(const struct param_list *l, struct slice name);

/* Appends the value as UTF-8: RFC 2231 or RFC 2047 decoded, always valid, no controls. */
void param_text(const struct param *p, struct buf *out);

/* Appends `; name="value"`, as RFC 2231 when the value is not ASCII or longer than 70 octets, one
   piece a line. */
void param_write(struct slice name, struct slice utf8, struct buf *out);
