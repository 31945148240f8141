/* temp_test.h - a directory in a temporary file for each test of this folder and of auth/. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "directory/directory.h"

static char temp_dir[64];

static inline int temp_open(void **state)
{
    struct err e = {0};
    char path[80];
    (void)state;
    snprintf(temp_dir, sizeof(temp_dir), "/tmp/carbonado-dir-XXXXXX");
    if (!mkdtemp(temp_dir))
        return -1;
    snprintf(path, sizeof(path), "%s/directory.db", temp_dir);
    return directory_open(path, &e);
}

static inline int temp_close(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    (void)state;
    directory_close();
    for (int i = 0; i < 3; i++) {
        char path[100];
        snprintf(path, sizeof(path), "%s/directory.db%s", temp_dir, ends[i]);
        unlink(path);
    }
    return rmdir(temp_dir);
}
