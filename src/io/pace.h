/* pace.h - is somebody who sends us something long still getting on? Who sends a byte now and then
   is never idle, so what may be long (a message, a literal, a command in pieces) has a least rate,
   io.rate_min, and a longest time, io.upload_time. RFC 5321 4.5.3.2 is about each command and block
   of data; both limits here are far above what it lets a client take. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pace {
    int64_t began_ms, window_ms; /* monotonic; 0: not begun */
    uint64_t bytes;              /* since window_ms */
};

void pace_begin(struct pace *p, int64_t now);
/* What was in the way was ours, not the sender's: the rate is counted anew from here. */
void pace_resume(struct pace *p, int64_t now);
/* n bytes came. True: slower than io.rate_min over `window` ms, or longer than io.upload_time. */
bool pace_is_lost(struct pace *p, int64_t now, int64_t window, size_t n);
