/* fault.h - in a build with -Dfaults=true the library of tests/faults, when it is preloaded,
   decides whether there is memory for a buffer or an arena. In every other build there is nothing
   here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef CARBONADO_FAULTS
extern int carbonado_fault_memory(size_t n) __attribute__((weak));
static inline bool fault_memory(size_t n)
{
    return carbonado_fault_memory && carbonado_fault_memory(n);
}
#else
static inline bool fault_memory(size_t n)
{
    (void)n;
    return false;
}
#endif
