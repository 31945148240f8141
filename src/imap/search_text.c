/* search_text.c - substrings without case, as RFC 9051 6.4.4 asks for, by ICU. All that
   i;unicode-casemap (RFC 5051; RFC 5255 4.2, I18NLEVEL=1) finds is found: texts are decomposed, so
   that "a" stands in "a with diaeresis"; and by full case folding "ss" where a sharp s stands. Long
   texts are folded in windows that overlap, so that memory does not grow with them. */
#include <stdlib.h>

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/utf8.h"
#include "imap/search.h"

enum { WINDOW = 256 * 1024 };

/* malloc'ed, or NULL. */
static UChar *normalise(const UNormalizer2 *norm, const UChar *in, int32_t n, int32_t *ret_n)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar *out = NULL;
    int32_t room = n + n / 2 + 32;
    for (int tries = 0; tries < 2; tries++) {
        UChar *grown = realloc(out, sizeof(UChar) * (size_t)room);
        if (!grown)
            break;
        out = grown;
        status = U_ZERO_ERROR;
        *ret_n = unorm2_normalize(norm, in, n, out, room, &status);
        if (status != U_BUFFER_OVERFLOW_ERROR)
            break;
        room = *ret_n + 1;
    }
    if (U_SUCCESS(status))
        return out;
    free(out);
    return NULL;
}

/* malloc'ed, or NULL. */
static UChar *fold(struct slice utf8, int32_t *ret_n)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *folding = unorm2_getNFKCCasefoldInstance(&status);
    const UNormalizer2 *taking_apart = unorm2_getNFKDInstance(&status);
    int32_t n = 0, cap = (int32_t)utf8.n + 1;
    UChar *wide = malloc(sizeof(UChar) * (size_t)cap), *folded = NULL, *out = NULL;
    if (U_SUCCESS(status) && wide)
        u_strFromUTF8WithSub(wide, cap, &n, utf8.p, (int32_t)utf8.n, 0xfffd, NULL, &status);
    if (U_SUCCESS(status) && wide)
        folded = normalise(folding, wide, n, &n);
    for (int32_t i = 0; folded && i < n; i++)
        if (folded[i] == 0x131) /* the titlecase of a dotless i is I, and case folding leaves it */
            folded[i] = 'i';
    if (folded)
        out = normalise(taking_apart, folded, n, ret_n);
    free(folded);
    free(wide);
    return out;
}

int needle_make(struct slice utf8, struct arena *a, struct needle *ret)
{
    *ret = (struct needle){.text = utf8, .ascii = ascii_only(utf8)};
    UChar *folded = fold(utf8, &ret->n);
    if (!folded)
        return -1;
    ret->units = arena_new(a, uint16_t, (size_t)ret->n + 1);
    if (ret->units)
        memcpy(ret->units, folded, sizeof(UChar) * (size_t)ret->n);
    free(folded);
    return ret->units ? 0 : -1;
}

static bool in_window(const struct needle *n, struct slice utf8)
{
    int32_t len = 0;
    UChar *folded = fold(utf8, &len);
    if (!folded)
        return false;
    bool found = n->n == 0 || u_strFindFirst(folded, len, (const UChar *)n->units, n->n) != NULL;
    free(folded);
    return found;
}

bool needle_in(const struct needle *n, struct slice utf8)
{
    if (n->text.n == 0)
        return true;
    if (n->ascii && ascii_only(utf8))
        return slice_searchi(utf8, n->text) >= 0;
    size_t overlap = n->text.n * 4 + 64;
    for (size_t at = 0; at < utf8.n;) {
        size_t end = at + WINDOW + overlap < utf8.n ? at + WINDOW + overlap : utf8.n;
        while (end < utf8.n && ((unsigned char)utf8.p[end] & 0xc0) == 0x80)
            end++;
        if (in_window(n, slice_sub(utf8, at, end)))
            return true;
        if (end == utf8.n)
            break;
        at += WINDOW;
        while (at < utf8.n && ((unsigned char)utf8.p[at] & 0xc0) == 0x80)
            at++;
    }
    return false;
}
