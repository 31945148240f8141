/* reply.c - the one table from error codes to response codes. A handler that knows better
   (TRYCREATE for a target mailbox) sets r->code. RFC 5530 3, RFC 9051 7.1. */
#include "imap/reply.h"

#include "imap/commands.h"
#include "proto/imap/write.h"

static const struct mapped {
    const char *code;
    bool bad, hide; /* hide: the text is for the log only */
} mapped[] = {
    [ERR_OK] = {"SERVERBUG", false, true},
    [ERR_SYNTAX] = {"CANNOT", false, false},
    [ERR_NOTFOUND] = {"NONEXISTENT", false, false},
    [ERR_EXISTS] = {"ALREADYEXISTS", false, false},
    [ERR_NOPERM] = {"NOPERM", false, false},
    [ERR_AUTH] = {"AUTHENTICATIONFAILED", false, false},
    [ERR_LIMIT] = {"LIMIT", false, false},
    [ERR_QUOTA] = {"OVERQUOTA", false, false},
    [ERR_BUSY] = {"UNAVAILABLE", false, false},
    [ERR_IO] = {"UNAVAILABLE", false, true},
    [ERR_UNSUPPORTED] = {"CANNOT", false, false},
    [ERR_CONFLICT] = {"INUSE", false, false},
    [ERR_CORRUPT] = {"CORRUPTION", false, true},
    [ERR_BUG] = {"SERVERBUG", false, true},
};

static void refusal(struct request *r, struct buf *out)
{
    const struct err *e = &r->job.err;
    const struct mapped *m = &mapped[e->code];
    bool bad = r->bad && e->code != ERR_BUSY; /* out of memory is not the client's fault */
    if (bad) {
        buf_adds(out, "BAD ");
        if (r->code)
            buf_addf(out, "[%s] ", r->code);
    } else {
        buf_addf(out, "NO [%s] ", r->code ? r->code : m->code);
    }
    if (m->hide && !bad)
        imap_write_text(S("The server failed; it is in its log"), out);
    else
        imap_write_text(slice_str(e->text), out);
}

void reply_tagged(struct request *r, struct buf *out)
{
    buf_add(out, r->tag.n ? r->tag : S("*"));
    buf_addc(out, ' ');
    if (r->outcome == CMD_DONE) {
        buf_adds(out, "OK ");
        if (r->code)
            buf_addf(out, "[%s] ", r->code);
        buf_adds(out, r->text_ok ? r->text_ok : "Completed");
    } else {
        refusal(r, out);
    }
    buf_adds(out, "\r\n");
}
