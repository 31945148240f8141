/* clock.h - wall time for people and records, monotonic time for durations. */
#pragma once

#include <pthread.h>
#include <stdint.h>

int64_t clock_now(void);     /* seconds since 1970 UTC */
int64_t clock_now_ms(void);  /* milliseconds since 1970 UTC */
int64_t clock_mono_ms(void); /* milliseconds since some start; never goes back */
int64_t clock_mono_us(void);
int64_t clock_cpu_ms(void); /* processor time of the whole process */

/* A condition whose waits with a deadline go by CLOCK_MONOTONIC, and a deadline so many
   milliseconds from now for pthread_cond_timedwait on it. */
void clock_cond_init(pthread_cond_t *ret);
void clock_deadline(int64_t ms, struct timespec *ret);
