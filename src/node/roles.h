/* roles.h - which roles this node has, and so which ports it listens on. The rows are in ports.def;
   listeners, firewall rules, `carbonado ports` and the documentation come from them. Every row has
   a setting ports.NAME: another number, or 0 for off. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/setting.h"
#include "io/listener.h"

/* MESH is the server part of the mesh; it comes with the directory. EVERY: any node. */
enum role {
    ROLE_EVERY,
    ROLE_DIRECTORY,
    ROLE_MESH,
    ROLE_DATABASE,
    ROLE_MTA,
    ROLE_MAILBOX,
    ROLE_PROXY,
    ROLE_VIDEO,
    ROLE_COUNT
};

enum service {
    SERVICE_SMTP,
    SERVICE_SUBMISSION,
    SERVICE_LMTP,
    SERVICE_IMAP,
    SERVICE_POP3,
    SERVICE_METRICS,
    SERVICE_HTTP,
    SERVICE_SIEVE,
    SERVICE_XMPP,
    SERVICE_LDAP,
    SERVICE_MILTER,
    SERVICE_LOOKUP,
    SERVICE_SASL,
    SERVICE_MAILBOX,
    SERVICE_ENGINE, /* an engine or the system listens, not this program */
};

enum port_protocol { PORT_TCP = 1, PORT_UDP = 2, PORT_BOTH = 3 };
enum port_audience {
    PORT_OUTSIDE, /* anybody */
    PORT_NODES,   /* the other nodes; loopback only while there is none */
    PORT_OFF,     /* as outside, and off until the setting gives a number */
};
enum port_state { PORT_SERVED, PORT_LATER, PORT_SYSTEM };

struct port {
    const char *name;
    enum role role;
    uint16_t first, last;
    enum port_protocol protocol;
    enum tls_mode tls;
    enum service service;
    enum port_audience audience;
    enum port_state state;
    const char *text;
    struct setting *setting;
};

const struct port *ports_all(size_t *ret_n); /* sorted as in ports.def */
const char *role_name(enum role r);
const char *service_name(enum service s);

/* What node.roles names. ERR_SYNTAX for a word that is no role. */
int roles_installed(bool ret[ROLE_COUNT], struct err *e);

/* The number that the first port of the row has here, 0 when it is off: the setting, moved by
   ports.low_offset when it is under 1024, and by ports.offset. ERR_LIMIT over 65535. */
int port_number(const struct port *p, uint16_t *ret, struct err *e);
/* What is added to ports under 1024: ports.low_offset, or, at -1, PORT_LOW_OFFSET for a process
   that may not listen there. */
unsigned port_low_offset(void);
enum { PORT_LOW_OFFSET = 10000 };

/* The networks of node.peers: "192.0.2.0/24 2001:db8::7". ERR_SYNTAX for what is none. */
struct network {
    struct slice text;
    bool v6;
};
int roles_networks(struct slice list, struct arena *a, struct network **ret, size_t *ret_n,
                   struct err *e);

/* One row for each address that a served port of an installed role listens on. ERR_CONFLICT when
   two rows come to the same number. */
struct role_listener {
    const struct port *port;
    uint16_t number;
    struct slice host;
};
int roles_listeners(struct arena *a, struct role_listener **ret, size_t *ret_n, struct err *e);

SETTING_DECLARE(node, roles);
SETTING_DECLARE(node, peers);
SETTING_DECLARE(ports, offset);
SETTING_DECLARE(ports, low_offset);
SETTING_DECLARE(listen, outside);
SETTING_DECLARE(listen, inside);
