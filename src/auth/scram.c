/* scram.c - RFC 5802 3 with SHA-256 (RFC 7677): the keys that a server stores, and those it
   pretends to have for people who do not exist. */
#include <sodium.h>

#include "auth/internal.h"
#include "base/base64.h"
#include "base/setting.h"

SETTING_DECLARE(auth, scram_iterations);

enum { SALT = 16 };

static void hmac(const unsigned char key[32], struct slice text, unsigned char out[32])
{
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, key, 32);
    crypto_auth_hmacsha256_update(&st, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&st, out);
}

/* Hi() of RFC 5802 2.2: PBKDF2 with one block. The keyed state is made once and copied. */
static void hi(struct slice password, const unsigned char *salt, size_t salt_n, uint32_t iterations,
               unsigned char out[32])
{
    crypto_auth_hmacsha256_state keyed, st;
    unsigned char u[32];
    crypto_auth_hmacsha256_init(&keyed, (const unsigned char *)(password.p ? password.p : ""),
                                password.n);
    st = keyed;
    crypto_auth_hmacsha256_update(&st, salt, salt_n);
    crypto_auth_hmacsha256_update(&st, (const unsigned char *)"\0\0\0\1", 4);
    crypto_auth_hmacsha256_final(&st, u);
    memcpy(out, u, sizeof(u));
    for (uint32_t i = 1; i < iterations; i++) {
        st = keyed;
        crypto_auth_hmacsha256_update(&st, u, sizeof(u));
        crypto_auth_hmacsha256_final(&st, u);
        for (int k = 0; k < 32; k++)
            out[k] ^= u[k];
    }
    sodium_memzero(&keyed, sizeof(keyed));
    sodium_memzero(&st, sizeof(st));
    sodium_memzero(u, sizeof(u));
}

void scram_derive(struct slice password, const unsigned char *salt, size_t salt_n,
                  uint32_t iterations, struct scram_keys *ret)
{
    unsigned char salted[32], client[32];
    BUG_IF(salt_n > sizeof(ret->salt));
    auth_init();
    *ret = (struct scram_keys){.iterations = iterations, .salt_n = salt_n};
    memcpy(ret->salt, salt, salt_n);
    hi(password, salt, salt_n, iterations, salted);
    hmac(salted, S("Client Key"), client);
    crypto_hash_sha256(ret->stored, client, sizeof(client));
    hmac(salted, S("Server Key"), ret->server);
    sodium_memzero(salted, sizeof(salted));
    sodium_memzero(client, sizeof(client));
}

/* The form of RFC 5803 without its LDAP wrapping. */
void scram_print(const struct scram_keys *k, struct buf *out)
{
    buf_addf(out, "SCRAM-SHA-256$%u:", k->iterations);
    base64_encode(out, slice_of(k->salt, k->salt_n));
    buf_addc(out, '$');
    base64_encode(out, slice_of(k->stored, sizeof(k->stored)));
    buf_addc(out, ':');
    base64_encode(out, slice_of(k->server, sizeof(k->server)));
}

static int decode(struct slice text, unsigned char *out, size_t min, size_t max, size_t *ret_n)
{
    char room[256]; /* never grows: without memory the account would look like nobody's */
    struct buf b = {.p = room, .cap = sizeof(room), .max = sizeof(room) - 1};
    if (base64_decode(&b, text, NULL) || b.n < min || b.n > max)
        return -1;
    memcpy(out, b.p, b.n);
    if (ret_n)
        *ret_n = b.n;
    return 0;
}

int scram_parse(struct slice text, struct scram_keys *ret)
{
    struct scram_keys k = {0};
    struct slice scheme = slice_cut(&text, '$'), iterations = slice_cut(&text, ':'),
                 salt = slice_cut(&text, '$'), stored = slice_cut(&text, ':');
    if (!slice_eq(scheme, S("SCRAM-SHA-256")) || slice_u32(iterations, &k.iterations) ||
        !k.iterations || decode(salt, k.salt, 1, sizeof(k.salt), &k.salt_n) ||
        decode(stored, k.stored, 32, 32, NULL) || decode(text, k.server, 32, 32, NULL))
        return -1;
    *ret = k;
    return 0;
}

void scram_fake(struct slice name, struct scram_keys *ret)
{
    unsigned char salt[AUTH_KEY];
    char folded[AUTH_NAME_MAX];
    size_t n = name.n < sizeof(folded) ? name.n : sizeof(folded);
    for (size_t i = 0; i < n; i++)
        folded[i] = ascii_lower(name.p[i]);
    *ret = (struct scram_keys){.iterations = (uint32_t)setting_get(&set_auth_scram_iterations),
                               .salt_n = SALT};
    auth_secret_key("scram salt", slice_of(folded, n), salt);
    memcpy(ret->salt, salt, SALT);
    /* Nobody knows a password for these. */
    auth_secret_key("scram stored", slice_of(folded, n), ret->stored);
    auth_secret_key("scram server", slice_of(folded, n), ret->server);
}
