/* syncs.h - the file that bench/syncs.c maps: how often the processes of a server asked for a sync,
   and whether those calls do nothing, which is for filling mailboxes only. */
#pragma once

#include <stdint.h>

struct syncs {
    uint64_t off;
    uint64_t calls;
};
