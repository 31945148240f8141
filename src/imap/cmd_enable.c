/* cmd_enable.c - ENABLE: RFC 9051 6.3.1, RFC 5161. Unknown words are passed over. UTF8=ACCEPT is
   for sessions with nothing selected (RFC 9755 3); CONDSTORE in a selected mailbox answers with its
   HIGHESTMODSEQ (RFC 7162 3.1). */
#include "imap/cmds.h"

static const struct {
    struct slice name;
    unsigned bits;
} known[] = {
    {S_INIT("CONDSTORE"), ENABLED_CONDSTORE},
    {S_INIT("QRESYNC"), ENABLED_QRESYNC | ENABLED_CONDSTORE},
    {S_INIT("UTF8=ACCEPT"), ENABLED_UTF8},
    {S_INIT("IMAP4rev2"), ENABLED_REV2},
    {S_INIT("UIDONLY"), ENABLED_UIDONLY},
};
enum { KNOWN = sizeof(known) / sizeof(known[0]) };

int cmd_enable_parse(struct request *r, struct imap_parser *p)
{
    bool *asked = request_new_of(r, bool, KNOWN);
    if (!asked || imap_space(p))
        return -1;
    do {
        struct slice word;
        if (imap_atom(p, &word))
            return -1;
        for (size_t i = 0; i < KNOWN; i++)
            asked[i] |= slice_eqi(word, known[i].name);
    } while (imap_accept(p, ' '));
    r->args = asked;
    return 0;
}

enum cmd_next cmd_enable(struct request *r, struct txn *t)
{
    (void)t;
    struct session *s = r->s;
    const bool *asked = r->args;
    bool had_condstore = s->enabled & ENABLED_CONDSTORE;
    buf_adds(&r->out, "* ENABLED");
    for (size_t i = 0; i < KNOWN; i++)
        if (asked[i] && (s->enabled & known[i].bits) != known[i].bits &&
            !(s->sel && known[i].bits == ENABLED_UTF8)) {
            s->enabled |= (uint8_t)known[i].bits;
            buf_addf(&r->out, " %.*s", SARG(known[i].name));
        }
    buf_adds(&r->out, "\r\n");
    if (s->sel && !had_condstore && (s->enabled & ENABLED_CONDSTORE))
        buf_addf(&r->out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
                 (unsigned long long)view_modseq(s->sel->view));
    return CMD_DONE;
}
