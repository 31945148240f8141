/* pg_test.h - a private PostgreSQL cluster for tests: made in a temporary directory, listening on a
   socket in it only, gone with the test. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct pg_test {
    char dir[64];
    char conninfo[128];
    pid_t pid;
};

/* false with a message on stdout when PostgreSQL is not installed or does not start. */
bool pg_test_start(struct pg_test *t);
/* Without PostgreSQL what needs it is skipped, but not in `make check` (scripts/check sets
   CARBONADO_NEEDS_POSTGRES). */
bool pg_test_is_needed(void);
void pg_test_stop(struct pg_test *t);
