/* progress.c - the line is written over itself on standard error. */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVERY_MS = 200, BAR = 30 };

void progress_begin(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){
        .what = what, .total = total, .on = isatty(STDERR_FILENO), .began_ms = clock_mono_ms()};
}

/* "What [###   ]  42% ", a few times a second. False: not now. */
static bool show_bar(struct progress *p, uint64_t done, double *ret_seconds)
{
    int64_t now = clock_mono_ms();
    if (!p->on || now - p->shown_ms < EVERY_MS)
        return false;
    p->shown_ms = now;
    *ret_seconds = (double)(now - p->began_ms) / 1000;
    fprintf(stderr, "\r%s ", p->what);
    if (p->total) {
        double part = done < p->total ? (double)done / (double)p->total : 1;
        int filled = (int)(part * BAR);
        fprintf(stderr, "[%.*s%*s] %3d%% ", filled, "##############################", BAR - filled,
                "", (int)(part * 100));
    }
    return true;
}

void progress_show(struct progress *p, uint64_t done, uint64_t count)
{
    double seconds;
    if (!show_bar(p, done, &seconds))
        return;
    fprintf(stderr, "%" PRIu64 " messages, %.0f a second\033[K", count,
            seconds > 0 ? (double)(count - p->before) / seconds : 0);
    fflush(stderr);
}

void progress_bytes(struct progress *p, uint64_t done)
{
    double seconds, mb = (double)done / 1e6;
    if (!show_bar(p, done, &seconds))
        return;
    fprintf(stderr, "%.0f MB, %.0f MB a second\033[K", mb, seconds > 0 ? mb / seconds : 0);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
}
