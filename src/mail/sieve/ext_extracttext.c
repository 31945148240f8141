/* ext_extracttext.c - RFC 5703 7: the text of the current part becomes a variable. */
#include "format/charset.h"
#include "format/text.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/mail.h"
#include "mail/sieve/run.h"

static int check(struct sieve_compiler *c)
{
    if (!sieve_enabled(c, SIEVE_BIT(variables)))
        return sieve_wrong(c, c->at, "\"extracttext\" needs require \"variables\"");
    if (!c->loops)
        return sieve_wrong(c, c->at, "\"extracttext\" stands in no \"foreverypart\"");
    return sieve_check_each(c, SLOT_0, sieve_variable_name, "the name of a variable");
}

static struct slice first_chars(struct slice s, uint64_t n)
{
    size_t at = 0;
    while (at < s.n && n) {
        at++;
        while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at++;
        n--;
    }
    return slice_sub(s, 0, at);
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_loop *loop = sieve_loop(r);
    BUF_SCOPE out = {.max = r->limits->memory};
    struct slice name, text = S("");
    const struct part *p = loop ? loop->current : NULL;
    if (sieve_string(r, c, SLOT_0, &name))
        return -1;
    bool known =
        p && p->kind == PART_LEAF && part_is(p, "text", NULL) && p->encoding != ENCODING_UNKNOWN;
    struct slice charset = known ? param_raw(&p->params, S("charset")) : SNONE;
    if (known && (!charset.n || charset_name(charset))) {
        if (sieve_work(r, p->end - p->body))
            return -1;
        part_text(r->mail.m, p, r->limits->variable_size * 4, &out);
        if (sieve_keep_buf(r, &out, &text))
            return -1;
    }
    text = first_chars(text, sieve_number(c, SLOT_FIRST, UINT64_MAX));
    return sieve_modify(r, c, &text) ? -1 : sieve_variable_set(r, name, text);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("extracttext"),
     .shape = SHAPE_ACTION,
     .uses = USES_MODIFIERS,
     .args = {{"the name of a variable", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5703:7"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("first"),
     .on = "extracttext",
     .slot = SLOT_FIRST,
     .kind = SIEVE_NUMBER,
     .what = "a number of characters"},
    {{0}},
};

const struct sieve_extension sieve_ext_extracttext = {
    .name = S_INIT("extracttext"), .commands = commands, .tags = tags};
