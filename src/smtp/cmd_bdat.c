/* cmd_bdat.c - BDAT: RFC 3030 2. A chunk is read to its end even when it is refused, because its
   bytes are on their way already; a refusal ends the transaction, so that nothing of it is left for
   what follows. */
#include "base/clock.h"
#include "smtp/session.h"
#include "smtp/settings.h"

static enum smtp_data_mode mode_of(const struct smtp_session *s)
{
    if (s->t->mail.body == SMTP_BODY_BINARYMIME)
        return SMTP_DATA_RAW;
    return s->profile->kind == KIND_LMTP ? SMTP_DATA_NORMALISE : SMTP_DATA_STRICT;
}

/* RFC 2033 4.3: BDAT LAST has one reply for each recipient that was taken, none when none was. */
static void answer_thrown(struct smtp_session *s)
{
    bool each = s->profile->kind == KIND_LMTP && s->chunk_last;
    size_t n = each ? s->owed : 1;
    if (each)
        s->owed = 0;
    for (size_t i = 0; i < n && !s->ended; i++)
        smtp_session_error(s, 503, "5.5.1", "MAIL and RCPT come before BDAT");
}

static void chunk_over(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    s->reading = READ_COMMAND;
    if (s->chunk_thrown) {
        answer_thrown(s);
    } else if (s->chunk_last) {
        smtp_transaction_chunks_over(s);
    } else if (t->refused_code) { /* said once, now: the rest has no transaction */
        smtp_session_refuse(s, t->refused_code, "5.3.0", &t->refused);
        s->owed = t->n;
        smtp_transaction_end(s);
    } else {
        smtp_session_reply(s, 250, "2.0.0", "Chunk taken");
    }
}

size_t smtp_chunk_feed(struct smtp_session *s, struct slice in)
{
    in = slice_sub(in, 0, SMTP_FEED_MAX);
    in = slice_sub(in, 0, s->chunk_left < in.n ? (size_t)s->chunk_left : in.n);
    s->chunk_left -= in.n;
    if (!s->chunk_thrown)
        smtp_transaction_feed(s, in);
    if (s->chunk_left == 0)
        chunk_over(s);
    return in.n;
}

void smtp_cmd_bdat(struct smtp_session *s, struct slice args)
{
    struct err e = {0};
    uint64_t size;
    bool last;
    if (smtp_bdat_parse(args, &size, &last, &e)) { /* how long the chunk is nobody knows now */
        smtp_transaction_end(s);
        smtp_session_end(s, 501, "5.5.4", "Bad BDAT: closing");
        return;
    }
    if (size > 2 * (uint64_t)setting_get(&set_smtp_message_max)) {
        smtp_transaction_end(s);
        smtp_session_end(s, 552, "5.3.4", "Chunk is too large: closing");
        return;
    }
    s->chunk_left = size;
    s->chunk_last = last;
    s->chunk_thrown = !(s->state & (STATE_RCPT | STATE_CHUNK));
    if (s->chunk_thrown)
        smtp_transaction_end(s);
    else if (s->state != STATE_CHUNK)
        smtp_data_init(&s->t->data, mode_of(s), false);
    if (!s->chunk_thrown)
        s->state = STATE_CHUNK;
    s->reading = READ_CHUNK;
    if (s->chunk_thrown)
        pace_begin(&s->pace, clock_mono_ms());
    else
        pace_resume(&s->pace, clock_mono_ms());
    if (size == 0)
        chunk_over(s);
}
