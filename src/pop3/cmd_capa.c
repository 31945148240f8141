/* cmd_capa.c - CAPA: RFC 2449 5, with the capabilities of RFC 2595, 3206, 5034 and 6856. */
#include "mail/login.h"
#include "pop3/session.h"

void pop3_cmd_capa(struct pop3_session *s, const struct pop3_command *c)
{
    struct login_peer peer;
    BUF_SCOPE out = {0}, names = {0};
    (void)c;
    login_peer_init(&peer, s->c, "pop3", conn_peer(s->c));
    sasl_list(&peer.peer, "", &names);
    buf_add(&out, S("+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n"
                    "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\n"));
    if (s->state == POP3_AUTHORIZATION &&
        conn_can_tls(s->c)) /* RFC 2595 4: "in the current state" */
        buf_add(&out, S("STLS\r\n"));
    if (peer.peer.plain_ok)
        buf_add(&out, S("USER\r\n"));
    if (names.n)
        buf_addf(&out, "SASL %.*s\r\n", SARG(buf_slice(&names)));
    buf_add(&out, S("IMPLEMENTATION Carbonado\r\n.\r\n"));
    conn_write_buf(s->c, &out);
    login_peer_done(&peer);
}
