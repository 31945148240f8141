/* compose.c - pieces of messages that replace and enclose write. */
#include "mail/sieve/compose.h"

#include "base/utf8.h"
#include "format/header_edit.h"
#include "format/transfer.h"

void sieve_write_lines(struct sieve_runner *r, struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
            continue;
        if (s.p[i] == '\n')
            buf_add(out, r->mail.eol);
        else
            buf_addc(out, s.p[i]);
    }
}

void sieve_write_field(struct sieve_runner *r, struct slice name, struct slice value,
                       struct buf *out)
{
    BUF_SCOPE crlf = {.max = r->limits->memory};
    header_text(name, value, &crlf);
    out->failed |= crlf.failed;
    sieve_write_lines(r, buf_slice(&crlf), out);
}

void sieve_write_text_part(struct sieve_runner *r, struct slice text, struct buf *out)
{
    BUF_SCOPE coded = {.max = r->limits->memory};
    bool plain = transfer_choose(text) == ENCODING_7BIT;
    sieve_write_lines(r, S("Content-Type: text/plain; charset=utf-8\n"), out);
    if (!plain)
        sieve_write_lines(r, S("Content-Transfer-Encoding: quoted-printable\n"), out);
    buf_add(out, r->mail.eol);
    if (!plain)
        transfer_encode_quoted(text, false, &coded);
    out->failed |= coded.failed;
    sieve_write_lines(r, plain ? text : buf_slice(&coded), out);
}

bool sieve_is_mime_field(struct slice name)
{
    return slice_startsi(name, S("Content-")) || slice_eqi(name, S("MIME-Version"));
}
