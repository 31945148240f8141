/* conn_internal.h - the connection as conn*.c share it.

   From the wire inwards: loop->wire (what recv gave, in the loop's read_buf, the rest kept in
   `keep`), TLS (a BIO that reads `wire` and writes to wire_buf), DEFLATE, then `pending`: what the
   server left. Outwards: `out` (chunks that the server wrote), DEFLATE, TLS, wire_buf of the loop,
   and `wire_out` for what the socket did not take. */
#pragma once

#include <netinet/in.h>
#include <uv.h>

#include "base/buf.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop_internal.h"

enum conn_state {
    CONN_CONNECTING, /* outgoing, TCP */
    CONN_PROXY,      /* the PROXY header is due */
    CONN_HANDSHAKE,  /* TLS */
    CONN_OPEN,
    CONN_FLUSHING, /* conn_close or end of file: output goes out, no more input */
    CONN_LINGER,   /* closed() is done, our end is shut: waits for the peer's */
};

struct out_chunk {
    struct out_chunk *next;
    char *p;
    size_t at, n, cap; /* unsent: at to n */
};

struct conn_tls;
struct conn_zip;
struct sockaddr_small {
    union {
        struct sockaddr sa;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

struct conn {
    uv_poll_t poll;
    struct loop *loop;
    struct link all, ready, dirty;
    struct timer timer;
    const struct conn_ops *ops;
    void *user, *service;
    const struct listener *listener; /* NULL: outgoing */
    struct peer_count *counted;      /* peers.c */
    uint64_t id;
    uint64_t bytes_in, bytes_out; /* on the wire */
    int64_t opened;               /* clock_mono_ms */
    int fd;
    uint32_t lingered; /* bytes thrown away since our end is shut */
    uint32_t idle_ms;
    uint8_t state;
    uint8_t why;     /* enum conn_end, once ending or flushing */
    bool ending : 1; /* closed() is due */
    bool paused : 1, offer : 1, eof : 1, half_closed : 1, in_input : 1;
    bool poll_read : 1, poll_write : 1;
    bool is_unix : 1, starttls : 1;
    bool tls_wanted : 1;            /* STARTTLS: when the output is gone */
    bool tls_on : 1, tls_freed : 1; /* tls_on: bytes go through TLS from here on */
    struct sockaddr_small peer, local;
    char peer_text[CONN_ADDRESS];
    char *end_text;
    int64_t last_in,
        last_out;     /* clock_mono_ms; last_out: of progress or of the first byte unsent */
    int64_t deadline; /* of connecting, handshake, linger; 0: none */

    struct buf keep, pending;

    struct out_chunk *out, *out_last;
    size_t out_n, out_plain; /* unsent in chunks; of these the first so many are not deflated */
    struct buf wire_out;
    struct conn_tls *tls;
    struct conn_zip *zip;
};

/* conn.c */
struct conn *conn_new(struct loop *l, int fd, const struct conn_ops *ops, struct err *e);
void conn_accepted(struct loop *l, int fd, const struct listener *li, struct peer_count *counted,
                   const struct sockaddr *peer);
void conn_open(struct conn *c);     /* the first step after connecting: PROXY, TLS or opened() */
void conn_greeting(struct conn *c); /* after PROXY: TLS or opened() */
void conn_end(struct conn *c, enum conn_end why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void conn_ready(struct conn *c);
void conn_dirty(struct conn *c);
void conn_want_read(struct conn *c, bool on);
void conn_want_write(struct conn *c, bool on);
void conn_set_deadline(struct conn *c, int64_t ms);
void conn_arm(struct conn *c); /* looks at all deadlines again */
void conn_set_peer(struct conn *c, const struct sockaddr *peer, const struct sockaddr *local);
bool conn_blocked(const struct conn *c); /* no input now */

/* conn_in.c */
void conn_readable(struct conn *c);
void conn_take_input(struct conn *c); /* everything at hand through the layers */
void conn_peer_done(struct conn *c);  /* no more input will come: flush and close */
void conn_lingering(struct conn *c);

/* conn_out.c */
void conn_flush(struct conn *c);
void wire_put(struct conn *c, struct slice s); /* between a layer's work and wire_end */
void wire_end(struct conn *c);
void conn_out_free(struct conn *c);

/* conn_proxy.c: -1 when more is needed or the connection ends, 0 when the header is through. */
int proxy_step(struct conn *c);

/* conn_tls.c */
void conn_tls_begin(struct conn *c); /* server or client side by c->tls */
int conn_tls_handshake(struct conn *c);
/* 1: *ret has bytes (in loop->plain_buf); 0: more is needed; -1: ended or end of file. */
int conn_tls_pull(struct conn *c, struct slice *ret);
void conn_tls_put(struct conn *c, struct slice s);
void conn_tls_shutdown(struct conn *c);
void conn_tls_quiet(struct conn *c);
void conn_tls_free(struct conn *c);
void conn_tls_client(struct conn *c, struct slice name, bool verify);
int conn_tls_pending(struct conn *c);

/* conn_zip.c */
int conn_zip_pull(struct conn *c, struct slice *ret); /* like conn_tls_pull, in loop->zip_buf */
void conn_zip_put(struct conn *c, struct slice s, bool flush);
void conn_zip_keep(struct conn *c, struct slice s); /* bytes that came behind the command */
void conn_zip_settle(struct conn *c);               /* borrowed input is copied */
void conn_zip_free(struct conn *c);
/* The layer below DEFLATE. */
int conn_plain_pull(struct conn *c, struct slice *ret);
void conn_plain_put(struct conn *c, struct slice s);
