/* budget.h - memory that many share: each takes what it needs as long as all of them together stay
   below a limit, and does without it when they do not. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    _Atomic int64_t taken;
};

static inline void budget_give(struct budget *b, int64_t n)
{
    atomic_fetch_sub_explicit(&b->taken, n, memory_order_relaxed);
}

static inline bool budget_take(struct budget *b, int64_t n, int64_t limit)
{
    if (atomic_fetch_add_explicit(&b->taken, n, memory_order_relaxed) + n <= limit)
        return true;
    budget_give(b, n);
    return false;
}
