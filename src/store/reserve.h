/* reserve.h - keeping some of the disk free: a file of the size of the reserve that is given up
   when the disk is full, so that deletion can still commit. Inside store/ only. */
#pragma once

#include <stdint.h>
#include <sys/statvfs.h>

#include "base/err.h"

enum disk_state { DISK_OK, DISK_LOW, DISK_FULL };

/* Looks at the disk under the state directory, keeps or gives up the reserve, remembers the state.
 */
enum disk_state reserve_look(const char *dir);
/* Free bytes when it was looked at last. */
int64_t reserve_free(void);
/* statvfs; tests put a disk of theirs here. */
extern int (*reserve_statvfs)(const char *path, struct statvfs *ret);
/* -1 with ERR_BUSY when nothing new may be stored. */
int reserve_refuses(struct err *e);
