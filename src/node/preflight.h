/* preflight.h - is this host fit for the roles it is given? Facts are gathered first, then judged,
   so that the judgement can be tested with facts of any kind. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "node/roles.h"

enum preflight_verdict {
    PREFLIGHT_OK,
    PREFLIGHT_ADVICE, /* works; something would be better */
    PREFLIGHT_STOP,   /* do not install before this is mended */
};

struct preflight_line {
    enum preflight_verdict verdict;
    const char *topic; /* "memory" */
    struct slice text; /* what was found */
    struct slice mend; /* what to do: a command where there is one; empty when all is well */
};

enum dns_fact { DNS_NOT_ASKED, DNS_FOUND, DNS_NONE, DNS_FAILED };

struct facts {
    struct slice machine; /* x86_64 */
    unsigned address_bits;
    unsigned cores;
    uint64_t memory;    /* bytes, cgroup limit included */
    uint64_t disk_free; /* where the state directory is or will be */
    struct slice disk_path;
    const char *disk_bad;    /* a kind of file system that does not keep what is synced, or NULL */
    struct slice distro;     /* ID of os-release: debian */
    struct slice distro_ver; /* VERSION_ID: 12 */
    struct slice distro_name;
    struct slice host;        /* what gethostname says */
    struct slice fqdn;        /* its canonical name, or empty */
    struct slice domain;      /* the mail domain; given, or the FQDN's parent */
    bool hosts_names_fqdn;    /* /etc/hosts gives the FQDN as the first name of an address */
    struct slice own_address; /* the first that is not loopback, or empty */
    enum dns_fact dns_host, dns_domain, dns_mx;
    bool dns_host_is_ours; /* one of the host's addresses is on an interface here */
    bool mx_is_host;
    struct slice mx_first;
    struct slice taken;     /* "25 (smtp) 143 (imap)": ports that something listens on */
    struct slice forbidden; /* the same: ports under 1024 that this user may not use */
    bool clock_synchronised, clock_known;
    int64_t now;
    bool entropy;
    uint64_t open_files; /* hard limit */
};

/* domain may be empty. Asks the DNS (a few seconds where none answers) unless offline. */
int preflight_gather(struct arena *a, const char *state_dir, struct slice domain, bool offline,
                     struct facts *ret, struct err *e);

/* One line for each topic, in a fixed order. */
void preflight_judge(const struct facts *f, const bool roles[ROLE_COUNT], struct arena *a,
                     struct preflight_line **ret, size_t *ret_n);
