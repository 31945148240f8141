/* ext_enclose.c - RFC 5703 6: the message becomes the attachment of a new one. */
#include <inttypes.h>

#include "base/hash.h"
#include "format/date.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/compose.h"
#include "mail/sieve/match.h"

static int check(struct sieve_compiler *c)
{
    return sieve_check_each(c, SLOT_HEADERS, sieve_is_field_name, "the name of a header field");
}

static bool listed(const struct sieve_list *names, struct slice name)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_eqi(names->items[i], name))
            return true;
    return false;
}

/* The copied fields, Date and From where they are not among them, Subject. */
static int write_header(struct sieve_runner *r, const struct sieve_call *c, struct buf *out)
{
    struct slice subject, old;
    struct sieve_list names;
    BUF_SCOPE date = {0};
    if (sieve_string(r, c, SLOT_SUBJECT, &subject) || sieve_strings(r, c, SLOT_HEADERS, &names) ||
        sieve_first_text(r, S("Subject"), &old))
        return -1;
    bool has_date = false, has_from = false;
    for (uint32_t i = 0; i < r->mail.n; i++) {
        const struct sieve_field *f = &r->mail.fields[i];
        if (sieve_is_mime_field(f->name) || slice_eqi(f->name, S("Subject")) ||
            !listed(&names, f->name))
            continue;
        has_date |= slice_eqi(f->name, S("Date"));
        has_from |= slice_eqi(f->name, S("From"));
        buf_add(out, f->raw);
    }
    date_write((struct date){.at = r->in->now, .zone = r->in->zone}, &date);
    if (!has_date)
        sieve_write_field(r, S("Date"), buf_slice(&date), out);
    if (!has_from && r->in->owner.n)
        sieve_write_field(r, S("From"), r->in->owner, out);
    if (subject.p || old.p)
        sieve_write_field(r, S("Subject"), subject.p ? subject : old, out);
    return 0;
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice text, header, body, all;
    BUF_SCOPE out = {.max = r->limits->memory};
    BUF_SCOPE boundary = {0};
    if (sieve_string(r, c, SLOT_0, &text) || sieve_mail_write(r, &header, &body) ||
        sieve_work(r, header.n + body.n) || write_header(r, c, &out))
        return -1;
    /* The hash is keyed: who wrote the message could not know it. */
    buf_addf(&boundary, "=_%016" PRIx64 "%016" PRIx64, hash_bytes(header), hash_bytes(body));
    struct slice b = buf_slice(&boundary), eol = r->mail.eol;
    sieve_write_lines(r, S("MIME-Version: 1.0\n"), &out);
    buf_addf(&out, "Content-Type: multipart/mixed; boundary=\"%.*s\"%.*s%.*s", SARG(b), SARG(eol),
             SARG(eol));
    buf_addf(&out, "--%.*s%.*s", SARG(b), SARG(eol));
    sieve_write_text_part(r, text, &out);
    buf_addf(&out, "%.*s--%.*s%.*s", SARG(eol), SARG(b), SARG(eol));
    sieve_write_lines(r, S("Content-Type: message/rfc822\n\n"), &out);
    buf_add(&out, header);
    buf_add(&out, body);
    buf_addf(&out, "%.*s--%.*s--%.*s", SARG(eol), SARG(b), SARG(eol));
    if (sieve_keep_buf(r, &out, &all))
        return -1;
    if (!r->enclosed) {
        r->plain_header = header;
        r->plain_body = body;
        r->plain_edited = r->mail.edited;
        r->enclosed = true;
    }
    if (sieve_mail_replace(r, all))
        return -1;
    sieve_loops_end(r);
    return 0;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("enclose"),
     .shape = SHAPE_ACTION,
     .args = {{"a text", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5703:6"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("subject"),
     .on = "enclose",
     .slot = SLOT_SUBJECT,
     .kind = SIEVE_STRING,
     .what = "a subject"},
    {.name = S_INIT("headers"),
     .on = "enclose",
     .slot = SLOT_HEADERS,
     .kind = SIEVE_LIST,
     .what = "names of headers"},
    {{0}},
};

const struct sieve_extension sieve_ext_enclose = {
    .name = S_INIT("enclose"), .commands = commands, .tags = tags};
