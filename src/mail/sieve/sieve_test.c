/* sieve_test.c - golden cases. tests/sieve/x.cases holds scripts with a message, a world and the
   outcome; tests/sieve/tests.tsv one test a line, true or false of standard.eml. Scripts of the
   corpus compile, or are refused where tests/sieve/corpus.tsv says. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/test.h"
#include "mail/sieve/testing_world.h"

static const char *dir = "tests/sieve";

static bool read_file(const char *folder, const char *name, struct buf *out)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return file_read(path, out, NULL) == 0;
}

static struct sieve_limits limits_of(const struct test_world *w)
{
    struct sieve_limits l = sieve_limits();
    struct slice line;
    l.vacation_min = 0;
    for (size_t i = 0; (line = world_line(w, "limit", i)).p; i++) {
        struct slice name = slice_cut(&line, ' ');
        uint64_t v = 0;
        assert_false(slice_u64(line, &v));
        if (slice_eq(name, S("steps")))
            l.steps = v;
        else if (slice_eq(name, S("work")))
            l.work = v;
        else if (slice_eq(name, S("actions")))
            l.actions = (uint32_t)v;
        else if (slice_eq(name, S("redirects")))
            l.redirects = (uint32_t)v;
        else if (slice_eq(name, S("variables")))
            l.variables = (uint32_t)v;
        else if (slice_eq(name, S("variable_size")))
            l.variable_size = (size_t)v;
        else if (slice_eq(name, S("memory")))
            l.memory = (size_t)v;
        else if (slice_eq(name, S("include_depth")))
            l.include_depth = (uint32_t)v;
        else if (slice_eq(name, S("script")))
            l.script = (size_t)v;
        else if (slice_eq(name, S("nesting")))
            l.nesting = (uint32_t)v;
        else if (slice_eq(name, S("code")))
            l.code = (uint32_t)v;
        else
            fail_msg("no such limit");
    }
    return l;
}

/* Compiles and runs; appends the outcome, and where wanted the message of the first action. */
static void outcome_of(struct slice script, struct slice message, struct test_world *w,
                       struct buf *out, struct buf *result)
{
    struct sieve_limits l = limits_of(w);
    ARENA_SCOPE a = {.limit = 64 << 20};
    ARENA_SCOPE run = {.limit = l.memory};
    struct slice code, flags[8];
    struct err e = {0};
    const struct sieve_program *p;
    struct sieve_input in;
    struct sieve_outcome o;
    if (sieve_compile(script, &l, NULL, &a, &code, NULL, &e)) {
        buf_addf(out, "%s\n", e.text);
        return;
    }
    BUF_SCOPE text = {0};
    if (sieve_load(code, &l, &a, &p, &e))
        fail_msg("verifier: %s", e.text);
    sieve_disassemble(p, &text);
    world_input(w, message, flags, &in);
    assert_false(sieve_run(p, &in, &test_world_functions, w, &l, &run, &o, &e));
    sieve_outcome_write(&o, out);
    for (size_t i = 0; i < o.n_duplicates; i++)
        buf_addf(out, "remember \"%.*s\" \"%.*s\" %llu%s\n", SARG(o.duplicates[i].handle),
                 SARG(o.duplicates[i].id), (unsigned long long)o.duplicates[i].seconds,
                 o.duplicates[i].last ? " last" : "");
    if (o.n) {
        buf_add(result, o.actions[0].header);
        buf_add(result, o.actions[0].body);
    }
}

/* --- cases --- */

struct tcase {
    struct slice name, script, message, expect, result;
    bool has_result;
    struct test_world world;
};

static struct slice default_message;

/* Cuts the text up to the next line that begins with `mark`. */
static struct slice cut_section(struct slice *rest, const char *mark)
{
    struct slice all = *rest, m = slice_str(mark);
    size_t at = 0;
    while (at < all.n) {
        if (slice_starts(slice_from(all, at), m))
            break;
        ptrdiff_t end = slice_find(slice_from(all, at), '\n');
        at = end < 0 ? all.n : at + (size_t)end + 1;
    }
    *rest = slice_from(all, at);
    return slice_sub(all, 0, at);
}

static void take_section(struct tcase *c, struct slice section)
{
    struct slice body = section, head = slice_cut(&body, '\n');
    head = slice_trim(slice_from(head, 4));
    struct slice arg = head, kind = slice_cut(&arg, ' ');
    if (!body.p)
        body = S("");
    if (slice_eq(kind, S("message")))
        c->message = body;
    else if (slice_eq(kind, S("expect")))
        c->expect = body;
    else if (slice_eq(kind, S("world")))
        c->world.lines = body;
    else if (slice_eq(kind, S("result"))) {
        c->result = body;
        c->has_result = true;
    } else if (slice_eq(kind, S("personal")) || slice_eq(kind, S("site"))) {
        assert_true(c->world.n_scripts < 16);
        c->world.scripts[c->world.n_scripts++] =
            (struct world_script){arg, body, slice_eq(kind, S("site"))};
    } else {
        fail_msg("no such section: %.*s", SARG(head));
    }
}

/* The same with CRLF at the ends of the script's lines. */
static bool same_with_crlf(struct tcase *c, struct slice want)
{
    BUF_SCOPE script = {0};
    BUF_SCOPE got = {0};
    BUF_SCOPE result = {0};
    if (world_line(&c->world, "limit", 0).p)
        return true; /* a longer script meets its limits elsewhere */
    for (size_t i = 0; i < c->script.n; i++) {
        if (c->script.p[i] == '\n')
            buf_addc(&script, '\r');
        buf_addc(&script, c->script.p[i]);
    }
    outcome_of(buf_slice(&script), c->message, &c->world, &got, &result);
    if (slice_eq(buf_slice(&got), want))
        return true;
    print_error("case %.*s, with CRLF\n-- got\n%.*s\n", SARG(c->name), (int)got.n, got.p);
    return false;
}

static int run_case(struct slice text)
{
    struct tcase c = {.message = default_message};
    struct slice rest = text;
    BUF_SCOPE got = {0};
    BUF_SCOPE result = {0};
    c.name = slice_cut(&rest, '\n');
    c.script = cut_section(&rest, "--- ");
    while (rest.n) {
        struct slice one = slice_from(rest, 4);
        cut_section(&one, "--- ");
        take_section(&c, slice_sub(rest, 0, (size_t)(one.p - rest.p)));
        rest = one;
    }
    outcome_of(c.script, c.message, &c.world, &got, &result);
    bool ok = slice_eq(slice_trim(buf_slice(&got)), slice_trim(c.expect));
    if (!ok)
        print_error("case %.*s\n-- wanted\n%.*s-- got\n%.*s\n", SARG(c.name), SARG(c.expect),
                    (int)got.n, got.p);
    if (c.has_result && !slice_eq(slice_trim(buf_slice(&result)), slice_trim(c.result))) {
        print_error("case %.*s\n-- wanted message\n%.*s-- got\n%.*s\n", SARG(c.name),
                    SARG(c.result), (int)result.n, result.p);
        ok = false;
    }
    ok &= same_with_crlf(&c, buf_slice(&got));
    return ok ? 0 : 1;
}

static void golden_cases(void **state)
{
    struct dirent **names;
    int wrong = 0, count = 0;
    (void)state;
    int n = scandir(dir, &names, NULL, alphasort);
    if (n < 0)
        fail_msg("%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (slice_ends(slice_str(names[i]->d_name), S(".cases"))) {
            BUF_SCOPE file = {0};
            assert_true(read_file(dir, names[i]->d_name, &file));
            struct slice rest = buf_slice(&file);
            cut_section(&rest, "=== ");
            while (rest.n) {
                rest = slice_from(rest, 4);
                struct slice one = cut_section(&rest, "=== ");
                wrong += run_case(one);
                count++;
            }
        }
        free(names[i]);
    }
    free(names);
    print_message("%d cases, %d wrong\n", count, wrong);
    assert_int_equal(wrong, 0);
    assert_true(count > 100);
}

/* name of a require list \t test \t true, false or the error */
static void single_tests(void **state)
{
    BUF_SCOPE file = {0};
    BUF_SCOPE message = {0};
    BUF_SCOPE lines = {0};
    int wrong = 0, count = 0;
    (void)state;
    assert_true(read_file(dir, "tests.tsv", &file));
    assert_true(read_file(dir, "standard.eml", &message));
    assert_true(read_file(dir, "standard.world", &lines));
    struct test_world w = {.lines = buf_slice(&lines)};
    struct slice rest = buf_slice(&file);
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n'), whole = line;
        if (!line.n || line.p[0] == '#')
            continue;
        BUF_SCOPE script = {0};
        BUF_SCOPE got = {0};
        BUF_SCOPE result = {0};
        struct slice ext = slice_cut(&line, '\t'), test = slice_cut(&line, '\t');
        buf_adds(&script, "require [\"fileinto\"");
        while (ext.n) {
            struct slice one = slice_cut(&ext, ',');
            buf_addf(&script, ", \"%.*s\"", SARG(one));
        }
        buf_addf(&script, "]; if %.*s { fileinto \"true\"; } else { fileinto \"false\"; }",
                 SARG(test));
        outcome_of(buf_slice(&script), buf_slice(&message), &w, &got, &result);
        struct slice text = slice_trim(buf_slice(&got));
        if (slice_startsi(text, S("fileinto \"")))
            text = slice_sub(text, 10, text.n - 1);
        bool ok = slice_eq(text, line) ||
                  (line.n && line.p[0] == '~' && slice_search(text, slice_from(line, 1)) >= 0);
        if (!ok)
            print_error("%.*s\n  got: %.*s\n", SARG(whole), SARG(text));
        wrong += !ok;
        count++;
    }
    print_message("%d tests, %d wrong\n", count, wrong);
    assert_int_equal(wrong, 0);
    assert_true(count > 100);
}

/* --- the corpus --- */

static void corpus(void **state)
{
    const char *top = getenv("CARBONADO_CORPUS");
    char folder[500];
    struct dirent **names;
    BUF_SCOPE known = {0};
    int wrong = 0, refused = 0;
    (void)state;
    snprintf(folder, sizeof(folder), "%s/sieve", top ? top : "../shared/corpus");
    int n = scandir(folder, &names, NULL, alphasort);
    if (n < 0) {
        print_message("no corpus at %s: left out\n", folder);
        skip();
    }
    assert_true(read_file(dir, "corpus.tsv", &known));
    for (int i = 0; i < n; i++) {
        BUF_SCOPE text = {0};
        ARENA_SCOPE a = {0};
        struct slice code, name = slice_str(names[i]->d_name), line = SNONE;
        struct sieve_place at = {0};
        struct err e = {0};
        const struct sieve_program *p;
        uint32_t want = 0;
        if (slice_ends(name, S(".sieve")) && read_file(folder, names[i]->d_name, &text)) {
            for (struct slice rest = buf_slice(&known); rest.n;) {
                line = slice_cut(&rest, '\n');
                if (slice_eq(slice_cut(&line, '\t'), name)) {
                    assert_false(slice_u32(slice_cut(&line, '\t'), &want));
                    break;
                }
            }
            int r = sieve_compile(buf_slice(&text), NULL, NULL, &a, &code, &at, &e);
            if (!r)
                assert_false(sieve_load(code, NULL, &a, &p, &e));
            if ((r ? at.line : 0) != want) {
                print_error("%.*s\t%u\t%s (known: %u)\n", SARG(name), r ? at.line : 0,
                            r ? e.text : "compiles", want);
                wrong++;
            }
            refused += r != 0;
        }
        free(names[i]);
    }
    free(names);
    print_message("%d scripts, %d refused\n", n - 2, refused);
    assert_int_equal(wrong, 0);
}

/* Any part of byte code that is cut off or changed is refused or runs within its limits. */
static void damaged_code_is_refused(void **state)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    struct err e = {0};
    struct slice code;
    const struct sieve_program *p;
    (void)state;
    struct slice script =
        S("require [\"foreverypart\",\"mime\",\"fileinto\"]; foreverypart { if header :mime "
          ":contains \"content-type\" \"x\" { fileinto \"a\"; break; } }");
    assert_false(sieve_compile(script, NULL, NULL, &a, &code, NULL, &e));
    assert_false(sieve_load(code, NULL, &a, &p, &e));
    for (size_t n = 0; n < code.n; n++)
        assert_int_equal(sieve_load(slice_sub(code, 0, n), NULL, &a, &p, &e), -1);
    struct test_world w = {0};
    for (size_t i = 0; i < code.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            ARENA_SCOPE b = {.limit = 8 << 20};
            struct sieve_limits l = sieve_limits();
            struct slice flags[8], copy = arena_dup(&b, code);
            struct sieve_input in;
            struct sieve_outcome o;
            char *bytes = arena_cstr(&b, copy);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            if (sieve_load(slice_of(bytes, code.n), &l, &b, &p, &e))
                continue;
            l.steps = 1000;
            world_input(&w, default_message, flags, &in);
            assert_false(sieve_run(p, &in, &test_world_functions, &w, &l, &b, &o, &e));
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_cases),
        cmocka_unit_test(single_tests),
        cmocka_unit_test(corpus),
        cmocka_unit_test(damaged_code_is_refused),
    };
    static struct buf message;
    if (argc > 1)
        dir = argv[1];
    if (read_file(dir, "standard.eml", &message))
        default_message = buf_slice(&message);
    int r = RUN_TESTS(tests);
    buf_done(&message);
    return r;
}
