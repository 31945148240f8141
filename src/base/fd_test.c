/* fd_test.c - whole reads and writes, limits, durable replacement, folders. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char top[64], path[128];

static int make_top(void **state)
{
    (void)state;
    snprintf(top, sizeof(top), "/tmp/carbonado-fd-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "%s/a/b/c", top);
    rmdir(command);
    snprintf(command, sizeof(command), "%s/a/b", top);
    rmdir(command);
    snprintf(command, sizeof(command), "%s/a", top);
    rmdir(command);
    snprintf(command, sizeof(command), "%s/f", top);
    unlink(command);
    return rmdir(top);
}

static const char *at(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", top, name);
    return path;
}

static void replaced_files_read_back(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    assert_int_equal(file_replace(at("f"), S("one"), 0600, &e), 0);
    assert_int_equal(file_replace(at("f"), S("two, longer"), 0640, &e), 0);
    assert_int_equal(stat(at("f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    BUF_SCOPE b = {0};
    buf_adds(&b, "> ");
    assert_int_equal(file_read(at("f"), &b, &e), 0);
    assert_slice(buf_slice(&b), "> two, longer");
    assert_int_equal(access(at("f.new"), F_OK), -1);
}

static void reading_stops_at_the_limit_and_not_before(void **state)
{
    (void)state;
    struct err e = {0};
    BUF_SCOPE exact = {.max = 11};
    BUF_SCOPE small = {.max = 10};
    assert_int_equal(file_replace(at("f"), S("two, longer"), 0600, &e), 0);
    assert_int_equal(file_read(at("f"), &exact, &e), 0);
    assert_slice(buf_slice(&exact), "two, longer");
    assert_int_equal(file_read(at("f"), &small, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void failures_say_which(void **state)
{
    (void)state;
    struct err e = {0};
    BUF_SCOPE b = {0};
    assert_int_equal(file_read(at("none"), &b, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    assert_int_equal(file_read(top, &b, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(file_replace(at("none/f"), S("x"), 0600, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_non_null(strstr(e.text, "No such file"));
    assert_int_equal(dir_sync(at("none"), &e), -1);
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    assert_int_equal(dir_make(at("a/b/c"), 0700, &e), 0);
    assert_int_equal(dir_make(at("a//b/c/"), 0700, &e), 0);
    assert_int_equal(stat(at("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(file_replace(at("f"), S("x"), 0600, &e), 0);
    assert_int_equal(dir_make(at("f"), 0700, &e), -1);
    assert_int_equal(dir_make(at("f/g"), 0700, &e), -1);
}

static void positions_and_short_reads(void **state)
{
    (void)state;
    char got[8];
    AUTO_FD fd = open(at("f"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, "hello", 5), 0);
    assert_int_equal(fd_pwrite_all(fd, "J", 1, 0), 0);
    assert_int_equal(fd_pread_full(fd, got, 8, 1), 4);
    assert_memory_equal(got, "ello", 4);
    assert_int_equal(fd_pread_full(fd, got, 8, 100), 0);
    int taken = TAKE_FD(fd);
    assert_int_equal(fd, -1);
    errno = 99;
    fd_closep(&taken);
    assert_int_equal(errno, 99);
    assert_int_equal(fd_pread_full(taken, got, 1, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaced_files_read_back),
        cmocka_unit_test(reading_stops_at_the_limit_and_not_before),
        cmocka_unit_test(failures_say_which),
        cmocka_unit_test(folders_are_made_with_their_parents),
        cmocka_unit_test(positions_and_short_reads),
    };
    return cmocka_run_group_tests(tests, make_top, remove_top);
}
