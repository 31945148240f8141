/* idle.c - a session in IDLE. The first look at the mailbox comes after subscribing, so that
   nothing falls between. A notice while a look is under way asks for another one behind it. */
#include "imap/idle.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "imap/commands.h"
#include "imap/cmds.h"
#include "imap/idle_share.h"

enum { OUTPUT_READY = 64 * 1024 }; /* with more unsent, a look waits until it is gone */

/* As many as there are sessions: see session.c. */
_Static_assert(sizeof(struct idling) <= 80, "with a short tag it takes 96 bytes");

static void look(struct session *s)
{
    struct idling *i = s->idle;
    if (conn_unsent(s->conn) > OUTPUT_READY) {
        i->dirty = true;
        return;
    }
    i->dirty = false;
    bool alone = i->alone;
    i->alone = false;
    if (!alone && idle_share_follow(s))
        return;
    s->req = request_new(s);
    if (!alone)
        idle_share_lead(s->req);
    request_sync_only(s->req);
}

static void on_notice(struct notice_sub *sub, const struct notice *n)
{
    struct idling *i = list_entry(sub, struct idling, sub);
    struct session *s = i->s;
    if (!s->sel || s->closing || !s->conn || n->collection != s->sel->collection)
        return;
    if (s->running || i->follows) {
        i->dirty = true;
        return;
    }
    idle_share_moment(n);
    look(s);
}

static void look_again(struct session *s)
{
    const struct idling *i = s->idle;
    if (i && i->dirty && !s->closing && !s->running && !i->follows)
        look(s);
}

void idle_synced(struct session *s)
{
    idle_share_moment(NULL);
    look_again(s);
}

void idle_followed(struct session *s)
{
    s->idle->dirty |= s->idle->alone;
    look_again(s);
}

void idle_end(struct session *s)
{
    struct idling *i = s->idle;
    if (!i)
        return;
    if (i->subscribed)
        notice_unsubscribe(&i->sub);
    idle_share_leave(s);
    free(i);
    s->idle = NULL;
    s->mode = MODE_COMMAND;
}

enum cmd_next cmd_idle(struct request *r, struct txn *t)
{
    (void)t;
    struct session *s = r->s;
    struct idling *i = calloc(1, offsetof(struct idling, tag) + r->tag.n + 1);
    BUG_IF(!i);
    i->s = s;
    memcpy(i->tag, r->tag.p, r->tag.n);
    s->idle = i;
    s->mode = MODE_IDLE;
    s->commands++;
    command_count(r->cmd, clock_mono_us() - r->began_us);
    session_write(s, S("+ idling\r\n"));
    request_free(r);
    s->req = NULL;
    if (s->sel) {
        i->sub = (struct notice_sub){.account = s->account, .loop = s->loop, .fn = on_notice};
        notice_subscribe(&i->sub);
        i->subscribed = true;
        idle_share_moment(NULL);
        look(s);
    }
    return CMD_GONE;
}

/* The line that ends it. Anything but DONE ends it too, with BAD. */
static void done(struct session *s, bool well)
{
    BUF_SCOPE out = {0};
    buf_adds(&out, s->idle->tag);
    buf_adds(&out, well ? " OK Idle ended\r\n" : " BAD Expected DONE\r\n");
    idle_end(s);
    session_write_buf(s, &out);
    if (!well)
        session_bad(s);
}

size_t idle_input(struct session *s, struct slice in)
{
    struct idling *i = s->idle;
    size_t taken = 0;
    while (taken < in.n) {
        char c = in.p[taken++];
        if (i->line_n < sizeof(i->line))
            i->line[i->line_n++] = c;
        if (c == '\n') {
            done(s, slice_eqi(slice_of(i->line, i->line_n), S("DONE\r\n")));
            break;
        }
    }
    return taken;
}
