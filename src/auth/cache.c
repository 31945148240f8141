/* cache.c - a password that was right is remembered for a while as a keyed hash, so that clients
   with many connections cost one argon2id and not fifty. The key is drawn at start and never leaves
   memory; the hash covers account, the time of the last change and the password, so that it serves
   nobody else and no older password. A table of fixed size: a new entry takes the place of the one
   in its set that ends first. */
#include <pthread.h>

#include <sodium.h>

#include "auth/internal.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/setting.h"

SETTING(auth, remember, TIME, 10 * MIN, 0, 24 * HOUR,
        "How long a verified password is remembered (as a keyed hash, in memory). 0: not at all.");
METRIC_COUNTER_BY(auth_remembered_total, "result", "hit miss",
                  "Log-ins that found their password among those verified lately.");

enum { SETS = 4096, WAYS = 4 };

struct verified {
    uint64_t account;
    int64_t until; /* monotonic ms */
    unsigned char mac[AUTH_KEY];
};

static struct verified table[SETS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char key[AUTH_KEY];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw_key(void)
{
    auth_init();
    random_bytes(key, sizeof(key));
}

static void mac_of(uint64_t account, int64_t changed_at, struct slice password,
                   unsigned char out[AUTH_KEY])
{
    pthread_once(&once, draw_key);
    crypto_generichash_state st;
    crypto_generichash_init(&st, key, sizeof(key), AUTH_KEY);
    crypto_generichash_update(&st, (const void *)&account, sizeof(account));
    crypto_generichash_update(&st, (const void *)&changed_at, sizeof(changed_at));
    crypto_generichash_update(&st, (const void *)password.p, password.n);
    crypto_generichash_final(&st, out, AUTH_KEY);
}

bool verified_find(uint64_t account, int64_t changed_at, struct slice password)
{
    unsigned char mac[AUTH_KEY];
    bool found = false;
    mac_of(account, changed_at, password, mac);
    int64_t now = clock_mono_ms();
    pthread_mutex_lock(&lock);
    struct verified *set = table[hash_u64(account) % SETS];
    for (int i = 0; i < WAYS; i++)
        if (set[i].account == account && set[i].until > now)
            found |= sodium_memcmp(set[i].mac, mac, sizeof(mac)) == 0;
    pthread_mutex_unlock(&lock);
    metric_add(&metric_auth_remembered_total, found ? 0 : 1, 1);
    return found;
}

void verified_put(uint64_t account, int64_t changed_at, struct slice password)
{
    struct verified v = {.account = account};
    int64_t keep = setting_get(&set_auth_remember);
    if (!keep)
        return;
    mac_of(account, changed_at, password, v.mac);
    v.until = clock_mono_ms() + keep;
    pthread_mutex_lock(&lock);
    struct verified *set = table[hash_u64(account) % SETS], *victim = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].account == account) {
            victim = &set[i];
            break;
        }
        if (set[i].until < victim->until)
            victim = &set[i];
    }
    *victim = v;
    pthread_mutex_unlock(&lock);
}
