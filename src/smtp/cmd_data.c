/* cmd_data.c - DATA: RFC 5321 4.1.1.4. A bare CR or LF in the text is refused on 25 and submission,
   and becomes CRLF in LMTP, whose clients are our own delivery agents. BINARYMIME needs BDAT (RFC
   3030 3). */
#include "base/clock.h"
#include "smtp/session.h"

void smtp_cmd_data(struct smtp_session *s, struct slice args)
{
    if (args.n) {
        smtp_session_error(s, 501, "5.5.4", "DATA has no arguments");
        return;
    }
    if (s->t->mail.body == SMTP_BODY_BINARYMIME) {
        smtp_session_error(s, 503, "5.5.1", "BINARYMIME needs BDAT");
        return;
    }
    smtp_data_init(&s->t->data,
                   s->profile->kind == KIND_LMTP ? SMTP_DATA_NORMALISE : SMTP_DATA_STRICT, true);
    s->reading = READ_DATA;
    pace_resume(&s->pace, clock_mono_ms());
    smtp_session_reply(s, 354, "", "Go on; end with a line of one dot");
}
