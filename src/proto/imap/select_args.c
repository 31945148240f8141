/* select_args.c - select-params. */
#include "proto/imap/select_args.h"

/* RFC 7162 3.2.5: "(" uidvalidity SP mod-sequence [SP known-uids] [SP "(" seqs SP uids ")"] ")" */
static int qresync(struct imap_parser *p, struct imap_select_args *s)
{
    s->qresync = true;
    if (imap_space(p) || imap_expect(p, '(') || imap_nz_u32(p, &s->uidvalidity) || imap_space(p) ||
        imap_nz_u63(p, &s->modseq))
        return -1;
    bool more = imap_accept(p, ' ');
    if (more && imap_peek(p) != '(') {
        s->has_known = true;
        if (imap_plain_set(p, &s->known))
            return -1;
        more = imap_accept(p, ' ');
    }
    if (more) {
        s->has_match = true;
        if (imap_expect(p, '(') || imap_plain_set(p, &s->match_seqs) || imap_space(p) ||
            imap_plain_set(p, &s->match_uids) || imap_expect(p, ')'))
            return -1;
    }
    return imap_expect(p, ')');
}

int imap_select_args(struct imap_parser *p, struct imap_select_args *ret)
{
    struct imap_select_args s = {0};
    if (imap_space(p) || imap_mailbox(p, &s.mailbox))
        return -1;
    if (imap_accept(p, ' ')) {
        if (imap_expect(p, '('))
            return -1;
        do {
            if (!s.condstore && imap_accept_word(p, S("CONDSTORE")))
                s.condstore = true;
            else if (s.qresync || !imap_accept_word(p, S("QRESYNC")))
                return imap_fail(p, "unknown SELECT parameter");
            else if (qresync(p, &s))
                return -1;
        } while (imap_accept(p, ' '));
        if (imap_expect(p, ')'))
            return -1;
    }
    *ret = s;
    return 0;
}
