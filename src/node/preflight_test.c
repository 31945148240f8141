/* preflight_test.c - the judgement on made-up hosts: what stops, what is advice, what mends it. */
#include "node/preflight.h"

#include "base/test.h"

static struct facts good(void)
{
    return (struct facts){
        .machine = S("x86_64"),
        .address_bits = 64,
        .cores = 2,
        .memory = 2 * GiB,
        .disk_free = 20 * GiB,
        .disk_path = S("/var/lib"),
        .distro = S("debian"),
        .distro_ver = S("12"),
        .distro_name = S("Debian GNU/Linux 12"),
        .host = S("mail.example.org"),
        .fqdn = S("mail.example.org"),
        .domain = S("example.org"),
        .hosts_names_fqdn = true,
        .own_address = S("192.0.2.9"),
        .dns_host = DNS_FOUND,
        .dns_domain = DNS_FOUND,
        .dns_mx = DNS_FOUND,
        .dns_host_is_ours = true,
        .mx_is_host = true,
        .mx_first = S("mail.example.org"),
        .clock_synchronised = true,
        .clock_known = true,
        .now = 1800000000,
        .entropy = true,
        .open_files = 1 << 20,
    };
}

static const bool usual[ROLE_COUNT] = {
    [ROLE_EVERY] = true, [ROLE_DIRECTORY] = true, [ROLE_MESH] = true,
    [ROLE_MTA] = true,   [ROLE_MAILBOX] = true,   [ROLE_PROXY] = true};

/* The line of the topic; NULL when there is none. */
static const struct preflight_line *judge(const struct facts *f, const bool *roles,
                                          const char *topic, struct arena *a)
{
    struct preflight_line *lines;
    size_t n;
    preflight_judge(f, roles, a, &lines, &n);
    for (size_t i = 0; i < n; i++) {
        assert_true(lines[i].text.n > 0);
        assert_true((lines[i].verdict == PREFLIGHT_OK) == (lines[i].mend.n == 0));
        if (strcmp(lines[i].topic, topic) == 0)
            return &lines[i];
    }
    return NULL;
}

static void expect(const struct facts *f, const char *topic, enum preflight_verdict v,
                   const char *found, const char *mend)
{
    ARENA_SCOPE a = {0};
    const struct preflight_line *l = judge(f, usual, topic, &a);
    assert_non_null(l);
    if (l->verdict != v || slice_search(l->text, slice_str(found)) < 0 ||
        slice_search(l->mend, slice_str(mend)) < 0)
        fail_msg("%s: verdict %d, \"%.*s\", \"%.*s\"", topic, (int)l->verdict, SARG(l->text),
                 SARG(l->mend));
}

static void good_host_is_all_ok(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct facts f = good();
    struct preflight_line *lines;
    size_t n;
    preflight_judge(&f, usual, &a, &lines, &n);
    assert_true(n >= 10);
    for (size_t i = 0; i < n; i++)
        if (lines[i].verdict != PREFLIGHT_OK)
            fail_msg("%s: %.*s", lines[i].topic, SARG(lines[i].text));
}

static void room_depends_on_roles(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct facts f = good();
    f.memory = 400 * MiB;
    expect(&f, "memory", PREFLIGHT_STOP, "0.4 GiB; these roles need 0.5 GiB", "Add 0.1 GiB.");
    const bool mta[ROLE_COUNT] = {[ROLE_EVERY] = true, [ROLE_MTA] = true};
    assert_int_equal(judge(&f, mta, "memory", &a)->verdict, PREFLIGHT_OK);
    f.disk_free = 1 * GiB;
    expect(&f, "disk", PREFLIGHT_STOP, "1.0 GiB free in /var/lib; these roles need 10.0",
           "Add 9.0 GiB.");
    assert_int_equal(judge(&f, mta, "disk", &a)->verdict, PREFLIGHT_STOP);
    f = good();
    f.disk_bad = "NFS";
    expect(&f, "file system", PREFLIGHT_ADVICE, "NFS", "local disk");
    f.address_bits = 32;
    expect(&f, "processor", PREFLIGHT_STOP, "32 bits", "64-bit");
}

static void systems_are_known_by_version(void **state)
{
    (void)state;
    static const struct {
        const char *id, *version;
        enum preflight_verdict verdict;
        const char *mend;
    } rows[] = {
        {"debian", "12", PREFLIGHT_OK, ""},
        {"debian", "13", PREFLIGHT_OK, ""},
        {"debian", "11", PREFLIGHT_STOP, "Use debian 12 or later."},
        {"ubuntu", "22.04", PREFLIGHT_OK, ""},
        {"ubuntu", "24.04", PREFLIGHT_OK, ""},
        {"ubuntu", "20.04", PREFLIGHT_STOP, "Use ubuntu 22.04 or later."},
        {"rhel", "9.3", PREFLIGHT_OK, ""},
        {"rocky", "8.9", PREFLIGHT_STOP, "Use rocky 9 or later."},
        {"debian", "", PREFLIGHT_STOP, "Use debian 12"},
        {"arch", "", PREFLIGHT_ADVICE, "Debian 12"},
        {"", "", PREFLIGHT_ADVICE, "Debian 12"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct facts f = good();
        f.distro = slice_str(rows[i].id);
        f.distro_ver = slice_str(rows[i].version);
        expect(&f, "system", rows[i].verdict, "", rows[i].mend);
    }
    struct facts f = good();
    f.distro = S("ubuntu");
    f.distro_ver = S("20.04");
    expect(&f, "system", PREFLIGHT_STOP, "OpenSSL 1.1", "");
}

static void wrong_name_stops_with_the_command(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "localhost",
                                      "mail",
                                      "mail.localdomain",
                                      "-a.example",
                                      "localhost.x.org",
                                      "a..b",
                                      "a_b.example.org",
                                      "mail.example.org.",
                                      "mx.local",
                                      "a.example-",
                                      "mail.example.org;reboot"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct facts f = good();
        f.host = S("box");
        f.fqdn = slice_str(bad[i]);
        expect(
            &f, "host name", PREFLIGHT_STOP, "\"box\"",
            "sudo hostnamectl set-hostname box.example.org && echo '192.0.2.9 box.example.org box' "
            "| sudo tee -a /etc/hosts");
    }
    struct facts f = good();
    f.host = S("$(reboot)");
    f.fqdn = SNONE;
    expect(&f, "host name", PREFLIGHT_STOP, "reboot", "set-hostname mail.example.org &&");
    f = good();
    f.fqdn = SNONE;
    expect(&f, "host name", PREFLIGHT_STOP, "unknown",
           "echo '192.0.2.9 mail.example.org mail' | sudo tee -a /etc/hosts");
    f = good();
    f.hosts_names_fqdn = false;
    expect(&f, "/etc/hosts", PREFLIGHT_ADVICE, "no line", "192.0.2.9 mail.example.org mail");
}

static void records_are_told_line_by_line(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct facts f = good();
    f.dns_host = f.dns_mx = f.dns_domain = DNS_NONE;
    expect(&f, "address record", PREFLIGHT_ADVICE, "is missing", "mail.example.org. A 192.0.2.9");
    expect(&f, "MX record", PREFLIGHT_ADVICE, "is missing", "example.org. MX 10 mail.example.org.");
    expect(&f, "domain record", PREFLIGHT_ADVICE, "A or AAAA record of example.org is missing", "");
    f.dns_mx = DNS_FAILED;
    expect(&f, "MX record", PREFLIGHT_ADVICE, "no name server", "/etc/resolv.conf");
    f = good();
    f.dns_host_is_ours = f.mx_is_host = false;
    f.mx_first = S("mx.other.net");
    expect(&f, "address record", PREFLIGHT_ADVICE, "no interface here", "router");
    expect(&f, "MX record", PREFLIGHT_ADVICE, "goes to mx.other.net", "MX 10");
    f.dns_host = f.dns_mx = f.dns_domain = DNS_NOT_ASKED;
    assert_null(judge(&f, usual, "MX record", &a));
    assert_null(judge(&f, usual, "address record", &a));
}

static void the_rest_is_judged(void **state)
{
    (void)state;
    struct facts f = good();
    f.taken = S("25 (smtp)");
    expect(&f, "ports", PREFLIGHT_STOP, "in use: 25 (smtp)", "ss -ltnp");
    f.taken = SNONE;
    f.forbidden = S("25 (smtp)");
    expect(&f, "ports", PREFLIGHT_STOP, "not for this user", "low_offset");
    f.clock_synchronised = false;
    expect(&f, "clock", PREFLIGHT_ADVICE, "runs free", "timesyncd");
    f.clock_known = false;
    expect(&f, "clock", PREFLIGHT_OK, "plausible", "");
    f.now = 1000;
    expect(&f, "clock", PREFLIGHT_STOP, "years behind", "");
    f.entropy = false;
    expect(&f, "random numbers", PREFLIGHT_STOP, "", "virtio");
    f.open_files = 1024;
    expect(&f, "open files", PREFLIGHT_ADVICE, "1024", "4096");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_host_is_all_ok),
        cmocka_unit_test(room_depends_on_roles),
        cmocka_unit_test(systems_are_known_by_version),
        cmocka_unit_test(wrong_name_stops_with_the_command),
        cmocka_unit_test(records_are_told_line_by_line),
        cmocka_unit_test(the_rest_is_judged),
    };
    return RUN_TESTS(tests);
}
