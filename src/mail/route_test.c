/* route_test.c - which hosts take the mail of a domain, by a file of records: RFC 5321 5.1. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/setting.h"
#include "io/resolver.h"
#include "mail/route.h"

extern struct setting set_io_dns_hosts, set_mail_hostname, set_mail_own_names, set_mail_smarthost;

static char path[] = "/tmp/carbonado-route-XXXXXX";

static const char records[] = "mx two.example 20 b.example\n"
                              "mx two.example 10 a.example\n"
                              "mx ours.example 10 a.example\n"
                              "mx ours.example 20 b.example\n"
                              "mx ours.example 20 alias.me.example\n"
                              "mx ours.example 30 c.example\n"
                              "mx nat.example 10 a.example\n"
                              "mx nat.example 20 b.example\n"
                              "mx nat.example 20 nat-of.example\n"
                              "mx nat.example 30 c.example\n"
                              "mx first.example 10 me.example\n"
                              "mx dead.example 10 nothing.example\n"
                              "mx null.example 0 .\n"
                              "a dead.example 203.0.113.9\n"
                              "a a.example 203.0.113.1\n"
                              "a b.example 203.0.113.2\n"
                              "a c.example 203.0.113.3\n"
                              "a bare.example 203.0.113.4\n"
                              "a nat-of.example 198.51.100.7\n"
                              "a alias.me.example 203.0.113.5\n"
                              "a loop.example 127.0.0.1\n";

static void set(struct setting *s, const char *value)
{
    struct err e = {0};
    if (setting_parse(s, slice_str(value), &e))
        fail_msg("%s", e.text);
}

/* "address address", or the error's text. */
static const char *route(const char *domain)
{
    static char out[512];
    ARENA_SCOPE a = {0};
    struct mail_hop *hops;
    struct err e = {0};
    size_t n = 0, at = 0;
    out[0] = '\0';
    if (mail_route(slice_str(domain), &a, &hops, &n, &e))
        snprintf(out, sizeof(out), "%.6s", e.text);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s", i ? " " : "", hops[i].text);
    return out;
}

static void by_preference(void **state)
{
    (void)state;
    assert_string_equal(route("two.example"), "203.0.113.1:25 203.0.113.2:25");
    assert_string_equal(route("bare.example"), "203.0.113.4:25");
    assert_string_equal(route("[203.0.113.77]"), "203.0.113.77:25");
    assert_string_equal(route("null.example"), "5.1.10");
    assert_string_equal(route("dead.example"), "5.1.2 "); /* its own address does not count */
    assert_string_equal(route("none.example"), "5.1.2 ");
}

static void not_behind_ourselves(void **state)
{
    (void)state;
    assert_string_equal(route("ours.example"), "203.0.113.1:25");
    assert_string_equal(route("nat.example"), "203.0.113.1:25");
    assert_string_equal(route("first.example"), "5.4.6 ");
    assert_string_equal(route("loop.example"), "5.4.6 ");
    set(&set_mail_own_names, "");
    assert_string_equal(route("bare.example"), "203.0.113.4:25");
    const char *all = route("nat.example");
    assert_int_equal(strlen(all),
                     strlen("203.0.113.1:25 203.0.113.2:25 203.0.113.3:25 198.51.100.7:25"));
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    if (fd < 0 || fd_write_all(fd, records, strlen(records)) || close(fd))
        return -1;
    set(&set_io_dns_hosts, path);
    set(&set_mail_hostname, "me.example");
    set(&set_mail_own_names, "other.example alias.me.example 198.51.100.7");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    resolver_done();
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_preference),
        cmocka_unit_test(not_behind_ourselves),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
