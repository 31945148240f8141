/* conn_tls.c - TLS of a connection. OpenSSL reads and writes through a BIO of ours: it takes what
   recv has put into the loop's read buffer and puts records into the loop's wire buffer, so that an
   idle session holds no buffers (memory BIOs would). One SSL_read is at most one record, in the
   loop's plain_buf. */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/metric.h"
#include "base/setting.h"
#include "io/conn_internal.h"
#include "io/tls_internal.h"

SETTING_DECLARE(io, handshake_timeout);
METRIC_COUNTER_BY(tls_versions, "version", "1.2 1.3", "TLS handshakes by version.");
METRIC_COUNTER_BY(tls_handshakes, "result", "full resumed failed", "TLS handshakes.");

struct conn_tls {
    SSL *ssl; /* NULL: to be made */
    bool client, verify, done;
    char *name;       /* client */
    char summary[48]; /* "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305" is the longest */
};
/* Beside what OpenSSL takes, which is 13 KB. */
_Static_assert(sizeof(struct conn_tls) <= 72, "TLS is large enough");

/* --- the BIO ------------------------------------------------------------------------------ */
static int bio_read(BIO *b, char *out, int n)
{
    struct conn *c = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (c->loop->wire.n == 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t take = (size_t)n < c->loop->wire.n ? (size_t)n : c->loop->wire.n;
    memcpy(out, c->loop->wire.p, take);
    c->loop->wire = slice_from(c->loop->wire, take);
    return (int)take;
}

static int bio_write(BIO *b, const char *p, int n)
{
    BIO_clear_retry_flags(b);
    wire_put(BIO_get_data(b), slice_of(p, (size_t)n));
    return n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static BIO_METHOD *method;

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    BUG_IF(!method);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

static void attach_bio(struct conn *c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, method_make);
    BIO *b = BIO_new(method);
    BUG_IF(!b);
    BIO_set_data(b, c);
    BIO_set_init(b, 1);
    SSL_set_bio(c->tls->ssl, b, b);
}

/* --- handshake ---------------------------------------------------------------------------- */
static struct conn_tls *tls_new(struct conn *c)
{
    struct conn_tls *t = calloc(1, sizeof(*t));
    BUG_IF(!t);
    c->tls = t;
    c->tls_freed = false;
    return t;
}

void conn_tls_client(struct conn *c, struct slice name, bool verify)
{
    struct conn_tls *t = tls_new(c);
    t->client = true;
    t->verify = verify;
    t->name = strndup(name.p ? name.p : "", name.n);
    BUG_IF(!t->name);
}

void conn_tls_begin(struct conn *c)
{
    struct err e = {0};
    struct conn_tls *t = c->tls ? c->tls : tls_new(c);
    t->ssl = t->client ? tls_client_session(slice_str(t->name), t->verify, &e)
                       : tls_server_session(c->listener->name, c->listener->alpn, &e);
    if (!t->ssl) {
        conn_end(c, CONN_END_TLS, "%s", e.text);
        return;
    }
    attach_bio(c);
    c->tls_on = true;
    if (t->client)
        SSL_set_connect_state(t->ssl);
    else
        SSL_set_accept_state(t->ssl);
    c->state = CONN_HANDSHAKE;
    conn_set_deadline(c, setting_get(&set_io_handshake_timeout));
}

static void failed(struct conn *c)
{
    char text[160];
    long verify = SSL_get_verify_result(c->tls->ssl);
    tls_error_text(text, sizeof(text));
    metric_add(&metric_tls_handshakes, 2, !c->tls->done);
    conn_end(c, CONN_END_TLS, "TLS: %s%s%s", text,
             c->tls->client && verify != X509_V_OK ? ": " : "",
             c->tls->client && verify != X509_V_OK ? X509_verify_cert_error_string(verify) : "");
}

static void note_session(struct conn_tls *t)
{
    snprintf(t->summary, sizeof(t->summary), "%s %s", SSL_get_version(t->ssl),
             SSL_get_cipher_name(t->ssl));
    metric_add(&metric_tls_handshakes, SSL_session_reused(t->ssl) ? 1 : 0, 1);
    metric_add(&metric_tls_versions, SSL_version(t->ssl) == TLS1_3_VERSION, 1);
}

int conn_tls_handshake(struct conn *c)
{
    struct conn_tls *t = c->tls;
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    if (rc != 1) {
        int why = SSL_get_error(t->ssl, rc);
        if (why != SSL_ERROR_WANT_READ)
            failed(c);
        /* What we have to say may be in wire_buf: conn_take_input ends with wire_end. */
        return -1;
    }
    t->done = true;
    note_session(t);
    c->state = CONN_OPEN;
    conn_set_deadline(c, 0);
    if (c->starttls && c->ops->secured)
        c->ops->secured(c);
    else if (!c->starttls && c->ops->opened)
        c->ops->opened(c);
    return 0;
}

static void starttls(struct conn *c)
{
    c->starttls = true;
    c->tls_wanted = true;
    if (!c->in_input)
        buf_done(&c->pending);
    buf_done(&c->keep);
    conn_dirty(c);
}

/* RFC 3207 4.2, RFC 9051 6.2.1, RFC 2595 4: what was sent before TLS is forgotten. */
void conn_starttls(struct conn *c)
{
    if (c->state != CONN_OPEN || c->ending)
        return;
    BUG_IF(!conn_can_tls(c));
    starttls(c);
}

void conn_start_client_tls(struct conn *c, struct slice name, bool verify)
{
    if (c->state != CONN_OPEN || c->ending)
        return;
    BUG_IF(c->tls || c->listener);
    conn_tls_client(c, name, verify);
    starttls(c);
}

/* --- data --------------------------------------------------------------------------------- */
int conn_tls_pull(struct conn *c, struct slice *ret)
{
    SSL *ssl = c->tls->ssl;
    struct loop *l = c->loop;
    ERR_clear_error();
    int n = SSL_read(ssl, l->plain_buf, sizeof(l->plain_buf));
    if (n > 0) {
        *ret = slice_of(l->plain_buf, (size_t)n);
        return 1;
    }
    switch (SSL_get_error(ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        conn_peer_done(c);
        return -1;
    default:
        failed(c);
        return -1;
    }
}

void conn_tls_put(struct conn *c, struct slice s)
{
    if (s.n == 0 || c->ending)
        return;
    ERR_clear_error();
    int n = SSL_write(c->tls->ssl, s.p, (int)s.n);
    if (n <= 0 || (size_t)n != s.n)
        failed(c);
}

void conn_tls_shutdown(struct conn *c)
{
    ERR_clear_error();
    if (c->tls->done && !(SSL_get_shutdown(c->tls->ssl) & SSL_SENT_SHUTDOWN))
        SSL_shutdown(c->tls->ssl);
}

int conn_tls_pending(struct conn *c)
{
    return SSL_has_pending(c->tls->ssl);
}

void conn_tls_quiet(struct conn *c)
{
    c->tls_freed = true;
    if (c->tls->done)
        SSL_free_buffers(c->tls->ssl);
}

void conn_tls_free(struct conn *c)
{
    if (!c->tls)
        return;
    SSL_free(c->tls->ssl);
    free(c->tls->name);
    free(c->tls);
    c->tls = NULL;
}

/* --- what servers ask --------------------------------------------------------------------- */
bool conn_can_tls(struct conn *c)
{
    return !c->tls && !c->tls_wanted && c->listener && c->listener->tls == TLS_START && tls_ready();
}

bool conn_is_tls(struct conn *c)
{
    return c->tls && c->tls->done;
}

struct slice conn_tls_summary(struct conn *c)
{
    return slice_str(c->tls ? c->tls->summary : "");
}

struct slice conn_tls_sni(struct conn *c)
{
    const char *name =
        conn_is_tls(c) ? SSL_get_servername(c->tls->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
    return slice_str(name ? name : "");
}

struct slice conn_tls_alpn(struct conn *c)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    if (conn_is_tls(c))
        SSL_get0_alpn_selected(c->tls->ssl, &name, &n);
    return slice_of(name, n);
}

/* RFC 9266 2 and 4.2: under TLS 1.2 only with the extended master secret. */
static int exporter(SSL *ssl, struct buf *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    unsigned char key[32];
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return -1;
    if (SSL_export_keying_material(ssl, key, sizeof(key), label, sizeof(label) - 1,
                                   (const unsigned char *)"", 0, 1) != 1)
        return -1;
    return buf_add(out, slice_of(key, sizeof(key)));
}

/* RFC 5929 4.1: the certificate under the hash of its own signature, SHA-256 for MD5 and SHA-1. */
static int end_point(SSL *ssl, bool client, struct buf *out)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n;
    int hash;
    X509 *cert = client ? SSL_get0_peer_certificate(ssl) : SSL_get_certificate(ssl);
    if (!cert || !X509_get_signature_info(cert, &hash, NULL, NULL, NULL) || hash == NID_undef)
        return -1;
    if (hash == NID_md5 || hash == NID_sha1)
        hash = NID_sha256;
    const EVP_MD *md = EVP_get_digestbynid(hash);
    if (!md || X509_digest(cert, md, sum, &n) != 1)
        return -1;
    return buf_add(out, slice_of(sum, n));
}

/* RFC 5929 3.1: the first Finished message of the handshake, which is the client's, and the
   server's when a session is resumed. There is no renegotiation here, and TLS 1.3 has no such
   binding. */
static int unique(SSL *ssl, bool client, struct buf *out)
{
    unsigned char finished[EVP_MAX_MD_SIZE];
    bool ours = client != (SSL_session_reused(ssl) != 0);
    if (SSL_version(ssl) >= TLS1_3_VERSION)
        return -1;
    size_t n = ours ? SSL_get_finished(ssl, finished, sizeof(finished))
                    : SSL_get_peer_finished(ssl, finished, sizeof(finished));
    return n && n <= sizeof(finished) ? buf_add(out, slice_of(finished, n)) : -1;
}

/* RFC 7677 4: "MUST be used over a TLS channel that has had the session hash extension negotiated,
   or session resumption MUST NOT have been used". */
static bool can_bind(SSL *ssl)
{
    return SSL_version(ssl) >= TLS1_3_VERSION || SSL_get_extms_support(ssl) == 1 ||
           !SSL_session_reused(ssl);
}

int conn_tls_binding(struct conn *c, struct slice type, struct buf *out)
{
    if (!conn_is_tls(c) || !can_bind(c->tls->ssl))
        return -1;
    if (slice_eq(type, S("tls-exporter")))
        return exporter(c->tls->ssl, out);
    if (slice_eq(type, S("tls-server-end-point")))
        return end_point(c->tls->ssl, c->tls->client, out);
    if (slice_eq(type, S("tls-unique")))
        return unique(c->tls->ssl, c->tls->client, out);
    return -1;
}
