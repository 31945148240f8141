/* mime.c - RFC 2045 header fields of a part. A Content-Type that cannot be read counts as absent
   (RFC 2045 5.2); of fields that come twice the first counts. */
#include "format/mime.h"

#include "format/transfer.h"

void mime_skip(struct slice *s)
{
    size_t i = 0, depth = 0;
    for (; i < s->n; i++) {
        char c = s->p[i];
        if (c == '(')
            depth++;
        else if (depth && c == ')')
            depth--;
        else if (depth && c == '\\' && i + 1 < s->n)
            i++;
        else if (!depth && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    *s = slice_from(*s, i);
}

/* Cuts a token (RFC 2045 5.1), 8-bit allowed. */
static struct slice token(struct slice *s)
{
    size_t i = 0;
    while (i < s->n && (unsigned char)s->p[i] > ' ' && !strchr("()<>@,;:\\\"/[]?=", s->p[i]))
        i++;
    struct slice t = slice_sub(*s, 0, i);
    *s = slice_from(*s, i);
    return t;
}

static int read_params(struct slice rest, struct arena *a, struct param_list *ret)
{
    mime_skip(&rest);
    if (rest.n && rest.p[0] == ';')
        rest = slice_from(rest, 1);
    return param_parse(rest, a, ret);
}

/* RFC 2045 5.1 */
static int read_type(struct part *p, struct slice v, struct arena *a)
{
    mime_skip(&v);
    struct slice type = token(&v);
    mime_skip(&v);
    if (v.n && v.p[0] == ';') /* a charset or a name says something all the same */
        return read_params(v, a, &p->params);
    if (!type.n || !v.n || v.p[0] != '/')
        return 0;
    v = slice_from(v, 1);
    mime_skip(&v);
    struct slice subtype = token(&v);
    if (!subtype.n)
        return 0;
    p->has_type = true;
    p->type = type;
    p->subtype = subtype;
    return read_params(v, a, &p->params);
}

/* RFC 2045 5.2: what cannot be read is plain text, in a digest too. */
static int read_first_type(struct part *p, struct slice v, struct arena *a)
{
    int r = read_type(p, v, a);
    if (!p->has_type) {
        p->type = S("text");
        p->subtype = S("plain");
    }
    return r;
}

/* RFC 2183 2. Without a type ("filename=x") the parameters count all the same. */
static int read_disposition(struct part *p, struct slice v, struct arena *a)
{
    mime_skip(&v);
    struct slice all = v;
    if (v.n && v.p[0] == '"')
        v = slice_from(v, 1);
    p->disposition = token(&v);
    if (v.n && v.p[0] == '"')
        v = slice_from(v, 1);
    mime_skip(&v);
    if (p->disposition.n && v.n && v.p[0] == '=') {
        p->disposition = SNONE;
        return param_parse(all, a, &p->disposition_params);
    }
    if (!p->disposition.n && (!v.n || v.p[0] != ';'))
        return 0;
    return read_params(v, a, &p->disposition_params);
}

/* RFC 2045 6.1. "7 bit" and "quoted printable" are met as well. */
static void read_encoding(struct part *p, struct slice v)
{
    static const struct slice names[] = {
        [ENCODING_7BIT] = S_INIT("7bit"),     [ENCODING_8BIT] = S_INIT("8bit"),
        [ENCODING_BINARY] = S_INIT("binary"), [ENCODING_QUOTED] = S_INIT("quoted-printable"),
        [ENCODING_BASE64] = S_INIT("base64"), [ENCODING_UU] = S_INIT("x-uuencode"),
    };
    mime_skip(&v);
    if (v.n && v.p[0] == '"')
        v = slice_from(v, 1);
    struct slice all = v;
    p->encoding_raw = token(&v);
    p->encoding = transfer_encoding_of(p->encoding_raw);
    enum encoding words = transfer_encoding_of(slice_trim(slice_cut(&all, ';')));
    if (p->encoding != ENCODING_UNKNOWN || words == ENCODING_UNKNOWN)
        return;
    p->encoding = words;
    p->encoding_raw = names[words];
}

int mime_read(struct part *p, bool digest, struct arena *a)
{
    uint32_t seen = 0;
    p->type = digest ? S("message") : S("text");
    p->subtype = digest ? S("rfc822") : S("plain");
    for (uint32_t i = 0; i < p->n_fields; i++) {
        const struct field *f = &p->fields[i];
        if (f->id < FIELD_CONTENT_DESCRIPTION || f->id > FIELD_CONTENT_TYPE || seen & 1u << f->id)
            continue;
        seen |= 1u << f->id;
        struct slice v = slice_trim(f->value);
        int r = 0;
        if (f->id == FIELD_CONTENT_TYPE)
            r = read_first_type(p, v, a);
        else if (f->id == FIELD_CONTENT_DISPOSITION)
            r = read_disposition(p, v, a);
        else if (f->id == FIELD_CONTENT_TRANSFER_ENCODING)
            read_encoding(p, v);
        else if (f->id == FIELD_CONTENT_ID)
            p->id = v;
        else if (f->id == FIELD_CONTENT_DESCRIPTION)
            p->description = v;
        else if (f->id == FIELD_CONTENT_LANGUAGE)
            p->language = v;
        else if (f->id == FIELD_CONTENT_LOCATION)
            p->location = v;
        else
            p->md5 = v;
        if (r)
            return -1;
    }
    return 0;
}
