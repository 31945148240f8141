/* throttle.c - failures slow down what caused them. Every address (IPv4, or the /64 of an IPv6
   address) and every account has a score: each failure adds one, and half of it is forgotten every
   auth.forget. Over auth.failures_free, the next try must wait: one second, then two, four, eight.
   The table has a fixed size and keyed hashes, so nobody can fill it up or push others out at will;
   in a full set the entry of least worth goes. */
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "auth/internal.h"
#include "base/hash.h"
#include "base/metric.h"
#include "base/setting.h"

SETTING(auth, failures_free, INT, 5, 0, 1000,
        "Failed log-ins of an account or address before further tries must wait.");
SETTING(auth, forget, TIME, 5 * MIN, 1 * SEC, 24 * HOUR,
        "Time in which half of the failed log-ins are forgotten.");
SETTING(auth, delay_max, TIME, 1 * MIN, 0, 1 * HOUR,
        "The longest time between two tries of an account or address that failed before.");
METRIC_COUNTER_BY(auth_throttled_total, "by", "address account",
                  "Log-ins refused because of earlier failures.");

enum { SETS = 8192, WAYS = 4, ANSWER_STEP_MS = 250, ANSWER_MAX_MS = 5000 };

struct score {
    uint64_t key;
    int64_t at; /* of the last failure, monotonic ms */
    double failures;
};

static struct score table[SETS][WAYS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double score_now(const struct score *s, int64_t now)
{
    double age = now > s->at ? (double)(now - s->at) : 0;
    return s->failures * exp2(-age / (double)setting_get(&set_auth_forget));
}

static struct score *find(uint64_t key)
{
    struct score *set = table[key % SETS];
    for (int i = 0; i < WAYS; i++)
        if (set[i].key == key)
            return &set[i];
    return NULL;
}

/* What is lost when this entry goes: nothing, a score, or the knowledge of a good address. */
static double worth(const struct score *s, int64_t now)
{
    return s->key ? fabs(score_now(s, now)) : -1;
}

static struct score *find_or_make(uint64_t key, int64_t now)
{
    struct score *s = find(key);
    if (s)
        return s;
    struct score *set = table[key % SETS];
    s = set;
    for (int i = 1; i < WAYS; i++)
        if (worth(&set[i], now) < worth(s, now))
            s = &set[i];
    *s = (struct score){.key = key, .at = now};
    return s;
}

static int64_t wait_of(double failures)
{
    int64_t max = setting_get(&set_auth_delay_max);
    double over = failures - (double)setting_get(&set_auth_failures_free);
    if (over <= 0)
        return 0;
    double ms = 1000 * exp2(over < 40 ? over - 1 : 40);
    return ms < (double)max ? (int64_t)ms : max;
}

/* What counts as one place: loopback is not counted (proxies), IPv6 by its /64. */
static uint64_t address_key(struct slice address)
{
    char text[64];
    unsigned char ip[16];
    snprintf(text, sizeof(text), "%.*s", SARG(slice_sub(address, 0, sizeof(text) - 1)));
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct slice key;
    if (inet_pton(AF_INET, text, ip) == 1) {
        key = slice_of(ip, 4);
    } else if (inet_pton(AF_INET6, text, ip) == 1) {
        static const unsigned char one[16] = {[15] = 1};
        if (memcmp(ip, one, sizeof(one)) == 0)
            return 0;
        key = memcmp(ip, mapped, sizeof(mapped)) == 0 ? slice_of(ip + 12, 4) : slice_of(ip, 8);
    } else {
        return address.n ? hash_bytes(address) | 1 : 0;
    }
    if (key.n == 4 && key.p[0] == 127)
        return 0;
    return hash_bytes(key) | 1;
}

struct attempt throttle_attempt(struct slice address, uint64_t account, struct slice name)
{
    struct attempt t = {.address = address_key(address)};
    char folded[AUTH_NAME_MAX];
    if (account) {
        t.account = hash_u64(account) | 1;
    } else {
        size_t n = name.n < sizeof(folded) ? name.n : sizeof(folded);
        for (size_t i = 0; i < n; i++)
            folded[i] = ascii_lower(name.p[i]);
        t.account = hash_bytes(slice_of(folded, n)) | 1;
    }
    uint64_t pair[2] = {t.address, t.account};
    t.both = hash_bytes(slice_of(pair, sizeof(pair))) | 1;
    return t;
}

static bool must_wait(uint64_t key, int64_t now)
{
    const struct score *s = key ? find(key) : NULL;
    return s && now < s->at + wait_of(score_now(s, now));
}

int throttle_check(const struct attempt *t, int64_t now, struct err *e)
{
    pthread_mutex_lock(&lock);
    bool address = must_wait(t->address, now);
    const struct score *known = find(t->both);
    bool account = must_wait(t->account, now) && !(known && known->failures < 0);
    pthread_mutex_unlock(&lock);
    if (!address && !account)
        return 0;
    metric_add(&metric_auth_throttled_total, address ? 0 : 1, 1);
    return err_set(e, ERR_BUSY, "too many failed log-ins, try again later");
}

static double add_failure(uint64_t key, int64_t now)
{
    if (!key)
        return 0;
    struct score *s = find_or_make(key, now);
    double failures = score_now(s, now) + 1;
    *s = (struct score){.key = key, .at = now, .failures = failures < 1e6 ? failures : 1e6};
    return failures;
}

unsigned throttle_failed(const struct attempt *t, int64_t now)
{
    pthread_mutex_lock(&lock);
    double a = add_failure(t->address, now), b = add_failure(t->account, now);
    struct score *known = find(t->both);
    if (known && ++known->failures >= 0)
        *known = (struct score){0};
    pthread_mutex_unlock(&lock);
    double ms = ANSWER_STEP_MS * (a > b ? a : b);
    return ms < ANSWER_MAX_MS ? (unsigned)ms : ANSWER_MAX_MS;
}

/* A log-in from here makes this pair of account and address known: a negative score, which failures
   from here use up. The account's own score stays, or one right password among guesses would clear
   the way for the rest. */
void throttle_succeeded(const struct attempt *t, int64_t now)
{
    enum { KNOWN = -10 };
    pthread_mutex_lock(&lock);
    *find_or_make(t->both, now) = (struct score){.key = t->both, .at = now, .failures = KNOWN};
    pthread_mutex_unlock(&lock);
}
