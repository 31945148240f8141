/* inbox_lock.c - the accounts that have a session, in a table under a mutex. */
#include "mail/inbox_lock.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct hmap held;

static struct slice key_of(const uint64_t *account)
{
    return slice_of(account, sizeof(*account));
}

bool inbox_lock(uint64_t account)
{
    pthread_mutex_lock(&mutex);
    bool free_now = !hmap_get(&held, key_of(&account));
    if (free_now) {
        uint64_t *own = malloc(sizeof(*own));
        BUG_IF(!own);
        *own = account;
        hmap_set(&held, key_of(own), own);
    }
    pthread_mutex_unlock(&mutex);
    return free_now;
}

void inbox_unlock(uint64_t account)
{
    pthread_mutex_lock(&mutex);
    free(hmap_del(&held, key_of(&account)));
    pthread_mutex_unlock(&mutex);
}
