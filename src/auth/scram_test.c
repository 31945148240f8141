/* scram_test.c - the keys (RFC 7677 3's example), their stored form, the ones of nobody, and the
   grammar of the messages. */
#include "base/test.h"

#include <sodium.h>

#include "auth/internal.h"
#include "auth/scram_message.h"
#include "base/base64.h"

static const char client_bare[] = "n=user,r=rOprNGfwEbeRWgbNEkqO";
static const char server_first[] = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                   "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
static const char client_last[] = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                  "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

static void hmac(const unsigned char key[32], struct slice text, unsigned char out[32])
{
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, key, 32);
    crypto_auth_hmacsha256_update(&st, (const void *)text.p, text.n);
    crypto_auth_hmacsha256_final(&st, out);
}

static void example_of_rfc_7677(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    BUF_SCOPE salt = {0}, v = {0};
    struct scram_keys k;
    struct scram_last m;
    struct err e = {0};
    unsigned char mac[32], client[32], stored[32];
    assert_int_equal(base64_decode(&salt, S("W22ZaJ0SNY7soEsUEjb6gQ=="), &e), 0);
    scram_derive(S("pencil"), (const unsigned char *)salt.p, salt.n, 4096, &k);
    assert_int_equal(scram_last_parse(slice_str(client_last), &a, &m, &e), 0);
    assert_slice(m.binding, "n,,");
    struct slice message =
        arena_printf(&a, "%s,%s,%.*s", client_bare, server_first, SARG(m.without_proof));
    hmac(k.stored, message, mac);
    for (int i = 0; i < 32; i++)
        client[i] = mac[i] ^ m.proof[i];
    crypto_hash_sha256(stored, client, 32);
    assert_memory_equal(stored, k.stored, 32);
    hmac(k.server, message, mac);
    base64_encode(&v, slice_of(mac, 32));
    assert_slice(buf_slice(&v), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

static void stored_form(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    struct scram_keys k, back;
    scram_derive(S("pw"), (const unsigned char *)"0123456789abcdef", 16, 4096, &k);
    scram_print(&k, &b);
    assert_int_equal(scram_parse(buf_slice(&b), &back), 0);
    assert_memory_equal(&k, &back, sizeof(k));
    /* Cut anywhere or with another byte anywhere it is either refused or another key. */
    for (size_t i = 0; i < b.n; i++) {
        assert_int_equal(scram_parse(slice_sub(buf_slice(&b), 0, i), &back), -1);
        char was = b.p[i];
        b.p[i] = was == 'A' ? 'B' : 'A';
        if (scram_parse(buf_slice(&b), &back) == 0)
            assert_memory_not_equal(&k, &back, sizeof(k));
        b.p[i] = was;
    }
    assert_int_equal(scram_parse(S(""), &back), -1);
    assert_int_equal(scram_parse(S("SCRAM-SHA-256$0:AAAA$x:y"), &back), -1);
}

static void nobody_always_has_the_same_salt(void **state)
{
    (void)state;
    struct scram_keys a, b, c;
    scram_fake(S("Ghost@x.test"), &a);
    scram_fake(S("ghost@X.TEST"), &b);
    scram_fake(S("other@x.test"), &c);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_memory_not_equal(a.salt, c.salt, 16);
    assert_int_equal(a.salt_n, 16);
}

static void first_messages(void **state)
{
    (void)state;
    static const struct {
        struct slice in;
        const char *flag, *binding, *authzid, *gs2, *name, *nonce;
    } good[] = {
        {S_INIT("n,,n=user,r=abc"), "n", "", "", "n,,", "user", "abc"},
        {S_INIT("y,,n=user,r=abc"), "y", "", "", "y,,", "user", "abc"},
        {S_INIT("n,a=b=2Cc,n=u=3Dv,r=%!,x=ext,y=\xc3\xa4"), "n", "", "b,c", "n,a=b=2Cc,", "u=v",
         "%!"},
        {S_INIT("p=tls-exporter,,n=u,r=a"), "p", "tls-exporter", "", "p=tls-exporter,,", "u", "a"},
    };
    static const struct slice bad[] = {
        S_INIT(""),
        S_INIT(","),
        S_INIT("n"),
        S_INIT("n,"),
        S_INIT("n,,"),
        S_INIT("n,,n=u"),
        S_INIT("n,,r=a,n=u"),
        S_INIT("n,,n=,r=a"),
        S_INIT("n,,n=u,r="),
        S_INIT("n,,n=u,r=a b"),
        S_INIT("n,,m=x,n=u,r=a"),
        S_INIT("n,,n=u=,r=a"),
        S_INIT("n,,n=u=2,r=a"),
        S_INIT("n,,n=u=41,r=a"),
        S_INIT("n,,n=u\0v,r=a"),
        S_INIT("n,,n=\xff,r=a"),
        S_INIT("x,,n=u,r=a"),
        S_INIT("p=,,n=u,r=a"),
        S_INIT("p=a b,,n=u,r=a"),
        S_INIT("p,,n=u,r=a"),
        S_INIT("n,b=c,n=u,r=a"),
        S_INIT("n,a=,n=u,r=a"),
        S_INIT("n,,n=u,r=a,"),
        S_INIT("n,,n=u,r=a,x"),
        S_INIT("n,,n=u,r=a,1=b"),
        S_INIT("nn,,n=u,r=a"),
        S_INIT("n,,n=u,r=\x7f"),
    };
    ARENA_SCOPE a = {0};
    struct scram_first m;
    struct err e = {0};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (scram_first_parse(good[i].in, &a, &m, &e))
            fail_msg("%zu: %s", i, e.text);
        assert_int_equal(m.flag, good[i].flag[0]);
        assert_slice(m.binding_name, good[i].binding);
        assert_slice(m.authzid, good[i].authzid);
        assert_slice(m.gs2, good[i].gs2);
        assert_slice(m.name, good[i].name);
        assert_slice(m.nonce, good[i].nonce);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (scram_first_parse(bad[i], &a, &m, &e) == 0)
            fail_msg("bad first message %zu was taken", i);
}

#define PROOF "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void last_messages(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        S_INIT(""),
        S_INIT("c=biws"),
        S_INIT("c=biws,r=a"),
        S_INIT("c=biws,r=a,p="),
        S_INIT("c=biws,r=a,p=AAAA"),
        S_INIT("c=biws,p=" PROOF),
        S_INIT("r=a,c=biws,p=" PROOF),
        S_INIT("c=biws,r=a,p=" PROOF ","),
        S_INIT("c=biws,r=a,p=" PROOF ",x=y"),
        S_INIT("c=*,r=a,p=" PROOF),
        S_INIT("c=,r=a,p=" PROOF),
        S_INIT("c=biws,r=,p=" PROOF),
        S_INIT("c=biws,r=a,x,p=" PROOF),
        S_INIT("c=biws,r=a,,p=" PROOF),
        S_INIT("c=biws,r=a,,,"),
    };
    ARENA_SCOPE a = {0};
    struct scram_last m;
    struct err e = {0};
    assert_int_equal(scram_last_parse(S("c=biws,r=a,p=" PROOF), &a, &m, &e), 0);
    assert_slice(m.without_proof, "c=biws,r=a");
    assert_int_equal(scram_last_parse(S("c=biws,r=a,x=1,y=2,p=" PROOF), &a, &m, &e), 0);
    assert_slice(m.without_proof, "c=biws,r=a,x=1,y=2");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (scram_last_parse(bad[i], &a, &m, &e) == 0)
            fail_msg("bad last message %zu was taken", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_rfc_7677),
        cmocka_unit_test(stored_form),
        cmocka_unit_test(nobody_always_has_the_same_salt),
        cmocka_unit_test(first_messages),
        cmocka_unit_test(last_messages),
    };
    return RUN_TESTS(tests);
}
