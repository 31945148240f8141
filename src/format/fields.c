/* fields.c - the header fields that are read at delivery, and text of fields. */
#include "format/fields.h"

#include "format/word.h"

void field_unfold(struct slice value, struct buf *out)
{
    while (value.n) {
        const char *lf = memchr(value.p, '\n', value.n);
        size_t n = lf ? (size_t)(lf - value.p) : value.n;
        size_t keep = lf && n && value.p[n - 1] == '\r' ? n - 1 : n;
        buf_add(out, slice_sub(value, 0, keep));
        value = slice_from(value, lf ? n + 1 : n);
    }
}

void field_text(struct slice value, struct buf *out)
{
    BUF_SCOPE text = {0};
    word_decode(slice_trim(value), &text);
    buf_add(out, slice_trim(buf_slice(&text)));
}

/* All fields of one id as one list. RFC 5322 3.6 allows one; the world sends several. */
static int addresses(const struct part *p, enum field_id id, struct arena *a,
                     struct address_list *ret)
{
    const struct field *f = part_field(p, id);
    if (!f)
        return 0;
    const struct field *more = part_field_next(p, f);
    if (!more)
        return address_parse(f->value, 0, a, ret);
    BUF_SCOPE joined = {0};
    buf_add(&joined, f->value);
    for (; more; more = part_field_next(p, more)) {
        buf_addc(&joined, ',');
        buf_add(&joined, more->value);
    }
    return address_parse(arena_dup(a, buf_slice(&joined)), 0, a, ret);
}

int message_fields(const struct part *p, struct arena *a, struct message_fields *ret, struct err *e)
{
    struct message_fields r = {0};
    struct {
        enum field_id id;
        struct address_list *list;
    } lists[] = {
        {FIELD_FROM, &r.from}, {FIELD_SENDER, &r.sender}, {FIELD_REPLY_TO, &r.reply_to},
        {FIELD_TO, &r.to},     {FIELD_CC, &r.cc},         {FIELD_BCC, &r.bcc},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        if (addresses(p, lists[i].id, a, lists[i].list))
            return err_set(e, ERR_LIMIT, "message: too many addresses");
    const struct field *f = part_field(p, FIELD_DATE);
    r.has_date = f && date_parse(f->value, &r.date);
    if ((f = part_field(p, FIELD_SUBJECT))) {
        BUF_SCOPE text = {0};
        field_text(f->value, &text);
        r.subject = arena_dup(a, buf_slice(&text));
    }
    if ((f = part_field(p, FIELD_MESSAGE_ID)))
        r.message_id = msgid_first(f->value, a);
    int bad = (f = part_field(p, FIELD_IN_REPLY_TO)) ? msgid_parse(f->value, a, &r.in_reply_to) : 0;
    if (!bad && (f = part_field(p, FIELD_REFERENCES)))
        bad = msgid_parse(f->value, a, &r.references);
    if (bad || a->failed)
        return err_set(e, ERR_LIMIT, "message: its header fields are too long");
    *ret = r;
    return 0;
}
