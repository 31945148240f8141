/* tls.c - the certificates in use: one OpenSSL context per pair, found by SNI, replaced whole at a
   reload. Parameters are Mozilla's "intermediate" set. */
#include "io/tls.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/hash.h"
#include "base/setting.h"
#include "io/tls_internal.h"
#include "io/tls_parts.h"

SETTING_STR(io, tls_ca_file, "", NULL,
            "Certificates (PEM) trusted in outgoing connections that are verified. Empty: the "
            "system's.");
SETTING_AT_START(io, tls_ca_file); /* the sandbox opens it */

static const char ciphers_1_2[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
static const char ciphers_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

enum { PAIRS_MAX = 10000 };

struct tls_name {
    struct tls_name *next;
    SSL_CTX *ctx; /* borrowed */
    char text[];
};

struct tls_set {
    SSL_CTX **pairs;
    size_t n;
    SSL_CTX *fallback; /* of default.crt */
    struct hmap names;
    struct tls_name *all_names;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct tls_set *current;
static SSL_CTX *client_ctx[2]; /* not verified, verified */

void tls_error_text(char *out, size_t n)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    snprintf(out, n, "%s", reason ? reason : code ? "failed" : "the peer closed");
    ERR_clear_error();
}

static int tls_fail(struct err *e, const char *what)
{
    char text[160];
    tls_error_text(text, sizeof(text));
    return err_set(e, ERR_IO, "%s: %s", what, text);
}

/* --- contexts ----------------------------------------------------------------------------- */
static void common_options(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    BUG_IF(SSL_CTX_set_cipher_list(ctx, ciphers_1_2) != 1);
    BUG_IF(SSL_CTX_set_ciphersuites(ctx, ciphers_1_3) != 1);
    BUG_IF(SSL_CTX_set1_groups_list(ctx, groups) != 1);
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *arg)
{
    (void)arg;
    struct slice want = slice_str(SSL_get_app_data(ssl));
    if (want.n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    for (unsigned at = 0; at < in_n; at += 1u + in[at]) {
        struct slice one = slice_sub(slice_of(in, in_n), at + 1, at + 1u + in[at]);
        if (slice_eq(one, want)) {
            *out = (const unsigned char *)one.p;
            *out_n = (unsigned char)one.n;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    /* RFC 7301 3.2; it also keeps one protocol's traffic from being sent to another's port. */
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* The context for a name: the name itself, or a wildcard for its first label (RFC 6125 6.4.3). */
static SSL_CTX *find_name(const struct tls_set *set, struct slice name)
{
    char lower[256];
    if (name.n == 0 || name.n >= sizeof(lower))
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    struct tls_name *found = hmap_get(&set->names, slice_of(lower, name.n));
    ptrdiff_t dot = slice_find(slice_of(lower, name.n), '.');
    if (!found && dot > 0) {
        lower[dot - 1] = '*';
        found = hmap_get(&set->names, slice_of(lower + dot - 1, name.n - (size_t)dot + 1));
    }
    return found ? found->ctx : NULL;
}

static int on_sni(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    struct slice name = slice_str(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    pthread_rwlock_rdlock(&lock);
    SSL_CTX *ctx = current ? find_name(current, name) : NULL;
    if (ctx)
        SSL_set_SSL_CTX(ssl, ctx);
    pthread_rwlock_unlock(&lock);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(const char *dir, const char *name, struct err *e)
{
    char path[4096], what[600];
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BUG_IF(!ctx);
    common_options(ctx);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_sni);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    tls_tickets_use(ctx);
    snprintf(path, sizeof(path), "%s/%s.crt", dir, name);
    snprintf(what, sizeof(what), "certificate %s.crt", name);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, path) == 1) {
        snprintf(path, sizeof(path), "%s/%s.key", dir, name);
        snprintf(what, sizeof(what), "key %s.key", name);
        if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(ctx) == 1)
            return ctx;
    }
    tls_fail(e, what);
    SSL_CTX_free(ctx);
    return NULL;
}

/* --- sets --------------------------------------------------------------------------------- */
static void set_free(struct tls_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n; i++)
        SSL_CTX_free(set->pairs[i]);
    while (set->all_names) {
        struct tls_name *next = set->all_names->next;
        free(set->all_names);
        set->all_names = next;
    }
    hmap_done(&set->names);
    free(set->pairs);
    free(set);
}

static void add_name(struct tls_set *set, struct slice text, SSL_CTX *ctx)
{
    struct tls_name *name = calloc(1, sizeof(*name) + text.n + 1);
    BUG_IF(!name);
    for (size_t i = 0; i < text.n; i++)
        name->text[i] = ascii_lower(text.p[i]);
    struct slice key = slice_of(name->text, text.n);
    if (text.n == 0 || hmap_get(&set->names, key)) {
        free(name);
        return;
    }
    name->ctx = ctx;
    name->next = set->all_names;
    set->all_names = name;
    hmap_set(&set->names, key, name);
}

/* Every DNS name of the certificate. */
static void add_certificate_names(struct tls_set *set, SSL_CTX *ctx)
{
    X509 *cert = SSL_CTX_get0_certificate(ctx);
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type == GEN_DNS)
            add_name(set,
                     slice_of(ASN1_STRING_get0_data(g->d.dNSName),
                              (size_t)ASN1_STRING_length(g->d.dNSName)),
                     ctx);
    }
    GENERAL_NAMES_free(names);
}

static int is_certificate(const struct dirent *d)
{
    return slice_ends(slice_str(d->d_name), S(".crt")) && strlen(d->d_name) > 4;
}

static int set_load(struct tls_set *set, const char *dir, struct err *e)
{
    struct dirent **files = NULL;
    int n = scandir(dir, &files, is_certificate, alphasort);
    if (n < 0)
        return err_errno(e, ERR_IO, "%s", dir);
    set->pairs = calloc((size_t)n + 1, sizeof(SSL_CTX *));
    BUG_IF(!set->pairs);
    int rc = n > PAIRS_MAX ? err_set(e, ERR_LIMIT, "%s: too many certificates", dir) : 0;
    for (int i = 0; i < n && rc == 0; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%.*s", (int)strlen(files[i]->d_name) - 4, files[i]->d_name);
        SSL_CTX *ctx = server_context(dir, name, e);
        if (!ctx) {
            rc = -1;
            break;
        }
        set->pairs[set->n++] = ctx;
        if (slice_eq(slice_str(name), S("default")))
            set->fallback = ctx;
        else
            add_name(set, slice_str(name), ctx);
    }
    for (size_t i = 0; i < set->n && rc == 0; i++)
        add_certificate_names(set, set->pairs[i]);
    for (int i = 0; i < n; i++)
        free(files[i]);
    free(files);
    if (rc == 0 && !set->fallback)
        rc = err_set(e, ERR_NOTFOUND, "%s: no default.crt", dir);
    return rc;
}

/* --- client ------------------------------------------------------------------------------- */
static SSL_CTX *client_context(bool verify, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BUG_IF(!ctx);
    common_options(ctx);
    if (!verify)
        return ctx;
    const char *file = setting_text(&set_io_tls_ca_file);
    ERR_clear_error();
    int rc = *file ? SSL_CTX_load_verify_locations(ctx, file, NULL)
                   : SSL_CTX_set_default_verify_paths(ctx);
    if (rc != 1) {
        tls_fail(e, "trusted certificates");
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static SSL_CTX *client_context_get(bool verify, struct err *e)
{
    pthread_rwlock_wrlock(&lock);
    if (!client_ctx[verify])
        client_ctx[verify] = client_context(verify, e);
    SSL_CTX *ctx = client_ctx[verify];
    if (ctx)
        SSL_CTX_up_ref(ctx);
    pthread_rwlock_unlock(&lock);
    return ctx;
}

SSL *tls_client_session(struct slice name, bool verify, struct err *e)
{
    char host[256];
    snprintf(host, sizeof(host), "%.*s", SARG(name));
    SSL_CTX *ctx = client_context_get(verify, e);
    if (!ctx)
        return NULL;
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    BUG_IF(!ssl);
    bool is_address = tls_is_address(host);
    bool ok = true;
    /* RFC 6125 6.4.3, 6.4.4: "*" is a whole label, and a common name is no identity */
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (verify && is_address)
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    else if (verify)
        ok = host[0] && SSL_set1_host(ssl, host) == 1;
    if (ok && host[0] && !is_address)
        ok = SSL_set_tlsext_host_name(ssl, host) == 1;
    if (ok)
        return ssl;
    SSL_free(ssl);
    err_set(e, ERR_SYNTAX, "TLS: \"%s\" is no host name", host);
    return NULL;
}

/* --- what io asks ------------------------------------------------------------------------- */
SSL *tls_server_session(const char *service, const char *alpn, struct err *e)
{
    pthread_rwlock_rdlock(&lock);
    SSL *ssl = current ? SSL_new(current->fallback) : NULL;
    bool loaded = current != NULL;
    pthread_rwlock_unlock(&lock);
    if (!ssl) {
        err_set(e, ERR_IO, loaded ? "TLS: no memory" : "TLS: no certificates are loaded");
        return NULL;
    }
    size_t n = strlen(service);
    if (n > SSL_MAX_SID_CTX_LENGTH)
        n = SSL_MAX_SID_CTX_LENGTH;
    SSL_set_session_id_context(ssl, (const unsigned char *)service, (unsigned)n);
    SSL_set_app_data(ssl, (void *)(uintptr_t)alpn);
    return ssl;
}

bool tls_ready(void)
{
    pthread_rwlock_rdlock(&lock);
    bool ready = current != NULL;
    pthread_rwlock_unlock(&lock);
    return ready;
}

int tls_load(const char *dir, struct slice host, struct err *e)
{
    if (tls_make_default(dir, host, e))
        return -1;
    struct tls_set *set = calloc(1, sizeof(*set));
    BUG_IF(!set);
    if (set_load(set, dir, e)) {
        set_free(set);
        return -1;
    }
    pthread_rwlock_wrlock(&lock);
    struct tls_set *old = current;
    current = set;
    for (int i = 0; i < 2; i++) { /* io.tls_ca_file may have changed too */
        SSL_CTX_free(client_ctx[i]);
        client_ctx[i] = NULL;
    }
    pthread_rwlock_unlock(&lock);
    set_free(old);
    return 0;
}

void tls_done(void)
{
    pthread_rwlock_wrlock(&lock);
    set_free(current);
    current = NULL;
    for (int i = 0; i < 2; i++) {
        SSL_CTX_free(client_ctx[i]);
        client_ctx[i] = NULL;
    }
    pthread_rwlock_unlock(&lock);
}
