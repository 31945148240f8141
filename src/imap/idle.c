/* idle.c - a session in IDLE. The first look at the mailbox comes after subscribing, so that
   nothing falls between. A notice while a look is under way asks for another one behind it. */
#include "imap/idle.h"

#include <stdlib.h>

#include "base/clock.h"
#include "imap/commands.h"
#include "imap/cmds.h"
#include "imap/idle_share.h"

enum { OUTPUT_READY = 64 * 1024 }; /* with more unsent, a look waits until it is gone */

static void look(struct session *s)
{
    if (conn_unsent(s->conn) > OUTPUT_READY) {
        s->idle_dirty = true;
        return;
    }
    s->idle_dirty = false;
    bool alone = s->idle_alone;
    s->idle_alone = false;
    if (!alone && idle_share_follow(s))
        return;
    s->req = request_new(s);
    if (!alone)
        idle_share_lead(s->req);
    request_sync_only(s->req);
}

static void on_notice(struct notice_sub *sub, const struct notice *n)
{
    struct session *s = list_entry(sub, struct session, sub);
    if (!s->sel || s->closing || !s->conn || n->collection != s->sel->collection)
        return;
    if (s->running || s->follows || s->mode != MODE_IDLE) {
        s->idle_dirty = true;
        return;
    }
    idle_share_moment(n);
    look(s);
}

static void look_again(struct session *s)
{
    if (s->mode == MODE_IDLE && s->idle_dirty && !s->closing && !s->running && !s->follows)
        look(s);
}

void idle_synced(struct session *s)
{
    idle_share_moment(NULL);
    look_again(s);
}

void idle_followed(struct session *s)
{
    s->idle_dirty |= s->idle_alone;
    look_again(s);
}

void idle_end(struct session *s)
{
    if (s->subscribed)
        notice_unsubscribe(&s->sub);
    s->subscribed = false;
    idle_share_leave(s);
    s->idle_alone = false;
    s->mode = MODE_COMMAND;
    free(s->idle_tag);
    s->idle_tag = NULL;
}

enum cmd_next cmd_idle(struct request *r, struct txn *t)
{
    (void)t;
    struct session *s = r->s;
    s->idle_tag = strndup(r->tag.p, r->tag.n);
    BUG_IF(!s->idle_tag);
    s->mode = MODE_IDLE;
    s->line_n = 0;
    s->commands++;
    command_count(r->cmd, clock_mono_us() - r->began_us);
    session_write(s, S("+ idling\r\n"));
    request_free(r);
    s->req = NULL;
    if (s->sel) {
        s->sub = (struct notice_sub){.account = s->account, .loop = s->loop, .fn = on_notice};
        notice_subscribe(&s->sub);
        s->subscribed = true;
        idle_share_moment(NULL);
        look(s);
    }
    return CMD_GONE;
}

/* The line that ends it. Anything but DONE ends it too, with BAD. */
static void done(struct session *s, bool well)
{
    BUF_SCOPE out = {0};
    buf_adds(&out, s->idle_tag);
    buf_adds(&out, well ? " OK Idle ended\r\n" : " BAD Expected DONE\r\n");
    idle_end(s);
    session_write_buf(s, &out);
    if (!well)
        session_bad(s);
}

size_t idle_input(struct session *s, struct slice in)
{
    size_t taken = 0;
    while (taken < in.n) {
        char c = in.p[taken++];
        if (s->line_n < sizeof(s->line))
            s->line[s->line_n++] = c;
        if (c == '\n') {
            done(s, slice_eqi(slice_of(s->line, s->line_n), S("DONE\r\n")));
            break;
        }
    }
    return taken;
}
