/* host.c - mail.hostname, and what the system calls itself when it is not set. The system is asked
   once, at the start, and for two seconds at most: a name service that does not answer must hold up
   neither messages nor the start or stop of the server. */
#include "mail/host.h"

#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/setting.h"

SETTING_STR(
    mail, hostname, "", NULL,
    "Name of this server in greetings, EHLO and Received lines. Empty: what the system says.");

enum { PATIENCE_MS = 2000 };

static char system_name[256];

/* The thread that asks may come back after nobody waits any more. */
static struct asking {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char short_name[256], full_name[256];
    bool answered;
} asking = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *ask_name_service(void *arg)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found = NULL;
    (void)arg;
    int bad = getaddrinfo(asking.short_name, NULL, &hints, &found);
    pthread_mutex_lock(&asking.lock);
    if (!bad && found->ai_canonname && strlen(found->ai_canonname) < sizeof(asking.full_name))
        memcpy(asking.full_name, found->ai_canonname, strlen(found->ai_canonname) + 1);
    asking.answered = true;
    pthread_cond_signal(&asking.changed);
    pthread_mutex_unlock(&asking.lock);
    if (found)
        freeaddrinfo(found);
    return NULL;
}

/* The full name of short_name goes into `to`, when it comes in time. */
static void wait_for_full_name(char *to, size_t size)
{
    pthread_condattr_t attr;
    pthread_t thread;
    struct timespec until;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&asking.changed, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&thread, NULL, ask_name_service, NULL))
        return;
    pthread_detach(thread);
    clock_deadline(PATIENCE_MS, &until);
    pthread_mutex_lock(&asking.lock);
    while (!asking.answered)
        if (pthread_cond_timedwait(&asking.changed, &asking.lock, &until))
            break;
    if (asking.full_name[0])
        snprintf(to, size, "%s", asking.full_name);
    pthread_mutex_unlock(&asking.lock);
}

static void ask_system(void)
{
    char *name = asking.short_name;
    if (gethostname(name, sizeof(asking.short_name) - 1) || !name[0])
        snprintf(name, sizeof(asking.short_name), "localhost");
    snprintf(system_name, sizeof(system_name), "%s", name);
    if (!strchr(name, '.'))
        wait_for_full_name(system_name, sizeof(system_name));
}

struct slice mail_hostname(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct slice set = slice_str(setting_text(&set_mail_hostname));
    if (set.n)
        return set;
    pthread_once(&once, ask_system);
    return slice_str(system_name);
}

bool mail_is_own_name(struct slice name)
{
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    return slice_eqi(name, mail_hostname()) || slice_eqi(name, S("localhost"));
}
