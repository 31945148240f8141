/* config_test.c - the file format, its errors, and what a reload changes. */
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "node/config_docs.h"

SETTING(zz, number, INT, 5, 1, 100, "A number.");
SETTING(zz, size, SIZE, 64 * KiB, 1 * KiB, 1 * MiB, "A size.");
SETTING(zz, flag, BOOL, 1, 0, 1, "A flag.");
SETTING_STR(zz, words, "a b", NULL, "Words.");
SETTING_STR(zz, kind, "one", "one two", "A choice.");

static int reset(void **state)
{
    (void)state;
    for (struct setting *s = setting_first(); s; s = s->next)
        setting_reset(s);
    set_zz_size.at_start = true;
    return 0;
}

static void file_sets_what_it_names(void **state)
{
    (void)state;
    CONFIG_SCOPE c = {0};
    struct err e = {0};
    config_parse(&c, "f",
                 S("\xef\xbb\xbf# head\r\n[zz] # the group\r\nnumber = 7 # seven\r\n"
                   "words = \" x # \\\"y\\\" \\\\ \" # end\nflag=off\n\nkind =two"));
    assert_int_equal(c.problem_count, 0);
    assert_int_equal(config_apply(&c, true, NULL, NULL, &e), 0);
    assert_int_equal(setting_get(&set_zz_number), 7);
    assert_int_equal(setting_get(&set_zz_flag), 0);
    assert_string_equal(setting_text(&set_zz_kind), "two");
    assert_string_equal(setting_text(&set_zz_words), "x # \"y\" \\");
    assert_int_equal(setting_get(&set_zz_size), 64 * KiB);
}

static void every_wrong_line_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"number = 7\n", "f:1: a key before the first [section]\n"},
        {"[zz\nnumber = 7\n", "f:1: a section is a word"},
        {"[zz]\nnumber\n", "f:2: neither"},
        {"[zz]\n\nnumber = 0\n", "f:3: zz.number: 0 is not between 1 and 100\n"},
        {"[zz]\nnumber = x\n", "f:2: zz.number: \"x\" is not a number\n"},
        {"[zz]\nnumbr = 7\n",
         "f:2: there is no setting \"zz.numbr\"; did you mean \"zz.number\"?\n"},
        {"[other]\nqqqqqqqqqq = 7\n", "f:2: there is no setting \"other.qqqqqqqqqq\"\n"},
        {"[zz]\nnumber = 7\nnumber = 8\n", "f:3: zz.number was set on line 2 already\n"},
        {"[zz]\nwords = \"x\n", "f:2: the closing \" is missing\n"},
        {"[zz]\nwords = \"x\" y\n", "f:2: there is text after the closing \"\n"},
        {"[zz]\nwords = \"\\n\"\n", "f:2: a backslash in quotes"},
        {"[zz]\nkind = three\n", "f:2: zz.kind: \"three\" is none of: one two\n"},
        {"[zz]\nnum ber = 7\n", "f:2: a key is made of"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CONFIG_SCOPE c = {0};
        struct err e = {0};
        config_parse(&c, "f", slice_str(rows[i].text));
        if (!slice_starts(buf_slice(&c.problems), slice_str(rows[i].want)) || c.problem_count != 1)
            fail_msg("row %zu: got \"%.*s\"", i, SARG(buf_slice(&c.problems)));
        assert_int_equal(config_apply(&c, true, NULL, NULL, &e), -1);
        assert_int_equal(e.code, ERR_SYNTAX);
        assert_int_equal(setting_get(&set_zz_number), 5);
    }
}

static void one_wrong_line_keeps_all_as_it_was(void **state)
{
    (void)state;
    CONFIG_SCOPE c = {0};
    struct err e = {0};
    config_parse(&c, "f", S("[zz]\nnumber = 9\nflag = perhaps\n"));
    assert_int_equal(config_apply(&c, true, NULL, NULL, &e), -1);
    assert_int_equal(setting_get(&set_zz_number), 5);
}

static void assignment_outranks_file(void **state)
{
    (void)state;
    CONFIG_SCOPE c = {0};
    struct err e = {0};
    config_assign(&c, S("zz.number=11"));
    config_assign(&c, S("zz.number = 12"));
    config_parse(&c, "f", S("[zz]\nnumber = 9\n"));
    assert_int_equal(config_apply(&c, true, NULL, NULL, &e), 0);
    assert_int_equal(setting_get(&set_zz_number), 12);
    config_assign(&c, S("zz.number"));
    config_assign(&c, S("zz.none=1"));
    assert_int_equal(c.problem_count, 2);
}

static void load_reads_file_and_assignments(void **state)
{
    (void)state;
    char path[] = "/tmp/carbonado-config-XXXXXX";
    int fd = mkstemp(path);
    const char *sets[] = {"zz.flag=no", "zz.nothing=1"};
    struct config_source from = {path, sets, 1};
    struct err e = {0};
    BUF_SCOPE problems = {0};
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "[zz]\nnumber = 7\n", 16), 0);
    close(fd);
    assert_int_equal(config_load(&from, true, NULL, NULL, &problems, &e), 0);
    assert_int_equal(setting_get(&set_zz_number), 7);
    assert_int_equal(setting_get(&set_zz_flag), 0);
    assert_int_equal(problems.n, 0);
    from.set_count = 2;
    assert_int_equal(config_load(&from, true, NULL, NULL, &problems, &e), -1);
    assert_slice(buf_slice(&problems), "--set: there is no setting \"zz.nothing\"\n");
    unlink(path);
    assert_int_equal(config_load(&from, true, NULL, NULL, NULL, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
}

struct seen {
    int changed, restart;
    char last[64];
};

static void note(void *arg, const struct setting *s, enum config_effect effect, const char *was,
                 const char *becomes)
{
    struct seen *seen = arg;
    if (effect == CONFIG_CHANGED)
        seen->changed++;
    else
        seen->restart++;
    snprintf(seen->last, sizeof(seen->last), "%s %s>%s", s->name, was, becomes);
}

static void reload_changes_only_what_differs(void **state)
{
    (void)state;
    struct err e = {0};
    struct seen seen = {0};
    CONFIG_SCOPE first = {0};
    config_parse(&first, "f", S("[zz]\nnumber = 9\nsize = 128K\n"));
    assert_int_equal(config_apply(&first, true, NULL, NULL, &e), 0);
    assert_int_equal(setting_get(&set_zz_size), 128 * KiB);

    CONFIG_SCOPE same = {0};
    config_parse(&same, "f", S("[zz]\nnumber = 9\nsize = 131072\nflag = true\n"));
    assert_int_equal(config_apply(&same, false, note, &seen, &e), 0);
    assert_int_equal(seen.changed + seen.restart, 0);

    CONFIG_SCOPE less = {0};
    config_parse(&less, "f", S("[zz]\nsize = 256K\n"));
    assert_int_equal(config_apply(&less, false, note, &seen, &e), 0);
    assert_int_equal(seen.changed, 1); /* number is back at its default */
    assert_int_equal(seen.restart, 1); /* size needs a restart, and keeps its value */
    assert_string_equal(seen.last, "size 128K>256K");
    assert_int_equal(setting_get(&set_zz_number), 5);
    assert_int_equal(setting_get(&set_zz_size), 128 * KiB);
}

static void printed_pair_reads_back(void **state)
{
    (void)state;
    static const char *const values[] = {"",   "plain",       "two words", "a # b",
                                         "\"", "\"q\" # \\ ", "x#y"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[256] = "";
        FILE *f = fmemopen(text, sizeof(text), "w");
        assert_non_null(f);
        fputs("[zz]\n", f);
        config_print_pair(f, "words", values[i]);
        fclose(f);
        CONFIG_SCOPE c = {0};
        config_parse(&c, "f", slice_str(text));
        assert_int_equal(c.problem_count, 0);
        assert_int_equal(c.n, 1);
        assert_slice(c.entries[0].value, values[i]);
    }
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    char text[200];
    uint32_t seed = 1;
    static const char alphabet[] = "[]=\"\\# \n\tza9_\xff";
    for (int round = 0; round < 2000; round++) {
        CONFIG_SCOPE c = {0};
        for (size_t i = 0; i < sizeof(text); i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        config_parse(&c, "f", slice_of(text, seed % sizeof(text)));
    }
}

static void reference_names_every_row(void **state)
{
    (void)state;
    BUF_SCOPE md = {0};
    BUF_SCOPE man = {0};
    config_docs_markdown(&md);
    config_docs_man(&man);
    for (struct setting *s = setting_first(); s; s = s->next) {
        char want[128];
        snprintf(want, sizeof(want), "### %s.%s\n", s->group, s->name);
        assert_true(slice_search(buf_slice(&md), slice_str(want)) > 0);
        snprintf(want, sizeof(want), ".B %s.%s\n", s->group, s->name);
        assert_true(slice_search(buf_slice(&man), slice_str(want)) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(file_sets_what_it_names, reset),
        cmocka_unit_test_setup(every_wrong_line_is_named, reset),
        cmocka_unit_test_setup(one_wrong_line_keeps_all_as_it_was, reset),
        cmocka_unit_test_setup(assignment_outranks_file, reset),
        cmocka_unit_test_setup(load_reads_file_and_assignments, reset),
        cmocka_unit_test_setup(reload_changes_only_what_differs, reset),
        cmocka_unit_test_setup(printed_pair_reads_back, reset),
        cmocka_unit_test_setup(any_bytes_are_survived, reset),
        cmocka_unit_test_setup(reference_names_every_row, reset),
    };
    return RUN_TESTS(tests);
}
