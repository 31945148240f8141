/* login.c - the session becomes somebody's. An account that has never been used gets its mailboxes
   here. RFC 9051 6.2.2, 6.2.3. */
#include "imap/login.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "directory/directory.h"
#include "imap/capability.h"
#include "imap/settings.h"
#include "imap/users.h"
#include "store/collection.h"

METRIC_COUNTER_BY(imap_logins, "result", "ok failed", "IMAP logins by result.");
METRIC_DECLARE(imap_sessions);

static enum cmd_next make_account(struct request *r, struct txn *t)
{
    return account_create(t, &r->job.err) ? CMD_FAIL : CMD_DONE;
}

/* Where the password was checked: another thread for two rows would cost more than they do. */
static enum cmd_next check_account(struct request *r)
{
    struct collection inbox;
    struct txn *t;
    if (txn_read(r->s->account, &t, &r->job.err))
        return CMD_FAIL;
    int found = collection_by_path(t, S("INBOX"), &r->arena, &inbox, &r->job.err);
    txn_end(t);
    if (found == 0)
        return CMD_DONE;
    if (r->job.err.code != ERR_NOTFOUND)
        return CMD_FAIL;
    r->job.err = (struct err){0};
    r->run = make_account;
    r->place = PLACE_WRITE;
    return CMD_MOVE;
}

enum cmd_next login_accept(struct request *r, const struct identity *id)
{
    struct session *s = r->s;
    if (users_enter(id->account, &r->job.err))
        return CMD_FAIL;
    s->counted = true;
    s->account = id->account;
    s->is_admin = (id->flags & ACCOUNT_ADMIN) && !id->delegated;
    free(s->address);
    s->address = strdup(id->address);
    BUG_IF(!s->address);
    return check_account(r);
}

static void welcome(struct request *r)
{
    struct session *s = r->s;
    s->state = STATE_AUTH;
    s->failed_logins = 0;
    session_idle_timeout(s);
    metric_add(&metric_imap_sessions, 0, -1);
    metric_add(&metric_imap_sessions, 1, 1);
    metric_add(&metric_imap_logins, 0, 1);
    BUF_SCOPE code = {0};
    buf_adds(&code, "CAPABILITY ");
    capability_write(s, &code);
    r->code = arena_cstr(&r->arena, buf_slice(&code));
    r->text_ok = "Logged in";
}

void login_undo(struct session *s)
{
    LOG(LOG_INFO, "imap.unauthenticated", LF("peer", conn_peer(s->conn)), LFZ("user", s->address));
    session_deselect(s);
    users_leave(s->account);
    s->counted = s->is_admin = false;
    s->account = 0;
    free(s->address);
    s->address = NULL;
    s->enabled = 0;
    s->state = STATE_NEW;
    s->opened_ms = clock_mono_ms(); /* imap.login_timeout counts from here */
    metric_add(&metric_imap_sessions, 1, -1);
    metric_add(&metric_imap_sessions, 0, 1);
    session_idle_timeout(s);
}

void login_done(struct request *r)
{
    struct session *s = r->s;
    if (r->outcome == CMD_DONE) {
        welcome(r);
        return;
    }
    if (s->counted)
        users_leave(s->account);
    s->counted = s->is_admin = false;
    s->account = 0;
    free(s->address);
    s->address = NULL;
    metric_add(&metric_imap_logins, 1, 1);
    LOG(LOG_INFO, "imap.login_failed", LF("peer", conn_peer(s->conn)),
        LFZ("error", r->job.err.text));
    if (r->job.err.code == ERR_AUTH &&
        ++s->failed_logins >= setting_get(&set_imap_auth_failures_max))
        r->too_many_failures = true;
}
