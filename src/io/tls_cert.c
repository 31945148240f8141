/* tls_cert.c - a certificate of our own for the first start: self-signed, EC P-256, 10 years, the
   host's name as subject and alternative name. */
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/fd.h"
#include "base/random.h"
#include "io/tls_parts.h"

enum { DAYS = 3650 };

bool tls_is_address(const char *host)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static int add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int rc = x && X509_add_ext(cert, x, -1) == 1 ? 0 : -1;
    X509_EXTENSION_free(x);
    return rc;
}

/* Host names come from the administrator's configuration, but they end in a small language here. */
static bool is_host(struct slice host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        if (!ascii_alpha(c) && !ascii_digit(c) && !strchr(".-:", c))
            return false;
    }
    return host.n > 0 && host.n < 254;
}

static X509 *make_certificate(EVP_PKEY *key, struct slice host)
{
    char alt[300];
    snprintf(alt, sizeof(alt), "%.*s", SARG(host));
    bool is_address = tls_is_address(alt);
    snprintf(alt, sizeof(alt), "%s:%.*s", is_address ? "IP" : "DNS", SARG(host));
    X509 *cert = X509_new();
    BUG_IF(!cert);
    X509_NAME *name = X509_get_subject_name(cert);
    struct slice cn = slice_sub(host, 0, 64); /* the limit of a common name */
    if (X509_set_version(cert, 2) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), random_u64() >> 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
        X509_gmtime_adj(X509_getm_notAfter(cert), (long)DAYS * 86400) &&
        X509_set_pubkey(cert, key) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn.p, (int)cn.n,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(cert, name) == 1 &&
        add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") == 0 &&
        add_extension(cert, NID_key_usage, "critical,digitalSignature") == 0 &&
        add_extension(cert, NID_ext_key_usage, "serverAuth") == 0 &&
        add_extension(cert, NID_subject_alt_name, alt) == 0 && X509_sign(cert, key, EVP_sha256()))
        return cert;
    X509_free(cert);
    return NULL;
}

static int write_bio(const char *path, BIO *bio, unsigned mode, struct err *e)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    return file_replace(path, slice_of(p, (size_t)n), mode, e);
}

/* The key goes first: a crash in between leaves no certificate, and both are made again. */
static int write_pair(const char *dir, X509 *cert, EVP_PKEY *key, struct err *e)
{
    char path[4096];
    BIO *bio = BIO_new(BIO_s_mem());
    BUG_IF(!bio);
    snprintf(path, sizeof(path), "%s/default.key", dir);
    int rc = PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                 ? write_bio(path, bio, 0600, e)
                 : err_set(e, ERR_IO, "%s: cannot be encoded", path);
    BUG_IF(BIO_reset(bio) != 1);
    snprintf(path, sizeof(path), "%s/default.crt", dir);
    if (rc == 0)
        rc = PEM_write_bio_X509(bio, cert) == 1 ? write_bio(path, bio, 0644, e)
                                                : err_set(e, ERR_IO, "%s: cannot be encoded", path);
    BIO_free(bio);
    return rc;
}

int tls_make_default(const char *dir, struct slice host, struct err *e)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s/default.crt", dir) >= sizeof(path))
        return err_set(e, ERR_LIMIT, "path too long");
    if (access(path, F_OK) == 0)
        return 0;
    if (!is_host(host))
        return err_set(e, ERR_SYNTAX, "\"%.*s\" is not a host name", SARG(host));
    if (dir_make(dir, 0700, e))
        return -1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? make_certificate(key, host) : NULL;
    int rc = cert ? write_pair(dir, cert, key, e)
                  : err_set(e, ERR_IO, "a certificate for %.*s cannot be made", SARG(host));
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}
