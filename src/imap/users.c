/* users.c - a table of counts under a lock; an account is in it while it has connections. */
#include "imap/users.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "imap/settings.h"

struct user {
    uint64_t account;
    int64_t n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hmap users;

static struct slice key_of(const uint64_t *account)
{
    return slice_of(account, sizeof(*account));
}

int users_enter(uint64_t account, struct err *e)
{
    int64_t max = setting_get(&set_imap_user_connections);
    pthread_mutex_lock(&lock);
    struct user *u = hmap_get(&users, key_of(&account));
    if (!u) {
        u = calloc(1, sizeof(*u));
        BUG_IF(!u);
        u->account = account;
        hmap_set(&users, key_of(&u->account), u);
    }
    bool full = u->n >= max;
    if (!full)
        u->n++;
    pthread_mutex_unlock(&lock);
    if (full)
        return err_set(e, ERR_LIMIT, "the account has %lld connections already", (long long)max);
    return 0;
}

void users_leave(uint64_t account)
{
    pthread_mutex_lock(&lock);
    struct user *u = hmap_get(&users, key_of(&account));
    BUG_IF(!u || u->n <= 0);
    if (--u->n == 0) {
        hmap_del(&users, key_of(&account));
        free(u);
    }
    pthread_mutex_unlock(&lock);
}
