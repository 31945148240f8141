/* internal.h - the parts of auth/ between themselves. */
#pragma once

#include "auth/auth.h"
#include "directory/directory.h"

enum { AUTH_NAME_MAX = 320, AUTH_PASSWORD_MAX = 1024, AUTH_KEY = 32 };
/* Most bytes that auth_prepare() makes. */
enum { AUTH_PREPARED = 4 * (AUTH_PASSWORD_MAX + 1) };

/* --- password.c: hashes ------------------------------------------------------------------------
 */
void auth_init(void); /* the crypto library, the secret; any number of times, any thread */

/* At most auth.hash_parallel at a time; ERR_BUSY when auth.hash_queue wait already. */
int password_hash(struct slice password, char out[128], struct err *e);
/* 1: it is; 0: not; -1: not known (ERR_BUSY). An empty hash takes the same time and is never right.
 */
int password_verify(struct slice hash, struct slice password, struct err *e);
/* RFC 4013 SASLprep, or the bytes as they are when it has no answer. `out` has room for
   AUTH_PREPARED and is wiped by the caller. ERR_BUSY without memory. */
int password_prepare(struct slice in, struct buf *out, struct err *e);
/* A key of this installation for a purpose. */
void auth_secret_key(const char *purpose, struct slice data, unsigned char out[AUTH_KEY]);

/* --- cache.c: passwords verified lately ---------------------------------------------------------
 */
bool verified_find(uint64_t account, int64_t changed_at, struct slice password);
void verified_put(uint64_t account, int64_t changed_at, struct slice password);

/* --- throttle.c ---------------------------------------------------------------------------------
 */
/* Who tries: address and account are slowed on their own; an account is not slowed for an address
   from which it has logged in before. */
struct attempt {
    uint64_t address, account, both; /* keyed hashes; address 0: not counted */
};
/* account: its id, or 0 with the name that was given. */
struct attempt throttle_attempt(struct slice address, uint64_t account, struct slice name);
int throttle_check(const struct attempt *t, int64_t now_ms, struct err *e); /* ERR_BUSY */
unsigned throttle_failed(const struct attempt *t, int64_t now_ms);          /* delay in ms */
void throttle_succeeded(const struct attempt *t, int64_t now_ms);

/* --- login.c: what all mechanisms share ---------------------------------------------------------
 */
/* One log-in in progress: who is asked for, and whether they are allowed to try. */
struct login {
    struct attempt attempt;
    struct account_info info; /* id 0: nobody */
    struct credential credential;
};
/* 0 also for nobody: then credential is empty and verifying takes its time and fails. ERR_BUSY,
   ERR_IO. */
int login_begin(const struct auth_peer *peer, struct slice name, struct arena *a, struct login *ret,
                struct err *e);
/* right: the credential was proved. Counts, checks flags and the right to act as authzid (empty:
   themselves), fills *ret. */
int login_end(struct login *l, bool right, struct slice authzid, struct arena *a,
              struct identity *ret, struct err *e);
/* Both, with a password. */
int login_password(const struct auth_peer *peer, struct slice authzid, struct slice name,
                   struct slice password, struct identity *ret, struct err *e);

/* --- scram.c: the keys of RFC 5802 3 ------------------------------------------------------------
 */
struct scram_keys {
    uint32_t iterations;
    unsigned char salt[64];
    size_t salt_n;
    unsigned char stored[32], server[32];
};
void scram_derive(struct slice password, const unsigned char *salt, size_t salt_n,
                  uint32_t iterations, struct scram_keys *ret);
void scram_print(const struct scram_keys *k, struct buf *out); /* as credential.scram */
int scram_parse(struct slice text, struct scram_keys *ret);    /* -1: not one of ours */
/* Salt and iterations for somebody who does not exist: always the same ones. */
void scram_fake(struct slice name, struct scram_keys *ret);
