/* clock.h - wall time for people and records, monotonic time for durations. */
#pragma once

#include <stdint.h>

int64_t clock_now(void);     /* seconds since 1970 UTC */
int64_t clock_now_ms(void);  /* milliseconds since 1970 UTC */
int64_t clock_mono_ms(void); /* milliseconds since some start; never goes back */
int64_t clock_mono_us(void);

/* CLOCK_MONOTONIC so many milliseconds from now: for pthread_cond_timedwait. */
struct timespec;
void clock_deadline(int64_t ms, struct timespec *ret);
