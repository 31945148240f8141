/* cache.c - one map behind a reader-writer lock; each entry is a single allocation that holds its
   key and strings. */
#include "directory/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/metric.h"
#include "base/setting.h"

SETTING(directory, cache_rows, INT, 20000, 0, 10000000,
        "How many rows of the directory are kept in memory (about 200 bytes each).");
METRIC_COUNTER_BY(directory_cache_total, "result", "hit miss", "Lookups in the directory's cache.");

struct entry {
    uint64_t generation;
    int64_t n[4];
    size_t key_n, s_n[2];
    bool s_set[2];
    char bytes[]; /* kind and key, then the strings */
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct hmap map;
static _Atomic uint64_t generation = 1;

uint64_t cache_generation(void)
{
    return atomic_load(&generation);
}

void cache_forget(void)
{
    atomic_fetch_add(&generation, 1);
}

static void clear_locked(void)
{
    size_t at = 0;
    struct hmap_slot *s;
    while ((s = hmap_next(&map, &at)))
        free(s->value);
    hmap_done(&map);
}

void cache_clear(void)
{
    pthread_rwlock_wrlock(&lock);
    clear_locked();
    pthread_rwlock_unlock(&lock);
}

enum { KEY_MAX = 400 };

static struct slice full_key(char kind, struct slice key, char room[KEY_MAX])
{
    BUG_IF(key.n >= KEY_MAX);
    room[0] = kind;
    memcpy(room + 1, key.p, key.n);
    return slice_of(room, key.n + 1);
}

static bool copy_out(const struct entry *en, struct arena *a, struct cache_row *ret)
{
    const char *at = en->bytes + en->key_n;
    memcpy(ret->n, en->n, sizeof(ret->n));
    for (int i = 0; i < 2; i++) {
        ret->s[i] = en->s_set[i] ? arena_dup(a, slice_of(at, en->s_n[i])) : SNONE;
        if (en->s_set[i] && !ret->s[i].p)
            return false;
        at += en->s_n[i];
    }
    return true;
}

bool cache_get(char kind, struct slice key, struct arena *a, struct cache_row *ret)
{
    char room[KEY_MAX];
    struct slice k = full_key(kind, key, room);
    pthread_rwlock_rdlock(&lock);
    const struct entry *en = hmap_get(&map, k);
    bool found = en && en->generation == cache_generation() && copy_out(en, a, ret);
    pthread_rwlock_unlock(&lock);
    metric_add(&metric_directory_cache_total, found ? 0 : 1, 1);
    return found;
}

void cache_put(char kind, struct slice key, const struct cache_row *row, uint64_t gen)
{
    char room[KEY_MAX];
    struct slice k = full_key(kind, key, room);
    size_t max = (size_t)setting_get(&set_directory_cache_rows);
    if (!max)
        return;
    struct entry *en = malloc(sizeof(*en) + k.n + row->s[0].n + row->s[1].n);
    BUG_IF(!en);
    *en = (struct entry){.generation = gen, .key_n = k.n};
    memcpy(en->n, row->n, sizeof(en->n));
    memcpy(en->bytes, k.p, k.n);
    char *at = en->bytes + k.n;
    for (int i = 0; i < 2; i++) {
        en->s_n[i] = row->s[i].n;
        en->s_set[i] = row->s[i].p;
        if (row->s[i].n)
            memcpy(at, row->s[i].p, row->s[i].n);
        at += row->s[i].n;
    }
    pthread_rwlock_wrlock(&lock);
    if (map.n >= max)
        clear_locked();
    free(hmap_set(&map, slice_of(en->bytes, en->key_n), en));
    pthread_rwlock_unlock(&lock);
}
