/* netunicode.c - RFC 5198 2, normalisation by ICU. */
#include "format/netunicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <stdlib.h>

#include "base/utf8.h"

static const char *refused(uint32_t cp)
{
    if (cp < ' ' || (cp >= 0x7f && cp < 0xa0))
        return "a control character";
    if (cp == 0x2028 || cp == 0x2029)
        return "a line separator";
    if (cp == 0xfeff || (cp & 0xfffe) == 0xfffe || (cp >= 0xfdd0 && cp <= 0xfdef))
        return "a character that is none";
    if (cp >= 0x80 && u_charType((UChar32)cp) == U_UNASSIGNED) /* RFC 5198 2 (6) */
        return "a character that Unicode does not have yet";
    return NULL;
}

/* NFC of text that is not all ASCII. */
static int normalise(struct slice s, struct buf *out, struct err *e)
{
    enum { LONGEST = 1 << 20, GROWTH = 4 };
    UErrorCode why = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&why);
    if (U_FAILURE(why))
        return err_set(e, ERR_BUG, "ICU has no NFC: %s", u_errorName(why));
    if (s.n > LONGEST)
        return err_set(e, ERR_LIMIT, "the name is too long");
    int32_t cap = (int32_t)s.n * GROWTH + 8, n = 0, m = 0, bytes = 0;
    UChar *from = malloc(sizeof(UChar) * (size_t)cap * 2);
    char *room = buf_space(out, (size_t)cap * 3);
    if (!from || !room) {
        free(from);
        return err_set(e, ERR_LIMIT, "the name is too long");
    }
    UChar *to = from + cap;
    u_strFromUTF8(from, cap, &n, s.p, (int32_t)s.n, &why);
    m = unorm2_normalize(nfc, from, n, to, cap, &why);
    u_strToUTF8(room, cap * 3, &bytes, to, m, &why);
    free(from);
    if (U_FAILURE(why))
        return err_set(e, ERR_SYNTAX, "the name cannot be normalised: %s", u_errorName(why));
    out->n += (size_t)bytes;
    return 0;
}

int netunicode(struct slice utf8, struct buf *out, struct err *e)
{
    bool ascii = true;
    for (size_t i = 0; i < utf8.n;) {
        uint32_t cp = 0;
        size_t n = utf8_next(utf8.p + i, utf8.n - i, &cp);
        const char *why = n ? refused(cp) : "no UTF-8";
        if (why)
            return err_set(e, ERR_SYNTAX, "the name has %s in it", why);
        ascii = ascii && cp < 0x80;
        i += n;
    }
    if (!ascii)
        return normalise(utf8, out, e);
    return buf_add(out, utf8) ? err_set(e, ERR_LIMIT, "the name is too long") : 0;
}
