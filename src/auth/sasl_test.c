/* sasl_test.c - whole exchanges of every mechanism against a directory: what is offered, good and
   bad messages, acting for others, channel binding and its downgrade, and that SCRAM does not tell
   who exists. The SCRAM client here is the test's own. */
#include "base/test.h"

#include <sodium.h>

#include "auth/internal.h"
#include "base/base64.h"
#include "base/setting.h"
#include "directory/temp_test.h"

SETTING_DECLARE(auth, failures_free);
SETTING_DECLARE(auth, remember);
SETTING_DECLARE(auth, scram);
SETTING_DECLARE(auth, scram_iterations);

static const struct auth_peer clear = {.service = S_INIT("imap"), .address = S_INIT("192.0.2.1")};
static const struct auth_peer tls = {
    .service = S_INIT("imap"), .address = S_INIT("192.0.2.1"), .tls = true, .plain_ok = true};
static const struct auth_peer bound = {.service = S_INIT("imap"),
                                       .address = S_INIT("192.0.2.1"),
                                       .tls = true,
                                       .plain_ok = true,
                                       .binding_exporter = S_INIT("exporter\0bytes"),
                                       .binding_end_point = S_INIT("end point bytes")};

static int set_up(void **state)
{
    static const struct {
        struct slice address;
        uint64_t flags;
    } people[] = {{S_INIT("ann@x.test"), 0},
                  {S_INIT("bob@x.test"), 0},
                  {S_INIT("root@x.test"), ACCOUNT_ADMIN},
                  {S_INIT("o,d=d@x.test"), ACCOUNT_DISABLED}};
    struct err e = {0};
    uint64_t id;
    if (temp_open(state) || directory_domain_add(S("x.test"), S(""), &e))
        return -1;
    setting_parse(&set_auth_scram_iterations, S("4096"), NULL);
    setting_parse(&set_auth_failures_free, S("1000"), NULL);
    for (size_t i = 0; i < 3; i++)
        if (directory_account_add(people[i].address, S(""), people[i].flags, 0, &id, &e) ||
            auth_set_password(id, S("pencil pencil"), &e))
            return -1;
    return 0;
}

static const char *offered(const struct auth_peer *peer, struct buf *out)
{
    buf_reset(out);
    sasl_list(peer, "AUTH=", out);
    return buf_cstr(out);
}

static void what_is_offered(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    struct err e = {0};
    assert_string_equal(offered(&clear, &b), "AUTH=SCRAM-SHA-256");
    assert_string_equal(offered(&tls, &b), "AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256");
    assert_string_equal(offered(&bound, &b), "AUTH=PLAIN AUTH=LOGIN AUTH=SCRAM-SHA-256 "
                                             "AUTH=SCRAM-SHA-256-PLUS");
    assert_null(sasl_new(&clear, S("PLAIN"), &e));
    assert_int_equal(e.code, ERR_NOPERM);
    assert_null(sasl_new(&clear, S("scram-sha-256-plus"), &e));
    assert_int_equal(e.code, ERR_NOPERM);
    assert_null(sasl_new(&tls, S("SCRAM-SHA-256-PLUS"), &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_null(sasl_new(&tls, S("CRAM-MD5"), &e));
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_null(sasl_new(&tls, S(""), &e));
    setting_parse(&set_auth_scram, S("no"), NULL);
    assert_string_equal(offered(&bound, &b), "AUTH=PLAIN AUTH=LOGIN");
    assert_null(sasl_new(&bound, S("SCRAM-SHA-256"), &e));
    setting_reset(&set_auth_scram);
    sasl_free(NULL);
}

/* "ok ADDRESS[*]" (a star: acts for somebody else), or the name of the error. */
static const char *plain(struct slice message, struct buf *text)
{
    BUF_SCOPE out = {0};
    struct identity who;
    struct err e = {0};
    struct sasl *s = sasl_new(&tls, S("plain"), &e);
    assert_non_null(s);
    assert_true(sasl_client_first(s));
    assert_int_equal(sasl_step(s, SNONE, &out, &who, &e), SASL_MORE);
    assert_int_equal(out.n, 0);
    enum sasl_result r = sasl_step(s, message, &out, &who, &e);
    assert_true(r == SASL_OK || r == SASL_FAIL);
    buf_reset(text);
    if (r == SASL_OK)
        buf_addf(text, "ok %s%s", who.address, who.delegated ? "*" : "");
    else
        buf_adds(text, err_code_name(e.code));
    assert_int_equal(sasl_step(s, message, &out, &who, &e), SASL_FAIL);
    sasl_free(s);
    return buf_cstr(text);
}

static void plain_messages(void **state)
{
    (void)state;
    static const struct {
        struct slice in;
        const char *want;
    } rows[] = {
        {S_INIT("\0ann@x.test\0pencil pencil"), "ok ann@x.test"},
        {S_INIT("ann@x.test\0ann\0pencil pencil"), "ok ann@x.test"},
        {S_INIT("ANN\0ann@x.test\0pencil pencil"), "ok ann@x.test"},
        {S_INIT("bob@x.test\0ann@x.test\0pencil pencil"), "authentication"},
        {S_INIT("bob@x.test\0root@x.test\0pencil pencil"), "ok bob@x.test*"},
        {S_INIT("nobody\0root@x.test\0pencil pencil"), "authentication"},
        {S_INIT("\0ann@x.test\0pencil"), "authentication"},
        {S_INIT("\0nobody\0pencil pencil"), "authentication"},
        {S_INIT(""), "syntax"},
        {S_INIT("\0"), "syntax"},
        {S_INIT("\0\0"), "syntax"},
        {S_INIT("ann@x.test\0pencil pencil"), "syntax"},
        {S_INIT("\0ann@x.test\0"), "syntax"},
        {S_INIT("\0\0pencil pencil"), "syntax"},
        {S_INIT("\0ann@x.test\0pencil pencil\0"), "syntax"},
        {S_INIT("\0a\xff\0pencil pencil"), "syntax"},
    };
    BUF_SCOPE b = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(plain(rows[i].in, &b), rows[i].want);
    static char big[5000];
    assert_string_equal(plain(slice_of(big, sizeof(big)), &b), "limit");
}

static void login_exchange(void **state)
{
    (void)state;
    for (int initial = 0; initial < 2; initial++) {
        BUF_SCOPE out = {0};
        struct identity who;
        struct err e = {0};
        struct sasl *s = sasl_new(&tls, S("LOGIN"), &e);
        assert_false(sasl_client_first(s));
        if (!initial) {
            assert_int_equal(sasl_step(s, SNONE, &out, &who, &e), SASL_MORE);
            assert_slice(buf_slice(&out), "Username:");
            buf_reset(&out);
        }
        assert_int_equal(sasl_step(s, S("ann"), &out, &who, &e), SASL_MORE);
        assert_slice(buf_slice(&out), "Password:");
        assert_int_equal(sasl_step(s, S("pencil pencil"), &out, &who, &e), SASL_OK);
        assert_string_equal(who.address, "ann@x.test");
        sasl_free(s);
    }
}

static void hmac(const unsigned char key[32], struct slice text, unsigned char out[32])
{
    crypto_auth_hmacsha256_state st;
    crypto_auth_hmacsha256_init(&st, key, 32);
    crypto_auth_hmacsha256_update(&st, (const void *)text.p, text.n);
    crypto_auth_hmacsha256_final(&st, out);
}

/* How this client cheats. */
struct client {
    const char *mechanism, *gs2, *name, *password;
    struct slice binding; /* sent behind gs2 */
    const char *last_gs2; /* when not what was sent first */
    bool other_nonce, skip_server;
};

/* One attribute of a message. */
static struct slice value_of(struct slice message, char name)
{
    while (message.p) {
        struct slice f = slice_cut(&message, ',');
        if (f.n > 2 && f.p[0] == name && f.p[1] == '=')
            return slice_from(f, 2);
    }
    return SNONE;
}

/* RFC 5802 3, the client's side, from the password: PBKDF2 by hand. */
static void client_keys(const struct client *c, struct slice salt, uint32_t iterations,
                        unsigned char client_key[32], unsigned char server_key[32])
{
    unsigned char salted[32], u[32];
    crypto_auth_hmacsha256_state st;
    struct slice p = slice_str(c->password);
    crypto_auth_hmacsha256_init(&st, (const void *)p.p, p.n);
    crypto_auth_hmacsha256_update(&st, (const void *)salt.p, salt.n);
    crypto_auth_hmacsha256_update(&st, (const void *)"\0\0\0\1", 4);
    crypto_auth_hmacsha256_final(&st, u);
    memcpy(salted, u, 32);
    for (uint32_t i = 1; i < iterations; i++) {
        crypto_auth_hmacsha256_init(&st, (const void *)p.p, p.n);
        crypto_auth_hmacsha256_update(&st, u, 32);
        crypto_auth_hmacsha256_final(&st, u);
        for (int k = 0; k < 32; k++)
            salted[k] ^= u[k];
    }
    hmac(salted, S("Client Key"), client_key);
    hmac(salted, S("Server Key"), server_key);
}

static const char *scram(const struct auth_peer *peer, const struct client *c, struct buf *text)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0}, salt = {0}, b64 = {0}, v = {0};
    unsigned char client_key[32], server_key[32], stored[32], mac[32], proof[32];
    struct identity who;
    struct err e = {0};
    uint32_t iterations = 0;
    struct sasl *s = sasl_new(peer, slice_str(c->mechanism), &e);
    if (!s)
        return err_code_name(e.code);
    struct slice bare = arena_printf(&a, "n=%s,r=clientnonce", c->name);
    struct slice first = arena_printf(&a, "%s%.*s", c->gs2, SARG(bare));
    if (sasl_step(s, first, &out, &who, &e) != SASL_MORE) {
        sasl_free(s);
        return err_code_name(e.code);
    }
    struct slice server_first = arena_dup(&a, buf_slice(&out));
    struct slice nonce = value_of(server_first, 'r');
    assert_true(slice_starts(nonce, S("clientnonce")) && nonce.n > 25);
    assert_int_equal(base64_decode(&salt, value_of(server_first, 's'), &e), 0);
    assert_int_equal(slice_u32(value_of(server_first, 'i'), &iterations), 0);
    client_keys(c, buf_slice(&salt), iterations, client_key, server_key);

    BUF_SCOPE cb = {0};
    buf_adds(&cb, c->last_gs2 ? c->last_gs2 : c->gs2);
    buf_add(&cb, c->binding);
    base64_encode(&b64, buf_slice(&cb));
    struct slice without = arena_printf(&a, "c=%.*s,r=%.*s%s", SARG(buf_slice(&b64)), SARG(nonce),
                                        c->other_nonce ? "x" : "");
    struct slice message =
        arena_printf(&a, "%.*s,%.*s,%.*s", SARG(bare), SARG(server_first), SARG(without));
    crypto_hash_sha256(stored, client_key, 32);
    hmac(stored, message, mac);
    for (int i = 0; i < 32; i++)
        proof[i] = client_key[i] ^ mac[i];
    buf_reset(&b64);
    base64_encode(&b64, slice_of(proof, 32));
    buf_reset(&out);
    enum sasl_result r = sasl_step(
        s, arena_printf(&a, "%.*s,p=%.*s", SARG(without), SARG(buf_slice(&b64))), &out, &who, &e);
    buf_reset(text);
    if (r == SASL_OK) {
        hmac(server_key, message, mac);
        buf_adds(&v, "v=");
        base64_encode(&v, slice_of(mac, 32));
        assert_true(slice_eq(buf_slice(&out), buf_slice(&v)));
        buf_addf(text, "ok %s%s", who.address, who.delegated ? "*" : "");
    } else {
        assert_int_equal(r, SASL_FAIL);
        buf_adds(text, err_code_name(e.code));
    }
    sasl_free(s);
    return buf_cstr(text);
}

#define SHA "SCRAM-SHA-256"
#define PW "pencil pencil"
#define EXPORTER S_INIT("exporter\0bytes")

static void scram_exchanges(void **state)
{
    (void)state;
    static const struct {
        const struct auth_peer *peer;
        struct client c;
        const char *want;
    } rows[] = {
        {&clear, {SHA, "n,,", "ann@x.test", PW}, "ok ann@x.test"},
        {&tls, {SHA, "y,,", "ann", PW}, "ok ann@x.test"},
        {&bound, {SHA, "n,,", "ann", PW}, "ok ann@x.test"},
        {&tls, {SHA, "n,a=bob@x.test,", "root", PW}, "ok bob@x.test*"},
        {&tls, {SHA, "n,a=bob@x.test,", "ann", PW}, "authentication"},
        {&tls, {SHA, "n,,", "ann", "pencil"}, "authentication"},
        {&tls, {SHA, "n,,", "nobody", PW}, "authentication"},
        {&tls, {SHA, "n,,", "ann", PW, .other_nonce = true}, "authentication"},
        {&tls, {SHA, "n,,", "ann", PW, .last_gs2 = "y,,"}, "authentication"},
        {&tls, {SHA, "n,a=bob@x.test,", "root", PW, .last_gs2 = "n,,"}, "authentication"},
        {&tls, {SHA, "n,,", "ann", PW, .binding = S_INIT("x")}, "authentication"},
        /* the list of mechanisms was changed on the way */
        {&bound, {SHA, "y,,", "ann", PW}, "authentication"},
        {&bound, {SHA, "p=tls-exporter,,", "ann", PW, EXPORTER}, "authentication"},
        {&bound, {SHA "-PLUS", "n,,", "ann", PW}, "authentication"},
        {&bound, {SHA "-PLUS", "p=tls-exporter,,", "ann", PW, EXPORTER}, "ok ann@x.test"},
        {&bound,
         {SHA "-PLUS", "p=tls-server-end-point,,", "ann", PW, S_INIT("end point bytes")},
         "ok ann@x.test"},
        {&bound,
         {SHA "-PLUS", "p=tls-exporter,,", "ann", PW, S_INIT("exporter\0other")},
         "authentication"},
        {&bound,
         {SHA "-PLUS", "p=tls-exporter,,", "ann", PW, S_INIT("exporter")},
         "authentication"},
        {&bound, {SHA "-PLUS", "p=tls-unique,,", "ann", PW, EXPORTER}, "authentication"},
        {&tls, {SHA, "n,,m=ext,", "ann", PW}, "syntax"},
    };
    BUF_SCOPE b = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = scram(rows[i].peer, &rows[i].c, &b);
        if (!slice_eq(slice_str(got), slice_str(rows[i].want)))
            fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
    }
}

/* The server's first message without its nonce. */
static void first_answer(const char *name, struct buf *out)
{
    BUF_SCOPE got = {0};
    ARENA_SCOPE a = {0};
    struct identity who;
    struct err e = {0};
    struct sasl *s = sasl_new(&tls, S("SCRAM-SHA-256"), &e);
    assert_int_equal(sasl_step(s, arena_printf(&a, "n,,n=%s,r=abc", name), &got, &who, &e),
                     SASL_MORE);
    buf_reset(out);
    buf_addf(out, "%.*s %.*s", SARG(value_of(buf_slice(&got), 's')),
             SARG(value_of(buf_slice(&got), 'i')));
    sasl_free(s);
}

static void scram_does_not_tell_who_exists(void **state)
{
    (void)state;
    BUF_SCOPE ann = {0}, again = {0}, ghost = {0}, ghost_again = {0}, other = {0};
    first_answer("ann@x.test", &ann);
    first_answer("ann@x.test", &again);
    first_answer("ghost@x.test", &ghost);
    first_answer("GHOST@x.test", &ghost_again);
    first_answer("spook@x.test", &other);
    assert_true(slice_eq(buf_slice(&ann), buf_slice(&again)));
    assert_true(slice_eq(buf_slice(&ghost), buf_slice(&ghost_again)));
    assert_false(slice_eq(buf_slice(&ghost), buf_slice(&other)));
    assert_int_equal(ann.n, ghost.n);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, temp_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_offered),
        TEST(plain_messages),
        TEST(login_exchange),
        TEST(scram_exchanges),
        TEST(scram_does_not_tell_who_exists),
    };
    return RUN_TESTS(tests);
}
