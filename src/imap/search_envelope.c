/* search_envelope.c - reads back the ENVELOPE that the store keeps in wire form (RFC 9051 7.5.2):
   ten fields, strings and lists of addresses. It was written by format/, so that a form that is not
   known simply ends the reading. */
#include "format/word.h"
#include "imap/search.h"

struct reader {
    struct slice in;
    size_t at;
};

static bool skip(struct reader *r, char c)
{
    if (r->at >= r->in.n || r->in.p[r->at] != c)
        return false;
    r->at++;
    return true;
}

/* A string with its escapes undone, appended; NIL is nothing. False: it is none. */
static bool string(struct reader *r, struct buf *out)
{
    if (slice_starts(slice_from(r->in, r->at), S("NIL"))) {
        r->at += 3;
        return true;
    }
    if (skip(r, '"')) {
        while (r->at < r->in.n && r->in.p[r->at] != '"') {
            if (r->in.p[r->at] == '\\')
                r->at++;
            if (r->at < r->in.n)
                buf_addc(out, r->in.p[r->at++]);
        }
        return skip(r, '"');
    }
    struct slice rest = slice_from(r->in, r->at);
    ptrdiff_t end = slice_search(rest, S("}\r\n"));
    uint64_t n;
    if (!skip(r, '{') || end < 0 || slice_u64(slice_sub(rest, 1, (size_t)end), &n) ||
        n > rest.n - (size_t)end - 3)
        return false;
    buf_add(out, slice_sub(rest, (size_t)end + 3, (size_t)end + 3 + (size_t)n));
    r->at += (size_t)end + 2 + (size_t)n;
    return true;
}

/* (name route mailbox host) */
static bool address(struct reader *r, struct buf *out)
{
    BUF_SCOPE name = {0};
    BUF_SCOPE route = {0};
    BUF_SCOPE local = {0};
    BUF_SCOPE host = {0};
    if (!skip(r, '(') || !string(r, &name) || !skip(r, ' ') || !string(r, &route) ||
        !skip(r, ' ') || !string(r, &local) || !skip(r, ' ') || !string(r, &host) || !skip(r, ')'))
        return false;
    word_decode(buf_slice(&name), out);
    buf_adds(out, " <");
    word_decode(buf_slice(&local), out);
    buf_addc(out, '@');
    buf_add(out, buf_slice(&host));
    buf_adds(out, ">\n");
    return true;
}

static bool addresses(struct reader *r, struct buf *out)
{
    if (!skip(r, '('))
        return string(r, out); /* NIL */
    while (!skip(r, ')')) {
        skip(r, ' ');
        if (!address(r, out))
            return false;
    }
    return true;
}

void envelope_text(struct slice envelope, enum envelope_field field, struct buf *out)
{
    struct reader r = {.in = envelope};
    BUF_SCOPE raw = {0};
    if (!skip(&r, '('))
        return;
    for (unsigned i = 0; i <= field; i++) {
        buf_reset(&raw);
        if (i && !skip(&r, ' '))
            return;
        if (!(i < ENVELOPE_FROM ? string(&r, &raw) : addresses(&r, &raw)))
            return;
    }
    if (field == ENVELOPE_SUBJECT)
        word_decode(buf_slice(&raw), out);
    else
        buf_add(out, buf_slice(&raw));
}

void envelope_address_done(struct envelope_address *a)
{
    buf_done(&a->name);
    buf_done(&a->mailbox);
    buf_done(&a->host);
}

static bool string_or_nil(struct reader *r, struct buf *out, bool *ret_has)
{
    *ret_has = !slice_starts(slice_from(r->in, r->at), S("NIL"));
    return string(r, out);
}

bool envelope_first(struct slice envelope, enum envelope_field field, struct envelope_address *ret)
{
    struct reader r = {.in = envelope};
    BUF_SCOPE skipped = {0};
    bool has;
    if (!skip(&r, '('))
        return false;
    for (unsigned i = 0; i < field; i++)
        if (!(i < ENVELOPE_FROM ? string(&r, &skipped) : addresses(&r, &skipped)) || !skip(&r, ' '))
            return false;
    return skip(&r, '(') && skip(&r, '(') && string_or_nil(&r, &ret->name, &has) && skip(&r, ' ') &&
           string(&r, &skipped) && skip(&r, ' ') &&
           string_or_nil(&r, &ret->mailbox, &ret->has_mailbox) && skip(&r, ' ') &&
           string_or_nil(&r, &ret->host, &ret->has_host);
}
