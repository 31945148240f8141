/* timing.c - see timing.h. */
#include "mail/timing.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn.h"

SETTING(
    log, slow_command, TIME, 1 * SEC, 0, 1 * HOUR,
    "A command for which the server takes longer is logged with what it waited for: queue, loop, "
    "run, disk, lock, commit or sync. 0: none is.");
METRIC_COUNTER_BY(command_errors, "class", /* in the order of enum err_code */
                  "syntax not-found exists no-permission authentication limit quota busy io "
                  "unsupported conflict corrupt bug",
                  "Commands that failed, by class of error.");
METRIC_COUNTER_BY(slow_commands, "reason", "queue loop run disk lock commit sync",
                  "Commands that took longer than log.slow_command, by what took most of it.");

void timing_over(const struct timing *t)
{
    if (t->error != ERR_OK)
        metric_add(&metric_command_errors, t->error - ERR_SYNTAX, 1);
    int64_t slow = setting_get(&set_log_slow_command), total = spent_total(t->spent);
    if (!slow || total < slow * 1000)
        return;
    const char *reason = spent_most(t->spent);
    BUF_SCOPE spent = {.max = 512};
    spent_print(t->spent, &spent);
    metric_add(&metric_slow_commands, metric_value(&metric_slow_commands, slice_str(reason)), 1);
    LOG(LOG_WARN, "slow.command", LFZ("protocol", t->protocol), LF("command", t->command),
        LFN("session", t->conn ? conn_id(t->conn) : 0), LF("login", t->login),
        LFN("ms", total / 1000), LFZ("reason", reason), LF("spent", buf_slice(&spent)));
}
