/* tls_ticket.c - session tickets (RFC 5077 4, RFC 8446 4.6.1) sealed with AES-256-CBC and
   HMAC-SHA-256 under keys that only this process knows. A key seals for half of io.tls_ticket_time
   and opens for the whole of it; what older keys open is sealed anew. */
#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/setting.h"
#include "io/tls_parts.h"

SETTING(io, tls_ticket_time, TIME, 12 * HOUR, 1 * MIN, 7 * DAY,
        "How long a TLS session can be resumed.");

struct ticket_key {
    unsigned char name[16], cipher[32], mac[32];
    int64_t made_ms; /* 0: no key */
};

enum { KEYS = 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ticket_key keys[KEYS]; /* [0] seals */

static void rotate(int64_t now)
{
    for (int i = KEYS - 1; i > 0; i--)
        keys[i] = keys[i - 1];
    random_bytes(&keys[0], sizeof(keys[0]));
    keys[0].made_ms = now;
}

void tls_tickets_rotate(void)
{
    pthread_mutex_lock(&lock);
    rotate(clock_mono_ms());
    pthread_mutex_unlock(&lock);
}

static struct ticket_key sealing_key(void)
{
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&lock);
    if (!keys[0].made_ms || now - keys[0].made_ms >= setting_get(&set_io_tls_ticket_time) / 2)
        rotate(now);
    struct ticket_key k = keys[0];
    pthread_mutex_unlock(&lock);
    return k;
}

/* 0: none; 1: the one that seals; 2: an older one. */
static int opening_key(const unsigned char name[16], struct ticket_key *ret)
{
    int64_t oldest = clock_mono_ms() - setting_get(&set_io_tls_ticket_time);
    int found = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < KEYS && !found; i++) {
        if (!keys[i].made_ms || keys[i].made_ms < oldest || memcmp(keys[i].name, name, 16))
            continue;
        *ret = keys[i];
        found = i ? 2 : 1;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    (void)ssl;
    struct ticket_key k;
    int result = 1;
    if (seal) {
        k = sealing_key();
        memcpy(name, k.name, sizeof(k.name));
        random_bytes(iv, 16);
    } else {
        result = opening_key(name, &k);
        if (!result)
            return 0; /* a full handshake */
    }
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k.mac, sizeof(k.mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv, seal) != 1 ||
        EVP_MAC_CTX_set_params(mac, params) != 1)
        result = -1;
    OPENSSL_cleanse(&k, sizeof(k));
    return result;
}

void tls_tickets_use(SSL_CTX *ctx)
{
    SSL_CTX_set_timeout(ctx, (long)(setting_get(&set_io_tls_ticket_time) / SEC));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
