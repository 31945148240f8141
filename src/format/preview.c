/* preview.c - picks the part, takes its first kilobytes as text, drops what says nothing. RFC 8970
 * 3 */
#include "format/preview.h"

#include "base/utf8.h"
#include "format/charset.h"
#include "format/html_text.h"
#include "format/text.h"

/* RFC 2183 2.8: a disposition that nobody knows is an attachment. */
static bool is_attachment(const struct part *p)
{
    return p->disposition.n && !slice_eqi(p->disposition, S("inline"));
}

/* RFC 2045 6.4: what is encoded in an unknown way is no text; RFC 2046 4.1.4: any text is like
   plain text where its charset is known. */
static bool is_text(const struct part *p)
{
    struct slice charset = param_raw(&p->params, S("charset"));
    return p->kind == PART_LEAF && p->encoding != ENCODING_UNKNOWN && part_is(p, "text", NULL) &&
           (part_is(p, "text", "plain") || part_is(p, "text", "html") || !charset.n ||
            charset_name(charset));
}

/* RFC 2183 2.9: what is in an attachment is not shown with the message. */
const struct part *message_text_part(const struct message *m)
{
    const struct part *html = NULL, *other = NULL;
    size_t shown = 0; /* parts that begin before it are in an attachment */
    for (const struct part *p = m->root; p; p = p->following) {
        if (p->head < shown)
            continue;
        if (is_attachment(p)) {
            shown = p->end;
            continue;
        }
        if (!is_text(p))
            continue;
        if (part_is(p, "text", "plain") && p->body < p->end)
            return p;
        if (!html && part_is(p, "text", "html"))
            html = p;
        if (!other && !part_is(p, "text", "plain"))
            other = p;
    }
    return html ? html : other;
}

/* Plain text without quotes, without the signature, blanks squeezed. */
static void plain(struct slice s, struct buf *out)
{
    BUF_SCOPE kept = {0};
    while (s.p && kept.n < PREVIEW_CHARS * 8) {
        struct slice line = slice_cut(&s, '\n');
        if (slice_eq(line, S("-- ")))
            break;
        if (line.n && line.p[0] == '>')
            continue;
        buf_add(&kept, line);
        buf_addc(&kept, '\n');
    }
    text_squeeze(buf_slice(&kept), out);
}

static size_t characters(struct slice utf8)
{
    size_t n = 0;
    for (size_t i = 0; i < utf8.n; i++)
        n += ((unsigned char)utf8.p[i] & 0xc0) != 0x80;
    return n;
}

/* The words of the first `max` bytes of text. True when more text would not change the preview:
   this is all, or there are words enough, and a few over for what the cut at the end may have
   spoilt. */
static bool first_words(const struct message *m, const struct part *p, size_t max,
                        struct buf *words)
{
    enum { SPOILT = 16 };
    BUF_SCOPE text = {0};
    bool sure = true;
    part_text(m, p, max, &text);
    bool all = text.n + 4 <= max; /* else it is cut, before a character */
    if (part_is(p, "text", "html")) {
        BUF_SCOPE seen = {0};
        sure = html_text(buf_slice(&text), PREVIEW_CHARS * 8, &seen);
        text_squeeze(buf_slice(&seen), words);
    } else {
        plain(buf_slice(&text), words);
        if (!words->n && (all || max == PREVIEW_READ_MAX)) /* nothing but quotes */
            text_squeeze(buf_slice(&text), words);
    }
    return all || (sure && characters(buf_slice(words)) >= PREVIEW_CHARS + SPOILT);
}

void message_preview(const struct message *m, struct buf *out)
{
    const struct part *p = message_text_part(m);
    if (!p)
        return;
    BUF_SCOPE words = {0};
    for (size_t max = PREVIEW_READ_FIRST; max <= PREVIEW_READ_MAX; max *= 4) {
        buf_reset(&words);
        if (first_words(m, p, max, &words))
            break;
    }
    struct slice s = buf_slice(&words);
    for (size_t i = 0, chars = 0; i < s.n && chars < PREVIEW_CHARS; chars++) {
        uint32_t cp;
        size_t n = utf8_next(s.p + i, s.n - i, &cp);
        if (n == 0)
            break;
        if (cp != 127)
            buf_add(out, slice_sub(s, i, i + n));
        i += n;
    }
}
