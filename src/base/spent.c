/* spent.c - the account that the running thread spends from, and its print. */
#include "base/spent.h"

#include <stddef.h>

#include "base/clock.h"

static __thread struct spending *now;

static const char *const names[SPENT_N] = {"queue", "loop",   "run", "disk",
                                           "lock",  "commit", "sync"};

struct spending *spent_use(struct spending *s)
{
    struct spending *before = now;
    now = s;
    return before;
}

void spent_add(enum spent what, int64_t us)
{
    if (now)
        now->us[what] += us;
}

void spent_join(struct spending *to, const struct spending *from)
{
    for (size_t i = 0; i < SPENT_N; i++)
        to->us[i] += from->us[i];
}

int64_t spent_total(const struct spending *s)
{
    int64_t sum = 0;
    for (size_t i = 0; i < SPENT_N; i++)
        sum += s->us[i];
    return sum;
}

int64_t spent_inside(const struct spending *s)
{
    return s->us[SPENT_DISK] + s->us[SPENT_LOCK];
}

const char *spent_most(const struct spending *s)
{
    size_t most = 0;
    for (size_t i = 0; i < SPENT_N; i++)
        if (s->us[i] > s->us[most])
            most = i;
    return names[most];
}

void spent_print(const struct spending *s, struct buf *out)
{
    const char *between = "";
    for (size_t i = 0; i < SPENT_N; i++) {
        if (s->us[i] < 1000)
            continue;
        buf_addf(out, "%s%s %lldms", between, names[i], (long long)(s->us[i] / 1000));
        between = ", ";
    }
}

void spent_lock(pthread_mutex_t *lock)
{
    if (pthread_mutex_trylock(lock) == 0)
        return;
    int64_t began = clock_mono_us();
    pthread_mutex_lock(lock);
    spent_add(SPENT_LOCK, clock_mono_us() - began);
}

void spent_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    int64_t began = clock_mono_us();
    pthread_cond_wait(cond, lock);
    spent_add(SPENT_LOCK, clock_mono_us() - began);
}
