/* input.c - from bytes to requests. The scanner (proto/imap/literal.h) says what each byte is; here
   it is stored, limited and counted. Whatever is over a limit is still framed, so that the refusal
   comes at the right place and nothing of a literal is ever read as a command. RFC 9051 4.3, RFC
   7888. */
#include <stdlib.h>

#include "base/clock.h"
#include "imap/commands.h"
#include "imap/group.h"
#include "imap/idle.h"
#include "imap/sasl.h"
#include "imap/settings.h"
#include "imap/spooling.h"
#include "mail/spool.h"

enum {
    LITERALS_MAX = 1000,             /* of one command */
    LITERAL_NEW_MAX = 8 * 1024,      /* before login */
    LITERAL_MEMORY_MAX = 256 * 1024, /* of one command, in memory */
    LINE_FACTOR = 16, /* a line longer than so many times the limit ends the session */
    SKIP_FACTOR = 2,  /* and so does a literal not waited for */
};

static void refuse(struct request *r, bool bad, enum err_code code, const char *text)
{
    if (r->refused.code)
        return;
    err_set(&r->refused, code, "%s", text);
    r->refused_bad = bad;
}

static size_t line_max(const struct session *s)
{
    size_t max = (size_t)setting_get(&set_imap_max_line);
    return s->state == STATE_NEW && max > 8192 ? 8192 : max;
}

static void add_text(struct session *s, struct slice text)
{
    struct request *r = s->req;
    if (r->refused.code)
        return;
    size_t max = line_max(s), room = max > r->text.n ? max - r->text.n : 0;
    if (text.n > room)
        refuse(r, true, ERR_LIMIT, "The command line is too long");
    /* What still fits is kept: the tag of the refusal is in it. */
    if (buf_add(&r->text, slice_sub(text, 0, room)) == 0)
        return;
    refuse(r, true, ERR_BUSY, "Out of memory");
    if (slice_find(buf_slice(&r->text), ' ') < 0) /* a refusal without the tag answers nothing */
        session_bye(s, "[UNAVAILABLE] Out of memory");
}

/* "tag APPEND ..." or one of its kind? */
static bool is_append(const struct request *r)
{
    struct slice text = buf_slice(&r->text);
    slice_cut(&text, ' ');
    if (text.p && slice_startsi(text, S("UID ")))
        text = slice_from(text, 4);
    return text.p && (slice_startsi(text, S("APPEND ")) || slice_startsi(text, S("REPLACE ")));
}

static struct imap_literal *literal_add(struct request *r)
{
    if (r->n_literals == r->cap_literals) {
        size_t cap = r->cap_literals ? r->cap_literals * 2 : 4;
        struct imap_literal *grown = realloc(r->literals, cap * sizeof(*grown));
        BUG_IF(!grown);
        r->literals = grown;
        r->cap_literals = cap;
    }
    struct imap_literal *l = &r->literals[r->n_literals++];
    *l = (struct imap_literal){0};
    return l;
}

/* Checks the limits before memory is taken. */
static void literal_check(struct session *s, bool append)
{
    struct request *r = s->req;
    uint64_t len = r->scan.len;
    if (append && s->state != STATE_NEW) {
        if (len > (uint64_t)setting_get(&set_imap_append_max)) {
            refuse(r, false, ERR_LIMIT, "The message is too large");
            r->code = "TOOBIG";
        } else if (r->n_literals >= (size_t)setting_get(&set_imap_multiappend_max)) {
            refuse(r, false, ERR_LIMIT, "Too many messages in one APPEND");
        }
        return;
    }
    uint64_t max =
        s->state == STATE_NEW ? LITERAL_NEW_MAX : (uint64_t)setting_get(&set_imap_literal_max);
    if (len > max || r->literal_bytes + len > LITERAL_MEMORY_MAX) {
        refuse(r, true, ERR_LIMIT, "The literal is too long");
        r->code = "TOOBIG";
    } else if (r->n_literals >= LITERALS_MAX) {
        refuse(r, true, ERR_LIMIT, "Too many literals");
    }
}

static void literal_take(struct session *s, bool append)
{
    struct request *r = s->req;
    struct imap_literal *l = literal_add(r);
    l->size = r->scan.len;
    l->literal8 = r->scan.literal8;
    if (append && s->state != STATE_NEW) {
        struct spool *spool = malloc(sizeof(*spool));
        BUG_IF(!spool);
        spool_init(spool);
        l->spool = spool;
        return;
    }
    r->literal_bytes += (size_t)l->size;
    char *p = arena_new(&r->arena, char, (size_t)l->size + 1);
    if (p)
        l->bytes = slice_of(p, 0);
    else
        refuse(r, true, ERR_BUSY, "Out of memory");
}

/* What is passed over of a literal that comes without being waited for. */
static uint64_t skip_max(const struct session *s)
{
    return s->state == STATE_NEW ? 2 * LITERAL_NEW_MAX
                                 : SKIP_FACTOR * (uint64_t)setting_get(&set_imap_append_max);
}

/* What the client announced. A refusal of what it waits to send is the end of the command. */
static void literal_begin(struct session *s)
{
    struct request *r = s->req;
    bool append = is_append(r);
    if (!r->refused.code)
        literal_check(s, append);
    if (!r->refused.code)
        literal_take(s, append);
    if (!r->refused.code) {
        if (r->scan.sync && s->group)
            s->plus = true;
        else if (r->scan.sync)
            session_write(s, S("+ OK\r\n"));
        return;
    }
    if (r->scan.sync) {
        lit_reset(&r->scan);
        request_start(r);
        return;
    }
    r->skip_literal = true;
    if (r->scan.len > skip_max(s))
        session_bye(s, "[TOOBIG] The literal is too long");
    else if (!s->group) /* else it is answered in its turn */
        request_refuse_early(r);
}

static void literal_body(struct session *s, struct slice bytes)
{
    struct request *r = s->req;
    if (r->skip_literal || r->refused.code)
        return;
    struct imap_literal *l = &r->literals[r->n_literals - 1];
    if (l->spool) {
        struct err e = {0};
        if (spool_keep(l->spool, bytes, &e))
            refuse(r, false, e.code, "The message cannot be kept");
        else if (spool_is_full(l->spool))
            spooling_write(s, l->spool);
        return;
    }
    char *p = (char *)(uintptr_t)l->bytes.p; /* the arena's, made above */
    memcpy(p + l->bytes.n, bytes.p, bytes.n);
    l->bytes.n += bytes.n;
}

/* Who sends a byte of a command now and then is as good as idle. */
static void check_pace(struct session *s, struct request *r, size_t n)
{
    if (s->req == r && !s->running && !s->closing &&
        pace_is_lost(&r->pace, clock_mono_ms(), setting_get(&set_imap_idle_timeout), n))
        session_bye(s, "Too slow: the command does not come to its end");
}

static size_t take_command(struct session *s, struct slice in)
{
    size_t taken;
    if (!s->req)
        s->req = request_new(s);
    struct request *r = s->req;
    enum lit_event ev = lit_feed(&r->scan, in, &taken);
    struct slice bytes = slice_sub(in, 0, taken);
    if (ev == LIT_BODY) {
        literal_body(s, bytes);
        check_pace(s, r, taken);
        return taken;
    }
    add_text(s, bytes);
    if (s->closing)
        return taken;
    if (ev == LIT_BEGIN)
        literal_begin(s);
    else if (ev == LIT_DONE)
        request_start(r);
    else if (r->scan.text > LINE_FACTOR * line_max(s))
        session_bye(s, "The command line is too long");
    else if (ev == LIT_TEXT)
        check_pace(s, r, taken);
    return taken;
}

/* One line for AUTHENTICATE, kept in r->text. */
static size_t take_sasl(struct session *s, struct slice in)
{
    struct request *r = s->req;
    ptrdiff_t lf = slice_find(in, '\n');
    size_t taken = lf < 0 ? in.n : (size_t)lf + 1;
    if (buf_add(&r->text, slice_sub(in, 0, taken)) || r->text.n > SASL_LINE_MAX) {
        session_bye(s, "The line is too long");
        return in.n;
    }
    if (lf >= 0) {
        s->mode = MODE_COMMAND;
        sasl_line(r);
    }
    return taken;
}

size_t session_input(struct session *s, struct slice in)
{
    size_t taken = 0;
    s->upgraded = false;
    while (taken < in.n && !s->running && !s->closing && !s->upgraded && !s->held && !s->plus &&
           !group_is_full(s)) {
        struct slice rest = slice_from(in, taken);
        if (s->mode == MODE_IDLE)
            taken += idle_input(s, rest);
        else if (s->mode == MODE_SASL)
            taken += take_sasl(s, rest);
        else
            taken += take_command(s, rest);
    }
    if (s->group && !s->running)
        group_start(s);
    return s->closing ? in.n : taken;
}
