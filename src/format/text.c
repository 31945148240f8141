/* text.c - text of parts, in chunks through the push decoders, so that a large part of which little
   is wanted costs little. */
#include "format/text.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include "base/utf8.h"
#include "format/charset.h"
#include "format/flowed.h"
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

struct text_reader {
    struct transfer transfer;
    struct charset_reader charset;
    bool flows;
    struct flowed flowed;
    bool cr;
    struct buf bytes, text, lines;
};

/* RFC 3676 4.1, 4.2 */
static bool flows(const struct part *p, bool *ret_delsp)
{
    *ret_delsp = slice_eqi(param_raw(&p->params, S("delsp")), S("yes"));
    return part_is(p, "text", "plain") &&
           slice_eqi(param_raw(&p->params, S("format")), S("flowed"));
}

/* What the transfer encoding gave goes through the other steps. */
static void read_on(struct text_reader *r, bool end, struct buf *out)
{
    struct buf *lines = r->flows ? &r->lines : out;
    buf_reset(&r->text);
    charset_reader_feed(&r->charset, buf_slice(&r->bytes), &r->text);
    if (end)
        charset_reader_finish(&r->charset, &r->text);
    add_lines(buf_slice(&r->text), &r->cr, lines);
    if (end && r->cr)
        buf_addc(lines, '\n');
    if (!r->flows)
        return;
    flowed_feed(&r->flowed, buf_slice(lines), out);
    buf_reset(lines);
    if (end)
        flowed_finish(&r->flowed, out);
}

int part_text(const struct message *m, const struct part *p, size_t max, struct buf *out)
{
    struct slice body = part_body(m, p);
    struct text_reader r = {0};
    size_t from = out->n, chunk = max < CHUNK ? max + 1 : CHUNK;
    transfer_init(&r.transfer, p->kind == PART_LEAF ? p->encoding : ENCODING_8BIT);
    charset_reader_init(&r.charset, param_raw(&p->params, S("charset")));
    r.flows = flows(p, &r.flowed.delsp);
    for (size_t at = 0; at < body.n && out->n - from <= max && !out->failed; at += chunk) {
        buf_reset(&r.bytes);
        transfer_feed(&r.transfer, slice_sub(body, at, at + chunk), &r.bytes);
        read_on(&r, false, out);
    }
    buf_reset(&r.bytes);
    transfer_finish(&r.transfer, &r.bytes);
    read_on(&r, true, out);
    charset_reader_done(&r.charset);
    buf_done(&r.bytes);
    buf_done(&r.text);
    buf_done(&r.lines);
    if (out->n - from > max) {
        size_t n = from + max;
        while (n > from && ((unsigned char)out->p[n] & 0xc0) == 0x80)
            n--;
        out->n = n;
    }
    return out->failed ? -1 : 0;
}

/* RFC 5051 2: titlecase, then compatibility decomposition, code point by code point; what is no
   UTF-8 is compared as it is */
void text_casemap(struct slice utf8, struct buf *out)
{
    UErrorCode why = U_ZERO_ERROR;
    const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&why);
    if (!utf8_valid(utf8)) {
        buf_add(out, utf8);
        return;
    }
    for (size_t i = 0; i < utf8.n;) {
        uint32_t cp = 0;
        i += utf8_next(utf8.p + i, utf8.n - i, &cp);
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
