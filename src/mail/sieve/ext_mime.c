/* ext_mime.c - RFC 5703 4: header, address and exists look at the parts of a message. */
#include "format/mime.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/tests.h"

enum { OPTION_TYPE = 1, OPTION_SUBTYPE, OPTION_CONTENT_TYPE, OPTION_PARAM };

int sieve_check_mime(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_MIME))
        return 0;
    if (sieve_given(c, SLOT_ANY_CHILD))
        return sieve_wrong(c, c->source[SLOT_ANY_CHILD].at, "\":anychild\" goes with \":mime\"");
    if (sieve_given(c, SLOT_MIME_OPTION))
        return sieve_wrong(c, c->source[SLOT_MIME_OPTION].at, "this option goes with \":mime\"");
    return 0;
}

const struct part *sieve_mime_first(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_loop *loop = sieve_loop(r);
    return sieve_has(c, SLOT_MIME) && loop ? loop->current : r->mail.m->root;
}

const struct part *sieve_mime_next(struct sieve_runner *r, const struct sieve_call *c,
                                   const struct part *p)
{
    if (!sieve_has(c, SLOT_MIME) || !sieve_has(c, SLOT_ANY_CHILD))
        return NULL;
    return sieve_next_inside(sieve_mime_first(r, c), p);
}

/* What stands before the first semicolon, without comments: "text/plain", "attachment". */
static struct slice first_token(struct slice value, struct slice *ret_rest)
{
    mime_skip(&value);
    size_t n = 0;
    while (n < value.n && !strchr("; \t\r\n(", value.p[n]))
        n++;
    ptrdiff_t semi = slice_find(value, ';');
    *ret_rest = semi < 0 ? S("") : slice_from(value, (size_t)semi + 1);
    return slice_sub(value, 0, n);
}

static int try_params(struct sieve_matcher *m, const struct sieve_call *c, struct slice rest)
{
    struct sieve_runner *r = m->r;
    struct param_list params;
    struct sieve_list names;
    if (sieve_strings(r, c, SLOT_PARAMS, &names) || sieve_work(r, rest.n))
        return -1;
    if (param_parse(rest, r->arena, &params))
        return sieve_fail_memory(r);
    for (size_t i = 0; i < names.n; i++) {
        const struct param *p = param_find(&params, names.items[i]);
        BUF_SCOPE out = {.max = r->limits->memory};
        struct slice text;
        if (!p)
            continue;
        param_text(p, &out);
        if (sieve_keep_buf(r, &out, &text))
            return -1;
        int got = sieve_matcher_try(m, text);
        if (got)
            return got;
    }
    return 0;
}

int sieve_try_mime(struct sieve_matcher *m, const struct sieve_call *c, struct slice name,
                   struct slice value)
{
    struct slice rest, token = first_token(value, &rest);
    bool type = slice_eqi(name, S("Content-Type"));
    bool disposition = slice_eqi(name, S("Content-Disposition"));
    ptrdiff_t slash = slice_find(token, '/');
    unsigned option = (unsigned)sieve_number(c, SLOT_MIME_OPTION, 0);
    bool parsed = type ? slash > 0 : disposition && token.n;
    if (option == OPTION_PARAM)
        return try_params(m, c, rest);
    /* RFC 5703 4.1: :count counts the fields that could be parsed. */
    if (m->type == SIEVE_MATCH_COUNT && !parsed)
        return 0;
    if (!parsed)
        return sieve_matcher_try(m, S(""));
    if (disposition)
        return sieve_matcher_try(m, option == OPTION_SUBTYPE ? S("") : token);
    if (option == OPTION_TYPE)
        token = slice_sub(token, 0, (size_t)slash);
    else if (option == OPTION_SUBTYPE)
        token = slice_from(token, (size_t)slash + 1);
    return sieve_matcher_try(m, token);
}

static const struct sieve_tag tags[] = {
    {.name = S_INIT("mime"), .uses = USES_MIME, .slot = SLOT_MIME},
    {.name = S_INIT("anychild"), .uses = USES_MIME, .slot = SLOT_ANY_CHILD},
    {.name = S_INIT("type"), .on = "header", .slot = SLOT_MIME_OPTION, .value = OPTION_TYPE},
    {.name = S_INIT("subtype"), .on = "header", .slot = SLOT_MIME_OPTION, .value = OPTION_SUBTYPE},
    {.name = S_INIT("contenttype"),
     .on = "header",
     .slot = SLOT_MIME_OPTION,
     .value = OPTION_CONTENT_TYPE},
    {.name = S_INIT("param"),
     .on = "header",
     .slot = SLOT_MIME_OPTION,
     .value = OPTION_PARAM,
     .kind = SIEVE_LIST,
     .arg = SLOT_PARAMS,
     .what = "names of parameters"},
    {{0}},
};

const struct sieve_extension sieve_ext_mime = {.name = S_INIT("mime"), .tags = tags};
