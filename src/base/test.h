/* test.h - what every unit test includes: cmocka with the headers it wants before itself. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

#define RUN_TESTS(tests) cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL)

/* Compares a slice with a C string literal and prints both when they differ. */
#define assert_slice(got, want)                                                                    \
    do {                                                                                           \
        struct slice got_ = (got), want_ = slice_str(want);                                        \
        if (!slice_eq(got_, want_))                                                                \
            fail_msg("got \"%.*s\", want \"%.*s\"", SARG(got_), SARG(want_));                      \
    } while (0)
