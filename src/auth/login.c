/* login.c - what every way of logging in shares: finding the account without telling whether there
   is one, counting, the account's flags, acting for somebody else, and passwords. */
#include <sodium.h>
#include <stdio.h>

#include "auth/internal.h"
#include "base/clock.h"
#include "base/metric.h"
#include "base/random.h"
#include "base/setting.h"
#include "base/utf8.h"

SETTING(auth, password_min, INT, 8, 1, 128, "Fewest characters of a new password.");
SETTING(auth, plain_on_loopback, BOOL, 0, 0, 1, "Clients on this machine may log in without TLS.");
SETTING(auth, scram, BOOL, 1, 0, 1,
        "Offers SCRAM-SHA-256, and stores its verifier when a password is set.");
SETTING(auth, scram_iterations, INT, 65536, 4096, 10000000,
        "Iterations of new SCRAM verifiers. RFC 7677 4 asks for at least 4096.");
METRIC_COUNTER_BY(auth_logins_total, "result", "ok wrong refused", "Log-ins by their outcome.");

static const char wrong[] = "wrong name or password";

/* RFC 5802 5.1, RFC 4616 2: a name is compared as SASLprep has it. That is not made for addresses
   (RFC 4013 4): one in Arabic letters and a Latin domain is refused by it, and an address may be
   spelled with letters that it would replace, so that the name as it was said is looked for, too.
 */
static int find_account(struct slice name, struct arena *a, struct account_info *ret, struct err *e)
{
    BUF_SCOPE prepared = {.max = AUTH_PREPARED};
    bool known = auth_prepare(name, &prepared);
    if (prepared.failed)
        return err_set(e, ERR_BUSY, "out of memory");
    if (known && prepared.n && !slice_eq(buf_slice(&prepared), name)) {
        if (directory_login(buf_slice(&prepared), a, ret, e) == 0)
            return 0;
        if (e->code != ERR_NOTFOUND && e->code != ERR_SYNTAX)
            return -1;
    }
    return directory_login(name, a, ret, e);
}

int login_begin(const struct auth_peer *peer, struct slice name, struct arena *a, struct login *ret,
                struct err *e)
{
    struct login l = {.info.id = 0};
    struct err why = {0};
    if (find_account(name, a, &l.info, &why)) {
        if (why.code != ERR_NOTFOUND && why.code != ERR_SYNTAX)
            return err_set(e, why.code, "%s", why.text);
        l.info = (struct account_info){.id = 0};
    }
    l.attempt = throttle_attempt(peer->address, l.info.id, name);
    if (throttle_check(&l.attempt, clock_mono_ms(), e)) {
        metric_add(&metric_auth_logins_total, 2, 1);
        return -1;
    }
    /* Looked for also when there is nobody: the same steps, the same time. */
    if (directory_credential(l.info.id ? l.info.id : INT64_MAX, a, &l.credential, &why)) {
        if (why.code != ERR_NOTFOUND)
            return err_set(e, why.code, "%s", why.text);
        l.credential = (struct credential){.account = l.info.id};
    }
    *ret = l;
    return 0;
}

/* The account acted for: themselves, or for an administrator anybody. 1, 0: may not, -1. */
static int authorize(const struct login *l, struct slice authzid, struct arena *a,
                     struct account_info *ret, struct err *e)
{
    struct err why = {0};
    *ret = l->info;
    if (!authzid.n)
        return 1;
    if (find_account(authzid, a, ret, &why)) {
        if (why.code == ERR_NOTFOUND || why.code == ERR_SYNTAX)
            return 0;
        return err_set(e, why.code, "%s", why.text);
    }
    return ret->id == l->info.id || (l->info.flags & ACCOUNT_ADMIN);
}

int login_end(struct login *l, bool right, struct slice authzid, struct arena *a,
              struct identity *ret, struct err *e)
{
    struct account_info as;
    int may = right && l->info.id && !(l->info.flags & (ACCOUNT_DISABLED | ACCOUNT_NO_LOGIN));
    if (may)
        may = authorize(l, authzid, a, &as, e);
    if (may < 0) {
        *ret = (struct identity){.account = 0};
        return -1;
    }
    if (!may || as.flags & ACCOUNT_DISABLED || as.address.n >= sizeof(ret->address)) {
        metric_add(&metric_auth_logins_total, 1, 1);
        *ret = (struct identity){.delay_ms = throttle_failed(&l->attempt, clock_mono_ms())};
        return err_set(e, ERR_AUTH, wrong);
    }
    metric_add(&metric_auth_logins_total, 0, 1);
    throttle_succeeded(&l->attempt, clock_mono_ms());
    *ret = (struct identity){.account = as.id, .flags = as.flags, .delegated = as.id != l->info.id};
    memcpy(ret->address, as.address.p, as.address.n);
    return 0;
}

int login_password(const struct auth_peer *peer, struct slice authzid, struct slice name,
                   struct slice password, struct identity *ret, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct login l;
    *ret = (struct identity){.account = 0};
    if (!peer->plain_ok)
        return err_set(e, ERR_NOPERM, "passwords are taken over TLS only");
    if (!name.n || name.n > AUTH_NAME_MAX || !password.n || password.n > AUTH_PASSWORD_MAX)
        return err_set(e, ERR_AUTH, wrong);
    if (login_begin(peer, name, &a, &l, e))
        return -1;
    BUF_SCOPE prepared = {.max = AUTH_PREPARED};
    if (password_prepare(password, &prepared, e))
        return -1;
    struct slice p = buf_slice(&prepared);
    int right = 1;
    if (!l.info.id || !verified_find(l.info.id, l.credential.changed_at, p)) {
        right = password_verify(l.credential.hash, p, e);
        if (right > 0)
            verified_put(l.info.id, l.credential.changed_at, p);
    }
    sodium_memzero(prepared.p, prepared.n);
    return right < 0 ? -1 : login_end(&l, right, authzid, &a, ret, e);
}

int auth_password(const struct auth_peer *peer, struct slice name, struct slice password,
                  struct identity *ret, struct err *e)
{
    return login_password(peer, SNONE, name, password, ret, e);
}

static void scram_text(struct slice password, struct buf *out)
{
    unsigned char salt[16];
    struct scram_keys keys;
    random_bytes(salt, sizeof(salt));
    scram_derive(password, salt, sizeof(salt), (uint32_t)setting_get(&set_auth_scram_iterations),
                 &keys);
    scram_print(&keys, out);
    sodium_memzero(&keys, sizeof(keys));
}

/* Of UTF-8; bytes that are none count one by one. */
int auth_set_password(uint64_t account, struct slice password, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    BUF_SCOPE prepared = {.max = AUTH_PREPARED}, scram = {.max = 1024};
    struct credential old, c = {.account = account, .changed_at = clock_now_ms()};
    char hash[128];
    if ((int64_t)utf8_count(password) < setting_get(&set_auth_password_min))
        return err_set(e, ERR_LIMIT, "a password has at least %lld characters",
                       (long long)setting_get(&set_auth_password_min));
    if (password.n > AUTH_PASSWORD_MAX)
        return err_set(e, ERR_LIMIT, "a password has at most %d bytes", AUTH_PASSWORD_MAX);
    if (slice_find(password, '\0') >= 0)
        return err_set(e, ERR_SYNTAX, "a password cannot have a NUL");
    int r = password_prepare(password, &prepared, e);
    if (r == 0)
        r = password_hash(buf_slice(&prepared), hash, e);
    if (r == 0 && setting_get(&set_auth_scram))
        scram_text(buf_slice(&prepared), &scram);
    sodium_memzero(prepared.p, prepared.n);
    if (r)
        return -1;
    if (scram.failed)
        return err_set(e, ERR_BUSY, "out of memory");
    /* What is remembered of the old password is bound to its time: the new one is always later. */
    if (directory_credential(account, &a, &old, NULL) == 0 && c.changed_at <= old.changed_at)
        c.changed_at = old.changed_at + 1;
    c.hash = slice_str(hash);
    c.scram = scram.n ? buf_slice(&scram) : S("");
    return directory_credential_set(&c, e);
}
