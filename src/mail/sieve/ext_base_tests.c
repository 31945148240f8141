/* ext_base_tests.c - the tests that need no require: RFC 5228 5, with what RFC 5260 6 and RFC 5703
   4 add to them. */
#include "format/address.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/tests.h"

static int check_fields(struct sieve_compiler *c)
{
    if (sieve_check_each(c, SLOT_0, sieve_is_field_name, "the name of a header field"))
        return -1;
    return sieve_check_mime(c);
}

/* --- address parts --- */

bool sieve_address_part_of(struct slice local, struct slice domain, enum sieve_address_part part,
                           struct buf *out)
{
    ptrdiff_t plus = slice_find(local, '+');
    if (part == SIEVE_PART_DETAIL) {
        if (plus >= 0)
            buf_add(out, slice_from(local, (size_t)plus + 1));
        return plus >= 0;
    }
    if (part == SIEVE_PART_USER)
        buf_add(out, plus < 0 ? local : slice_sub(local, 0, (size_t)plus));
    else if (part != SIEVE_PART_DOMAIN)
        buf_add(out, local);
    if (part == SIEVE_PART_ALL && domain.n)
        buf_addc(out, '@');
    if (part == SIEVE_PART_ALL || part == SIEVE_PART_DOMAIN)
        buf_add(out, domain);
    /* RFC 5228 2.7.4: what is no address has no parts. */
    return part == SIEVE_PART_ALL || domain.n || !local.n;
}

int sieve_try_addresses(struct sieve_matcher *m, struct slice value, enum sieve_address_part part)
{
    struct address_list l;
    struct sieve_runner *r = m->r;
    if (sieve_work(r, value.n))
        return -1;
    if (address_parse(value, 0, r->arena, &l))
        return sieve_fail_memory(r);
    for (size_t i = 0; i < l.n; i++) {
        BUF_SCOPE text = {.max = r->limits->memory};
        struct slice kept;
        const struct address *a = &l.items[i];
        if (a->kind != ADDRESS_MAILBOX || !sieve_address_part_of(a->local, a->domain, part, &text))
            continue;
        if (sieve_keep_buf(r, &text, &kept))
            return -1;
        int got = sieve_matcher_try(m, kept);
        if (got)
            return got;
    }
    return 0;
}

/* --- address, header, exists: RFC 5228 5.1, 5.7, 5.5 --- */

typedef int try_fn(struct sieve_matcher *m, const struct sieve_call *c, struct slice name,
                   struct slice value);

static int try_address(struct sieve_matcher *m, const struct sieve_call *c, struct slice name,
                       struct slice value)
{
    (void)name;
    return sieve_try_addresses(m, value,
                               (enum sieve_address_part)sieve_number(c, SLOT_PART, SIEVE_PART_ALL));
}

static int try_header(struct sieve_matcher *m, const struct sieve_call *c, struct slice name,
                      struct slice value)
{
    if (sieve_has(c, SLOT_MIME_OPTION))
        return sieve_try_mime(m, c, name, value);
    struct slice text;
    return sieve_text(m->r, value, &text) ? -1 : sieve_matcher_try(m, text);
}

static int match_fields(struct sieve_runner *r, const struct sieve_call *c, try_fn *try)
{
    struct sieve_matcher m;
    struct sieve_list names, values;
    if (sieve_matcher_init(&m, r, c, SLOT_1) || sieve_strings(r, c, SLOT_0, &names))
        return -1;
    for (const struct part *p = sieve_mime_first(r, c); p; p = sieve_mime_next(r, c, p))
        for (size_t i = 0; i < names.n; i++) {
            if (sieve_values(r, p, names.items[i], &values))
                return -1;
            sieve_pick_index(c, &values);
            for (size_t k = 0; k < values.n; k++) {
                int got = try(&m, c, names.items[i], values.items[k]);
                if (got)
                    return got;
            }
        }
    return sieve_matcher_end(&m);
}

static int run_address(struct sieve_runner *r, const struct sieve_call *c)
{
    return match_fields(r, c, try_address);
}

static int run_header(struct sieve_runner *r, const struct sieve_call *c)
{
    return match_fields(r, c, try_header);
}

/* All of the names, each in one of the parts. */
static int run_exists(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list names, values;
    if (sieve_strings(r, c, SLOT_0, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        bool there = false;
        for (const struct part *p = sieve_mime_first(r, c); p && !there;
             p = sieve_mime_next(r, c, p)) {
            if (sieve_values(r, p, names.items[i], &values))
                return -1;
            there = values.n;
        }
        if (!there)
            return 0;
    }
    return 1;
}

/* RFC 5228 5.9; inside a loop the part's size (RFC 5703 4.1, third example). */
static int check_size(struct sieve_compiler *c)
{
    return sieve_given(c, SLOT_SIZE) ? 0
                                     : sieve_wrong(c, c->at, "\"size\" expects :over or :under");
}

static int run_size(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_loop *loop = sieve_loop(r);
    struct slice header, body;
    if (sieve_mail_write(r, &header, &body))
        return -1;
    uint64_t size = header.n + body.n;
    if (loop && loop->current && loop->current != r->mail.m->root)
        size = loop->current->end - loop->current->head;
    uint64_t limit = sieve_number(c, SLOT_0, 0);
    return sieve_number(c, SLOT_SIZE, 1) == 1 ? size > limit : size < limit;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("address"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH | USES_PART | USES_INDEX | USES_MIME | USES_EXTLIST,
     .args = {{"header names", SIEVE_LIST}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .check = check_fields,
     .run = run_address,
     .rfc = "5228:5.1"},
    {.name = S_INIT("header"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH | USES_INDEX | USES_MIME | USES_EXTLIST,
     .args = {{"header names", SIEVE_LIST}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .check = check_fields,
     .run = run_header,
     .rfc = "5228:5.7"},
    {.name = S_INIT("exists"),
     .shape = SHAPE_TEST,
     .uses = USES_MIME,
     .args = {{"header names", SIEVE_LIST}},
     .n_args = 1,
     .check = check_fields,
     .run = run_exists,
     .rfc = "5228:5.5"},
    {.name = S_INIT("size"),
     .shape = SHAPE_TEST,
     .args = {{"a size", SIEVE_NUMBER}},
     .n_args = 1,
     .check = check_size,
     .run = run_size,
     .rfc = "5228:5.9"},
    {.name = S_INIT("true"), .shape = SHAPE_TRUE, .rfc = "5228:5.10"},
    {.name = S_INIT("false"), .shape = SHAPE_FALSE, .rfc = "5228:5.6"},
    {.name = S_INIT("not"), .shape = SHAPE_NOT, .rfc = "5228:5.8"},
    {.name = S_INIT("allof"), .shape = SHAPE_ALLOF, .rfc = "5228:5.2"},
    {.name = S_INIT("anyof"), .shape = SHAPE_ANYOF, .rfc = "5228:5.3"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("is"), .uses = USES_MATCH, .slot = SLOT_MATCH, .value = SIEVE_MATCH_IS},
    {.name = S_INIT("contains"),
     .uses = USES_MATCH,
     .slot = SLOT_MATCH,
     .value = SIEVE_MATCH_CONTAINS},
    {.name = S_INIT("matches"),
     .uses = USES_MATCH,
     .slot = SLOT_MATCH,
     .value = SIEVE_MATCH_MATCHES},
    {.name = S_INIT("comparator"),
     .uses = USES_MATCH,
     .slot = SLOT_COMPARATOR,
     .kind = SIEVE_STRING,
     .what = "a comparator"},
    {.name = S_INIT("all"), .uses = USES_PART, .slot = SLOT_PART, .value = SIEVE_PART_ALL},
    {.name = S_INIT("localpart"), .uses = USES_PART, .slot = SLOT_PART, .value = SIEVE_PART_LOCAL},
    {.name = S_INIT("domain"), .uses = USES_PART, .slot = SLOT_PART, .value = SIEVE_PART_DOMAIN},
    {.name = S_INIT("over"), .on = "size", .slot = SLOT_SIZE, .value = 1},
    {.name = S_INIT("under"), .on = "size", .slot = SLOT_SIZE, .value = 2},
    {{0}},
};

const struct sieve_extension sieve_ext_base_tests = {.commands = commands, .tags = tags};
