/* header_edit.c - fields are put together from clauses; a clause that does not fit on the line goes
   to the next. RFC 5321 4.4, RFC 5322 3.6.7 */
#include "format/header_edit.h"

#include "format/word.h"

enum { COLUMNS = 78, TOKEN_MAX = 512 };

struct folder {
    struct buf *out;
    size_t column;
};

/* Appends bytes that may stand in a trace field: no controls, no blanks, and inside a comment none
   of its marks. */
static void add_safe(struct buf *to, struct slice s, bool comment)
{
    s = slice_sub(s, 0, TOKEN_MAX);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool blank = c == ' ' && comment;
        if (blank || ((unsigned char)c > ' ' && c != 127 &&
                      !(comment && (c == '(' || c == ')' || c == '\\'))))
            buf_addc(to, c);
    }
}

/* Appends a clause after a blank or, when the line is full, after a fold. */
static void clause(struct folder *f, struct buf *text)
{
    if (f->column + text->n + 1 > COLUMNS) {
        buf_add(f->out, S("\r\n\t"));
        f->column = 8;
    } else {
        buf_addc(f->out, ' ');
        f->column++;
    }
    buf_add(f->out, buf_slice(text));
    f->column += text->n;
    buf_reset(text);
}

static void word_clause(struct folder *f, struct slice word, struct slice value)
{
    BUF_SCOPE b = {0};
    buf_add(&b, word);
    buf_addc(&b, ' ');
    size_t from = b.n;
    add_safe(&b, value, false);
    if (b.n == from)
        buf_add(&b, S("unknown"));
    clause(f, &b);
}

void header_received(const struct trace *t, struct buf *out)
{
    struct folder f = {.out = out, .column = 9};
    BUF_SCOPE b = {0};
    buf_add(out, S("Received:"));
    word_clause(&f, S("from"), t->helo);
    if (t->address.n) {
        buf_addc(&b, '(');
        add_safe(&b, t->name, true);
        if (t->name.n)
            buf_addc(&b, ' ');
        buf_addc(&b, '[');
        if (slice_find(t->address, ':') >= 0)
            buf_add(&b, S("IPv6:")); /* RFC 5321 4.1.3 */
        add_safe(&b, t->address, true);
        buf_add(&b, S("])"));
        clause(&f, &b);
    }
    if (t->tls.n) {
        buf_add(&b, S("(using "));
        add_safe(&b, t->tls, true);
        buf_addc(&b, ')');
        clause(&f, &b);
    }
    if (t->user.n) {
        buf_add(&b, S("(authenticated as "));
        add_safe(&b, t->user, true);
        buf_addc(&b, ')');
        clause(&f, &b);
    }
    word_clause(&f, S("by"), t->by);
    word_clause(&f, S("with"), t->protocol);
    if (t->id.n)
        word_clause(&f, S("id"), t->id);
    if (t->rcpt.n) {
        buf_add(&b, S("for <"));
        add_safe(&b, t->rcpt, false);
        buf_addc(&b, '>');
        clause(&f, &b);
    }
    buf_add(out, S(";\r\n\t"));
    date_write(t->date, out);
    buf_add(out, S("\r\n"));
}

/* An address: quoted local parts may hold blanks. */
static void add_address(struct buf *out, struct slice s)
{
    s = slice_sub(s, 0, TOKEN_MAX);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= ' ' && s.p[i] != 127)
            buf_addc(out, s.p[i]);
}

void header_return_path(struct slice sender, struct buf *out)
{
    buf_add(out, S("Return-Path: <"));
    add_address(out, sender);
    buf_add(out, S(">\r\n"));
}

void header_delivered_to(struct slice address, struct buf *out)
{
    buf_add(out, S("Delivered-To: "));
    add_address(out, address);
    buf_add(out, S("\r\n"));
}

void header_text(struct slice name, struct slice utf8, struct buf *out)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    word_encode(utf8, name.n + 2, out);
    buf_add(out, S("\r\n"));
}
