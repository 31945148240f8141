/* pace.c - the rate is looked at once a window, so that a burst behind a pause is fine. */
#include "io/pace.h"

#include "base/setting.h"

SETTING(io, rate_min, INT, 16, 0, 1000000,
        "Bytes a second, over the time in which silence would end the connection, that a client "
        "must send of a message or literal it has begun; 0: any rate will do.");
SETTING(io, upload_time, TIME, 6 * HOUR, SEC, 7 * DAY,
        "Longest time for one SMTP transaction, or for one IMAP command with its literals.");

void pace_begin(struct pace *p, int64_t now)
{
    *p = (struct pace){.began_ms = now, .window_ms = now};
}

void pace_resume(struct pace *p, int64_t now)
{
    p->window_ms = now;
    p->bytes = 0;
}

bool pace_is_lost(struct pace *p, int64_t now, int64_t window, size_t n)
{
    int64_t spent = now - p->window_ms;
    p->bytes += n;
    if (now - p->began_ms > setting_get(&set_io_upload_time))
        return true;
    if (spent < window)
        return false;
    uint64_t want = (uint64_t)setting_get(&set_io_rate_min) * (uint64_t)spent / 1000;
    bool slow = p->bytes < want;
    pace_resume(p, now);
    return slow;
}
