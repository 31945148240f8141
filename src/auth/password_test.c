/* password_test.c - right and wrong passwords, flags, limits, what is remembered, the gate, the
   installation's secret, and that nobody takes as long as somebody. */
#include "base/test.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/internal.h"
#include "base/setting.h"
#include "directory/temp_test.h"

SETTING_DECLARE(auth, failures_free);
SETTING_DECLARE(auth, hash_parallel);
SETTING_DECLARE(auth, hash_queue);
SETTING_DECLARE(auth, remember);
SETTING_DECLARE(auth, scram);
SETTING_DECLARE(auth, scram_iterations);

static const struct auth_peer tls = {
    .service = S_INIT("imap"), .address = S_INIT("192.0.2.1"), .tls = true, .plain_ok = true};

static uint64_t account(const char *address, const char *password, uint64_t flags)
{
    uint64_t id = 0;
    struct err e = {0};
    if (directory_account_add(slice_str(address), S(""), flags, 0, &id, &e) ||
        (password && auth_set_password(id, slice_str(password), &e)))
        fail_msg("%s", e.text);
    return id;
}

static enum err_code attempt(const struct auth_peer *peer, const char *name, struct slice password)
{
    struct identity who;
    struct err e = {0};
    if (auth_password(peer, slice_str(name), password, &who, &e) == 0) {
        assert_true(who.account > 0 && slice_ends(slice_str(who.address), S("@x.test")));
        return ERR_OK;
    }
    if (e.code == ERR_AUTH) {
        assert_string_equal(e.text, "wrong name or password");
        assert_int_equal(who.account, 0);
    }
    return e.code;
}

static int set_up(void **state)
{
    if (temp_open(state) || directory_domain_add(S("x.test"), S(""), NULL))
        return -1;
    setting_parse(&set_auth_scram_iterations, S("4096"), NULL);
    setting_parse(&set_auth_failures_free, S("1000"), NULL);
    return 0;
}

/* Work done by this thread: the same on a busy machine. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void right_and_wrong(void **state)
{
    (void)state;
    account("ann@x.test", "correct horse", 0);
    account("none@x.test", NULL, 0);
    account("off@x.test", "correct horse", ACCOUNT_DISABLED);
    account("mail@x.test", "correct horse", ACCOUNT_NO_LOGIN);
    struct auth_peer clear = tls;
    clear.tls = clear.plain_ok = false;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(attempt(&tls, "ann@x.test", S("correct horse")), ERR_OK);
        assert_int_equal(attempt(&tls, "ANN", S("correct horse")), ERR_OK);
        assert_int_equal(attempt(&tls, "ann@x.test", S("correct horsf")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "ann@x.test", S("correct horse ")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "ann@x.test", S("correct hors")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "ann@x.test", S("")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "ann@x.test", S("correct horse\0x")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "none@x.test", S("correct horse")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "none@x.test", S("")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "off@x.test", S("correct horse")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "mail@x.test", S("correct horse")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "bob@x.test", S("correct horse")), ERR_AUTH);
        assert_int_equal(attempt(&tls, "' OR 1=1 --", S("correct horse")), ERR_AUTH);
        assert_int_equal(attempt(&clear, "ann@x.test", S("correct horse")), ERR_NOPERM);
    }
    static char big[1 << 20];
    memset(big, 'x', sizeof(big));
    int64_t began = cpu_us();
    assert_int_equal(attempt(&tls, "ann@x.test", slice_of(big, sizeof(big))), ERR_AUTH);
    assert_true(cpu_us() - began < 10000);
}

static void a_new_password_ends_the_old_one(void **state)
{
    (void)state;
    struct err e = {0};
    uint64_t id = account("ann@x.test", "first password", 0);
    assert_int_equal(attempt(&tls, "ann", S("first password")), ERR_OK);
    assert_int_equal(auth_set_password(id, S("second password"), &e), 0);
    assert_int_equal(attempt(&tls, "ann", S("first password")), ERR_AUTH);
    assert_int_equal(attempt(&tls, "ann", S("second password")), ERR_OK);
    /* Remembered or not, a disabled account is disabled. */
    assert_int_equal(directory_account_set_flags(id, ACCOUNT_DISABLED, &e), 0);
    assert_int_equal(attempt(&tls, "ann", S("second password")), ERR_AUTH);
}

static void limits_of_new_passwords(void **state)
{
    (void)state;
    static char big[AUTH_PASSWORD_MAX + 1];
    struct err e = {0};
    uint64_t id = account("ann@x.test", NULL, 0);
    memset(big, 'x', sizeof(big));
    assert_int_equal(auth_set_password(id, S("seven 7"), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(auth_set_password(id, slice_of(big, sizeof(big)), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(auth_set_password(id, S("nul\0in it"), &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    assert_int_equal(auth_set_password(id + 1, S("nobody's own"), &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    assert_int_equal(auth_set_password(id, slice_of(big, AUTH_PASSWORD_MAX), &e), 0);
    assert_int_equal(attempt(&tls, "ann", slice_of(big, AUTH_PASSWORD_MAX)), ERR_OK);
    assert_int_equal(attempt(&tls, "ann", slice_of(big, AUTH_PASSWORD_MAX - 1)), ERR_AUTH);
}

static void passwords_are_prepared(void **state)
{
    (void)state;
    account("ann@x.test", "p\xc3\xa4sswort \xf0\x9f\x90\xb4", 0);
    /* decomposed, and with a no-break space */
    assert_int_equal(attempt(&tls, "ann", S("pa\xcc\x88sswort\xc2\xa0\xf0\x9f\x90\xb4")), ERR_OK);
    assert_int_equal(attempt(&tls, "ann", S("passwort \xf0\x9f\x90\xb4")), ERR_AUTH);
    account("raw@x.test", "not utf-8 \xff\xfe", 0);
    assert_int_equal(attempt(&tls, "raw", S("not utf-8 \xff\xfe")), ERR_OK);
    assert_int_equal(attempt(&tls, "raw", S("not utf-8 \xff\xff")), ERR_AUTH);
}

/* RFC 4013 3, and what 2.3 and 2.4 forbid. */
static void names_and_passwords_by_saslprep(void **state)
{
    static const struct {
        const char *in, *out; /* out NULL: an error */
    } rows[] = {
        {"I\xc2\xadX", "IX"},
        {"user", "user"},
        {"USER", "USER"},
        {"\xc2\xaa", "a"},
        {"\xe2\x85\xa8", "IX"},
        {"\x07", NULL},
        {"a\x7f", NULL},
        {"a\xc2\x85", NULL},         /* C.2.2 */
        {"a\xee\x80\x80", NULL},     /* C.3: private use */
        {"a\xef\xbf\xbe", NULL},     /* C.4: no character */
        {"a\xef\xbf\xbd", NULL},     /* C.6 */
        {"a\xe2\xbf\xb0", NULL},     /* C.7 */
        {"a\xe2\x80\x8e", NULL},     /* C.8 */
        {"a\xf3\xa0\x80\x81", NULL}, /* C.9: tags */
        {"\xd8\xa7"
         "1",
         NULL}, /* 2.4: begins with Arabic and ends with none */
        {"\xd8\xa7"
         "1\xd8\xa8",
         "\xd8\xa7"
         "1\xd8\xa8"},
        {"a\xc2\xa0z", "a z"},
        {"a\xe1\x9a\x80z", "a z"},
        {"\xed\xa0\x80", NULL}, /* a surrogate is no UTF-8 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BUF_SCOPE out = {0};
        bool good = auth_prepare(slice_str(rows[i].in), &out);
        if (good != (rows[i].out != NULL) ||
            (good && !slice_eq(buf_slice(&out), slice_str(rows[i].out))))
            fail_msg("row %zu: %d \"%.*s\"", i, good, SARG(buf_slice(&out)));
    }
    account("ann@x.test", "a secret", 0);
    account("\xd8\xb9\xd9\x84\xd9\x8a@x.test", "a secret", 0); /* Arabic, and Latin behind it */
    assert_int_equal(attempt(&tls, "\xd8\xb9\xd9\x84\xd9\x8a@x.test", S("a secret")), ERR_OK);
    assert_int_equal(attempt(&tls, "\xef\xbd\x81nn", S("a secret")), ERR_OK); /* a wide a */
    assert_int_equal(attempt(&tls, "ann\x07", S("a secret")), ERR_AUTH);
}

static void no_scram_when_it_is_off(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct credential c;
    uint64_t on = account("on@x.test", "some password", 0);
    setting_parse(&set_auth_scram, S("no"), NULL);
    uint64_t off = account("off@x.test", "some password", 0);
    setting_reset(&set_auth_scram);
    assert_int_equal(directory_credential(on, &a, &c, NULL), 0);
    assert_true(slice_starts(c.scram, S("SCRAM-SHA-256$4096:")));
    assert_true(slice_starts(c.hash, S("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_int_equal(directory_credential(off, &a, &c, NULL), 0);
    assert_int_equal(c.scram.n, 0);
}

static int64_t time_of(const char *name)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int64_t began = cpu_us();
        attempt(&tls, name, S("a wrong password"));
        int64_t took = cpu_us() - began;
        best = took < best ? took : best;
    }
    return best;
}

static void nobody_takes_as_long_as_somebody(void **state)
{
    (void)state;
    account("ann@x.test", "correct horse", 0);
    account("none@x.test", NULL, 0);
    int64_t real = time_of("ann@x.test");
    static const char *const others[] = {"bob@x.test", "none@x.test", "x@elsewhere.test", "?"};
    for (int i = 0; i < 4; i++) {
        int64_t took = time_of(others[i]);
        assert_true(took > real / 2 && took < real * 2);
    }
}

static void many_failures_make_it_busy(void **state)
{
    (void)state;
    account("ann@x.test", "correct horse", 0);
    struct auth_peer other = tls;
    other.address = S("198.51.100.1");
    assert_int_equal(attempt(&other, "ann", S("correct horse")), ERR_OK);
    setting_parse(&set_auth_failures_free, S("3"), NULL);
    enum err_code code = ERR_AUTH;
    for (int i = 0; i < 10 && code == ERR_AUTH; i++)
        code = attempt(&tls, "ann", S("wrong"));
    assert_int_equal(code, ERR_BUSY);
    assert_int_equal(attempt(&tls, "ann", S("correct horse")), ERR_BUSY);
    assert_int_equal(attempt(&other, "ann", S("correct horse")), ERR_OK);
    setting_parse(&set_auth_failures_free, S("1000"), NULL);
}

struct crowd {
    pthread_t thread;
    enum err_code code;
};

static void *hash_one(void *arg)
{
    struct crowd *c = arg;
    char out[128];
    struct err e = {0};
    c->code = password_hash(S("some password"), out, &e) ? e.code : ERR_OK;
    return NULL;
}

static void the_gate_bounds_memory(void **state)
{
    (void)state;
    struct crowd c[12];
    int ok = 0, busy = 0;
    setting_parse(&set_auth_hash_parallel, S("1"), NULL);
    setting_parse(&set_auth_hash_queue, S("1"), NULL);
    for (int i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&c[i].thread, NULL, hash_one, &c[i]), 0);
    for (int i = 0; i < 12; i++) {
        pthread_join(c[i].thread, NULL);
        ok += c[i].code == ERR_OK;
        busy += c[i].code == ERR_BUSY;
    }
    setting_reset(&set_auth_hash_parallel);
    setting_reset(&set_auth_hash_queue);
    assert_int_equal(ok + busy, 12);
    assert_true(ok >= 2 && busy >= 1);
}

static void the_secret_is_kept(void **state)
{
    (void)state;
    char path[100];
    struct stat st;
    struct scram_keys before, after;
    struct err e = {0};
    snprintf(path, sizeof(path), "%s/auth.secret", temp_dir);
    assert_int_equal(auth_open(temp_dir, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    scram_fake(S("ghost"), &before);
    assert_int_equal(auth_open(temp_dir, &e), 0);
    scram_fake(S("ghost"), &after);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(file_replace(path, S("short"), 0600, &e), 0);
    assert_int_equal(auth_open(temp_dir, &e), -1);
    assert_int_equal(e.code, ERR_CORRUPT);
    unlink(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, temp_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(right_and_wrong),
        TEST(a_new_password_ends_the_old_one),
        TEST(limits_of_new_passwords),
        TEST(passwords_are_prepared),
        TEST(names_and_passwords_by_saslprep),
        TEST(no_scram_when_it_is_off),
        TEST(nobody_takes_as_long_as_somebody),
        TEST(many_failures_make_it_busy),
        TEST(the_gate_bounds_memory),
        TEST(the_secret_is_kept),
    };
    return RUN_TESTS(tests);
}
