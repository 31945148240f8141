/* ext_replace.c - RFC 5703 5: a part, or all that is in the message, becomes something else. */
#include "format/address.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/compose.h"

static int check(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_MIME) && (sieve_given(c, SLOT_SUBJECT) || sieve_given(c, SLOT_FROM)))
        return sieve_wrong(c, c->source[SLOT_MIME].at,
                           "\":mime\" excludes \":subject\" and \":from\"");
    return 0;
}

static bool from_ok(struct sieve_runner *r, struct slice from)
{
    struct address_list l;
    if (address_parse(from, 50, r->arena, &l) || !l.n)
        return false;
    for (size_t i = 0; i < l.n; i++)
        if (l.items[i].kind != ADDRESS_MAILBOX || !l.items[i].local.n || !l.items[i].domain.n)
            return false;
    return true;
}

/* The entity that takes the place: header, empty line, body. */
static void write_entity(struct sieve_runner *r, const struct sieve_call *c, struct slice text,
                         struct buf *out)
{
    if (sieve_has(c, SLOT_MIME))
        sieve_write_lines(r, text, out);
    else
        sieve_write_text_part(r, text, out);
}

/* A changed Subject or From: the old one stays by another name. */
static void write_changed(struct sieve_runner *r, const struct sieve_field *f, struct slice old,
                          struct slice value, struct buf *out)
{
    if (f) {
        buf_add(out, old);
        buf_add(out, slice_from(f->raw, f->name.n));
    }
    sieve_write_field(r, old.n == 13 ? S("From") : S("Subject"), value, out);
}

/* Inside a loop its part, and that may be the message itself: its header stays. */
static int replace_message(struct sieve_runner *r, const struct sieve_call *c, struct slice text)
{
    struct slice subject, from, all;
    BUF_SCOPE out = {.max = r->limits->memory};
    const struct sieve_field *old_subject = NULL, *old_from = NULL;
    if (sieve_string(r, c, SLOT_SUBJECT, &subject) || sieve_string(r, c, SLOT_FROM, &from))
        return -1;
    if (from.p && !from_ok(r, from))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no list of addresses",
                          (int)(from.n > 80 ? 80 : from.n), from.p);
    for (uint32_t i = 0; i < r->mail.n; i++) {
        const struct sieve_field *f = &r->mail.fields[i];
        if (sieve_is_mime_field(f->name))
            continue;
        if (subject.p && slice_eqi(f->name, S("Subject")))
            old_subject = f;
        else if (from.p && slice_eqi(f->name, S("From")))
            old_from = f;
        else
            buf_add(&out, f->raw);
    }
    if (subject.p)
        write_changed(r, old_subject, S("Original-Subject"), subject, &out);
    if (from.p)
        write_changed(r, old_from, S("Original-From"), from, &out);
    sieve_write_lines(r, S("MIME-Version: 1.0\n"), &out);
    write_entity(r, c, text, &out);
    return sieve_keep_buf(r, &out, &all) ? -1 : sieve_mail_replace(r, all);
}

static int replace_part(struct sieve_runner *r, const struct sieve_call *c, const struct part *p,
                        struct slice text)
{
    struct slice header, body, all;
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_mail_write(r, &header, &body))
        return -1;
    size_t start = r->mail.m->root->body;
    buf_add(&out, header);
    buf_add(&out, slice_sub(r->mail.bytes, start, p->head));
    write_entity(r, c, text, &out);
    buf_add(&out, slice_from(r->mail.bytes, p->end));
    return sieve_keep_buf(r, &out, &all) ? -1 : sieve_mail_replace(r, all);
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_loop *loop = sieve_loop(r);
    struct slice text;
    if (sieve_string(r, c, SLOT_0, &text) || sieve_work(r, r->mail.bytes.n))
        return -1;
    if (loop && !loop->current)
        return 0;
    return loop && loop->current != r->mail.m->root ? replace_part(r, c, loop->current, text)
                                                    : replace_message(r, c, text);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("replace"),
     .shape = SHAPE_ACTION,
     .args = {{"what replaces it", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5703:5"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("mime"), .on = "replace", .slot = SLOT_MIME},
    {.name = S_INIT("subject"),
     .on = "replace",
     .slot = SLOT_SUBJECT,
     .kind = SIEVE_STRING,
     .what = "a subject"},
    {.name = S_INIT("from"),
     .on = "replace",
     .slot = SLOT_FROM,
     .kind = SIEVE_STRING,
     .what = "addresses"},
    {{0}},
};

const struct sieve_extension sieve_ext_replace = {
    .name = S_INIT("replace"), .commands = commands, .tags = tags};
