/* op_server.c - operations on the running server itself. */
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "io/listener.h"
#include "io/loop.h"
#include "node/border.h"
#include "node/control.h"
#include "node/op.h"
#include "node/roles.h"
#include "node/sandbox.h"

static int64_t started_ms;

__attribute__((constructor)) static void note_start(void)
{
    started_ms = clock_mono_ms();
}

static int status(json_t *args, struct slice payload, json_t **ret, struct buf *ret_payload,
                  struct err *e)
{
    (void)args;
    (void)payload;
    (void)ret_payload;
    unsigned long all = listeners_connections(), own = control_connections();
    *ret = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:I}", "version", CARBONADO_VERSION,
                     "pid", (json_int_t)getppid(), "worker", (json_int_t)getpid(), "uptime_ms",
                     (json_int_t)(clock_mono_ms() - started_ms), "connections",
                     (json_int_t)(all > own ? all - own : 0), "loops", (json_int_t)loops_count(),
                     "sandbox", sandbox_state(), "low_offset", (json_int_t)port_low_offset());
    return *ret ? 0 : err_set(e, ERR_BUG, "status");
}

static int metrics(json_t *args, struct slice payload, json_t **ret, struct buf *ret_payload,
                   struct err *e)
{
    (void)args;
    (void)payload;
    (void)ret;
    (void)e;
    metric_print_all(ret_payload);
    return 0;
}

/* The supervisor reads the configuration first, then the worker: see the log for what changed. */
static int reload(json_t *args, struct slice payload, json_t **ret, struct buf *ret_payload,
                  struct err *e)
{
    (void)args;
    (void)payload;
    (void)ret;
    (void)ret_payload;
    return border_say(BORDER_RELOAD, e);
}

static int stop(json_t *args, struct slice payload, json_t **ret, struct buf *ret_payload,
                struct err *e)
{
    (void)args;
    (void)payload;
    (void)ret;
    (void)ret_payload;
    return border_say(BORDER_STOP, e);
}

const struct op ops_server[] = {
    {"server.status", status, .needs_server = true},
    {"server.metrics", metrics, .needs_server = true},
    {"server.reload", reload, .needs_server = true},
    {"server.stop", stop, .needs_server = true},
    {0},
};
