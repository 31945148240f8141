/* write.c - strings, names and dates of responses. RFC 9051 9. */
#include "proto/imap/write.h"

#include "base/utf8.h"
#include "format/date.h"
#include "format/mutf7.h"
#include "proto/imap/token.h"

enum { QUOTED_MAX = 1000, TEXT_MAX = 400 };

static bool can_quote(struct slice s, bool utf8)
{
    bool high = false;
    if (s.n > QUOTED_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\r' || c == '\n' || c == 0)
            return false;
        high |= c >= 128;
    }
    return !high || (utf8 && utf8_valid(s));
}

static void write_quoted(struct slice s, struct buf *out)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, s.p[i]);
    }
    buf_addc(out, '"');
}

static void write_literal(struct slice s, struct buf *out)
{
    size_t nuls = 0;
    for (size_t i = 0; i < s.n; i++)
        nuls += s.p[i] == '\0';
    buf_addf(out, "{%zu}\r\n", s.n - nuls);
    if (nuls == 0) {
        buf_add(out, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            buf_addc(out, s.p[i]);
}

void imap_write_string(struct slice s, bool utf8, struct buf *out)
{
    if (can_quote(s, utf8))
        write_quoted(s, out);
    else
        write_literal(s, out);
}

void imap_write_astring(struct slice s, bool utf8, struct buf *out)
{
    bool atom = s.n > 0 && !slice_eqi(s, S("NIL"));
    for (size_t i = 0; i < s.n && atom; i++)
        atom = imap_is_astring_char(s.p[i]);
    if (atom)
        buf_add(out, s);
    else
        imap_write_string(s, utf8, out);
}

void imap_write_mailbox(struct slice path, bool utf8, struct buf *out)
{
    if (utf8) {
        imap_write_astring(path, true, out);
        return;
    }
    BUF_SCOPE name = {0};
    if (mutf7_encode(path, &name, NULL))
        imap_write_string(path, false, out); /* no name that the store would make */
    else
        imap_write_astring(buf_slice(&name), false, out);
}

void imap_write_date_time(int64_t ms, struct buf *out)
{
    int64_t at = ms / 1000 - (ms % 1000 < 0);
    buf_addc(out, '"');
    date_imap_write((struct date){.at = at}, out);
    buf_addc(out, '"');
}

void imap_write_text(struct slice s, struct buf *out)
{
    s = slice_sub(s, 0, TEXT_MAX);
    for (size_t i = 0; i < s.n; i++)
        buf_addc(out, (unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 127 ? '?' : s.p[i]);
    if (s.n == 0)
        buf_adds(out, "?");
}
