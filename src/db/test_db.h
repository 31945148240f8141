/* test_db.h - one SQLite file in a temporary directory, gone with the test. Include after
   base/test.h. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char test_dir[] = "/tmp/carbonado-db-XXXXXX";
static char test_file[64], test_log[70], test_index[70];

/* The database, its log and the log's index; what is not there is fine. */
static void test_db_remove(void)
{
    unlink(test_file);
    unlink(test_log);
    unlink(test_index);
}

static int test_db_begin(void)
{
    if (!mkdtemp(test_dir))
        return -1;
    snprintf(test_file, sizeof(test_file), "%s/t.db", test_dir);
    snprintf(test_log, sizeof(test_log), "%s-wal", test_file);
    snprintf(test_index, sizeof(test_index), "%s-shm", test_file);
    return 0;
}

static int test_db_end(void)
{
    test_db_remove();
    return rmdir(test_dir);
}
