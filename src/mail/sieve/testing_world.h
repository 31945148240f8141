/* testing_world.h - a world for tests, made of lines:

     mailbox NAME | mailboxid ID | use FLAG [MAILBOX] | meta MAILBOX ENTRY VALUE | server ENTRY
   VALUE env ITEM VALUE | seen ID | replied ADDRESS | own ADDRESS | list URI MEMBER | spam N | virus
   N from ADDRESS | to ADDRESS | notify X | orcpt X | ret X | envid X | by SECONDS MODE [trace]
     owner ADDRESS | now SECONDS | zone SECONDS | flag FLAG | noenvelope | limit steps|work|... N */
#pragma once

#include "mail/sieve/sieve.h"

struct world_script {
    struct slice name, text;
    bool site;
};

struct test_world {
    struct slice lines;
    struct world_script scripts[16];
    size_t n_scripts;
};

/* The words behind `word` on the nth line that begins with it; p NULL: there is none. */
static struct slice world_line(const struct test_world *w, const char *word, size_t nth)
{
    struct slice rest = w->lines;
    while (rest.p) {
        struct slice line = slice_trim(slice_cut(&rest, '\n'));
        struct slice first = slice_cut(&line, ' ');
        if (slice_eq(first, slice_str(word)) && nth-- == 0)
            return line.p ? line : S("");
    }
    return SNONE;
}

static bool world_has(const struct test_world *w, const char *word, struct slice what)
{
    struct slice line;
    for (size_t i = 0; (line = world_line(w, word, i)).p; i++)
        if (slice_eq(line, what))
            return true;
    return false;
}

static int64_t world_number(const struct test_world *w, const char *word, int64_t otherwise)
{
    uint64_t v;
    struct slice line = world_line(w, word, 0);
    bool minus = slice_starts(line, S("-"));
    if (!line.p || slice_u64(slice_from(line, minus), &v))
        return otherwise;
    return minus ? -(int64_t)v : (int64_t)v;
}

static int world_script(void *ctx, bool site, struct slice name, struct arena *a,
                        struct slice *ret_code, struct err *e)
{
    const struct test_world *w = ctx;
    for (size_t i = 0; i < w->n_scripts; i++)
        if (w->scripts[i].site == site && slice_eq(w->scripts[i].name, name))
            return sieve_compile(w->scripts[i].text, NULL, NULL, a, ret_code, NULL, e) ? -1 : 1;
    return 0;
}

static int world_mailbox(void *ctx, struct slice name, struct err *e)
{
    (void)e;
    return slice_eqi(name, S("INBOX")) || world_has(ctx, "mailbox", name);
}

static int world_mailbox_id(void *ctx, struct slice id, struct err *e)
{
    (void)e;
    return world_has(ctx, "mailboxid", id);
}

static int world_special_use(void *ctx, struct slice mailbox, struct slice flag, struct err *e)
{
    struct slice line;
    (void)e;
    for (size_t i = 0; (line = world_line(ctx, "use", i)).p; i++) {
        struct slice its = slice_cut(&line, ' ');
        if (slice_eqi(its, flag) && (!mailbox.p || slice_eq(line, mailbox)))
            return 1;
    }
    return 0;
}

static int world_metadata(void *ctx, struct slice mailbox, struct slice entry, struct buf *out,
                          struct err *e)
{
    struct slice line;
    (void)e;
    for (size_t i = 0; (line = world_line(ctx, mailbox.p ? "meta" : "server", i)).p; i++) {
        bool here = !mailbox.p || slice_eq(slice_cut(&line, ' '), mailbox);
        if (here && slice_eqi(slice_cut(&line, ' '), entry)) {
            buf_add(out, line);
            return 1;
        }
    }
    return 0;
}

static int world_environment(void *ctx, struct slice item, struct buf *out, struct err *e)
{
    struct slice line;
    (void)e;
    for (size_t i = 0; (line = world_line(ctx, "env", i)).p; i++)
        if (slice_eqi(slice_cut(&line, ' '), item)) {
            buf_add(out, line);
            return 1;
        }
    return 0;
}

static int world_duplicate(void *ctx, struct slice handle, struct slice id, uint64_t seconds,
                           struct err *e)
{
    (void)handle, (void)seconds, (void)e;
    return world_has(ctx, "seen", id);
}

static int world_replied(void *ctx, struct slice key, struct slice to, uint64_t seconds,
                         struct err *e)
{
    (void)key, (void)seconds, (void)e;
    return world_has(ctx, "replied", to);
}

static int world_own(void *ctx, struct slice address, struct err *e)
{
    (void)e;
    return world_has(ctx, "own", address);
}

static int world_list(void *ctx, struct slice list, struct slice value, struct buf *out,
                      struct err *e)
{
    struct slice line;
    (void)e;
    for (size_t i = 0; (line = world_line(ctx, "list", i)).p; i++) {
        if (!slice_eqi(slice_cut(&line, ' '), list))
            continue;
        if (!value.p)
            return 1;
        if (slice_eqi(line, value)) {
            buf_add(out, line);
            return 1;
        }
    }
    return 0;
}

static int world_score(void *ctx, bool virus, unsigned *ret, struct err *e)
{
    (void)e;
    int64_t n = world_number(ctx, virus ? "virus" : "spam", -1);
    if (n < 0)
        return 0;
    *ret = (unsigned)n;
    return 1;
}

static const struct sieve_world test_world_functions = {
    .script = world_script,
    .mailbox = world_mailbox,
    .mailbox_id = world_mailbox_id,
    .special_use = world_special_use,
    .metadata = world_metadata,
    .environment = world_environment,
    .duplicate = world_duplicate,
    .replied = world_replied,
    .own_address = world_own,
    .list = world_list,
    .score = world_score,
};

static void world_input(const struct test_world *w, struct slice message, struct slice flags[8],
                        struct sieve_input *ret)
{
    struct slice from = world_line(w, "from", 0), to = world_line(w, "to", 0);
    struct slice by = world_line(w, "by", 0), owner = world_line(w, "owner", 0);
    *ret = (struct sieve_input){
        .message = message,
        .script_name = S("main"),
        .owner = owner.p ? owner : S("me@example.org"),
        .now = world_number(w, "now", 1700000000),
        .zone = (int32_t)world_number(w, "zone", 0),
        .envelope = {.present = !world_line(w, "noenvelope", 0).p,
                     .from = from.p ? from : S("anna@example.net"),
                     .to = to.p ? to : S("me@example.org"),
                     .notify = world_line(w, "notify", 0),
                     .orcpt = world_line(w, "orcpt", 0),
                     .ret = world_line(w, "ret", 0),
                     .envid = world_line(w, "envid", 0)},
    };
    if (by.p) {
        struct slice seconds = slice_cut(&by, ' ');
        bool minus = slice_starts(seconds, S("-"));
        uint64_t n = 0;
        slice_u64(slice_from(seconds, minus), &n);
        ret->envelope.by = true;
        ret->envelope.by_seconds = minus ? -(int64_t)n : (int64_t)n;
        ret->envelope.by_mode = by.n ? by.p[0] : 'R';
        ret->envelope.by_trace = slice_endsi(by, S("trace"));
    }
    while (ret->flags.n < 8 && world_line(w, "flag", ret->flags.n).p) {
        flags[ret->flags.n] = world_line(w, "flag", ret->flags.n);
        ret->flags.n++;
    }
    ret->flags.items = flags;
}
