/* ext_vacation.c - RFC 5230, RFC 6131: whether a message is answered, and with what. The duties of
   an automatic answer (RFC 3834) are all here, but for the sending: the memory of who was answered
   is asked here and written by whoever carries the action out. */
#include "format/address.h"
#include "format/msgid.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

enum { DEFAULT_DAYS = 7, ADDRESSES_MAX = 100, REFERENCES_MAX = 900 };

static int check(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_DAYS) && sieve_given(c, SLOT_SECONDS))
        return sieve_wrong(c, c->source[SLOT_SECONDS].at,
                           "\":days\" and \":seconds\" exclude each "
                           "other");
    if (sieve_check_each(c, SLOT_ADDRESSES, sieve_is_address, "an address"))
        return -1;
    return sieve_check_each(c, SLOT_FROM, sieve_is_address, "an address");
}

/* 1: one of the owner's, known or said by :addresses (RFC 5230 4.5). */
static int is_own(struct sieve_runner *r, const struct sieve_list *said, struct slice address)
{
    if (slice_eqi(address, r->in->owner) || slice_eqi(address, r->in->envelope.to))
        return address.n > 0;
    for (size_t i = 0; i < said->n; i++) {
        struct address_list l;
        BUF_SCOPE spec = {0};
        if (address_parse(said->items[i], 1, r->arena, &l))
            return sieve_fail_memory(r);
        if (l.n)
            address_spec(&l.items[0], &spec);
        if (slice_eqi(buf_slice(&spec), address))
            return 1;
    }
    return r->world->own_address ? r->world->own_address(r->ctx, address, r->e) : 0;
}

/* 1: a field with that name holds one of the owner's addresses. */
static int field_has_own(struct sieve_runner *r, const struct sieve_list *said, struct slice name)
{
    struct sieve_list values;
    if (sieve_values(r, NULL, name, &values))
        return -1;
    for (size_t i = 0; i < values.n; i++) {
        struct address_list l;
        if (sieve_work(r, values.items[i].n))
            return -1;
        if (address_parse(values.items[i], 0, r->arena, &l))
            return sieve_fail_memory(r);
        for (size_t k = 0; k < l.n; k++) {
            BUF_SCOPE spec = {0};
            if (l.items[k].kind != ADDRESS_MAILBOX)
                continue;
            address_spec(&l.items[k], &spec);
            int got = sieve_work(r, 1 + said->n) ? -1 : is_own(r, said, buf_slice(&spec));
            if (got)
                return got;
        }
    }
    return 0;
}

/* RFC 5230 4.6: nobody who is nobody. */
static bool is_robot(struct slice address)
{
    static const struct slice names[] = {
        S_INIT("mailer-daemon"), S_INIT("listserv"), S_INIT("majordomo"),
        S_INIT("noreply"),       S_INIT("no-reply"), S_INIT("donotreply"),
        S_INIT("do-not-reply"),  S_INIT("bounce"),   S_INIT("bounces"),
    };
    ptrdiff_t at = slice_rfind(address, '@');
    struct slice local = at < 0 ? address : slice_sub(address, 0, (size_t)at);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eqi(local, names[i]))
            return true;
    return slice_startsi(local, S("owner-")) || slice_endsi(local, S("-request")) ||
           slice_endsi(local, S("-owner")) || slice_startsi(local, S("bounce-"));
}

/* A field that makes an answer wrong; NULL: there is none. */
static int wrong_field(struct sieve_runner *r, const char **ret)
{
    static const struct {
        struct slice name;
        const char *why;
        const char *values; /* that make it so; NULL: any */
    } rows[] = {
        {S_INIT("List-Id"), "it came through a list (List-Id)", NULL},
        {S_INIT("List-Help"), "it came through a list (List-Help)", NULL},
        {S_INIT("List-Subscribe"), "it came through a list (List-Subscribe)", NULL},
        {S_INIT("List-Unsubscribe"), "it came through a list (List-Unsubscribe)", NULL},
        {S_INIT("List-Post"), "it came through a list (List-Post)", NULL},
        {S_INIT("List-Owner"), "it came through a list (List-Owner)", NULL},
        {S_INIT("List-Archive"), "it came through a list (List-Archive)", NULL},
        {S_INIT("Precedence"), "it is bulk mail (Precedence)", "bulk list junk"},
        {S_INIT("X-Auto-Response-Suppress"), "its sender wants no answer", "all oof autoreply"},
    };
    struct slice text;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (sieve_first_text(r, rows[i].name, &text))
            return -1;
        bool hit = text.p && !rows[i].values;
        struct slice rest = text.p ? slice_str(rows[i].values) : SNONE;
        while (rest.p && !hit)
            hit = slice_searchi(text, slice_cut(&rest, ' ')) >= 0;
        if (hit) {
            *ret = rows[i].why;
            return 0;
        }
    }
    if (sieve_first_text(r, S("Auto-Submitted"), &text))
        return -1;
    struct slice rest = text, value = slice_trim(text.p ? slice_cut(&rest, ';') : S("no"));
    *ret = slice_eqi(value, S("no")) ? NULL : "it was sent automatically (Auto-Submitted)";
    return 0;
}

static int addressed(struct sieve_runner *r, const struct sieve_list *said)
{
    static const struct slice fields[] = {S_INIT("To"),        S_INIT("Cc"),
                                          S_INIT("Bcc"),       S_INIT("Resent-To"),
                                          S_INIT("Resent-Cc"), S_INIT("Resent-Bcc")};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        int got = field_has_own(r, said, fields[i]);
        if (got)
            return got;
    }
    return 0;
}

/* *ret: why it is not answered, or NULL. */
static int silence(struct sieve_runner *r, const struct sieve_list *said, const char **ret)
{
    struct slice from = r->in->envelope.from;
    *ret = NULL;
    if (!r->in->envelope.present || !from.n)
        *ret = "it has no sender to answer";
    else if (is_robot(from))
        *ret = "its sender is a program";
    if (*ret || wrong_field(r, ret) || *ret)
        return r->e->code ? -1 : 0;
    int own = is_own(r, said, from);
    if (own < 0)
        return -1;
    if (own) {
        *ret = "it comes from the owner";
        return 0;
    }
    int got = addressed(r, said);
    if (got == 0)
        *ret = "it is not addressed to the owner";
    return got < 0 ? -1 : 0;
}

static int note_silent(struct sieve_runner *r, const char *why)
{
    struct sieve_list *l = &r->out->silent;
    struct slice *more = arena_new(r->arena, struct slice, l->n + 1);
    if (!more)
        return sieve_fail_memory(r);
    if (l->n)
        memcpy(more, l->items, l->n * sizeof(*more));
    more[l->n] = slice_str(why);
    *l = (struct sieve_list){more, l->n + 1};
    return 0;
}

/* RFC 5230 5.8 */
static int thread(struct sieve_runner *r, struct sieve_action *a)
{
    struct sieve_list id, refs;
    struct msgid_list ids = {0};
    if (sieve_values(r, NULL, S("Message-ID"), &id) ||
        sieve_values(r, NULL, S("References"), &refs))
        return -1;
    if (!refs.n && sieve_values(r, NULL, S("In-Reply-To"), &refs))
        return -1;
    struct slice own = id.n ? msgid_first(id.items[0], r->arena) : SNONE;
    if (!own.n)
        return 0;
    if (refs.n && msgid_parse(refs.items[0], r->arena, &ids))
        return sieve_fail_memory(r);
    BUF_SCOPE out = {0};
    buf_addf(&out, "<%.*s>", SARG(own));
    if (sieve_keep_buf(r, &out, &a->in_reply_to))
        return -1;
    /* The last ones, as far as they fit. */
    size_t from = ids.n, room = REFERENCES_MAX;
    while (from > 0 && ids.items[from - 1].n + 3 < room)
        room -= ids.items[--from].n + 3;
    buf_reset(&out);
    for (; from < ids.n; from++)
        buf_addf(&out, "<%.*s> ", SARG(ids.items[from]));
    buf_addf(&out, "<%.*s>", SARG(own));
    return sieve_keep_buf(r, &out, &a->references);
}

/* RFC 5230 4.2: by :handle, or by what would be said. */
static int make_key(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a,
                    struct slice said_subject)
{
    BUF_SCOPE out = {.max = r->limits->memory};
    struct slice handle;
    if (sieve_string(r, c, SLOT_HANDLE, &handle))
        return -1;
    if (handle.p) {
        buf_adds(&out, "handle:");
        buf_add(&out, handle);
        return sieve_keep_buf(r, &out, &a->key);
    }
    buf_adds(&out, a->mime ? "mime:" : "text:");
    buf_addf(&out, "%zu:%.*s%zu:%.*s", said_subject.n, SARG(said_subject), a->from.n,
             SARG(a->from));
    buf_add(&out, a->text);
    return sieve_keep_buf(r, &out, &a->key);
}

static uint64_t seconds_of(struct sieve_runner *r, const struct sieve_call *c)
{
    uint64_t s = sieve_number(c, SLOT_DAYS, DEFAULT_DAYS);
    if (sieve_has(c, SLOT_SECONDS))
        s = sieve_number(c, SLOT_SECONDS, 0);
    else if (__builtin_mul_overflow(s ? s : 1, 86400, &s))
        s = UINT64_MAX;
    if (s > r->limits->vacation_max)
        return r->limits->vacation_max;
    return s < r->limits->vacation_min ? r->limits->vacation_min : s;
}

/* RFC 5230 5.3 */
static int make_subject(struct sieve_runner *r, struct sieve_action *a, struct slice said)
{
    struct slice old;
    BUF_SCOPE out = {.max = r->limits->memory};
    if (said.p) {
        a->subject = said;
        return 0;
    }
    if (sieve_first_text(r, S("Subject"), &old))
        return -1;
    buf_adds(&out, old.n ? "Auto: " : "Automated reply");
    buf_add(&out, old);
    return sieve_keep_buf(r, &out, &a->subject);
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list said;
    struct slice subject;
    const char *why;
    /* RFC 5230 4.7: once. */
    if (r->answers++)
        return sieve_fail(r, ERR_CONFLICT, "a script answers once");
    if (sieve_strings(r, c, SLOT_ADDRESSES, &said) || sieve_string(r, c, SLOT_SUBJECT, &subject))
        return -1;
    if (said.n > ADDRESSES_MAX)
        said.n = ADDRESSES_MAX;
    if (silence(r, &said, &why))
        return -1;
    if (why)
        return note_silent(r, why);
    struct sieve_action *a = sieve_act(r, SIEVE_VACATION, true);
    if (!a || sieve_string(r, c, SLOT_0, &a->text) || sieve_string(r, c, SLOT_FROM, &a->from) ||
        sieve_fcc_args(r, c, a))
        return -1;
    if (a->from.p && !sieve_is_address(a->from))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not an address",
                          (int)(a->from.n > 80 ? 80 : a->from.n), a->from.p);
    a->to = r->in->envelope.from;
    a->mime = sieve_has(c, SLOT_MIME);
    a->seconds = seconds_of(r, c);
    if (make_key(r, c, a, subject) || make_subject(r, a, subject) || thread(r, a))
        return -1;
    int seen = a->seconds && r->world->replied
                   ? r->world->replied(r->ctx, a->key, a->to, a->seconds, r->e)
                   : 0;
    if (seen)
        return seen < 0 ? -1 : note_silent(r, "its sender was answered lately");
    return sieve_act_done(r, a);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("vacation"),
     .shape = SHAPE_ACTION,
     .uses = USES_SENDS,
     .args = {{"a text", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5230:4"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("days"),
     .on = "vacation",
     .slot = SLOT_DAYS,
     .kind = SIEVE_NUMBER,
     .what = "a number of days"},
    {.name = S_INIT("subject"),
     .on = "vacation",
     .slot = SLOT_SUBJECT,
     .kind = SIEVE_STRING,
     .what = "a subject"},
    {.name = S_INIT("from"),
     .on = "vacation",
     .slot = SLOT_FROM,
     .kind = SIEVE_STRING,
     .what = "an address"},
    {.name = S_INIT("addresses"),
     .on = "vacation",
     .slot = SLOT_ADDRESSES,
     .kind = SIEVE_LIST,
     .what = "addresses"},
    {.name = S_INIT("mime"), .on = "vacation", .slot = SLOT_MIME},
    {.name = S_INIT("handle"),
     .on = "vacation",
     .slot = SLOT_HANDLE,
     .kind = SIEVE_STRING,
     .what = "a handle"},
    {{0}},
};

const struct sieve_extension sieve_ext_vacation = {
    .name = S_INIT("vacation"), .commands = commands, .tags = tags};
