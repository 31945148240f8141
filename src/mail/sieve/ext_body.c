/* ext_body.c - RFC 5173: tests of the body, raw, by content type, or as text. */
#include "format/crlf.h"
#include "format/html_text.h"
#include "format/text.h"
#include "format/transfer.h"
#include "mail/sieve/match.h"

enum { BODY_TEXT = 1, BODY_RAW, BODY_CONTENT };
enum { TEXT_MAX = 16 << 20 };

/* Nothing of the text is kept, as no match variable is set. */
static int try_buf(struct sieve_matcher *m, const struct buf *b)
{
    return b->failed ? sieve_fail_memory(m->r) : sieve_matcher_try(m, buf_slice(b));
}

/* RFC 5173 4: the line ends of text are CRLF, as those of keys are. */
static int try_text(struct sieve_matcher *m, const struct buf *b)
{
    BUF_SCOPE out = {.max = m->r->limits->memory};
    struct crlf lines = {0};
    crlf_feed(&lines, buf_slice(b), &out);
    crlf_finish(&lines, &out);
    if (b->failed)
        return sieve_fail_memory(m->r);
    return try_buf(m, &out);
}

/* RFC 5173 5.2: does a part have that type? "" is any, "text" all of text. */
static bool type_is(const struct part *p, struct slice want)
{
    struct slice type, subtype;
    part_type(p, &type, &subtype);
    ptrdiff_t slash = slice_find(want, '/');
    if (!want.n)
        return true;
    if (slash < 0)
        return slice_eqi(want, type);
    /* RFC 5173 5.2: one that begins or ends with a slash, or has two, matches nothing. */
    return slash > 0 && slice_eqi(slice_sub(want, 0, (size_t)slash), type) &&
           slice_eqi(slice_from(want, (size_t)slash + 1), subtype);
}

static struct slice without_last_line(struct slice s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    ptrdiff_t at = slice_rfind(s, '\n');
    return at < 0 ? S("") : slice_sub(s, 0, (size_t)at + 1);
}

/* A multipart is its prologue and its epilogue; a message is its header (RFC 5173 5.2). */
static int try_composite(struct sieve_matcher *m, const struct part *p)
{
    const struct message *msg = m->r->mail.m;
    BUF_SCOPE out = {.max = m->r->limits->memory};
    if (p->kind == PART_MESSAGE) {
        buf_add(&out, part_header(msg, p->nested));
        return try_buf(m, &out);
    }
    buf_add(&out, without_last_line(slice_sub(msg->bytes, p->body, p->first->head)));
    int got = try_buf(m, &out);
    if (got)
        return got;
    struct slice rest = slice_sub(msg->bytes, p->last->end, p->end);
    slice_cut(&rest, '\n'); /* the line end before the delimiter, and the delimiter */
    slice_cut(&rest, '\n');
    return rest.p ? sieve_matcher_try(m, rest) : 0;
}

static int try_content(struct sieve_matcher *m, const struct part *p)
{
    const struct message *msg = m->r->mail.m;
    struct slice body = part_body(msg, p);
    if (p->kind != PART_LEAF)
        return try_composite(m, p);
    BUF_SCOPE out = {.max = m->r->limits->memory};
    if (sieve_work(m->r, body.n))
        return -1;
    if (m->stripped && part_is(p, "text", "html")) {
        BUF_SCOPE html = {.max = m->r->limits->memory};
        part_text(msg, p, TEXT_MAX, &html);
        html_text(buf_slice(&html), TEXT_MAX, &out);
    } else if (part_is(p, "text", NULL)) {
        part_text(msg, p, TEXT_MAX, &out);
    } else if (transfer_decode(p->encoding, body, &out)) {
        return sieve_fail_memory(m->r);
    }
    return part_is(p, "text", NULL) ? try_text(m, &out) : try_buf(m, &out);
}

/* RFC 5173 4: a header alone, without an empty line, has no body, not even an empty one. */
static bool has_body(struct slice header, struct slice body)
{
    return body.n || slice_ends(header, S("\n\n")) || slice_ends(header, S("\n\r\n")) ||
           slice_eq(slice_trim(header), S(""));
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct sieve_list types = {.items = &S("text"), .n = 1};
    struct slice header, body;
    unsigned how = (unsigned)sieve_number(c, SLOT_PART, BODY_TEXT);
    if (sieve_matcher_init(&m, r, c, SLOT_0) || sieve_mail_write(r, &header, &body))
        return -1;
    m.quiet = true;
    m.stripped = how == BODY_TEXT;
    if (!has_body(header, body))
        return 0;
    if (how == BODY_RAW) {
        int got = sieve_matcher_try(&m, body);
        return got ? got : sieve_matcher_end(&m);
    }
    if (how == BODY_CONTENT && sieve_strings(r, c, SLOT_CONTENT, &types))
        return -1;
    for (const struct part *p = r->mail.m->root; p; p = p->following) {
        bool wanted = false;
        for (size_t i = 0; i < types.n && !wanted; i++)
            wanted = type_is(p, types.items[i]);
        int got = wanted ? try_content(&m, p) : 0;
        if (got)
            return got;
    }
    return sieve_matcher_end(&m);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("body"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"keys", SIEVE_LIST}},
     .n_args = 1,
     .run = run,
     .rfc = "5173:4"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("text"), .on = "body", .slot = SLOT_PART, .value = BODY_TEXT},
    {.name = S_INIT("raw"), .on = "body", .slot = SLOT_PART, .value = BODY_RAW},
    {.name = S_INIT("content"),
     .on = "body",
     .slot = SLOT_PART,
     .value = BODY_CONTENT,
     .kind = SIEVE_LIST,
     .arg = SLOT_CONTENT,
     .what = "content types"},
    {{0}},
};

const struct sieve_extension sieve_ext_body = {
    .name = S_INIT("body"), .commands = commands, .tags = tags};
