/* host.c - mail.hostname, and what the system calls itself when it is not set. The system is asked
   once, at the start, and for two seconds at most: a name service that does not answer must hold up
   neither messages nor the start or stop of the server. */
#include "mail/host.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/setting.h"

SETTING_STR(
    mail, hostname, "", NULL,
    "Name of this server in greetings, EHLO and Received lines. Empty: what the system says.");

SETTING_STR(mail, own_names, "", NULL,
            "Other names and addresses under which this server takes mail, separated by blanks: "
            "outside of a NAT, of a balancer. Mail for a domain whose mail server they are loops.");

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
    pthread_t thread;
    struct timespec until;
    clock_cond_init(&asking.changed);
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

static bool is_listed(struct slice name)
{
    struct slice list = slice_str(setting_text(&set_mail_own_names));
    while (list.p)
        if (slice_eqi(slice_cut(&list, ' '), name) && name.n)
            return true;
    return false;
}

bool mail_is_own_name(struct slice name)
{
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    return slice_eqi(name, mail_hostname()) || slice_eqi(name, S("localhost")) || is_listed(name);
}

/* A socket can be bound to addresses of this machine only; UDP, so that no port is taken away. */
static bool is_of_machine(const struct sockaddr_storage *address)
{
    struct sockaddr_storage any_port = *address;
    socklen_t n = sizeof(struct sockaddr_in6);
    if (address->ss_family == AF_INET) {
        ((struct sockaddr_in *)&any_port)->sin_port = 0;
        n = sizeof(struct sockaddr_in);
    } else {
        ((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
    }
    AUTO_FD fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&any_port, n) == 0;
}

bool mail_is_own_address(const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *raw = address->ss_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    return (inet_ntop(address->ss_family, raw, text, sizeof(text)) && is_listed(slice_str(text))) ||
           is_of_machine(address);
}
