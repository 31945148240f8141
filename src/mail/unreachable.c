/* unreachable.c - a table of a fixed size: an entry is where its hash says, and a later one may
   take its place, which costs no more than one attempt to connect. */
#include "mail/unreachable.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/setting.h"

SETTING(mail, unreachable_for, TIME, 5 * MIN, 0, HOUR,
        "A host that could not be connected to is left alone for so long, though no longer than "
        "mail.retry_first.");
SETTING(mail, retry_first, TIME, 5 * MIN, 100 * MSEC, DAY,
        "Time to the second attempt; it doubles with each further one.");

enum { ROWS = 1024, ADDRESS_MAX = 80 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char address[ADDRESS_MAX];
    int64_t until;
} rows[ROWS];

static size_t row_of(const char *address)
{
    return hash_bytes(slice_str(address)) % ROWS;
}

static int64_t duration(void)
{
    int64_t most = setting_get(&set_mail_unreachable_for);
    int64_t first = setting_get(&set_mail_retry_first);
    return most < first ? most : first;
}

static void set(const char *address, int64_t until)
{
    size_t i = row_of(address);
    pthread_mutex_lock(&lock);
    snprintf(rows[i].address, ADDRESS_MAX, "%s", address);
    rows[i].until = until;
    pthread_mutex_unlock(&lock);
}

void unreachable_note(const char *address)
{
    set(address, clock_mono_ms() + duration());
}

bool unreachable_is(const char *address)
{
    size_t i = row_of(address);
    pthread_mutex_lock(&lock);
    bool is = strcmp(rows[i].address, address) == 0 && clock_mono_ms() < rows[i].until;
    pthread_mutex_unlock(&lock);
    return is;
}

void unreachable_clear(const char *address)
{
    if (unreachable_is(address))
        set(address, 0);
}

void unreachable_forget(void)
{
    pthread_mutex_lock(&lock);
    memset(rows, 0, sizeof(rows));
    pthread_mutex_unlock(&lock);
}
