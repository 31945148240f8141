/* journal_test.c - what is read back after an interruption at any byte of the file. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/journal.h"

static char dir[] = "/tmp/carbonado-journal-XXXXXX";

static void goes_on_where_it_was(void **state)
{
    (void)state;
    struct journal j;
    struct err e = {0};
    struct slice task = S("import a from /x y\n%");
    assert_int_equal(journal_open(&j, dir, task, false, &e), 0);
    assert_false(j.found);
    assert_int_equal(journal_try(&j, 7, &e), 0);
    assert_int_equal(journal_done(&j, 3, 1, S("cur\0na me\n%41\xff"), &e), 0);
    journal_close(&j);
    assert_int_equal(journal_open(&j, dir, task, false, &e), 0);
    assert_true(j.found && !j.tried);
    assert_int_equal(j.count, 3);
    assert_int_equal(j.failed, 1);
    assert_true(slice_eq(buf_slice(&j.position), S("cur\0na me\n%41\xff")));
    assert_true(slice_eq(journal_place(&j, S("cur")), S("na me\n%41\xff")));
    assert_null(journal_place(&j, S("")).p);
    assert_int_equal(journal_done(&j, 4, 1, S("\0top"), &e), 0);
    assert_int_equal(journal_done(&j, 3, 1, S("cur\0z"), &e), 0);
    journal_close(&j);
    assert_int_equal(journal_open(&j, dir, task, false, &e), 0);
    assert_true(slice_eq(journal_place(&j, S("cur")), S("z")));
    assert_true(slice_eq(journal_place(&j, S("")), S("top")));
    assert_int_equal(journal_try(&j, 9, &e), 0);
    journal_close(&j);
    assert_int_equal(journal_open(&j, dir, task, false, &e), 0);
    assert_true(j.tried && j.try_number == 9);
    journal_close(&j);
    /* Another task is another journal. */
    struct journal other;
    assert_int_equal(journal_open(&other, dir, S("import b"), false, &e), 0);
    assert_false(other.found);
    journal_finish(&other);
    assert_int_equal(journal_open(&j, dir, task, true, &e), 0);
    assert_false(j.found);
    journal_finish(&j);
    assert_int_equal(access(j.path, F_OK), -1);
}

static void cut_anywhere_it_is_whole_or_earlier(void **state)
{
    (void)state;
    struct journal j;
    struct err e = {0};
    BUF_SCOPE whole = {0};
    assert_int_equal(journal_open(&j, dir, S("task"), true, &e), 0);
    for (unsigned i = 1; i <= 12; i++) {
        assert_int_equal(journal_try(&j, i, &e), 0);
        assert_int_equal(journal_done(&j, i * 10, 0, S("p"), &e), 0);
    }
    journal_close(&j);
    assert_int_equal(file_read(j.path, &whole, &e), 0);
    uint64_t last = 0;
    for (size_t n = 0; n <= whole.n; n++) {
        assert_int_equal(file_replace(j.path, slice_sub(buf_slice(&whole), 0, n), 0600, &e), 0);
        assert_int_equal(journal_open(&j, dir, S("task"), false, &e), 0);
        assert_true(j.count >= last && j.count % 10 == 0);
        last = j.count;
        /* What is added after a cut stands on a line of its own. */
        assert_int_equal(journal_done(&j, 5000, 0, S("q"), &e), 0);
        journal_close(&j);
        assert_int_equal(journal_open(&j, dir, S("task"), false, &e), 0);
        assert_int_equal(j.count, 5000);
        journal_close(&j);
    }
    assert_int_equal(last, 120);
    unlink(j.path);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[100];
    (void)state;
    snprintf(path, sizeof(path), "%s/transfers", dir);
    return rmdir(path) || rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_where_it_was),
        cmocka_unit_test(cut_anywhere_it_is_whole_or_earlier),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
