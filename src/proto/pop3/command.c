/* command.c - RFC 1939 3: keywords and arguments are printable and separated by one blank; what
   UTF8 (RFC 6856) and passwords add is 8-bit text, so only controls are refused. */
#include "proto/pop3/command.h"

int pop3_command_parse(struct slice line, struct pop3_command *ret, struct err *e)
{
    struct pop3_command c = {0};
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < 32 && line.p[i] != '\t') || line.p[i] == 127)
            return err_set(e, ERR_SYNTAX, "control characters in the command");
    struct slice rest = line;
    c.keyword = slice_cut(&rest, ' ');
    if (c.keyword.n == 0 || c.keyword.n > POP3_KEYWORD_MAX)
        return err_set(e, ERR_SYNTAX, "command not understood");
    for (size_t i = 0; i < c.keyword.n; i++)
        if (!ascii_alpha(c.keyword.p[i]) && !ascii_digit(c.keyword.p[i]))
            return err_set(e, ERR_SYNTAX, "command not understood");
    c.rest = rest.p ? rest : S("");
    while (rest.n) {
        struct slice word = slice_cut(&rest, ' ');
        if (word.n == 0)
            continue;
        if (c.n < POP3_ARGS_MAX)
            c.args[c.n] = word;
        if (c.n <= POP3_ARGS_MAX)
            c.n++;
    }
    *ret = c;
    return 0;
}

/* RFC 1939 7 TOP. */
size_t pop3_top_feed(struct pop3_top *t, struct slice in)
{
    size_t at = 0;
    if (t->body && t->lines == 0)
        t->done = true;
    while (at < in.n && !t->done) {
        char c = in.p[at++];
        if (c != '\n') {
            t->text = t->text || c != '\r';
            continue;
        }
        if (t->body)
            t->lines--;
        else
            t->body = !t->text;
        t->text = false;
        t->done = t->body && t->lines == 0;
    }
    return at;
}
