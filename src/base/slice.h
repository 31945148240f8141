/* slice.h - a view of bytes: pointer and length, passed by value, never owning, not terminated.
   Comparisons that end in "i" fold ASCII case only, which is what mail protocols ask for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

#define S(lit) ((struct slice){"" lit, sizeof(lit) - 1})
#define S_INIT(lit)                                                                                \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }
#define SNONE ((struct slice){NULL, 0})
#define SARG(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){p, n};
}

static inline struct slice slice_str(const char *z)
{
    return (struct slice){z, z ? strlen(z) : 0};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

static inline bool ascii_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool slice_eqi(struct slice a, struct slice b);
bool slice_starts(struct slice s, struct slice prefix);
bool slice_startsi(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
bool slice_endsi(struct slice s, struct slice suffix);
int slice_cmp(struct slice a, struct slice b); /* bytes, then length: <0, 0, >0 */

/* The bytes from `from` up to but not including `to`; both are cut to the slice. */
struct slice slice_sub(struct slice s, size_t from, size_t to);
static inline struct slice slice_from(struct slice s, size_t from)
{
    return slice_sub(s, from, s.n);
}

/* First index of c, or of the needle, or -1. */
ptrdiff_t slice_find(struct slice s, char c);
ptrdiff_t slice_rfind(struct slice s, char c);
ptrdiff_t slice_search(struct slice s, struct slice needle);
ptrdiff_t slice_searchi(struct slice s, struct slice needle);

/* Without the spaces, tabs, CR and LF at both ends. */
struct slice slice_trim(struct slice s);

/* Cuts *s at the first c: returns what is before it and leaves in *s what is after it. Without a c,
   returns all and leaves *s empty with p == NULL, so that `while (s.p)` walks every field. */
struct slice slice_cut(struct slice *s, char c);

/* Decimal digits only, the whole slice, no sign. 0, or -1 when empty, not a number or too large. */
int slice_u64(struct slice s, uint64_t *ret);
int slice_u32(struct slice s, uint32_t *ret);
int slice_hex(struct slice s, uint64_t *ret); /* the same in base 16, without a prefix */

/* How many edits of one byte make b of a, to suggest what was meant; 63 when one is longer than
 * that. */
size_t slice_distance(struct slice a, struct slice b);
