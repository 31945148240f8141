/* ext_enotify.c - RFC 5435: notify, with the method mailto (RFC 5436) and those that the world
   knows. */
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"

enum { URI_MAX = 4096, MESSAGE_MAX = 4096 };

static bool is_importance(struct slice s)
{
    return s.n == 1 && s.p[0] >= '1' && s.p[0] <= '3';
}

static bool is_uri(struct slice s)
{
    ptrdiff_t colon = slice_find(s, ':');
    if (colon <= 0 || s.n > URI_MAX || !ascii_alpha(s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("<>\"\\^`{|}", s.p[i]))
            return false;
    return true;
}

/* RFC 5435 3.5: name=value */
static bool is_option(struct slice s)
{
    ptrdiff_t eq = slice_find(s, '=');
    for (ptrdiff_t i = 0; i < eq; i++) {
        bool word = ascii_alpha(s.p[i]) || ascii_digit(s.p[i]);
        if (!word && (i == 0 || !strchr(".-_", s.p[i]) || !s.p[i]))
            return false;
    }
    return eq > 0 && slice_find(slice_from(s, (size_t)eq), '\n') < 0;
}

static int check(struct sieve_compiler *c)
{
    if (sieve_check_each(c, SLOT_OPTIONS, is_option, "of the form name=value") ||
        sieve_check_each(c, SLOT_FROM, sieve_is_address, "an address"))
        return -1;
    if (sieve_check_each(c, SLOT_IMPORTANCE, is_importance, "one of 1, 2, 3"))
        return -1;
    return sieve_check_each(c, SLOT_0, is_uri, "a URI");
}

static void decode(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        uint64_t v;
        if (s.p[i] == '%' && i + 2 < s.n && !slice_hex(slice_sub(s, i + 1, i + 3), &v)) {
            buf_addc(out, (char)v);
            i += 2;
        } else {
            buf_addc(out, s.p[i]);
        }
    }
}

/* RFC 6068: addresses before the question mark, each of them one. */
static bool mailto_ok(struct slice uri)
{
    struct slice rest = slice_from(uri, 7);
    ptrdiff_t query = slice_find(rest, '?');
    unsigned n = 0;
    rest = query < 0 ? rest : slice_sub(rest, 0, (size_t)query);
    while (rest.p && n++ < 10) {
        BUF_SCOPE address = {0};
        decode(slice_cut(&rest, ','), &address);
        if (!sieve_is_address(buf_slice(&address)))
            return false;
    }
    return n > 0 && !rest.p;
}

/* 1: it can be used. */
static int valid(struct sieve_runner *r, struct slice uri)
{
    if (!is_uri(uri))
        return 0;
    if (slice_startsi(uri, S("mailto:")))
        return mailto_ok(uri);
    if (!r->world->notify_method)
        return 0;
    return r->world->notify_method(r->ctx, uri, SNONE, NULL, r->e);
}

/* RFC 5436 2.7: nothing is told of what was sent automatically. */
static int is_automatic(struct sieve_runner *r)
{
    struct slice text;
    if (sieve_first_text(r, S("Auto-Submitted"), &text))
        return -1;
    struct slice value = text.p ? slice_trim(slice_cut(&text, ';')) : S("no");
    return !slice_eqi(value, S("no"));
}

/* The value of a header in a mailto URI, decoded; nothing when it is not there (RFC 6068 2). */
static bool uri_header(struct slice uri, struct slice name, struct buf *out)
{
    slice_cut(&uri, '?');
    while (uri.p) {
        struct slice value = slice_cut(&uri, '&'), its = slice_cut(&value, '=');
        if (slice_eqi(its, name) && value.p) {
            decode(value, out);
            return true;
        }
    }
    return false;
}

/* RFC 5435 3.6: without :message, who wrote and what about; by mail, RFC 5436 2.7: the subject that
   the URI has, or that of the message. */
static int make_message(struct sieve_runner *r, const struct sieve_call *c, struct slice uri,
                        struct slice *ret)
{
    struct slice from, subject;
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_string(r, c, SLOT_MESSAGE, ret))
        return -1;
    if (ret->p) {
        *ret = slice_sub(*ret, 0, MESSAGE_MAX);
        return 0;
    }
    bool mail = slice_startsi(uri, S("mailto:"));
    if (mail && uri_header(uri, S("subject"), &out))
        return sieve_keep_buf(r, &out, ret);
    if (sieve_first_text(r, S("From"), &from) || sieve_first_text(r, S("Subject"), &subject))
        return -1;
    if (!mail) {
        buf_add(&out, slice_sub(from, 0, 500));
        buf_adds(&out, ": ");
    }
    buf_add(&out, slice_sub(subject, 0, 500));
    return sieve_keep_buf(r, &out, ret);
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice importance;
    struct sieve_action *a = sieve_act(r, SIEVE_NOTIFY, true);
    if (!a || sieve_string(r, c, SLOT_0, &a->to) || sieve_string(r, c, SLOT_FROM, &a->from) ||
        sieve_string(r, c, SLOT_IMPORTANCE, &importance) ||
        sieve_strings(r, c, SLOT_OPTIONS, &a->options) || make_message(r, c, a->to, &a->text) ||
        sieve_fcc_args(r, c, a))
        return -1;
    int ok = valid(r, a->to);
    if (ok < 0)
        return -1;
    if (!ok)
        return sieve_fail(r, ERR_UNSUPPORTED, "\"%.*s\" cannot be notified",
                          (int)(a->to.n > 80 ? 80 : a->to.n), a->to.p);
    if (importance.p && !is_importance(importance))
        return sieve_fail(r, ERR_SYNTAX, "\":importance\" is 1, 2 or 3");
    a->importance = importance.p ? (unsigned)(importance.p[0] - '0') : 2;
    if (a->from.p && !sieve_is_address(a->from)) /* RFC 5435 3.3 */
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not an address",
                          (int)(a->from.n > 80 ? 80 : a->from.n), a->from.p);
    for (size_t i = 0; i < a->options.n; i++)
        if (!is_option(a->options.items[i]))
            return sieve_fail(r, ERR_SYNTAX, "an option is name=value");
    int automatic = is_automatic(r);
    if (automatic)
        return automatic < 0 ? -1 : 0;
    return sieve_act_done(r, a);
}

/* RFC 5435 4 */
static int run_valid(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list uris;
    if (sieve_strings(r, c, SLOT_0, &uris))
        return -1;
    for (size_t i = 0; i < uris.n; i++) {
        int ok = valid(r, uris.items[i]);
        if (ok <= 0)
            return ok;
    }
    return 1;
}

/* RFC 5435 5: whether somebody is there to read, is not known of mail; RFC 8580 6.1: fcc. */
static int run_capability(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct slice uri, capability, value = SNONE;
    BUF_SCOPE out = {0};
    if (sieve_string(r, c, SLOT_0, &uri) || sieve_string(r, c, SLOT_1, &capability) ||
        sieve_matcher_init(&m, r, c, SLOT_2))
        return -1;
    if (slice_startsi(uri, S("mailto:"))) {
        if (slice_eqi(capability, S("online")))
            value = S("maybe");
        else if (slice_eqi(capability, S("fcc")))
            value = S("yes");
    } else if (r->world->notify_method) {
        int got = r->world->notify_method(r->ctx, uri, capability, &out, r->e);
        if (got < 0 || (got && sieve_keep_buf(r, &out, &value)))
            return -1;
    }
    int got = value.p ? sieve_matcher_try(&m, value) : 0;
    if (got || !value.p)
        return got;
    return sieve_matcher_end(&m);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("notify"),
     .shape = SHAPE_ACTION,
     .uses = USES_SENDS,
     .args = {{"a method", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5435:3"},
    {.name = S_INIT("valid_notify_method"),
     .shape = SHAPE_TEST,
     .args = {{"methods", SIEVE_LIST}},
     .n_args = 1,
     .run = run_valid,
     .rfc = "5435:4"},
    {.name = S_INIT("notify_method_capability"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"a method", SIEVE_STRING}, {"a capability", SIEVE_STRING}, {"keys", SIEVE_LIST}},
     .n_args = 3,
     .run = run_capability,
     .rfc = "5435:5"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("from"),
     .on = "notify",
     .slot = SLOT_FROM,
     .kind = SIEVE_STRING,
     .what = "an address"},
    {.name = S_INIT("importance"),
     .on = "notify",
     .slot = SLOT_IMPORTANCE,
     .kind = SIEVE_STRING,
     .what = "\"1\", \"2\" or \"3\""},
    {.name = S_INIT("options"),
     .on = "notify",
     .slot = SLOT_OPTIONS,
     .kind = SIEVE_LIST,
     .what = "options"},
    {.name = S_INIT("message"),
     .on = "notify",
     .slot = SLOT_MESSAGE,
     .kind = SIEVE_STRING,
     .what = "a text"},
    {.name = S_INIT("encodeurl"), .uses = USES_MODIFIERS, .slot = SLOT_ENCODE},
    {{0}},
};

const struct sieve_extension sieve_ext_enotify = {
    .name = S_INIT("enotify"), .commands = commands, .tags = tags};
