/* field.c - header lines and header fields: what begins a field, what goes on with it, what ends
   the header. The parser of messages, the walk over raw headers and the section code all use these
   functions, so that they agree where a header ends. RFC 5322 2.2, 3.6.8, 4.5. */
#include "format/field.h"

static const struct slice field_names[FIELD_ID_COUNT] = {
    [FIELD_BCC] = S_INIT("bcc"),
    [FIELD_CC] = S_INIT("cc"),
    [FIELD_CONTENT_DESCRIPTION] = S_INIT("content-description"),
    [FIELD_CONTENT_DISPOSITION] = S_INIT("content-disposition"),
    [FIELD_CONTENT_ID] = S_INIT("content-id"),
    [FIELD_CONTENT_LANGUAGE] = S_INIT("content-language"),
    [FIELD_CONTENT_LOCATION] = S_INIT("content-location"),
    [FIELD_CONTENT_MD5] = S_INIT("content-md5"),
    [FIELD_CONTENT_TRANSFER_ENCODING] = S_INIT("content-transfer-encoding"),
    [FIELD_CONTENT_TYPE] = S_INIT("content-type"),
    [FIELD_DATE] = S_INIT("date"),
    [FIELD_DELIVERED_TO] = S_INIT("delivered-to"),
    [FIELD_FROM] = S_INIT("from"),
    [FIELD_IN_REPLY_TO] = S_INIT("in-reply-to"),
    [FIELD_LIST_ID] = S_INIT("list-id"),
    [FIELD_MESSAGE_ID] = S_INIT("message-id"),
    [FIELD_MIME_VERSION] = S_INIT("mime-version"),
    [FIELD_RECEIVED] = S_INIT("received"),
    [FIELD_REFERENCES] = S_INIT("references"),
    [FIELD_REPLY_TO] = S_INIT("reply-to"),
    [FIELD_RETURN_PATH] = S_INIT("return-path"),
    [FIELD_SENDER] = S_INIT("sender"),
    [FIELD_SUBJECT] = S_INIT("subject"),
    [FIELD_TO] = S_INIT("to"),
};

enum field_id field_id_of(struct slice name)
{
    for (int i = FIELD_OTHER + 1; i < FIELD_ID_COUNT; i++)
        if (field_names[i].n == name.n && slice_eqi(field_names[i], name))
            return (enum field_id)i;
    return FIELD_OTHER;
}

enum header_line header_line(const char *p, size_t n, size_t *ret_name, size_t *ret_colon)
{
    if (n == 0 || p[0] == '\n' || (p[0] == '\r' && n > 1 && p[1] == '\n'))
        return HEADER_EMPTY;
    if (p[0] == ' ' || p[0] == '\t')
        return HEADER_FOLD;
    size_t i = 0;
    while (i < n && (unsigned char)p[i] > ' ' && p[i] != ':' && p[i] != 127)
        i++;
    size_t name = i;
    while (i < n && (p[i] == ' ' || p[i] == '\t'))
        i++;
    if (name == 0 || i >= n || p[i] != ':')
        return HEADER_JUNK;
    *ret_name = name;
    *ret_colon = i;
    return HEADER_FIELD;
}

bool header_from_line(const char *p, size_t n)
{
    if (n && p[0] == '>') {
        p++;
        n--;
    }
    return n >= 5 && memcmp(p, "From ", 5) == 0;
}

void field_close(struct field *f, const char *message, size_t end)
{
    f->n = end - f->at;
    const char *from = f->value.p, *to = message + end;
    if (to > from && to[-1] == '\n')
        to--;
    if (to > from && to[-1] == '\r')
        to--;
    f->value.n = (size_t)(to - from);
}

static size_t line_end(struct slice s, size_t at)
{
    const char *lf = memchr(s.p + at, '\n', s.n - at);
    return lf ? (size_t)(lf + 1 - s.p) : s.n;
}

bool header_next(struct slice header, size_t *pos, struct field *ret)
{
    struct field f = {0};
    size_t at = *pos, end;
    for (; at < header.n; at = end) {
        size_t name = 0, colon = 0;
        end = line_end(header, at);
        enum header_line kind = header_line(header.p + at, end - at, &name, &colon);
        if (kind == HEADER_FOLD && (f.name.n || at > 0))
            continue;
        if (f.name.n && (kind == HEADER_FIELD || kind == HEADER_EMPTY || kind == HEADER_JUNK))
            break;
        if (kind == HEADER_EMPTY ||
            (kind != HEADER_FIELD && at == 0 && !header_from_line(header.p, end))) {
            at = header.n;
            break;
        }
        if (kind == HEADER_FIELD) {
            f.at = at;
            f.name = slice_of(header.p + at, name);
            f.value.p = header.p + at + colon + 1;
        }
    }
    *pos = at;
    if (!f.name.n)
        return false;
    field_close(&f, header.p, at);
    f.id = field_id_of(f.name);
    *ret = f;
    return true;
}

size_t header_end(struct slice bytes)
{
    size_t at = 0, end;
    for (; at < bytes.n; at = end) {
        size_t name, colon;
        end = line_end(bytes, at);
        enum header_line kind = header_line(bytes.p + at, end - at, &name, &colon);
        if (kind == HEADER_EMPTY)
            return end;
        if (kind != HEADER_FIELD && at == 0 && !header_from_line(bytes.p, end))
            return 0;
    }
    return at;
}

const struct field *part_field(const struct part *p, enum field_id id)
{
    for (uint32_t i = 0; i < p->n_fields; i++)
        if (p->fields[i].id == id)
            return &p->fields[i];
    return NULL;
}

const struct field *part_field_named(const struct part *p, struct slice name)
{
    for (uint32_t i = 0; i < p->n_fields; i++)
        if (slice_eqi(p->fields[i].name, name))
            return &p->fields[i];
    return NULL;
}

const struct field *part_field_next(const struct part *p, const struct field *f)
{
    for (const struct field *g = f + 1; g < p->fields + p->n_fields; g++)
        if (f->id ? g->id == f->id : slice_eqi(g->name, f->name))
            return g;
    return NULL;
}
