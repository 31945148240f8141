/* cmd_starttls.c - STARTTLS (RFC 9051 6.2.1) and COMPRESS DEFLATE (RFC 4978): the bytes change
   behind the reply. What a client sent in plain text behind STARTTLS is never answered (input.c
   stops, io/ throws it away). */
#include "imap/cmds.h"
#include "io/conn.h"

enum cmd_next cmd_starttls(struct request *r, struct txn *t)
{
    (void)t;
    if (conn_is_tls(r->s->conn))
        return request_bad(r, "TLS is on already");
    if (!conn_can_tls(r->s->conn))
        return request_bad(r, "TLS is not offered here");
    r->after = AFTER_STARTTLS;
    r->text_ok = "Begin TLS";
    return CMD_DONE;
}

int cmd_compress_parse(struct request *r, struct imap_parser *p)
{
    (void)r;
    if (imap_space(p))
        return -1;
    return imap_accept_word(p, S("DEFLATE")) ? 0 : imap_fail(p, "unknown compression");
}

enum cmd_next cmd_compress(struct request *r, struct txn *t)
{
    (void)t;
    if (conn_is_compressed(r->s->conn)) {
        r->code = "COMPRESSIONACTIVE";
        return request_fail(r, ERR_EXISTS, "DEFLATE is on already");
    }
    r->after = AFTER_COMPRESS;
    r->text_ok = "DEFLATE from here on";
    return CMD_DONE;
}
