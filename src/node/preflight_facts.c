/* preflight_facts.c - gathers what preflight.c judges: from the kernel, /etc, and the DNS. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "io/resolver.h"
#include "node/preflight.h"

static struct slice read_small(struct arena *a, const char *path)
{
    BUF_SCOPE b = {.max = 256 * KiB};
    return file_read(path, &b, NULL) ? SNONE : arena_dup(a, buf_slice(&b));
}

/* The value of KEY=value or KEY="value" in a text of such lines. */
static struct slice value_of(struct slice text, struct slice key)
{
    while (text.p) {
        struct slice rest = slice_cut(&text, '\n');
        if (!slice_eq(slice_cut(&rest, '='), key))
            continue;
        rest = slice_trim(rest);
        if (rest.n >= 2 && rest.p[0] == '"' && rest.p[rest.n - 1] == '"')
            rest = slice_sub(rest, 1, rest.n - 1);
        return rest;
    }
    return SNONE;
}

static uint64_t memory_bytes(struct arena *a)
{
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE), limit;
    struct slice max = slice_trim(read_small(a, "/sys/fs/cgroup/memory.max"));
    return slice_u64(max, &limit) == 0 && limit < total ? limit : total;
}

static void gather_machine(struct arena *a, struct facts *f)
{
    struct utsname u;
    struct rlimit files = {0};
    struct timex t = {0};
    unsigned char byte;
    uname(&u);
    f->machine = arena_dup(a, slice_str(u.machine));
    f->address_bits = (unsigned)sizeof(void *) * 8;
    f->cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    f->memory = memory_bytes(a);
    struct slice os = read_small(a, "/etc/os-release");
    f->distro = value_of(os, S("ID"));
    f->distro_ver = value_of(os, S("VERSION_ID"));
    f->distro_name = value_of(os, S("PRETTY_NAME"));
    f->now = clock_now();
    int state = adjtimex(&t);
    f->clock_known = state >= 0;
    f->clock_synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
    f->entropy = getrandom(&byte, 1, GRND_NONBLOCK) == 1;
    getrlimit(RLIMIT_NOFILE, &files);
    f->open_files = files.rlim_max;
}

static void gather_disk(struct arena *a, const char *state_dir, struct facts *f)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } bad[] = {{0x01021994, "tmpfs"}, {0x6969, "NFS"}, {0xff534d42, "CIFS"}, {0x517b, "SMB"}};
    struct statfs fs;
    struct slice path = slice_str(state_dir);
    /* The directory itself, or the nearest one above it that exists. */
    for (;;) {
        char *z = arena_cstr(a, path);
        BUG_IF(!z);
        if (statfs(z[0] ? z : ".", &fs) == 0)
            break;
        ptrdiff_t slash = slice_rfind(path, '/');
        if (path.n <= 1)
            return;
        path = slash == 0 ? S("/") : slice_sub(path, 0, slash < 0 ? 0 : (size_t)slash);
    }
    f->disk_path = path.n ? path : S(".");
    f->disk_free = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if ((unsigned long)fs.f_type == bad[i].magic)
            f->disk_bad = bad[i].name;
}

static bool hosts_names(struct slice hosts, struct slice fqdn)
{
    while (hosts.p) {
        struct slice rest = slice_cut(&hosts, '\n');
        struct slice line = slice_trim(slice_cut(&rest, '#'));
        size_t i = 0;
        while (i < line.n && line.p[i] != ' ' && line.p[i] != '\t')
            i++;
        struct slice names = slice_trim(slice_from(line, i));
        size_t end = 0;
        while (end < names.n && names.p[end] != ' ' && names.p[end] != '\t')
            end++;
        if (end && slice_eqi(slice_sub(names, 0, end), fqdn))
            return true;
    }
    return false;
}

static void gather_names(struct arena *a, struct slice domain, struct facts *f)
{
    char host[256] = "";
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found = NULL;
    gethostname(host, sizeof(host) - 1);
    f->host = arena_dup(a, slice_str(host));
    if (getaddrinfo(host, NULL, &hints, &found) == 0 && found->ai_canonname)
        f->fqdn = arena_dup(a, slice_str(found->ai_canonname));
    if (found)
        freeaddrinfo(found);
    /* A canonical name may be one that DHCP made up; the host's own full name goes first. */
    if (slice_find(f->host, '.') > 0)
        f->fqdn = f->host;
    struct slice parent = f->fqdn;
    slice_cut(&parent, '.');
    f->domain = domain.n ? domain : parent.p && slice_find(parent, '.') > 0 ? parent : SNONE;
    f->hosts_names_fqdn = f->fqdn.n && hosts_names(read_small(a, "/etc/hosts"), f->fqdn);
}

/* Whether an interface has the address. */
static bool is_own(struct ifaddrs *all, struct slice address)
{
    char text[INET6_ADDRSTRLEN];
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!i->ifa_addr ||
            (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        bool v6 = i->ifa_addr->sa_family == AF_INET6;
        const void *raw =
            v6 ? (const void *)&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr
               : (const void *)&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr;
        if (!inet_ntop(i->ifa_addr->sa_family, raw, text, sizeof(text)))
            continue;
        if (slice_eq(address, slice_str(text)))
            return true;
    }
    return false;
}

static void gather_own_address(struct arena *a, struct ifaddrs *all, struct facts *f)
{
    for (struct ifaddrs *i = all; i && !f->own_address.n; i = i->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || i->ifa_flags & IFF_LOOPBACK)
            continue;
        if (inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, text,
                      sizeof(text)))
            f->own_address = arena_dup(a, slice_str(text));
    }
}

static enum dns_fact dns_fact(int r, const struct err *e)
{
    return r == 0 ? DNS_FOUND : e->code == ERR_NOTFOUND ? DNS_NONE : DNS_FAILED;
}

static void gather_dns(struct arena *a, struct ifaddrs *all, struct facts *f)
{
    struct dns_address *addresses;
    struct dns_mx *mx;
    size_t n;
    bool null_mx;
    struct err e = {0};
    if (slice_find(f->fqdn, '.') > 0) {
        f->dns_host = dns_fact(dns_addresses(f->fqdn, a, &addresses, &n, &e), &e);
        for (size_t i = 0; f->dns_host == DNS_FOUND && i < n; i++)
            f->dns_host_is_ours |= is_own(all, slice_str(addresses[i].text));
    }
    if (!f->domain.n)
        return;
    f->dns_domain = dns_fact(dns_addresses(f->domain, a, &addresses, &n, &e), &e);
    f->dns_mx = dns_fact(dns_mx(f->domain, a, &mx, &n, &null_mx, &e), &e);
    if (f->dns_mx != DNS_FOUND)
        return;
    f->mx_first = n ? mx[0].host : S("nowhere");
    for (size_t i = 0; i < n; i++)
        f->mx_is_host |= slice_eqi(mx[i].host, f->fqdn);
}

/* 0 free, EADDRINUSE or EACCES; anything else counts as free: this host has no such address. */
static int try_port(struct slice host, uint16_t port)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool v6 = slice_find(host, ':') >= 0;
    char text[64];
    snprintf(text, sizeof(text), "%.*s", SARG(host));
    AUTO_FD fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0 || inet_pton(v6 ? AF_INET6 : AF_INET, text,
                            v6 ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr) != 1)
        return 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (v6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    const struct sockaddr *sa = v6 ? (const void *)&in6 : (const void *)&in4;
    if (bind(fd, sa, v6 ? sizeof(in6) : sizeof(in4)) == 0 && listen(fd, 1) == 0)
        return 0;
    return errno == EADDRINUSE || errno == EACCES ? errno : 0;
}

static int gather_ports(struct arena *a, struct facts *f, struct err *e)
{
    struct role_listener *rows;
    size_t n;
    BUF_SCOPE taken = {0};
    BUF_SCOPE forbidden = {0};
    const struct port *said = NULL;
    if (roles_listeners(a, &rows, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        int why = rows[i].port == said ? 0 : try_port(rows[i].host, rows[i].number);
        struct buf *list = why == EACCES ? &forbidden : &taken;
        if (!why)
            continue;
        said = rows[i].port;
        buf_addf(list, "%s%u (%s)", list->n ? ", " : "", rows[i].number, said->name);
    }
    f->taken = arena_dup(a, buf_slice(&taken));
    f->forbidden = arena_dup(a, buf_slice(&forbidden));
    return 0;
}

int preflight_gather(struct arena *a, const char *state_dir, struct slice domain, bool offline,
                     struct facts *ret, struct err *e)
{
    struct facts f = {0};
    struct ifaddrs *all = NULL;
    gather_machine(a, &f);
    gather_disk(a, state_dir, &f);
    gather_names(a, domain, &f);
    if (getifaddrs(&all))
        all = NULL;
    gather_own_address(a, all, &f);
    if (!offline)
        gather_dns(a, all, &f);
    if (all)
        freeifaddrs(all);
    if (gather_ports(a, &f, e))
        return -1;
    *ret = f;
    return 0;
}
