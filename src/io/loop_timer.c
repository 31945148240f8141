/* loop_timer.c - a wheel of 512 slots of 100 ms. A timer lies in the slot of its due time; one that
   is due in a later round stays when its slot comes by. Starting and stopping is O(1). */
#include "base/clock.h"
#include "io/loop_internal.h"

static void on_tick(uv_timer_t *h)
{
    wheel_run(h->data);
}

void wheel_init(struct loop *l)
{
    for (int i = 0; i < WHEEL_SLOTS; i++)
        list_init(&l->wheel[i]);
    l->wheel_at = clock_mono_ms() / WHEEL_TICK_MS;
}

void timer_start(struct loop *l, struct timer *t, int64_t ms, void (*fn)(struct timer *))
{
    BUG_IF(loop_current() != l);
    timer_stop(t);
    int64_t now = clock_mono_ms();
    t->due = now + (ms > 0 ? ms : 0);
    t->fn = fn;
    t->loop = l;
    if (l->timers++ == 0) {
        l->wheel_at = now / WHEEL_TICK_MS;
        uv_update_time(&l->uv);
        uv_timer_start(&l->tick, on_tick, WHEEL_TICK_MS, WHEEL_TICK_MS);
    }
    int64_t tick = t->due / WHEEL_TICK_MS + 1;
    list_push(&l->wheel[tick % WHEEL_SLOTS], &t->link);
}

void timer_stop(struct timer *t)
{
    if (!t->loop)
        return;
    struct loop *l = t->loop;
    BUG_IF(loop_current() != l);
    list_remove(&t->link);
    t->loop = NULL;
    if (--l->timers == 0)
        uv_timer_stop(&l->tick);
}

static void run_slot(struct link *slot, int64_t now)
{
    struct link due, *at;
    list_init(&due);
    while ((at = list_pop(slot)))
        list_push(&due, at);
    while ((at = list_pop(&due))) {
        struct timer *t = list_entry(at, struct timer, link);
        if (t->due > now) {
            list_push(slot, at);
            continue;
        }
        timer_stop(t);
        t->fn(t);
    }
}

void wheel_run(struct loop *l)
{
    int64_t now = clock_mono_ms();
    int64_t to = now / WHEEL_TICK_MS;
    if (to - l->wheel_at > WHEEL_SLOTS)
        l->wheel_at = to - WHEEL_SLOTS;
    while (l->wheel_at < to && l->timers) {
        l->wheel_at++;
        run_slot(&l->wheel[l->wheel_at % WHEEL_SLOTS], now);
    }
}
