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

/* An mbox "From " line, also with the ">" that some programs put before it. */
static bool from_line(struct slice s)
{
    return slice_starts(s, S("From ")) || slice_starts(s, S(">From "));
}

static bool field_line(struct slice s, size_t *ret_name, size_t *ret_colon)
{
    size_t i = 0;
    while (i < s.n && (unsigned char)s.p[i] > ' ' && s.p[i] != ':' && s.p[i] != 127)
        i++;
    size_t name = i;
    while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'))
        i++;
    if (name == 0 || i >= s.n || s.p[i] != ':')
        return false;
    *ret_name = name;
    *ret_colon = i;
    return true;
}

size_t header_first(struct slice message, size_t at)
{
    return slice_starts(slice_from(message, at), S("\xef\xbb\xbf")) ? at + 3 : at;
}

enum header_line header_scan(struct header_scan *h, const char *p, size_t at, size_t end,
                             size_t *ret_name, size_t *ret_colon)
{
    struct slice s = slice_of(p + at, end - at);
    if (s.n == 0 || s.p[0] == '\n' || (s.p[0] == '\r' && s.n > 1 && s.p[1] == '\n')) {
        if (h->begun || at == h->head)
            return HEADER_EMPTY;
        return HEADER_BODY; /* nothing but blanks and text before it: no header */
    }
    if (s.p[0] == ' ' || s.p[0] == '\t')
        return h->stray ? HEADER_STRAY : HEADER_FOLD;
    if (field_line(s, ret_name, ret_colon)) {
        h->begun = true;
        h->stray = 0;
        return HEADER_FIELD;
    }
    if (!h->begun && !from_line(s))
        return HEADER_BODY;
    if (h->begun && !h->stray)
        h->stray = at;
    h->begun = true;
    return slice_starts(s, S("--")) ? HEADER_BODY : HEADER_STRAY;
}

size_t header_scan_end(const struct header_scan *h, size_t at)
{
    return !h->begun ? h->head : h->stray ? h->stray : at;
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
    struct header_scan h = {.head = *pos, .begun = *pos > 0};
    struct field f = {0};
    size_t at = *pos ? *pos : header_first(header, 0), end;
    bool open = false; /* folds belong to f */
    for (; at < header.n; at = end) {
        size_t name = 0, colon = 0;
        end = line_end(header, at);
        enum header_line kind = header_scan(&h, header.p, at, end, &name, &colon);
        if (open && kind != HEADER_FOLD) {
            field_close(&f, header.p, at);
            open = false;
        }
        if (kind == HEADER_EMPTY || kind == HEADER_BODY)
            end = header.n;
        if (kind != HEADER_FIELD)
            continue;
        if (f.name.n)
            break;
        f = (struct field){.at = at, .name = slice_of(header.p + at, name)};
        f.value.p = header.p + at + colon + 1;
        f.id = field_id_of(f.name);
        open = true;
    }
    if (open)
        field_close(&f, header.p, at);
    *pos = at;
    if (f.name.n)
        *ret = f;
    return f.name.n > 0;
}

size_t header_end(struct slice bytes)
{
    struct header_scan h = {0};
    size_t at = header_first(bytes, 0), end;
    for (; at < bytes.n; at = end) {
        size_t name, colon;
        end = line_end(bytes, at);
        enum header_line kind = header_scan(&h, bytes.p, at, end, &name, &colon);
        if (kind == HEADER_EMPTY)
            return end;
        if (kind == HEADER_BODY)
            break;
    }
    return header_scan_end(&h, at);
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
