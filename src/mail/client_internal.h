/* client_internal.h - the state of one session of the SMTP client, shared by client.c (session) and
   client_send.c (transactions). */
#pragma once

#include "mail/channel.h"
#include "mail/client.h"
#include "mail/route.h"
#include "proto/smtp/reply.h"

struct client {
    struct mail_client_message *m;
    const struct mail_hop *hop;
    struct channel *ch;
    struct smtp_caps caps;
    struct smtp_reply reply;
    struct buf in; /* read, not yet parsed */
    bool tls_failed, logged_in;
    bool lost;       /* nothing more can be said: closed, out of step, or told 421 */
    bool begun;      /* a transaction is to be ended by RSET before the next */
    bool text_begun; /* the server takes what is sent as the message */
    bool text_sent;  /* the end of a message is on its way and not answered */
    /* the form in which the message goes to this host */
    struct buf converted; /* p NULL: as it is */
    bool send_utf8, send_binary, send_8bit;
    bool only_7bit; /* RFC 6533 4.5 */
};

enum { CLIENT_PIECE = 64 * 1024 };

int64_t client_patience(void);
int client_write(struct client *c, struct buf *b, struct err *e);
int client_reply(struct client *c, int64_t ms, struct err *e);
int client_command(struct client *c, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The reply as it goes into logs, notifications and the row: one line without controls. */
struct slice client_one_line(struct client *c);
static inline unsigned client_class(const struct client *c)
{
    return c->reply.code / 100;
}

void client_set(struct mail_client_rcpt *r, enum mail_result result, const char *status,
                struct slice reply);
void client_set_by_reply(struct client *c, struct mail_client_rcpt *r);
/* Those that have no result yet. */
void client_set_pending(struct mail_client_rcpt *list, size_t n, enum mail_result result,
                        const char *status, const char *text);
bool client_any_pending(const struct mail_client_message *m);

/* Chooses the form of the message for what the host offers, converting it when that helps; false:
   it cannot have it, and every recipient has a result. */
bool client_fit(struct client *c);
uint64_t client_size(const struct client *c);

/* client_send.c: transactions until nobody is pending or the host takes no more in this session
   (RFC 9422 MAILMAX). */
int client_send_all(struct client *c, struct err *e);
