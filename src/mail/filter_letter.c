/* filter_letter.c - letters that scripts write: fields, and a text as an entity. Whatever comes
   from a script or a stranger's message loses its controls before it is a field. */
#include "base/clock.h"
#include "base/random.h"
#include "base/utf8.h"
#include "format/date.h"
#include "format/header_edit.h"
#include "format/transfer.h"
#include "mail/filter_internal.h"
#include "mail/host.h"

void letter_line(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++)
        buf_addc(out, ascii_is_control(s.p[i]) ? ' ' : s.p[i]);
}

static void field(const char *name, struct slice value, struct buf *out)
{
    if (!value.n)
        return;
    buf_addf(out, "%s: ", name);
    letter_line(value, out);
    buf_add(out, S("\r\n"));
}

void letter_head(const struct letter *l, struct buf *out)
{
    char id[25];
    BUF_SCOPE subject = {0};
    random_name(id, sizeof(id) - 1);
    field("From", l->from, out);
    field("To", l->to, out);
    field("Cc", l->cc, out);
    letter_line(slice_sub(l->subject, 0, 2000), &subject);
    if (subject.n)
        header_text(S("Subject"), buf_slice(&subject), out);
    buf_add(out, S("Date: "));
    date_write((struct date){.at = clock_now()}, out);
    buf_addf(out, "\r\nMessage-ID: <%s.sieve@%.*s>\r\n", id, SARG(mail_hostname()));
    field("In-Reply-To", l->in_reply_to, out);
    field("References", l->references, out);
    field("Auto-Submitted", l->automatic, out);
    buf_add(out, l->extra);
    buf_add(out, S("MIME-Version: 1.0\r\n"));
}

static void add_crlf(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r'))
            buf_addc(out, '\r');
        buf_addc(out, s.p[i]);
    }
    if (!slice_ends(s, S("\n")))
        buf_add(out, S("\r\n"));
}

void letter_text(struct slice text, struct buf *out)
{
    BUF_SCOPE lines = {0}, coded = {0};
    add_crlf(text, &lines);
    bool plain = transfer_choose(buf_slice(&lines)) == ENCODING_7BIT;
    if (!plain)
        transfer_encode_quoted(buf_slice(&lines), false, &coded);
    buf_addf(out, "Content-Type: text/plain; charset=utf-8\r\n%s\r\n",
             plain ? "" : "Content-Transfer-Encoding: quoted-printable\r\n");
    buf_add(out, plain ? buf_slice(&lines) : buf_slice(&coded));
    out->failed |= lines.failed || coded.failed;
}

/* RFC 5230 4.3: of its header only what says how the body is to be read. */
static void add_entity(struct slice entity, struct buf *out)
{
    struct field f;
    for (size_t pos = 0; header_next(entity, &pos, &f);) {
        if (!slice_startsi(f.name, S("Content-")) || !ascii_only(f.value))
            continue;
        buf_add(out, f.name);
        buf_add(out, S(": "));
        letter_line(slice_trim(f.value), out);
        buf_add(out, S("\r\n"));
    }
    buf_add(out, S("\r\n"));
    add_crlf(slice_from(entity, header_end(entity)), out);
}

void letter_write(const struct letter *l, struct buf *out)
{
    letter_head(l, out);
    if (l->mime)
        add_entity(l->text, out);
    else
        letter_text(l->text, out);
}
