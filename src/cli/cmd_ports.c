/* cmd_ports.c - carbonado ports: where this node listens, and what the table has besides. */
#include <jansson.h>

#include "cli/ask.h"
#include "cli/output.h"
#include "node/roles.h"

static const char *const tls_names[] = {
    [TLS_NONE] = "no", [TLS_START] = "starttls", [TLS_IMPLICIT] = "implicit"};
static const char *const protocol_names[] = {
    [PORT_TCP] = "tcp", [PORT_UDP] = "udp", [PORT_BOTH] = "tcp+udp"};

struct row {
    const struct port *port;
    uint16_t number;
    const char *state; /* listens, off, no-role, not-built, system */
};

static const char *state_of(const struct port *p, uint16_t number, const bool *roles)
{
    if (p->state == PORT_SYSTEM)
        return "system";
    if (p->state == PORT_LATER)
        return "not-built";
    if (!roles[p->role])
        return "no-role";
    return number ? "listens" : "off";
}

static const char *who(const struct port *p)
{
    if (p->state == PORT_SYSTEM)
        return "-";
    if (p->audience == PORT_NODES)
        return setting_text(&set_node_peers)[0] ? "nodes" : "loopback";
    return "anybody";
}

static json_t *row_json(const struct row *r)
{
    const struct port *p = r->port;
    json_t *o =
        json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", p->name, "port",
                  r->number, "last", r->number ? r->number + (p->last - p->first) : 0, "protocol",
                  protocol_names[p->protocol], "role", role_name(p->role), "service",
                  service_name(p->service), "tls", tls_names[p->tls], "reached_by", who(p), "state",
                  r->state, "text", p->text);
    BUG_IF(!o);
    return o;
}

static void row_print(const struct row *r)
{
    const struct port *p = r->port;
    char number[16] = "-";
    if (r->number && p->last > p->first)
        snprintf(number, sizeof(number), "%u-%u", r->number, r->number + (p->last - p->first));
    else if (r->number)
        snprintf(number, sizeof(number), "%u", r->number);
    printf("%-12s %-8s %-10s %-19s %-9s %-9s %-10s %s\n", number, protocol_names[p->protocol],
           role_name(p->role), p->name, tls_names[p->tls], who(p), r->state, p->text);
}

static int run(struct cli *c)
{
    ARENA_SCOPE a = {0};
    struct role_listener *listeners;
    struct err e = {0};
    bool roles[ROLE_COUNT], all = cli_option(c, "--all") != NULL;
    size_t n, listeners_n;
    const struct port *ports = ports_all(&n);
    ask_low_ports(c);
    /* The same questions that the server asks at start: a conflict is told here too. */
    if (roles_installed(roles, &e) || roles_listeners(&a, &listeners, &listeners_n, &e))
        return cli_fail(c, &e);
    json_t *list = json_array();
    if (!c->json)
        printf("%-12s %-8s %-10s %-19s %-9s %-9s %-10s %s\n", "PORT", "PROTOCOL", "ROLE", "NAME",
               "TLS", "REACHED", "STATE", "WHAT");
    for (size_t i = 0; i < n; i++) {
        struct row r = {.port = &ports[i]};
        if (port_number(r.port, &r.number, &e) && roles[r.port->role])
            return cli_fail(c, &e);
        r.state = state_of(r.port, r.number, roles);
        if (!all && strcmp(r.state, "listens"))
            continue;
        if (c->json)
            json_array_append_new(list, row_json(&r));
        else
            row_print(&r);
    }
    unsigned low = port_low_offset();
    if (c->json)
        cli_print_json(list);
    else if (low)
        printf("\nPorts under 1024 are moved by %u (ports.low_offset).\n", low);
    json_decref(list);
    return CLI_OK;
}

static const struct cli_option options[] = {
    {"--all", NULL, "Ports that are off, of other roles, and not built yet as well"},
    {0},
};

const struct cli_command cmd_ports = {
    .name = "ports",
    .args = "",
    .summary = "Print the ports on which this node listens",
    .help =
        "Each port has a setting ports.NAME with another number, or 0 for off; ports.offset moves\n"
        "all. Ports under 1024 are moved by 10000 (ports.low_offset) where the server that runs\n"
        "was started by an ordinary user; while none runs, where you are one.",
    .options = options,
    .flags = CLI_JSON,
    .run = run,
};
