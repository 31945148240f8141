/* cmd_sieve.c - carbonado sieve check, run and trace: what a script is and does, without a server.
   The world around it is made up: every mailbox exists, nobody was answered before, nothing is a
   duplicate; included scripts come from a directory. Nothing is sent or stored. */
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "mail/sieve/sieve.h"

enum { MESSAGE_MAX = 256 << 20 };

struct made_up {
    struct cli *c;
    const char *scripts; /* directory, or NULL */
    struct slice own;
    uint32_t last_line;
};

static int fail_at(const char *file, const struct err *e)
{
    fprintf(stderr, "%s: %s\n", file, e->text);
    return CLI_FAILED;
}

/* --- the world --- */

static int find_script(void *ctx, bool site, struct slice name, struct arena *a,
                       struct slice *ret_code, struct err *e)
{
    const struct made_up *w = ctx;
    BUF_SCOPE text = {.max = sieve_limits().script + 1};
    (void)site;
    if (!w->scripts)
        return 0;
    /* The interpreter lets no path through (RFC 6609 3.2). */
    struct slice path = arena_printf(a, "%s/%.*s.sieve", w->scripts, SARG(name));
    if (!path.p)
        return err_set(e, ERR_LIMIT, "no memory for a script");
    if (file_read(path.p, &text, e)) {
        bool missing = e->code == ERR_NOTFOUND;
        if (missing)
            *e = (struct err){0};
        return missing ? 0 : -1;
    }
    return sieve_compile(buf_slice(&text), NULL, NULL, a, ret_code, NULL, e) ? -1 : 1;
}

static int yes(void *ctx, struct slice name, struct err *e)
{
    (void)ctx, (void)name, (void)e;
    return 1;
}

static int environment(void *ctx, struct slice item, struct buf *out, struct err *e)
{
    (void)ctx, (void)e;
    if (slice_eqi(item, S("name")))
        buf_adds(out, "Carbonado");
    else if (slice_eqi(item, S("location")))
        buf_adds(out, "MDA");
    else if (slice_eqi(item, S("phase")))
        buf_adds(out, "during");
    else
        return 0;
    return 1;
}

static int own_address(void *ctx, struct slice address, struct err *e)
{
    const struct made_up *w = ctx;
    (void)e;
    return w->own.n && slice_eqi(w->own, address);
}

static void print_step(void *ctx, struct slice script, uint32_t line, struct slice text)
{
    struct made_up *w = ctx;
    if (w->last_line != line)
        printf("%.*s:%-5u ", SARG(script), line);
    else
        printf("%*s", (int)script.n + 7, "");
    w->last_line = line;
    printf("%.*s\n", SARG(text));
}

/* --- the commands --- */

/* CLI_OK, or what to return. */
static int compile_file(struct cli *c, const char *path, struct slice *ret_code)
{
    BUF_SCOPE text = {.max = sieve_limits().script + 1};
    struct err e = {0};
    if (file_read(path, &text, &e))
        return cli_fail(c, &e);
    if (sieve_compile(buf_slice(&text), NULL, NULL, &c->arena, ret_code, NULL, &e))
        return fail_at(path, &e);
    return CLI_OK;
}

static int check(struct cli *c)
{
    int result = CLI_OK;
    for (int i = 0; i < c->argc; i++) {
        const struct sieve_program *p;
        struct slice code;
        struct err e = {0};
        int r = compile_file(c, c->argv[i], &code);
        if (r) {
            result = r;
            continue;
        }
        if (sieve_load(code, NULL, &c->arena, &p, &e))
            return fail_at(c->argv[i], &e);
        if (cli_option(c, "--code")) {
            BUF_SCOPE text = {0};
            sieve_disassemble(p, &text);
            printf("%.*s", SARG(buf_slice(&text)));
        } else {
            printf("%s: all right\n", c->argv[i]);
        }
    }
    return result;
}

static json_t *text_json(struct slice s)
{
    BUF_SCOPE out = {0};
    utf8_add_repaired(&out, s);
    return json_stringn(out.p ? out.p : "", out.n);
}

static json_t *action_json(const struct sieve_action *a)
{
    json_t *o = json_pack("{s:s, s:i, s:b}", "action", sieve_do_names[a->what], "line",
                          (int)a->line, "edited", a->edited);
    if (a->mailbox.name.n)
        json_object_set_new(o, "mailbox", text_json(a->mailbox.name));
    if (a->to.n)
        json_object_set_new(o, "to", text_json(a->to));
    if (a->text.n)
        json_object_set_new(o, "text", text_json(a->text));
    if (a->subject.n)
        json_object_set_new(o, "subject", text_json(a->subject));
    if (a->mailbox.has_flags) {
        json_t *flags = json_array();
        for (size_t i = 0; i < a->mailbox.flags.n; i++)
            json_array_append_new(flags, text_json(a->mailbox.flags.items[i]));
        json_object_set_new(o, "flags", flags);
    }
    return o;
}

static void print_outcome(struct cli *c, const struct sieve_outcome *o)
{
    if (!c->json) {
        BUF_SCOPE text = {0};
        sieve_outcome_write(o, &text);
        printf("%.*s", SARG(buf_slice(&text)));
        return;
    }
    json_t *actions = json_array();
    for (size_t i = 0; i < o->n; i++)
        json_array_append_new(actions, action_json(&o->actions[i]));
    json_t *all = json_pack("{s:o, s:b, s:I}", "actions", actions, "failed", o->failed, "steps",
                            (json_int_t)o->steps);
    if (o->failed) {
        json_object_set_new(all, "error", text_json(slice_str(o->error.text)));
        json_object_set_new(all, "line", json_integer(o->line));
    }
    cli_print_json(all);
    json_decref(all);
}

static int32_t local_zone(int64_t now)
{
    time_t t = (time_t)now;
    struct tm tm;
    return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

static int run_file(struct cli *c, bool trace)
{
    struct sieve_limits limits = sieve_limits();
    ARENA_SCOPE memory = {.limit = limits.memory + MESSAGE_ARENA_LIMIT};
    BUF_SCOPE message = {.max = MESSAGE_MAX};
    struct made_up w = {
        .c = c, .scripts = cli_option(c, "--scripts"), .own = slice_str(cli_option(c, "--to"))};
    struct sieve_world world = {.script = find_script,
                                .mailbox = yes,
                                .environment = environment,
                                .own_address = own_address,
                                .trace = trace ? print_step : NULL};
    struct slice code;
    const struct sieve_program *p;
    struct sieve_outcome o;
    struct err e = {0};
    int64_t now = clock_now();
    int r = compile_file(c, c->argv[0], &code);
    if (r)
        return r;
    if (file_read(c->argv[1], &message, &e) || sieve_load(code, &limits, &c->arena, &p, &e))
        return cli_fail(c, &e);
    struct sieve_input in = {.message = buf_slice(&message),
                             .script_name = slice_str(c->argv[0]),
                             .owner = w.own,
                             .now = now,
                             .zone = local_zone(now),
                             .envelope = {.present = cli_option(c, "--from") || w.own.n,
                                          .from = slice_str(cli_option(c, "--from")),
                                          .to = w.own}};
    if (sieve_run(p, &in, &world, &w, &limits, &memory, &o, &e))
        return cli_fail(c, &e);
    print_outcome(c, &o);
    return o.failed ? CLI_FAILED : CLI_OK;
}

static int run(struct cli *c)
{
    return run_file(c, false);
}

static int trace(struct cli *c)
{
    return run_file(c, true);
}

static const struct cli_option check_options[] = {
    {"--code", NULL, "Print the instructions that it becomes"},
    {0},
};

static const struct cli_option run_options[] = {
    {"--from", "ADDRESS", "The sender of the envelope"},
    {"--to", "ADDRESS", "The recipient of the envelope, who owns the script"},
    {"--scripts", "DIR", "Where included scripts are: NAME.sieve"},
    {0},
};

const struct cli_command cmd_sieve_check = {
    .name = "sieve check",
    .args = "FILE...",
    .summary = "Say whether Sieve scripts are right, or where they are not",
    .help = "Names line and column of the first error of each script.",
    .options = check_options,
    .run = check,
};

const struct cli_command cmd_sieve_run = {
    .name = "sieve run",
    .args = "FILE MESSAGE",
    .summary = "Say what a Sieve script would do with a message",
    .help = "One line for each action. Nothing is done, no server is asked: every mailbox exists,\n"
            "nobody was answered before.",
    .options = run_options,
    .flags = CLI_JSON,
    .run = run,
};

const struct cli_command cmd_sieve_trace = {
    .name = "sieve trace",
    .args = "FILE MESSAGE",
    .summary = "The same, with every step and the line that it comes from",
    .help =
        "A line for each test and command in the order in which they are run; \"if false\" and\n"
        "\"if true\" tell what the test above them gave.",
    .options = run_options,
    .run = trace,
};
