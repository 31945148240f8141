/* host.c - mail.hostname, and what the system calls itself when it is not set. The system is asked
   once: a name service that is slow must not be asked per message. */
#include "mail/host.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/setting.h"

SETTING_STR(
    mail, hostname, "", NULL,
    "Name of this server in greetings, EHLO and Received lines. Empty: what the system says.");

static char system_name[256];

static void ask_system(void)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char name[256] = "localhost";
    if (gethostname(name, sizeof(name) - 1))
        name[0] = '\0';
    struct slice chosen = slice_str(name[0] ? name : "localhost");
    if (slice_find(chosen, '.') < 0 && getaddrinfo(name, NULL, &hints, &found) == 0 &&
        found->ai_canonname && strlen(found->ai_canonname) < sizeof(system_name))
        chosen = slice_str(found->ai_canonname);
    memcpy(system_name, chosen.p, chosen.n);
    system_name[chosen.n] = '\0';
    if (found)
        freeaddrinfo(found);
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
