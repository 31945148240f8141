/* conn.h - a connection: TCP or unix socket, optional PROXY header, TLS and DEFLATE, in that order
   from the wire. All calls are made on the connection's loop. Idle connections own no buffers.

   Input is pushed: ops->input gets what arrived and returns how many bytes it took. What it leaves
   is kept (to io.pending_max) and offered again, in front of new bytes, when more arrives or on
   conn_resume. A server that handles one command at a time pauses while a job runs; a paused
   connection is not read from, except to notice that the peer has gone. Nor is one with more than
   io.output_high unsent, so that who never reads our replies cannot make us produce them.

   Callbacks never come from inside a call of this header: closed() follows conn_close and
   conn_abort in a later step of the loop. After conn_close or conn_abort no callback but drained()
   and closed() comes. A peer that half-closes (sends its last commands and then end of file) still
   gets the replies to all of them: the end is seen after everything before it was taken in, the
   connection not being paused; then what is unsent is sent, and closed(CONN_END_PEER) comes. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct conn;
struct loop;
struct sockaddr;

enum conn_end {
    CONN_END_PEER,    /* the peer closed or reset */
    CONN_END_LOCAL,   /* conn_close or conn_abort */
    CONN_END_TIMEOUT, /* never reads our output, TLS handshake too slow */
    CONN_END_TLS,     /* handshake or record error */
    CONN_END_STOP,    /* the server stops */
};

struct conn_ops {
    void (*opened)(struct conn *c); /* after PROXY and implicit TLS: say hello here */
    size_t (*input)(struct conn *c, struct slice in);
    void (*secured)(struct conn *c);       /* STARTTLS handshake finished; may be NULL */
    void (*drained)(struct conn *c);       /* output fell to zero; may be NULL */
    void (*idle)(struct conn *c);          /* conn_timeout passed without input */
    struct slice (*login)(struct conn *c); /* who has logged in, for conns_each; may be NULL */
    void (*stopping)(struct conn *c);      /* the server stops: say bye and close; may be NULL */
    void (*closed)(struct conn *c, enum conn_end why,
                   const char *text); /* last call; c goes after */
};

/* --- state -------------------------------------------------------------------------------- */
void conn_set_user(struct conn *c, void *user);
void *conn_user(struct conn *c);
void *conn_service(struct conn *c); /* what the listener was given */
struct loop *conn_loop(struct conn *c);
struct slice conn_peer(struct conn *c); /* "192.0.2.1" or "2001:db8::1" or "local" */
unsigned conn_peer_port(struct conn *c);
/* The address the peer connected to, as conn_peer tells the other. */
enum { CONN_ADDRESS = 46 };
void conn_local(struct conn *c, char ret[CONN_ADDRESS]);
unsigned conn_local_port(struct conn *c);
bool conn_is_loopback(struct conn *c);                /* of the peer, after PROXY */
const struct sockaddr *conn_sockaddr(struct conn *c); /* of the peer, after PROXY */
int conn_peer_uid(struct conn *c, unsigned *ret_uid); /* unix sockets only, else -1 */
struct slice conn_listener(struct conn *c);           /* "imaps"; "" for outgoing ones */
uint64_t conn_id(struct conn *c);                     /* unique while the process lives */
/* Before the first connection: which of `of` processes this is, for numbers that only it gives. */
void conn_ids_of(unsigned process, unsigned of);

/* --- output ------------------------------------------------------------------------------- */
/* Copies; sent at the end of the loop's turn. Output over io.output_max ends the connection. */
void conn_write(struct conn *c, struct slice s);
void conn_printf(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes the memory; *b is empty after. One that failed ends the connection. */
void conn_write_buf(struct conn *c, struct buf *b);
size_t conn_unsent(struct conn *c);

/* --- flow --------------------------------------------------------------------------------- */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c); /* offers kept bytes again, from the loop's next turn */
void conn_timeout(struct conn *c, int64_t ms); /* idle() after so long without input; 0: never */
void conn_close(struct conn *c);               /* flushes, then closes; no more input */
void conn_abort(struct conn *c);

/* --- TLS and compression ------------------------------------------------------------------- */
bool conn_can_tls(struct conn *c); /* the listener offers it and it is not on yet */
bool conn_is_tls(struct conn *c);
/* Call from input() for the command, after writing the go-ahead. Bytes that came in plain text
   behind the command are thrown away, or end the connection: they are never answered. */
void conn_starttls(struct conn *c);
struct slice conn_tls_summary(struct conn *c); /* "TLSv1.3 TLS_AES_256_GCM_SHA384", "" in plain */
struct slice conn_tls_sni(struct conn *c);
struct slice conn_tls_alpn(struct conn *c);
/* Channel binding data: "tls-exporter" (RFC 9266), "tls-server-end-point" and
   "tls-unique" (RFC 5929; below TLS 1.3). -1: none. */
int conn_tls_binding(struct conn *c, struct slice type, struct buf *out);
void conn_compress(struct conn *c); /* DEFLATE both ways from here on (RFC 4978); bounded */
bool conn_is_compressed(struct conn *c);

/* --- outgoing ----------------------------------------------------------------------------- */
struct conn_connect {
    const struct sockaddr *to;
    const struct conn_ops *ops;
    void *user;
    void *service;         /* what conn_service will say */
    int64_t connect_ms;    /* time for connect */
    bool tls;              /* TLS from the first byte */
    struct slice tls_name; /* SNI and, when verify, the name to match; copied */
    bool verify;
};
/* opened() or closed() follows, never from inside this call. */
/* Called on the loop l. */
struct conn *conn_connect(struct loop *l, const struct conn_connect *how, struct err *e);
/* Then secured(), or closed(CONN_END_TLS). Bytes that came behind the go-ahead in plain text end
   the connection. */
void conn_start_client_tls(struct conn *c, struct slice name, bool verify);

/* --- for operators ------------------------------------------------------------------------- */
struct conn_info {
    uint64_t id;
    char listener[32]; /* "imaps"; "" for outgoing ones */
    char peer[CONN_ADDRESS];
    unsigned peer_port;
    char login[320]; /* empty before a login */
    char tls[64];    /* conn_tls_summary */
    bool compressed;
    int64_t open_ms, silent_ms;   /* since when; since the last input */
    uint64_t bytes_in, bytes_out; /* on the wire */
    size_t unsent;
};

/* Every connection of every loop, one loop after the other; fn runs on the loops, must be quick,
   and returns non-zero to stop. Not from a loop's thread. */
void conns_each(int (*fn)(const struct conn_info *, void *arg), void *arg);

/* The same for the current loop, on its own thread. */
void conns_each_here(int (*fn)(const struct conn_info *, void *arg), void *arg);

/* What a loop does now, for a state dump. Waits no longer than wait_ms: a loop that does not answer
   is what the dump is for. Not from a loop's thread. */
enum { LOOP_LOOK_ROWS = 64 };
struct loop_now {
    bool answered; /* false: nothing else is known */
    int64_t answer_us;
    size_t conns, ready, dirty, timers, unsent;
    size_t rows_n; /* the first connections of it */
    struct conn_info rows[LOOP_LOOK_ROWS];
};
void loop_look(unsigned index, int64_t wait_ms, struct loop_now *ret);
