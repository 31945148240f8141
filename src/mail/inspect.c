/* inspect.c - one walk over the header fields. Lists are cut at MAIL_HEADER_ADDRESSES and the cut
   is told, so that a check is never passed by what was not looked at. */
#include "mail/inspect.h"

#include "format/address.h"
#include "format/message.h"

static int add(struct slice **list, size_t *n, struct slice value, struct arena *a, bool *too_many)
{
    if (*n == MAIL_HEADER_ADDRESSES) {
        *too_many = true;
        return 0;
    }
    if (!*list && !(*list = arena_new(a, struct slice, MAIL_HEADER_ADDRESSES)))
        return -1;
    (*list)[*n] = arena_dup(a, value);
    return (*list)[(*n)++].p ? 0 : -1;
}

static int add_addresses(struct slice value, struct arena *a, struct mail_header *h)
{
    struct address_list list;
    if (address_parse(value, MAIL_HEADER_ADDRESSES, a, &list))
        return -1;
    h->too_many = h->too_many || list.cut;
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].kind != ADDRESS_MAILBOX)
            continue;
        BUF_SCOPE spec = {.max = 1024};
        address_spec(&list.items[i], &spec);
        if (spec.failed)
            h->too_many = true;
        else if (add(&h->from, &h->n_from, buf_slice(&spec), a, &h->too_many))
            return -1;
    }
    return 0;
}

int mail_header_inspect(struct slice header, struct arena *a, struct mail_header *ret,
                        struct err *e)
{
    struct mail_header h = {0};
    struct field f;
    size_t pos = 0;
    int bad = 0;
    while (!bad && header_next(header, &pos, &f)) {
        enum field_id id = field_id_of(f.name);
        if (id == FIELD_RECEIVED)
            h.received++;
        else if (id == FIELD_DELIVERED_TO)
            bad = add(&h.delivered_to, &h.n_delivered_to, slice_trim(f.value), a, &h.too_many);
        else if (id == FIELD_FROM || id == FIELD_SENDER)
            bad = add_addresses(f.value, a, &h);
    }
    if (bad)
        return err_set(e, ERR_LIMIT, "5.3.4 Header is too large");
    *ret = h;
    return 0;
}

bool mail_header_delivered_to(const struct mail_header *h, struct slice address)
{
    for (size_t i = 0; i < h->n_delivered_to; i++)
        if (slice_eqi(h->delivered_to[i], address))
            return true;
    return false;
}

/* Length of the empty line that ends the header; 0 when none does. */
static size_t empty_line(struct slice header)
{
    if (slice_ends(header, S("\n\r\n")) || slice_eq(header, S("\r\n")))
        return 2;
    return slice_ends(header, S("\n\n")) || slice_eq(header, S("\n")) ? 1 : 0;
}

/* Lines behind such a field that belong to no field go with it: they may be the rest of it, the
   addresses of a Bcc, and in front of the first field they would be taken for the beginning of the
   body. */
void mail_header_without(struct slice bytes, uint64_t ids, struct buf *out)
{
    struct slice header = slice_sub(bytes, 0, header_end(bytes));
    struct field f;
    size_t pos = 0, copied = 0;
    bool cutting = false;
    while (header_next(header, &pos, &f)) {
        if (cutting)
            copied = f.at;
        cutting = ids >> f.id & 1;
        if (cutting)
            buf_add(out, slice_sub(bytes, copied, f.at));
    }
    if (cutting)
        copied = header.n - empty_line(header);
    buf_add(out, slice_from(bytes, copied));
}
