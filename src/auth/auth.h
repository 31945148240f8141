/* auth.h - is it really them? Passwords, SASL mechanisms, throttling. All calls may block and take
   time (argon2id): run them at PLACE_CPU. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Who has logged in. */
struct identity {
    uint64_t account;
    char address[320]; /* primary address of the account acted for */
    uint64_t flags;    /* enum account_flags */
    bool delegated;    /* authzid differs from authcid (administrators) */
    /* After ERR_AUTH: how long the server should hold its answer back, with a timer of its loop and
       not on the thread of the job. Grows with recent failures of the account and address. */
    unsigned delay_ms;
};

/* Once at start: reads or makes DIR/auth.secret (32 bytes, mode 0600), from which the salts are
   made that SCRAM shows for accounts that do not exist. Without it they change at every start. */
int auth_open(const char *dir, struct err *e);

/* From where, over what. Slices borrowed. */
struct auth_peer {
    struct slice service; /* "imap", "pop3", "smtp" */
    struct slice address; /* of the client */
    bool tls;
    bool plain_ok;                  /* TLS, or loopback with auth.plain_on_loopback */
    struct slice binding_exporter;  /* tls-exporter data; empty: none */
    struct slice binding_end_point; /* tls-server-end-point data; empty: none */
    struct slice binding_unique;    /* tls-unique data, below TLS 1.3; empty: none */
};

/* Appends a name or password as RFC 4013 (SASLprep) has it; false: it is not UTF-8, has characters
   that may not be in it, or is too long. `out` is wiped by the caller. */
bool auth_prepare(struct slice in, struct buf *out);

/* Name and password. ERR_AUTH: wrong (one text for all reasons, equal in time whether or not the
   account exists; see delay_ms); ERR_BUSY: too many failures lately or hash queue full; ERR_NOPERM:
   no plain text on this connection. */
int auth_password(const struct auth_peer *peer, struct slice name, struct slice password,
                  struct identity *ret, struct err *e);

/* Sets the password: hash, and the SCRAM verifier unless auth.scram = no. ERR_LIMIT: shorter than
   auth.password_min or longer than 1024. */
int auth_set_password(uint64_t account, struct slice password, struct err *e);

/* --- SASL ----------------------------------------------------------------------------------- */
struct sasl;

/* "PLAIN LOGIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS": those that may be used on this connection now,
   separated by a space, each behind `prefix` ("AUTH=" for IMAP, "" for SMTP and POP3). */
void sasl_list(const struct auth_peer *peer, const char *prefix, struct buf *out);

/* NULL and ERR_UNSUPPORTED for a mechanism not in the list (ERR_NOPERM when only TLS is missing).
 */
struct sasl *sasl_new(const struct auth_peer *peer, struct slice mechanism, struct err *e);
void sasl_free(struct sasl *s);
bool sasl_client_first(const struct sasl *s); /* an initial response is expected */

enum sasl_result { SASL_MORE, SASL_OK, SASL_FAIL };
/* One message of the client, decoded from base 64; in.p == NULL for "no initial response". MORE:
   send `out` as a challenge (may be empty). OK: *ret is set; when out.n, it is final server data
   that must be sent with the success or as a last challenge. FAIL: e says why. */
enum sasl_result sasl_step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                           struct err *e);
