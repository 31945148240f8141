/* tls_ticket.c - session tickets (RFC 5077 4, RFC 8446 4.6.1) sealed with AES-256-CBC and
   HMAC-SHA-256. A key seals for half of io.tls_ticket_time and opens for the whole of it; what an
   older key opens is sealed anew. Keys come from a chain of secrets, one for each period of the
   system's clock: processes that inherited the chain have the same keys without a word between
   them, and nobody can go back to keys that are over. */
#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/setting.h"
#include "io/tls.h"
#include "io/tls_parts.h"

SETTING(io, tls_ticket_time, TIME, 12 * HOUR, 1 * MIN, 7 * DAY,
        "How long a TLS session can be resumed.");
SETTING_AT_START(io, tls_ticket_time); /* the length of a period, in every process */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ticket_chain chain;
static struct ticket_key keys[TICKET_KEYS];
static int64_t keys_period = -1;

/* --- the chain ------------------------------------------------------------------------------- */
static void derive(const unsigned char *secret, const char *what, void *ret, size_t n)
{
    unsigned char all[TICKET_SECRET];
    BUG_IF(!HMAC(EVP_sha256(), secret, TICKET_SECRET, (const unsigned char *)what, strlen(what),
                 all, NULL));
    memcpy(ret, all, n);
    OPENSSL_cleanse(all, sizeof(all));
}

static void key_of(const unsigned char *secret, struct ticket_key *ret)
{
    derive(secret, "name", ret->name, sizeof(ret->name));
    derive(secret, "cipher", ret->cipher, sizeof(ret->cipher));
    derive(secret, "mac", ret->mac, sizeof(ret->mac));
}

static void step(unsigned char *secret)
{
    derive(secret, "next", secret, TICKET_SECRET);
}

void ticket_chain_begin(struct ticket_chain *c, int64_t period)
{
    random_bytes(c->secret, sizeof(c->secret));
    c->oldest = period - 1;
    c->begun = true;
}

void ticket_chain_go(struct ticket_chain *c, int64_t period)
{
    for (; c->oldest < period - 1; c->oldest++)
        step(c->secret);
}

void ticket_chain_keys(struct ticket_chain *c, int64_t period, struct ticket_key ret[TICKET_KEYS])
{
    unsigned char secret[TICKET_SECRET];
    ticket_chain_go(c, period);
    memcpy(secret, c->secret, sizeof(secret));
    key_of(secret, &ret[1]);
    step(secret);
    key_of(secret, &ret[0]);
    OPENSSL_cleanse(secret, sizeof(secret));
}

/* --- this process ---------------------------------------------------------------------------- */
static int64_t period_now(void)
{
    return clock_mono_ms() / (setting_get(&set_io_tls_ticket_time) / 2);
}

void tls_tickets_share(void)
{
    int64_t period = period_now();
    pthread_mutex_lock(&lock);
    if (chain.begun)
        ticket_chain_go(&chain, period);
    else
        ticket_chain_begin(&chain, period);
    pthread_mutex_unlock(&lock);
}

static void keys_now(struct ticket_key ret[TICKET_KEYS])
{
    int64_t period = period_now();
    pthread_mutex_lock(&lock);
    if (!chain.begun)
        ticket_chain_begin(&chain, period);
    if (keys_period != period)
        ticket_chain_keys(&chain, period, keys);
    keys_period = period;
    memcpy(ret, keys, sizeof(keys));
    pthread_mutex_unlock(&lock);
}

/* 0: none; 1: the one that seals; 2: the older one. */
static int opening_key(const unsigned char *name, const struct ticket_key *all)
{
    for (int i = 0; i < TICKET_KEYS; i++)
        if (memcmp(all[i].name, name, sizeof(all[i].name)) == 0)
            return i + 1;
    return 0;
}

static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    (void)ssl;
    struct ticket_key all[TICKET_KEYS];
    keys_now(all);
    int result = seal ? 1 : opening_key(name, all);
    struct ticket_key *k = result ? &all[result - 1] : NULL;
    if (seal) {
        memcpy(name, k->name, sizeof(k->name));
        random_bytes(iv, 16);
    }
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k ? k->mac : NULL, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (k && (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, seal) != 1 ||
              EVP_MAC_CTX_set_params(mac, params) != 1))
        result = -1;
    OPENSSL_cleanse(all, sizeof(all));
    return result; /* 0: a full handshake */
}

void tls_tickets_use(SSL_CTX *ctx)
{
    SSL_CTX_set_timeout(ctx, (long)(setting_get(&set_io_tls_ticket_time) / SEC));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
