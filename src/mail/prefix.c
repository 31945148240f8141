/* prefix.c - trace lines, folded so that no line is over 78 octets where that can be helped. What a
   stranger sent (the EHLO name, addresses) was checked by the command's grammar; what is not
   printable is left out here all the same, because a line end in it would be a header of theirs. */
#include "mail/prefix.h"

#include "format/date.h"
#include "mail/host.h"

static void add_clean(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 32 && s.p[i] != 127)
            buf_addc(out, s.p[i]);
}

/* RFC 5321 4.4: from EHLO-name (name [address]) by us with ESMTP id trace for <recipient>; date */
void mail_received_write(const struct mail_received *r, struct buf *out)
{
    buf_add(out, S("Received: "));
    if (r->helo.n) {
        bool v6 = slice_find(r->peer, ':') >= 0;
        buf_add(out, S("from "));
        add_clean(out, r->helo);
        if (r->peer.n) {
            buf_add(out, S(" ("));
            add_clean(out, r->peer_name);
            buf_add(out, r->peer_name.n ? S(" [") : S("["));
            buf_add(out, v6 ? S("IPv6:") : S(""));
            add_clean(out, r->peer);
            buf_add(out, S("])"));
        }
        buf_add(out, S("\r\n\t"));
    }
    buf_add(out, S("by "));
    buf_add(out, mail_hostname());
    if (r->with.n) {
        buf_add(out, S(" with "));
        buf_add(out, r->with);
    }
    if (r->tls.n) {
        buf_add(out, S(" ("));
        add_clean(out, r->tls);
        buf_add(out, S(")"));
    }
    buf_add(out, S("\r\n\tid "));
    buf_add(out, r->id);
    if (r->recipient.n) {
        buf_add(out, S(" for <"));
        add_clean(out, r->recipient);
        buf_add(out, S(">"));
    }
    buf_add(out, S(";\r\n\t"));
    date_write((struct date){.at = r->at}, out);
    buf_add(out, S("\r\n"));
}

void mail_delivered_to_write(struct slice recipient, struct buf *out)
{
    buf_add(out, S("Delivered-To: "));
    add_clean(out, recipient);
    buf_add(out, S("\r\n"));
}

void mail_final_write(struct slice from, struct slice recipient, struct buf *out)
{
    buf_add(out, S("Return-Path: <"));
    add_clean(out, from);
    buf_add(out, S(">\r\n"));
    mail_delivered_to_write(recipient, out);
}
