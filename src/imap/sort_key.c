/* sort_key.c - the values that SORT compares (RFC 5256 3, RFC 5957 3 and 4) as bytes. Numbers are
   eight bytes, highest first; texts are in i;unicode-casemap (RFC 5051) and end with two NULs. What
   is REVERSE has all its bits turned, so that one memcmp compares all criteria. */
#include <stdlib.h>

#include <endian.h>

#include "format/subject.h"
#include "format/text.h"
#include "format/word.h"
#include "imap/settings.h"
#include "imap/sort.h"

static const struct {
    unsigned want;
    enum envelope_field field;
} kinds[IMAP_SORT_KEYS] = {
    [IMAP_SORT_ARRIVAL] = {ENTRY_ITEM, 0},
    [IMAP_SORT_CC] = {ENTRY_ENVELOPE, ENVELOPE_CC},
    [IMAP_SORT_DATE] = {ENTRY_ITEM, 0},
    [IMAP_SORT_DISPLAYFROM] = {ENTRY_ENVELOPE, ENVELOPE_FROM},
    [IMAP_SORT_DISPLAYTO] = {ENTRY_ENVELOPE, ENVELOPE_TO},
    [IMAP_SORT_FROM] = {ENTRY_ENVELOPE, ENVELOPE_FROM},
    [IMAP_SORT_SIZE] = {ENTRY_ITEM, 0},
    [IMAP_SORT_SUBJECT] = {ENTRY_ENVELOPE, ENVELOPE_SUBJECT},
    [IMAP_SORT_TO] = {ENTRY_ENVELOPE, ENVELOPE_TO},
};

unsigned sort_want(const struct imap_sort_args *a)
{
    unsigned want = 0;
    for (size_t i = 0; i < a->n; i++)
        want |= kinds[a->by[i].key].want;
    return want;
}

bool sort_subject(struct slice decoded, struct buf *out)
{
    BUF_SCOPE base = {0};
    bool reply = subject_base(decoded, &base);
    text_casemap(buf_slice(&base), out);
    return reply;
}

static void add_number(int64_t n, struct buf *out)
{
    uint64_t v = htobe64((uint64_t)n ^ ((uint64_t)1 << 63));
    buf_add(out, slice_of(&v, sizeof(v)));
}

/* A NUL inside becomes NUL 1: behind the end of the text and before all others. */
static void add_text(struct slice text, struct buf *out)
{
    for (;;) {
        ptrdiff_t nul = slice_find(text, '\0');
        buf_add(out, slice_sub(text, 0, nul < 0 ? text.n : (size_t)nul));
        if (nul < 0)
            break;
        buf_add(out, slice_of("\0\1", 2));
        text = slice_from(text, (size_t)nul + 1);
    }
    buf_add(out, slice_of("\0\0", 2));
}

/* RFC 5957 3 */
static void display(const struct envelope_address *a, struct buf *out)
{
    BUF_SCOPE text = {0};
    word_decode(buf_slice(&a->name), &text);
    if (text.n == 0) {
        buf_add(&text, buf_slice(&a->mailbox));
        if (a->has_mailbox && a->has_host) {
            buf_addc(&text, '@');
            buf_add(&text, buf_slice(&a->host));
        }
    }
    text_casemap(buf_slice(&text), out);
}

static void text_value(enum imap_sort_key key, const struct entry *en, struct buf *out)
{
    if (key == IMAP_SORT_SUBJECT) {
        BUF_SCOPE subject = {0};
        envelope_text(en->envelope, ENVELOPE_SUBJECT, &subject);
        sort_subject(buf_slice(&subject), out);
        return;
    }
    struct envelope_address a = {0};
    if (envelope_first(en->envelope, kinds[key].field, &a)) {
        if (key == IMAP_SORT_DISPLAYFROM || key == IMAP_SORT_DISPLAYTO)
            display(&a, out);
        else
            text_casemap(buf_slice(&a.mailbox), out);
    }
    envelope_address_done(&a);
}

void sort_key(const struct imap_sort_args *a, const struct entry *en, struct buf *out)
{
    for (size_t i = 0; i < a->n; i++) {
        size_t from = out->n;
        enum imap_sort_key key = a->by[i].key;
        if (key == IMAP_SORT_ARRIVAL || key == IMAP_SORT_DATE || key == IMAP_SORT_SIZE) {
            add_number(key == IMAP_SORT_ARRIVAL ? en->received_at
                       : key == IMAP_SORT_DATE  ? en->sent_at
                                                : en->size,
                       out);
        } else {
            BUF_SCOPE text = {0};
            text_value(key, en, &text);
            add_text(buf_slice(&text), out);
        }
        if (a->by[i].reverse)
            for (size_t k = from; k < out->n; k++)
                out->p[k] = (char)~out->p[k];
    }
}

int sort_rows_add(struct sort_rows *s, uint32_t uid, size_t at, struct err *e)
{
    size_t max = (size_t)setting_get(&set_imap_sort_memory);
    struct sort_row row = {.uid = uid, .at = (uint32_t)at, .n = (uint32_t)(s->keys.n - at)};
    if (row.n)
        memcpy(&row.head, s->keys.p + at, row.n < 8 ? row.n : 8);
    row.head = be64toh(row.head);
    s->rows.max = max;
    if (s->keys.failed || s->keys.n + s->rows.n + sizeof(row) > max ||
        buf_add(&s->rows, slice_of(&row, sizeof(row))))
        return err_set(e, ERR_LIMIT, "There are too many messages to sort at once");
    return 0;
}

static int compare(const void *x, const void *y, void *arg)
{
    const struct sort_row *a = x, *b = y;
    const char *keys = arg;
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    int c = memcmp(keys + a->at, keys + b->at, a->n < b->n ? a->n : b->n);
    if (c == 0 && a->n != b->n)
        c = a->n < b->n ? -1 : 1;
    return c ? c : a->uid < b->uid ? -1 : a->uid > b->uid;
}

void sort_rows_sort(struct sort_rows *s)
{
    size_t n = sort_rows_n(s);
    if (n > 1)
        qsort_r(s->rows.p, n, sizeof(struct sort_row), compare, s->keys.p);
}

void sort_rows_done(struct sort_rows *s)
{
    buf_done(&s->rows);
    buf_done(&s->keys);
}
