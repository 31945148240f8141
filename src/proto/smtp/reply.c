/* reply.c - replies both ways, and the list of extensions. */
#include "proto/smtp/reply.h"

#include <stdio.h>

enum { LINE_TEXT_MAX = 510 };

static void add_printable(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool good = (c >= 32 && c < 127) || c == '\t';
        buf_addc(out, good ? s.p[i] : '?');
    }
}

/* RFC 5321 4.2.1; RFC 2034 4: the enhanced code stands in every line. */
void smtp_reply_write(struct buf *out, unsigned code, struct slice enhanced, struct slice text)
{
    do {
        struct slice line = slice_cut(&text, '\n');
        buf_addf(out, "%03u%c", code, text.p ? '-' : ' ');
        if (enhanced.n) {
            buf_add(out, enhanced);
            buf_addc(out, ' ');
        }
        add_printable(out, slice_sub(line, 0, LINE_TEXT_MAX - 16));
        buf_add(out, S("\r\n"));
    } while (text.p);
}

void smtp_reply_done(struct smtp_reply *r)
{
    buf_done(&r->text);
}

void smtp_reply_reset(struct smtp_reply *r)
{
    r->code = 0;
    r->enhanced[0] = '\0';
    r->done = false;
    r->n = 0;
    r->text.max = SMTP_REPLY_MAX;
    buf_reset(&r->text);
}

/* RFC 3463 2: class "." subject "." detail. */
static size_t enhanced_length(struct slice s)
{
    size_t i = 1;
    if (s.n < 5 || !memchr("245", s.p[0], 3))
        return 0;
    for (int part = 0; part < 2; part++) {
        if (i >= s.n || s.p[i++] != '.')
            return 0;
        size_t from = i;
        while (i < s.n && ascii_digit(s.p[i]))
            i++;
        if (i == from || i - from > 3)
            return 0;
    }
    return i == s.n || s.p[i] == ' ' ? i : 0;
}

static int take_line(struct smtp_reply *r, struct err *e)
{
    struct slice line = {r->line, r->n};
    r->n = 0;
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !ascii_digit(line.p[1]) ||
        !ascii_digit(line.p[2]) || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-'))
        return err_set(e, ERR_SYNTAX, "not an SMTP reply");
    unsigned code = (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
                    (unsigned)(line.p[2] - '0');
    if (r->code && r->code != code)
        return err_set(e, ERR_SYNTAX, "reply with two codes");
    struct slice text = slice_from(line, 4);
    if (r->code == 0)
        snprintf(r->enhanced, sizeof(r->enhanced), "%.*s", (int)enhanced_length(text), text.p);
    else
        buf_addc(&r->text, '\n');
    r->code = code;
    r->text.max = SMTP_REPLY_MAX;
    if (buf_add(&r->text, text))
        return err_set(e, ERR_LIMIT, "reply is too long");
    r->done = line.n == 3 || line.p[3] == ' ';
    return 0;
}

ptrdiff_t smtp_reply_feed(struct smtp_reply *r, struct slice in, struct err *e)
{
    size_t at = 0;
    while (at < in.n && !r->done) {
        char c = in.p[at++];
        if (c == '\n') {
            if (take_line(r, e))
                return -1;
        } else if (r->n == sizeof(r->line)) {
            return err_set(e, ERR_LIMIT, "reply line is too long");
        } else {
            r->line[r->n++] = c;
        }
    }
    return (ptrdiff_t)at;
}

/* RFC 1870 4. */
static void cap_size(struct slice args, struct smtp_caps *caps)
{
    if (slice_u64(args, &caps->size_max))
        caps->size_max = 0;
}

/* RFC 4954 3. */
static void cap_auth(struct slice args, struct smtp_caps *caps)
{
    while (args.p) {
        struct slice name = slice_cut(&args, ' ');
        caps->auth |= slice_eqi(name, S("PLAIN")) ? SMTP_AUTH_PLAIN : 0;
        caps->auth |= slice_eqi(name, S("LOGIN")) ? SMTP_AUTH_LOGIN : 0;
    }
}

/* RFC 9422 3. */
static void cap_limits(struct slice args, struct smtp_caps *caps)
{
    while (args.p) {
        struct slice value = slice_cut(&args, ' '), name = slice_cut(&value, '=');
        uint64_t n;
        if (slice_u64(value, &n))
            continue;
        if (slice_eqi(name, S("MAILMAX")))
            caps->mail_max = n;
        if (slice_eqi(name, S("RCPTMAX")))
            caps->rcpt_max = n;
    }
}

static const struct {
    struct slice name;
    enum smtp_cap bit;
    void (*read)(struct slice args, struct smtp_caps *caps);
} cap_table[] = {
    {S_INIT("PIPELINING"), SMTP_CAP_PIPELINING, NULL},
    {S_INIT("SIZE"), SMTP_CAP_SIZE, cap_size},
    {S_INIT("8BITMIME"), SMTP_CAP_8BITMIME, NULL},
    {S_INIT("SMTPUTF8"), SMTP_CAP_SMTPUTF8, NULL},
    {S_INIT("CHUNKING"), SMTP_CAP_CHUNKING, NULL},
    {S_INIT("BINARYMIME"), SMTP_CAP_BINARYMIME, NULL},
    {S_INIT("DSN"), SMTP_CAP_DSN, NULL},
    {S_INIT("ENHANCEDSTATUSCODES"), SMTP_CAP_ENHANCED, NULL},
    {S_INIT("STARTTLS"), SMTP_CAP_STARTTLS, NULL},
    {S_INIT("AUTH"), SMTP_CAP_AUTH, cap_auth},
    {S_INIT("LIMITS"), SMTP_CAP_LIMITS, cap_limits},
    {S_INIT("XCLIENT"), SMTP_CAP_XCLIENT, NULL},
};

/* RFC 5321 4.1.1.1: the first line is the server's name. */
void smtp_caps_parse(struct slice text, struct smtp_caps *ret)
{
    *ret = (struct smtp_caps){0};
    slice_cut(&text, '\n');
    while (text.p) {
        struct slice line = slice_cut(&text, '\n');
        struct slice name = slice_cut(&line, ' ');
        for (size_t i = 0; i < sizeof(cap_table) / sizeof(*cap_table); i++) {
            if (!slice_eqi(name, cap_table[i].name))
                continue;
            ret->bits |= cap_table[i].bit;
            if (cap_table[i].read)
                cap_table[i].read(line, ret);
        }
    }
}
