/* hash.c - SipHash-1-3 (Aumasson and Bernstein) and an open-addressing table on it. */
#include "base/hash.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void key_draw(void)
{
    random_bytes(key, sizeof(key));
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

uint64_t hash_bytes(struct slice s)
{
    pthread_once(&key_once, key_draw);
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    size_t whole = s.n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m;
        memcpy(&m, s.p + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)s.n << 56;
    for (size_t i = whole; i < s.n; i++)
        last |= (uint64_t)(unsigned char)s.p[i] << (8 * (i - whole));
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_u64(uint64_t n)
{
    return hash_bytes(slice_of(&n, sizeof(n)));
}

static uint64_t slot_hash(struct slice k)
{
    uint64_t h = hash_bytes(k);
    return h ? h : 1;
}

static struct hmap_slot *find(const struct hmap *m, struct slice k, uint64_t h)
{
    if (!m->cap)
        return NULL;
    for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct hmap_slot *s = &m->slots[i];
        if (!s->hash)
            return NULL;
        if (s->value && s->hash == h && slice_eq(s->key, k))
            return s;
    }
}

static void grow(struct hmap *m)
{
    size_t cap = 16;
    while (cap < m->n * 3)
        cap *= 2;
    struct hmap_slot *slots = calloc(cap, sizeof(*slots));
    BUG_IF(!slots);
    for (size_t i = 0; i < m->cap; i++) {
        struct hmap_slot *s = &m->slots[i];
        if (!s->value)
            continue;
        size_t at = s->hash & (cap - 1);
        while (slots[at].hash)
            at = (at + 1) & (cap - 1);
        slots[at] = *s;
    }
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    m->used = m->n;
}

void *hmap_get(const struct hmap *m, struct slice k)
{
    struct hmap_slot *s = find(m, k, slot_hash(k));
    return s ? s->value : NULL;
}

void *hmap_set(struct hmap *m, struct slice k, void *value)
{
    BUG_IF(!value);
    uint64_t h = slot_hash(k);
    struct hmap_slot *s = find(m, k, h);
    if (s) {
        void *old = s->value;
        s->value = value;
        s->key = k;
        return old;
    }
    if ((m->used + 1) * 4 > m->cap * 3)
        grow(m);
    size_t at = h & (m->cap - 1);
    while (m->slots[at].hash)
        at = (at + 1) & (m->cap - 1);
    m->slots[at] = (struct hmap_slot){h, k, value};
    m->n++;
    m->used++;
    return NULL;
}

void *hmap_del(struct hmap *m, struct slice k)
{
    struct hmap_slot *s = find(m, k, slot_hash(k));
    if (!s)
        return NULL;
    void *old = s->value;
    s->value = NULL;
    s->key = SNONE;
    m->n--;
    return old;
}

void hmap_done(struct hmap *m)
{
    free(m->slots);
    *m = (struct hmap){0};
}

struct hmap_slot *hmap_next(const struct hmap *m, size_t *at)
{
    while (*at < m->cap) {
        struct hmap_slot *s = &m->slots[(*at)++];
        if (s->value)
            return s;
    }
    return NULL;
}
