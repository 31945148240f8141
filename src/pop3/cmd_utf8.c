/* cmd_utf8.c - UTF8 and LANG: RFC 6856 2.1 and 3. Names and passwords may be UTF-8 with or without
   it; messages are sent as they are stored only after it (surrogate.h). There is one language. */
#include "pop3/session.h"

void pop3_cmd_utf8(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    s->utf8 = true;
    pop3_ok(s, "UTF-8 it is");
}

void pop3_cmd_lang(struct pop3_session *s, const struct pop3_command *c)
{
    struct slice tag = c->args[0];
    if (c->n == 0)
        conn_write(s->c, S("+OK languages follow\r\nen English\r\n.\r\n"));
    else if (slice_eq(tag, S("*")) || slice_eqi(tag, S("en")) || slice_startsi(tag, S("en-")))
        pop3_ok(s, "en English it is");
    else
        pop3_err(s, "", "only English (en)");
}
