/* capability.c - RFC 9051 6.1.1 and 7.2.2. Before login only what matters there is listed; what is
   listed always works. */
#include "imap/capability.h"

#include "imap/commands.h"
#include "imap/settings.h"

/* Of every state; then those of an authenticated session. */
static const char always[] = "IMAP4rev1 IMAP4rev2 ID ENABLE LITERAL+ SASL-IR";
static const char after_login[] =
    " IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE CONDSTORE QRESYNC ESEARCH SEARCHRES WITHIN"
    " LIST-EXTENDED LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE STATUS=SIZE BINARY MULTIAPPEND"
    " OBJECTID PREVIEW UTF8=ACCEPT SAVEDATE REPLACE SORT"
    " SORT=DISPLAY THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS ESORT I18NLEVEL=1 PARTIAL"
    " QUOTA QUOTA=RES-STORAGE INPROGRESS UIDONLY";

SETTING_DECLARE(auth, plain_on_loopback);

void capability_init(void)
{
    BUG_IF(!setting_find(S("auth.plain_on_loopback")));
}

/* Channel bindings: RFC 9266, RFC 5929. */
static struct slice binding(struct session *s, struct slice type, struct arena *a)
{
    BUF_SCOPE out = {.max = 1024};
    if (conn_tls_binding(s->conn, type, &out))
        return SNONE;
    return arena_dup(a, buf_slice(&out));
}

void session_peer(struct session *s, struct arena *a, struct auth_peer *ret)
{
    bool tls = conn_is_tls(s->conn);
    *ret = (struct auth_peer){
        .service = S("imap"),
        .address = conn_peer(s->conn),
        .tls = tls,
        .plain_ok = tls || (conn_is_loopback(s->conn) && setting_get(&set_auth_plain_on_loopback)),
    };
    if (!a)
        return;
    ret->address = arena_dup(a, ret->address);
    if (tls) {
        ret->binding_exporter = binding(s, S("tls-exporter"), a);
        ret->binding_end_point = binding(s, S("tls-server-end-point"), a);
        ret->binding_unique = binding(s, S("tls-unique"), a);
    }
}

static void before_login(struct session *s, struct buf *out)
{
    ARENA_SCOPE a = {.limit = 64 * 1024}; /* -PLUS mechanisms depend on the bindings */
    struct auth_peer peer;
    session_peer(s, &a, &peer);
    if (conn_can_tls(s->conn))
        buf_adds(out, " STARTTLS");
    if (!peer.plain_ok)
        buf_adds(out, " LOGINDISABLED");
    size_t before = out->n;
    buf_addc(out, ' ');
    sasl_list(&peer, "AUTH=", out);
    if (out->n == before + 1)
        out->n = before;
}

void capability_write(struct session *s, struct buf *out)
{
    buf_adds(out, always);
    if (s->state == STATE_NEW) {
        before_login(s, out);
        return;
    }
    buf_adds(out, after_login);
    buf_addf(out, " APPENDLIMIT=%lld", (long long)setting_get(&set_imap_append_max));
    if (!conn_is_compressed(s->conn))
        buf_adds(out, " COMPRESS=DEFLATE");
    if (s->is_admin)
        buf_adds(out, " QUOTASET");
    if (session_may_unauthenticate(s))
        buf_adds(out, " UNAUTHENTICATE");
}
