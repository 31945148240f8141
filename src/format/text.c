/* text.c - text of parts, in chunks through the push decoders, so that a large part of which little
   is wanted costs little. */
#include "format/text.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "base/utf8.h"
#include "format/charset.h"
#include "format/transfer.h"

enum { CHUNK = 16 << 10 };

/* Moves the text to `out` with CRLF and CR made LF; *cr tells of a CR at the end of the last piece.
 */
static void add_lines(struct slice s, bool *cr, struct buf *out)
{
    for (size_t i = 0; i < s.n;) {
        if (*cr) {
            *cr = false;
            buf_addc(out, '\n');
            if (s.p[i] == '\n') {
                i++;
                continue;
            }
        }
        const char *at = memchr(s.p + i, '\r', s.n - i);
        size_t end = at ? (size_t)(at - s.p) : s.n;
        buf_add(out, slice_sub(s, i, end));
        i = end;
        if (at) {
            *cr = true;
            i++;
        }
    }
}

int part_text(const struct message *m, const struct part *p, size_t max, struct buf *out)
{
    struct slice body = part_body(m, p);
    struct transfer t;
    struct charset_reader r;
    size_t from = out->n;
    bool cr = false;
    enum encoding enc = p->kind == PART_LEAF ? p->encoding : ENCODING_8BIT;
    BUF_SCOPE bytes = {0};
    BUF_SCOPE text = {0};
    transfer_init(&t, enc);
    charset_reader_init(&r, param_raw(&p->params, S("charset")));
    for (size_t at = 0; at < body.n && out->n - from <= max && !out->failed; at += CHUNK) {
        buf_reset(&bytes);
        buf_reset(&text);
        transfer_feed(&t, slice_sub(body, at, at + CHUNK), &bytes);
        charset_reader_feed(&r, buf_slice(&bytes), &text);
        add_lines(buf_slice(&text), &cr, out);
    }
    buf_reset(&bytes);
    buf_reset(&text);
    transfer_finish(&t, &bytes);
    charset_reader_feed(&r, buf_slice(&bytes), &text);
    charset_reader_finish(&r, &text);
    charset_reader_done(&r);
    add_lines(buf_slice(&text), &cr, out);
    if (cr)
        buf_addc(out, '\n');
    if (out->n - from > max) {
        size_t n = from + max;
        while (n > from && ((unsigned char)out->p[n] & 0xc0) == 0x80)
            n--;
        out->n = n;
    }
    return out->failed ? -1 : 0;
}

/* RFC 5051 2: titlecase, then compatibility decomposition, code point by code point */
void text_casemap(struct slice utf8, struct buf *out)
{
    UErrorCode why = U_ZERO_ERROR;
    const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&why);
    for (size_t i = 0; i < utf8.n;) {
        uint32_t cp;
        size_t n = utf8_next(utf8.p + i, utf8.n - i, &cp);
        if (n == 0) {
            cp = 0xfffd;
            n = 1;
        }
        i += n;
        if (cp < 0x80) {
            buf_addc(out, ascii_upper((char)cp));
            continue;
        }
        enum { LONGEST = 32 };
        UChar units[LONGEST];
        UChar32 title = u_totitle((UChar32)cp);
        why = U_ZERO_ERROR;
        int32_t len = U_SUCCESS(why) && nfkd
                          ? unorm2_getDecomposition(nfkd, title, units, LONGEST, &why)
                          : -1;
        if (len < 0 || U_FAILURE(why)) {
            utf8_add(out, (uint32_t)title);
            continue;
        }
        for (int32_t k = 0; k < len;) {
            UChar32 c;
            U16_NEXT(units, k, len, c);
            utf8_add(out, (uint32_t)c);
        }
    }
}

void text_squeeze(struct slice s, struct buf *out)
{
    size_t from = out->n;
    for (size_t i = 0; i < s.n;) {
        size_t run = i;
        while (run < s.n && (unsigned char)s.p[run] > ' ')
            run++;
        if (run > i) {
            if (out->n > from)
                buf_addc(out, ' ');
            buf_add(out, slice_sub(s, i, run));
        }
        i = run + 1;
    }
}
