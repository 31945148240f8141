/* load_imap.h - what the IMAP loads share: log in, run the commands of driver->prepare, be ready;
   then the driver works, and at the end logs out. */
#pragma once

#include "load.h"

/* conn.state of an IMAP connection */
enum { IMAP_GREETING, IMAP_PREPARE, IMAP_READY, IMAP_WORK, IMAP_LOGOUT };

/* driver->prepare(c, step) sends the command of a step (0, 1, ...) with imap_command(), or returns
   false: there is none left. One that may be refused (CREATE of what is there) sets c->may_fail. */

void imap_command(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void imap_login(struct conn *c);
void imap_over(struct conn *c); /* LOGOUT */

/* A line of a connection that does not work: dealt with, true. */
bool imap_common(struct conn *c, struct slice line);

/* Is it the tagged reply to the last command? */
bool imap_is_reply(struct conn *c, struct slice line, bool *ret_ok);

/* "* 7 EXISTS" and its like: the number. */
bool imap_count(struct slice line, struct slice name, uint32_t *ret);

/* A literal announced at the end of a line: the loop then gives its bytes to data(). */
void imap_literal(struct conn *c, struct slice line);

#define IMAP_PORTS .port_env = "CARBONADO_PORT_IMAP", .port_env_tls = "CARBONADO_PORT_IMAPS"
