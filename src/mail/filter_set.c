/* filter_set.c - which scripts run for an account, compiled, kept in memory by the versions of what
   they were made of. Most accounts have none, and that is kept too: it costs one look into a table.
   Everything is forgotten at once when there is too much of it. */
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/setting.h"
#include "mail/filter_internal.h"
#include "store/script.h"

SETTING(sieve, enabled, BOOL, 1, 0, 1, "Run Sieve scripts when mail is delivered.");
SETTING(sieve, kept_accounts, INT, 20000, 16, 10000000,
        "For how many accounts the compiled scripts, or that there are none, are kept in memory.");

const char filter_withheld[] =
    "convert extlists imapsieve mboxmetadata redirect-deliverby servermetadata";

struct kept {
    uint64_t account, store_version, directory_version;
    struct filter_set *set; /* NULL: no scripts */
};

static struct {
    pthread_mutex_t lock;
    struct hmap map;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

void filter_set_unref(struct filter_set *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    arena_reset(&s->arena);
    free(s);
}

static void kept_free(struct kept *k)
{
    if (k)
        filter_set_unref(k->set);
    free(k);
}

/* Under the lock. */
static void forget_all(void)
{
    size_t at = 0;
    struct hmap_slot *slot;
    while ((slot = hmap_next(&cache.map, &at)))
        kept_free(slot->value);
    hmap_done(&cache.map);
    cache.map = (struct hmap){0};
}

static void keep(const struct kept *k)
{
    struct kept *own = malloc(sizeof(*own));
    BUG_IF(!own);
    *own = *k;
    if (own->set)
        atomic_fetch_add(&own->set->refs, 1);
    pthread_mutex_lock(&cache.lock);
    if ((int64_t)cache.map.n >= setting_get(&set_sieve_kept_accounts))
        forget_all();
    struct slice key = slice_of(&own->account, sizeof(own->account));
    struct kept *old = hmap_del(&cache.map, key);
    hmap_set(&cache.map, key, own);
    pthread_mutex_unlock(&cache.lock);
    kept_free(old);
}

void mail_filter_changed(uint64_t account)
{
    script_told(account);
}

/* --- making it -------------------------------------------------------------------------------- */

static void add_step(struct filter_set *s, struct slice name, struct slice text)
{
    struct filter_step *step = &s->steps[s->n++];
    struct sieve_limits limits = sieve_limits();
    struct slice code;
    step->name = arena_dup(&s->arena, name);
    if (sieve_compile(text, &limits, NULL, &s->arena, &code, NULL, &step->wrong) == 0)
        sieve_load(code, &limits, &s->arena, &step->program, &step->wrong);
}

static int add_site(struct filter_set *s, const struct account_info *who, const char *stage,
                    bool inner_first, struct err *e)
{
    struct slice domain = slice_from(who->address, (size_t)slice_rfind(who->address, '@') + 1);
    const struct script_owner owners[] = {
        {.domain = S("")}, {.domain = domain}, {.account = who->id}};
    const size_t n = sizeof(owners) / sizeof(owners[0]);
    for (size_t i = 0; i < n; i++) {
        size_t k = inner_first ? n - 1 - i : i;
        struct slice text;
        ARENA_SCOPE a = {0};
        int got = directory_script(owners[k], slice_str(stage), &a, &text, e);
        if (got < 0)
            return -1;
        if (got == 0)
            continue;
        struct slice name = k == 0   ? arena_printf(&a, "%s", stage)
                            : k == 1 ? arena_printf(&a, "%s of %.*s", stage, SARG(domain))
                                     : arena_printf(&a, "%s of %.*s", stage, SARG(who->address));
        add_step(s, name, text);
    }
    return 0;
}

static int add_own(struct filter_set *s, uint64_t account, struct err *e)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    struct slice name, text;
    struct txn *t;
    if (txn_read(account, &t, e))
        return -1;
    int got = script_read(t, SNONE, &a, &name, &text, e);
    txn_end(t);
    if (got > 0)
        add_step(s, name, text);
    return got < 0 ? -1 : 0;
}

static int make(uint64_t account, struct filter_set **ret, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info who;
    if (directory_account_by_id(account, &a, &who, e))
        return -1;
    struct filter_set *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->refs = 1;
    s->arena.limit = (size_t)256 << 20;
    if (add_site(s, &who, "before", false, e) || add_own(s, account, e) ||
        add_site(s, &who, "after", true, e)) {
        filter_set_unref(s);
        return -1;
    }
    *ret = s->n ? s : NULL;
    if (!s->n)
        filter_set_unref(s);
    return 0;
}

int filter_set_get(uint64_t account, struct filter_set **ret, struct err *e)
{
    struct kept now = {.account = account,
                       .store_version = script_version(account),
                       .directory_version = directory_script_version()};
    if (!setting_get(&set_sieve_enabled))
        return 0;
    pthread_mutex_lock(&cache.lock);
    const struct kept *k = hmap_get(&cache.map, slice_of(&account, sizeof(account)));
    bool found =
        k && k->store_version == now.store_version && k->directory_version == now.directory_version;
    if (found && k->set)
        atomic_fetch_add(&k->set->refs, 1);
    *ret = found ? k->set : NULL;
    pthread_mutex_unlock(&cache.lock);
    if (found)
        return *ret != NULL;
    if (make(account, &now.set, e))
        return -1;
    keep(&now);
    *ret = now.set;
    return now.set != NULL;
}
