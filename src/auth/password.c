/* password.c - argon2id by libsodium (m = 19 MiB, t = 2, p = 1), with a gate before it: each hash
   takes 19 MiB, so only a few run at a time, a few more wait, and the rest is told to come back. */
#include "auth/internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <sodium.h>
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/setting.h"
#include "base/spent.h"
#include "base/utf8.h"

SETTING(auth, hash_parallel, INT, 2, 1, 256,
        "How many password hashes are computed at a time; each takes 19 MB of memory.");
SETTING(auth, hash_queue, INT, 64, 0, 100000,
        "How many log-ins may wait for their password hash; more are told to try later.");
METRIC_HISTOGRAM(auth_hash_seconds, "Time of a password hash without the wait for its turn.");
METRIC_GAUGE(auth_hash_waiting, "Log-ins that wait for their password hash.");

enum { HASH_OPS = 2, HASH_MEMORY = 19 << 20 };

/* Right for no password; costs what a real one costs. */
static const char dummy_hash[] = "$argon2id$v=19$m=19456,t=2,p=1$"
                                 "AAAAAAAAAAAAAAAAAAAAAA$"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static struct {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int64_t running, waiting;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static unsigned char secret[AUTH_KEY];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void)
{
    int r = sodium_init();
    BUG_IF(r < 0);
    random_bytes(secret, sizeof(secret));
}

void auth_init(void)
{
    pthread_once(&once, start);
}

int auth_open(const char *dir, struct err *e)
{
    char path[4096];
    BUF_SCOPE b = {.max = 4096};
    struct err why = {0};
    auth_init();
    if ((size_t)snprintf(path, sizeof(path), "%s/auth.secret", dir) >= sizeof(path))
        return err_set(e, ERR_LIMIT, "path too long");
    if (file_read(path, &b, &why) == 0) {
        if (b.n != sizeof(secret))
            return err_set(e, ERR_CORRUPT, "%s: must have %zu bytes", path, sizeof(secret));
        memcpy(secret, b.p, sizeof(secret));
        return 0;
    }
    if (why.code != ERR_NOTFOUND)
        return err_set(e, why.code, "%s", why.text);
    return file_replace(path, slice_of(secret, sizeof(secret)), 0600, e);
}

void auth_secret_key(const char *purpose, struct slice data, unsigned char out[AUTH_KEY])
{
    crypto_generichash_state st;
    auth_init();
    crypto_generichash_init(&st, secret, sizeof(secret), AUTH_KEY);
    crypto_generichash_update(&st, (const unsigned char *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&st, (const unsigned char *)data.p, data.n);
    crypto_generichash_final(&st, out, AUTH_KEY);
}

/* RFC 4013, by ICU's tables. Unassigned code points pass, in stored strings too: people have them
   in passwords. */
bool auth_prepare(struct slice in, struct buf *out)
{
    enum { ROOM = AUTH_PASSWORD_MAX + 1 };
    if (in.n > AUTH_PASSWORD_MAX || !utf8_valid(in) || ascii_has_control(in)) /* 2.3: C.2.1 */
        return false;
    if (ascii_only(in)) {
        buf_add(out, in);
        return true;
    }
    UErrorCode err = U_ZERO_ERROR;
    UChar wide[ROOM], done[2 * ROOM];
    char text[AUTH_PREPARED];
    int32_t wide_n = 0, done_n = 0, n = 0;
    UStringPrepProfile *profile = usprep_openByType(USPREP_RFC4013_SASLPREP, &err);
    u_strFromUTF8(wide, ROOM, &wide_n, in.p, (int32_t)in.n, &err);
    if (U_SUCCESS(err))
        done_n = usprep_prepare(profile, wide, wide_n, done, 2 * ROOM, USPREP_ALLOW_UNASSIGNED,
                                NULL, &err);
    u_strToUTF8(text, sizeof(text), &n, done, done_n, &err);
    if (profile)
        usprep_close(profile);
    bool good = U_SUCCESS(err) && n > 0;
    if (good)
        buf_add(out, slice_of(text, (size_t)n));
    sodium_memzero(wide, sizeof(wide));
    sodium_memzero(done, sizeof(done));
    sodium_memzero(text, sizeof(text));
    return good;
}

int password_prepare(struct slice in, struct buf *out, struct err *e)
{
    if (!auth_prepare(in, out))
        buf_add(out, in);
    return out->failed ? err_set(e, ERR_BUSY, "out of memory") : 0;
}

/* --- the gate -----------------------------------------------------------------------------------
 */

static int gate_enter(struct err *e)
{
    int r = 0;
    pthread_mutex_lock(&gate.lock);
    if (gate.running >= setting_get(&set_auth_hash_parallel)) {
        if (gate.waiting >= setting_get(&set_auth_hash_queue)) {
            r = err_set(e, ERR_BUSY, "too many log-ins at a time, try again later");
        } else {
            metric_set(&metric_auth_hash_waiting, 0, ++gate.waiting);
            while (gate.running >= setting_get(&set_auth_hash_parallel))
                spent_wait(&gate.turn, &gate.lock);
            metric_set(&metric_auth_hash_waiting, 0, --gate.waiting);
        }
    }
    if (r == 0)
        gate.running++;
    pthread_mutex_unlock(&gate.lock);
    return r;
}

static void gate_leave(int64_t began_us)
{
    metric_observe_us(&metric_auth_hash_seconds, clock_mono_us() - began_us);
    pthread_mutex_lock(&gate.lock);
    gate.running--;
    pthread_cond_signal(&gate.turn);
    pthread_mutex_unlock(&gate.lock);
}

int password_hash(struct slice password, char out[128], struct err *e)
{
    _Static_assert(crypto_pwhash_STRBYTES == 128, "the size of the interface");
    auth_init();
    if (gate_enter(e))
        return -1;
    int64_t began = clock_mono_us();
    int r = crypto_pwhash_str(out, password.p ? password.p : "", password.n, HASH_OPS, HASH_MEMORY);
    gate_leave(began);
    return r ? err_set(e, ERR_BUSY, "no memory for a password hash") : 0;
}

int password_verify(struct slice hash, struct slice password, struct err *e)
{
    char text[128];
    bool real = hash.n && hash.n < sizeof(text);
    auth_init();
    if (gate_enter(e))
        return -1;
    int64_t began = clock_mono_us();
    snprintf(text, sizeof(text), "%.*s", real ? (int)hash.n : (int)sizeof(dummy_hash) - 1,
             real ? hash.p : dummy_hash);
    errno = 0;
    int r = crypto_pwhash_str_verify(text, password.p ? password.p : "", password.n);
    bool lacked = r && errno == ENOMEM; /* a wrong password is EINVAL */
    gate_leave(began);
    sodium_memzero(text, sizeof(text));
    if (lacked)
        return err_set(e, ERR_BUSY, "no memory for a password hash");
    return real && r == 0;
}
