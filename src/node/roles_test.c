/* roles_test.c - the table of ports is whole, and what a node listens on follows from it. */
#include "node/roles.h"

#include <stdio.h>

#include "base/test.h"
#include "node/firewall.h"
#include "node/service.h"

static void set(const char *name, const char *value)
{
    struct err e = {0};
    struct setting *s = setting_find(slice_str(name));
    assert_non_null(s);
    if (setting_parse(s, slice_str(value), &e))
        fail_msg("%s", e.text);
}

static int reset(void **state)
{
    (void)state;
    for (struct setting *s = setting_first(); s; s = s->next)
        setting_reset(s);
    set("ports.low_offset", "0");
    return 0;
}

static size_t listeners(struct arena *a, struct role_listener **ret)
{
    size_t n;
    struct err e = {0};
    if (roles_listeners(a, ret, &n, &e))
        fail_msg("%s", e.text);
    return n;
}

static bool listens(const struct role_listener *rows, size_t n, unsigned port, const char *host)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].number == port && slice_eq(rows[i].host, slice_str(host)))
            return true;
    return false;
}

static void table_is_whole(void **state)
{
    (void)state;
    size_t n;
    const struct port *p = ports_all(&n);
    for (size_t i = 0; i < n; i++) {
        char full[64];
        snprintf(full, sizeof(full), "ports.%s", p[i].name);
        assert_ptr_equal(setting_find(slice_str(full)), p[i].setting);
        assert_true(p[i].setting->at_start);
        assert_true(p[i].first > 0 && p[i].first <= p[i].last);
        assert_int_equal(p[i].setting->def, p[i].audience == PORT_OFF ? 0 : p[i].first);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(p[i].name, p[k].name);
            assert_true(p[i].first > p[k].last || p[i].last < p[k].first);
        }
        /* What this program serves it must be able to name. */
        assert_true(p[i].state != PORT_SERVED || p[i].service < SERVICE_ENGINE);
        assert_non_null(service_name(p[i].service));
        assert_non_null(role_name(p[i].role));
    }
}

/* A row is SERVED when, and only when, service.c has a server for it. */
static void what_is_served_is_built(void **state)
{
    (void)state;
    size_t n, served = 0;
    const struct port *p = ports_all(&n);
    bool has_port[SERVICE_ENGINE] = {false};
    for (size_t i = 0; i < n; i++) {
        const struct node_service *s = service_find(p[i].service);
        if ((s != NULL) != (p[i].state == PORT_SERVED))
            fail_msg("%s: %s", p[i].name, s ? "built, and not SERVED" : "SERVED, and not built");
        if (!s)
            continue;
        served++;
        has_port[p[i].service] = true;
        assert_int_equal(s->service, p[i].service);
        assert_true(p[i].protocol == PORT_TCP && p[i].first == p[i].last);
    }
    assert_true(served >= 15);
    for (unsigned k = 0; k < SERVICE_ENGINE; k++)
        assert_true(has_port[k] == (service_find(k) != NULL));
}

static void single_node_keeps_inner_ports_on_loopback(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct role_listener *rows;
    size_t n = listeners(&a, &rows);
    static const unsigned outside[] = {25, 110, 143, 465, 587, 993, 995, 4190};
    static const unsigned inside[] = {7025, 7110, 7143, 7190, 7993, 7995, 9256};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        assert_true(listens(rows, n, outside[i], "0.0.0.0"));
        assert_true(listens(rows, n, outside[i], "::"));
    }
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        assert_true(listens(rows, n, inside[i], "127.0.0.1"));
        assert_true(listens(rows, n, inside[i], "::1"));
        assert_false(listens(rows, n, inside[i], "0.0.0.0"));
    }
    assert_int_equal(n, 2 * (8 + 7));
}

static void inner_address_waits_for_peers(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct role_listener *rows;
    set("listen.inside", "192.0.2.7");
    size_t n = listeners(&a, &rows);
    assert_true(listens(rows, n, 7025, "127.0.0.1"));
    assert_false(listens(rows, n, 7025, "192.0.2.7"));
    set("node.peers", "192.0.2.0/24");
    n = listeners(&a, &rows);
    assert_true(listens(rows, n, 7025, "192.0.2.7"));
    assert_false(listens(rows, n, 7025, "127.0.0.1"));
}

static void only_installed_roles_listen(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct role_listener *rows;
    set("node.roles", "mta");
    size_t n = listeners(&a, &rows);
    for (size_t i = 0; i < n; i++)
        assert_true(rows[i].port->role == ROLE_MTA || rows[i].port->role == ROLE_EVERY);
    assert_true(listens(rows, n, 25, "::"));
    set("node.roles", "mta mailman");
    struct err e = {0};
    assert_int_equal(roles_listeners(&a, &rows, &n, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    set("node.roles", "every");
    bool on[ROLE_COUNT];
    assert_int_equal(roles_installed(on, &e), -1);
}

static void ports_move_and_switch_off(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct role_listener *rows;
    set("ports.imap", "0");
    set("ports.smtp", "2525");
    set("ports.offset", "100");
    size_t n = listeners(&a, &rows);
    assert_false(listens(rows, n, 143, "::") || listens(rows, n, 243, "::"));
    assert_true(listens(rows, n, 2625, "::"));
    assert_true(listens(rows, n, 1093, "::"));
    assert_true(listens(rows, n, 7125, "::1"));
    set("ports.low_offset", "10000");
    n = listeners(&a, &rows);
    assert_true(listens(rows, n, 11093, "::"));
    assert_true(listens(rows, n, 7125, "::1"));
}

static void collisions_and_overflows_are_told(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct role_listener *rows;
    struct err e = {0};
    size_t n;
    set("ports.imaps", "143");
    assert_int_equal(roles_listeners(&a, &rows, &n, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    set("ports.imaps", "65535");
    set("ports.offset", "1");
    assert_int_equal(roles_listeners(&a, &rows, &n, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "localhost",
        "1.2.3",
        "10.0.0.0/33",
        "::1/129",
        "10.0.0.0/",
        "1.2.3.4/8x",
        "/8",
        ":::",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"};
    ARENA_SCOPE a = {0};
    struct network *nets;
    size_t n;
    struct err e = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(roles_networks(slice_str(bad[i]), &a, &nets, &n, &e), -1);
    assert_int_equal(roles_networks(S(" 10.0.0.0/8  2001:db8::/32 ::1 "), &a, &nets, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_true(!nets[0].v6 && nets[1].v6 && nets[2].v6);
    assert_int_equal(roles_networks(S(""), &a, &nets, &n, &e), 0);
    assert_int_equal(n, 0);
    struct role_listener *rows;
    set("listen.outside", "10.0.0.0/8");
    assert_int_equal(roles_listeners(&a, &rows, &n, &e), -1);
}

static void firewall_opens_what_listens(void **state)
{
    (void)state;
    BUF_SCOPE alone = {0};
    BUF_SCOPE many = {0};
    struct err e = {0};
    assert_int_equal(firewall_print(&alone, &e), 0);
    assert_true(slice_search(buf_slice(&alone),
                             S(" tcp dport { 25, 465, 587, 110, 143, 993, 995, 4190 } accept")) >
                0);
    assert_int_equal(slice_search(buf_slice(&alone), S("7025")), -1);
    assert_true(slice_search(buf_slice(&alone), S("@ssh6 tcp dport { 22 } accept")) > 0);
    set("node.peers", "192.0.2.0/24");
    set("firewall.ssh_from", "");
    assert_int_equal(firewall_print(&many, &e), 0);
    assert_true(slice_search(buf_slice(&many), S("ip saddr @nodes4 tcp dport { 9256, 7025, 7110, "
                                                 "7143, 7190, 7993, 7995, 22 } accept")) > 0);
    assert_int_equal(slice_search(buf_slice(&many), S("nodes6")), -1);
    assert_int_equal(slice_search(buf_slice(&many), S("ssh4")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(table_is_whole, reset),
        cmocka_unit_test_setup(what_is_served_is_built, reset),
        cmocka_unit_test_setup(single_node_keeps_inner_ports_on_loopback, reset),
        cmocka_unit_test_setup(inner_address_waits_for_peers, reset),
        cmocka_unit_test_setup(only_installed_roles_listen, reset),
        cmocka_unit_test_setup(ports_move_and_switch_off, reset),
        cmocka_unit_test_setup(collisions_and_overflows_are_told, reset),
        cmocka_unit_test_setup(addresses_are_checked, reset),
        cmocka_unit_test_setup(firewall_opens_what_listens, reset),
    };
    return RUN_TESTS(tests);
}
