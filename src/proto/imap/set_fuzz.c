/* set_fuzz.c - sequence sets: both readers agree on what both take, and the number of ranges is
   bounded by the text. */
#include "base/fuzz.h"
#include "base/uidset.h"
#include "proto/imap/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct err e = {0};
    struct imap_parser p = {.text = in, .arena = &a, .e = &e};
    struct imap_parser q = p;
    struct imap_set set, plain;
    UIDSET_SCOPE one = {0};
    UIDSET_SCOPE two = {0};
    bool whole = imap_set(&p, &set) == 0 && imap_at_end(&p);
    bool is_plain = imap_plain_set(&q, &plain) == 0 && imap_at_end(&q);
    BUG_IF(is_plain && !whole);
    BUG_IF(whole && !set.saved && (set.n == 0 || set.n > in.n));
    if (!is_plain)
        return 0;
    BUG_IF(plain.n != set.n);
    for (size_t i = 0; i < plain.n; i++) {
        uint32_t first = plain.r[i].first, last = plain.r[i].last;
        BUG_IF(first == 0 || last == 0 || set.r[i].first != first || set.r[i].last != last);
        uidset_add(&one, first < last ? first : last, first < last ? last : first);
    }
    BUG_IF(uidset_parse(&two, in, SIZE_MAX) || !uidset_equal(&one, &two));
    return 0;
}
