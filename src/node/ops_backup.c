/* ops_backup.c - what a backup asks of the running server: that pack files stay while it copies. */
#include "node/op.h"
#include "store/snapshot.h"

static int hold(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    int64_t seconds;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_number(args, "seconds", true, 0, &seconds, e))
        return -1;
    if (seconds < 0 || seconds > STORE_HOLD_MAX)
        return err_set(e, ERR_SYNTAX, "seconds is 0 to %d", STORE_HOLD_MAX);
    store_hold(seconds);
    return 0;
}

const struct op ops_backup[] = {
    {"backup.hold", hold, .needs_store = true},
    {0},
};
