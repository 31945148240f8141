/* preflight.c - the judgement: what each role needs, which systems are known, and the command that
   mends what is wrong. */
#include "node/preflight.h"

#include <stdio.h>

/* Far below what a suite of this kind usually asks for; measured, and rounded up. */
static const struct need {
    enum role role;
    uint64_t memory, disk;
} needs[] = {
    {ROLE_EVERY, 64 * MiB, 1 * GiB},     {ROLE_DIRECTORY, 32 * MiB, 1 * GiB},
    {ROLE_DATABASE, 512 * MiB, 5 * GiB}, {ROLE_MTA, 64 * MiB, 2 * GiB},
    {ROLE_MAILBOX, 256 * MiB, 5 * GiB},  {ROLE_PROXY, 64 * MiB, 1 * GiB},
    {ROLE_VIDEO, 1 * GiB, 5 * GiB},
};

static const struct distro {
    const char *id;
    unsigned from; /* major * 100 + minor */
    const char *older;
} distros[] = {
    {"debian", 1200, "its packages are too old"},
    {"ubuntu", 2204, "its packages have OpenSSL 1.1 and SQLite 3.31; OpenSSL 3 is needed"},
    {"rhel", 900, "its packages have OpenSSL 1.1; OpenSSL 3 is needed"},
    {"centos", 900, "its packages have OpenSSL 1.1; OpenSSL 3 is needed"},
    {"rocky", 900, "its packages have OpenSSL 1.1; OpenSSL 3 is needed"},
    {"almalinux", 900, "its packages have OpenSSL 1.1; OpenSSL 3 is needed"},
    {"ol", 900, "its packages have OpenSSL 1.1; OpenSSL 3 is needed"},
};

enum { LINES_MAX = 24, CORES_LEAST = 1, OPEN_FILES_LEAST = 4096 };
#define CLOCK_LEAST 1735689600 /* 2025-01-01: before that the clock is certainly wrong */

struct sheet {
    struct arena *a;
    struct preflight_line *lines;
    size_t n;
};

static void add(struct sheet *s, enum preflight_verdict v, const char *topic, struct slice text,
                struct slice mend)
{
    BUG_IF(s->n == LINES_MAX);
    s->lines[s->n++] = (struct preflight_line){v, topic, text, mend};
}

#define TEXT(s, ...) arena_printf((s)->a, __VA_ARGS__)

static void judge_machine(struct sheet *s, const struct facts *f)
{
    add(s, f->address_bits == 64 ? PREFLIGHT_OK : PREFLIGHT_STOP, "processor",
        TEXT(s, "%.*s, %u bits, %u core%s", SARG(f->machine), f->address_bits, f->cores,
             f->cores == 1 ? "" : "s"),
        f->address_bits == 64 ? SNONE : S("Use a 64-bit system."));
}

static void judge_amount(struct sheet *s, const char *topic, uint64_t have, uint64_t need,
                         struct slice where)
{
    add(s, have >= need ? PREFLIGHT_OK : PREFLIGHT_STOP, topic,
        TEXT(s, "%.1f GiB%s%.*s; these roles need %.1f GiB", (double)have / (double)GiB,
             where.n ? " free in " : "", SARG(where), (double)need / (double)GiB),
        have >= need ? SNONE : TEXT(s, "Add %.1f GiB.", (double)(need - have) / (double)GiB));
}

static void judge_room(struct sheet *s, const struct facts *f, const bool *roles)
{
    uint64_t memory = 0, disk = 0;
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (!roles[needs[i].role])
            continue;
        memory += needs[i].memory;
        disk += needs[i].disk;
    }
    judge_amount(s, "memory", f->memory, memory, S(""));
    judge_amount(s, "disk", f->disk_free, disk, f->disk_path);
    if (f->disk_bad)
        add(s, PREFLIGHT_ADVICE, "file system",
            TEXT(s, "%.*s is on %s, where what was synced can be lost", SARG(f->disk_path),
                 f->disk_bad),
            S("Keep the state directory on a local disk (ext4, XFS, btrfs)."));
}

static unsigned version_number(struct slice v)
{
    uint32_t major = 0, minor = 0;
    struct slice rest = v;
    if (slice_u32(slice_cut(&rest, '.'), &major) || major > 10000)
        return 0;
    if (rest.p)
        slice_u32(slice_cut(&rest, '.'), &minor);
    return major * 100 + (minor > 99 ? 99 : minor);
}

static void judge_distro(struct sheet *s, const struct facts *f)
{
    for (size_t i = 0; i < sizeof(distros) / sizeof(distros[0]); i++) {
        const struct distro *d = &distros[i];
        if (!slice_eq(f->distro, slice_str(d->id)))
            continue;
        bool known = version_number(f->distro_ver) >= d->from;
        add(s, known ? PREFLIGHT_OK : PREFLIGHT_STOP, "system",
            TEXT(s, "%.*s%s%s", SARG(f->distro_name), known ? "" : ": ", known ? "" : d->older),
            known ? SNONE
            : d->from % 100
                ? TEXT(s, "Use %s %u.%02u or later.", d->id, d->from / 100, d->from % 100)
                : TEXT(s, "Use %s %u or later.", d->id, d->from / 100));
        return;
    }
    add(s, PREFLIGHT_ADVICE, "system",
        TEXT(s, "%.*s: not tried", f->distro_name.n ? (int)f->distro_name.n : 14,
             f->distro_name.n ? f->distro_name.p : "unknown system"),
        S("Known to work: Debian 12, Ubuntu 22.04, RHEL 9 and its rebuilds, and later ones."));
}

static bool fqdn_good(struct slice name)
{
    size_t label = 0, dots = 0;
    if (name.n == 0 || name.n > 253 || slice_endsi(name, S(".localdomain")) ||
        slice_startsi(name, S("localhost")) || slice_endsi(name, S(".local")))
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (c == '.') {
            if (label == 0 || name.p[i - 1] == '-')
                return false;
            dots++;
            label = 0;
            continue;
        }
        if (!ascii_alpha(c) && !ascii_digit(c) && !(c == '-' && label > 0))
            return false;
        if (++label > 63)
            return false;
    }
    return dots > 0 && label > 0 && name.p[name.n - 1] != '-';
}

static void judge_name(struct sheet *s, const struct facts *f)
{
    struct slice domain = f->domain.n ? f->domain : S("example.org");
    struct slice rest = f->host;
    struct slice first = slice_cut(&rest, '.');
    if (!fqdn_good(TEXT(s, "%.*s.%.*s", SARG(first), SARG(domain))))
        first = S("mail");
    struct slice address = f->own_address.n ? f->own_address : S("192.0.2.1");
    if (!fqdn_good(f->fqdn)) {
        bool host_good = fqdn_good(f->host);
        add(s, PREFLIGHT_STOP, "host name",
            TEXT(s, "the host is called \"%.*s\", and its full name is %s%.*s%s", SARG(f->host),
                 f->fqdn.n ? "\"" : "unknown", SARG(f->fqdn), f->fqdn.n ? "\"" : ""),
            host_good
                ? TEXT(s, "echo '%.*s %.*s %.*s' | sudo tee -a /etc/hosts", SARG(address),
                       SARG(f->host), SARG(first))
                : TEXT(s,
                       "sudo hostnamectl set-hostname %.*s.%.*s && echo '%.*s %.*s.%.*s %.*s' | "
                       "sudo tee -a /etc/hosts",
                       SARG(first), SARG(domain), SARG(address), SARG(first), SARG(domain),
                       SARG(first)));
        return;
    }
    add(s, PREFLIGHT_OK, "host name", f->fqdn, SNONE);
    add(s, f->hosts_names_fqdn ? PREFLIGHT_OK : PREFLIGHT_ADVICE, "/etc/hosts",
        f->hosts_names_fqdn
            ? TEXT(s, "names %.*s", SARG(f->fqdn))
            : TEXT(s, "has no line that begins with an address and %.*s", SARG(f->fqdn)),
        f->hosts_names_fqdn ? SNONE
                            : TEXT(s, "echo '%.*s %.*s %.*s' | sudo tee -a /etc/hosts",
                                   SARG(address), SARG(f->fqdn), SARG(first)));
}

static void judge_record(struct sheet *s, const char *topic, enum dns_fact fact, struct slice name,
                         const char *kind, struct slice mend)
{
    static const char *const words[] = {[DNS_NOT_ASKED] = "not asked for",
                                        [DNS_FOUND] = "is there",
                                        [DNS_NONE] = "is missing",
                                        [DNS_FAILED] = "unknown: no name server answered"};
    add(s, fact == DNS_FOUND ? PREFLIGHT_OK : PREFLIGHT_ADVICE, topic,
        TEXT(s, "the %s record of %.*s %s", kind, SARG(name), words[fact]),
        fact == DNS_FOUND    ? SNONE
        : fact == DNS_FAILED ? S("Look at /etc/resolv.conf and the network.")
                             : mend);
}

static void judge_dns(struct sheet *s, const struct facts *f)
{
    if (f->dns_host != DNS_NOT_ASKED) {
        struct slice line = TEXT(s, "Add to the zone:  %.*s. A %.*s", SARG(f->fqdn),
                                 f->own_address.n ? (int)f->own_address.n : 13,
                                 f->own_address.n ? f->own_address.p : "THIS-ADDRESS");
        if (f->dns_host == DNS_FOUND && !f->dns_host_is_ours)
            add(s, PREFLIGHT_ADVICE, "address record",
                TEXT(s, "%.*s has an address that no interface here has", SARG(f->fqdn)),
                S("Right behind a router that forwards the ports; else correct the record."));
        else
            judge_record(s, "address record", f->dns_host, f->fqdn, "A or AAAA", line);
    }
    if (f->dns_mx != DNS_NOT_ASKED) {
        bool named = fqdn_good(f->fqdn);
        struct slice line = TEXT(s, "Add to the zone:  %.*s. MX 10 %s%.*s.", SARG(f->domain),
                                 named ? "" : "mail.", SARG(named ? f->fqdn : f->domain));
        if (f->dns_mx == DNS_FOUND && !f->mx_is_host)
            add(s, PREFLIGHT_ADVICE, "MX record",
                TEXT(s, "mail for %.*s goes to %.*s, not here", SARG(f->domain), SARG(f->mx_first)),
                line);
        else
            judge_record(s, "MX record", f->dns_mx, f->domain, "MX", line);
    }
    if (f->dns_domain != DNS_NOT_ASKED)
        judge_record(s, "domain record", f->dns_domain, f->domain, "A or AAAA",
                     S("Not needed for mail; browsers that are given the bare domain use it."));
}

static void judge_ports(struct sheet *s, const struct facts *f)
{
    if (f->taken.n)
        add(s, PREFLIGHT_STOP, "ports", TEXT(s, "in use: %.*s", SARG(f->taken)),
            S("Stop what listens there (sudo ss -ltnp shows it), or move ours: ports.NAME."));
    else if (f->forbidden.n)
        add(s, PREFLIGHT_STOP, "ports", TEXT(s, "not for this user: %.*s", SARG(f->forbidden)),
            S("Run the server as a service or as root (it drops its rights), or leave "
              "ports.low_offset at -1."));
    else
        add(s, PREFLIGHT_OK, "ports", S("free"), SNONE);
}

static void judge_rest(struct sheet *s, const struct facts *f)
{
    bool sane = f->now >= CLOCK_LEAST;
    bool good = sane && (f->clock_synchronised || !f->clock_known);
    add(s,
        good   ? PREFLIGHT_OK
        : sane ? PREFLIGHT_ADVICE
               : PREFLIGHT_STOP,
        "clock",
        !sane                   ? S("is years behind")
        : f->clock_synchronised ? S("synchronised")
        : f->clock_known        ? S("runs free: nothing synchronises it")
                                : S("plausible; whether it is synchronised cannot be seen here"),
        good ? SNONE : S("Install systemd-timesyncd or chrony."));
    add(s, f->entropy ? PREFLIGHT_OK : PREFLIGHT_STOP, "random numbers",
        f->entropy ? S("the kernel has them") : S("the kernel is still collecting"),
        f->entropy ? SNONE : S("Wait a minute after boot; in a virtual machine add virtio-rng."));
    add(s, f->open_files >= OPEN_FILES_LEAST ? PREFLIGHT_OK : PREFLIGHT_ADVICE, "open files",
        TEXT(s, "at most %llu", (unsigned long long)f->open_files),
        f->open_files >= OPEN_FILES_LEAST
            ? SNONE
            : TEXT(s, "Every connection is one; allow %d or more (ulimit -n, LimitNOFILE=).",
                   OPEN_FILES_LEAST));
}

void preflight_judge(const struct facts *f, const bool roles[ROLE_COUNT], struct arena *a,
                     struct preflight_line **ret, size_t *ret_n)
{
    struct sheet s = {.a = a, .lines = arena_new(a, struct preflight_line, LINES_MAX)};
    BUG_IF(!s.lines);
    judge_machine(&s, f);
    judge_room(&s, f, roles);
    judge_distro(&s, f);
    judge_name(&s, f);
    judge_dns(&s, f);
    judge_ports(&s, f);
    judge_rest(&s, f);
    *ret = s.lines;
    *ret_n = s.n;
}
