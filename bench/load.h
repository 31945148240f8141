/* load.h - the load generator: one epoll loop, N connections, one driver a protocol. A driver is
   told of lines and literal bytes, sends with conn_send(), and reports each operation that the
   server acknowledged with load_done(). Nothing else is counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/err.h"

struct conn;

struct driver {
    const char *name;
    const char *port_env;     /* which CARBONADO_PORT_ variable has the port */
    const char *port_env_tls; /* with --tls; NULL: none */
    void (*line)(struct conn *c, struct slice line); /* without its CRLF */
    void (*data)(struct conn *c, struct slice part); /* bytes of a literal, in pieces */
    void (*go)(struct conn *c);                      /* all connections are ready: begin */
    bool (*prepare)(struct conn *c, unsigned step);  /* IMAP: load_imap.h */
    bool waits; /* the connections never finish: it is over after --seconds */
};

struct conn {
    int fd;
    SSL *ssl;
    unsigned id; /* 0 .. connections - 1 */
    bool open, ready, done, again, want_write;
    int tls_phase; /* 0 none, 1 shaking hands, 2 established */
    unsigned state;
    struct buf in, out;
    size_t out_at;
    uint64_t literal; /* bytes of a literal still to come */
    int64_t began;    /* of the operation under way, microseconds */
    /* for the drivers */
    uint64_t seq; /* of the message under way */
    unsigned tag, left, waiting;
    uint64_t seen, bytes, bad;
    uint32_t exists;
    bool may_fail;   /* the command of the preparation that is under way */
    struct buf body; /* a literal, or a POP3 message, while it is collected */
};

/* What was asked for. */
struct load {
    const struct driver *driver;
    const char *command;
    const char *host, *user_format, *password, *box, *to, *what, *json, *eml, *label;
    unsigned port, conns, users, rcpts, multi, pipeline, messages;
    uint64_t count; /* operations; 0: until the time is over */
    double seconds; /* 0: until the count is reached */
    uint64_t seed;
    double median, mean;             /* sizes of the messages */
    bool tls, refusals, idle_select; /* select: SELECT (and IDLE) after the login */
    unsigned pids[16], pid_count;
    /* how it goes */
    SSL_CTX *tls_context;
    struct conn *all;
    unsigned ready, finished, opened;
    bool running, failed;
    uint64_t next_seq;
    int64_t began, ended, deadline, last_progress;
    uint64_t ops, bytes, items, errors, first_us, ack_us;
    uint32_t *times; /* microseconds, one an operation */
    size_t times_cap;
    char error[300]; /* the first */
};
extern struct load load;

/* load_loop.c */
int loop_open(unsigned count); /* the connections; -1 with load.error */
void loop_run(int64_t until_us, bool (*enough)(void));
void loop_flush(void); /* what the drivers sent outside an event */
void loop_close(void);
void conn_send(struct conn *c, struct slice s);
void conn_sendf(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conn_ready(struct conn *c);  /* logged in; driver->go comes when all are */
void conn_finish(struct conn *c); /* nothing more to do: the connection is closed */
void conn_again(struct conn *c);  /* this connection ends, another takes its place */
void conn_fail(struct conn *c, const char *what, struct slice got);

/* load.c: the count and the clock */
bool load_take(uint64_t *seq); /* the number of the next message, or false: it is over */
bool load_over(void);
void load_begin(struct conn *c);                /* an operation begins now */
void load_done(struct conn *c, uint64_t bytes); /* and is acknowledged */
void load_settle(void); /* what comes now is checked, but no longer measured */
void load_error(const char *what, struct slice got);
const char *load_user(unsigned n, char *out, size_t size); /* n counts from 0 */

/* load_mix.c: messages */
struct load_message {
    char head[512]; /* per message: trace, Message-ID, X-Load; ends in CRLF */
    size_t head_n;
    struct slice rest;        /* the shared remainder, ends in CRLF */
    struct slice rest_dotted; /* the same with its dots doubled */
};
int mix_init(uint64_t seed, const char *eml_folder, struct err *e);
void mix_message(uint64_t seq, struct load_message *m);
uint64_t mix_random(uint64_t *state);
bool mix_verify(struct slice message); /* is it one of ours, whole and unchanged? */

/* load_proc.c: what the server used */
struct proc_use {
    double cpu;   /* seconds, children that ended included */
    uint64_t pss; /* KiB */
    uint64_t rss;
    unsigned processes, threads;
    uint64_t tcp;    /* KiB of socket memory, whole machine */
    uint64_t kernel; /* KiB of slab, kernel stacks and page tables, whole machine */
    uint64_t syncs;  /* what bench/syncs.c counted, when the server runs with it */
};
void proc_read(const unsigned *pids, unsigned n, bool with_memory, struct proc_use *ret);

/* load_change.c */
bool change_find(void); /* the change that --what names */

/* load_report.c */
void report(const struct proc_use *before, const struct proc_use *after);

extern const struct driver load_lmtp, load_smtp, load_append, load_meta, load_bodies, load_mix,
    load_idle, load_pop3, load_change, load_login, load_announce;
