/* sandbox.c - the worker, and each front, shuts itself in: capabilities, files, system calls, in
   this order, because each step forbids what the one before it needs. */
#include "node/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/slice.h"

SETTING_STR(
    node, sandbox, "on", "on off require",
    "The worker gives up files, system calls and capabilities that it does not need. on: as "
    "far as the kernel can; require: do not start when it cannot do all; off: for debuggers.");
SETTING_AT_START(node, sandbox);

static char state[200] = "off";

const char *sandbox_state(void)
{
    return state;
}

int sandbox_drop_capabilities(struct err *e)
{
    struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    /* Needs a capability itself: an ordinary user cannot, and needs not: nothing is ever executed.
     */
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        continue;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &who, none))
        return err_errno(e, ERR_NOPERM, "give up capabilities");
    return 0;
}

static unsigned installed(struct err *e)
{
    bool is[ROLE_COUNT];
    unsigned roles = 0;
    if (roles_installed(is, e))
        return 0;
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        roles |= is[r] ? SANDBOX_ROLE(r) : 0;
    return roles;
}

/* Of the kernel or of the container around: with "on" that is said once. */
static int lacking(const char *what, const char *part, bool required, struct err *e)
{
    size_t n = strlen(state);
    snprintf(state + n, sizeof(state) - n, "%s %s%s%s", n > 2 ? "," : " without", what,
             part ? " of " : "", part ? part : "");
    if (required)
        return err_set(e, ERR_UNSUPPORTED, "node.sandbox = require, and the kernel has no %s%s%s",
                       what, part ? " of " : "", part ? part : "");
    LOG(LOG_WARN, "sandbox.degraded", LFZ("missing", what),
        LFZ("open", part ? part : "everything"));
    return 0;
}

static int enter(const struct sandbox_table *t, const char *state_dir, struct err *e)
{
    const char *mode = setting_text(&set_node_sandbox), *missing;
    struct err why = {0};
    unsigned roles = installed(&why);
    if (why.code)
        return err_set(e, why.code, "%s", why.text);
    if (strcmp(mode, "off") == 0) {
        LOG(LOG_WARN, "sandbox.off");
        return 0;
    }
    bool required = strcmp(mode, "require") == 0;
    snprintf(state, sizeof(state), "on");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return err_errno(e, ERR_IO, "no_new_privs");
    if (sandbox_drop_capabilities(e))
        return -1;
    int rc = sandbox_landlock(t, state_dir, roles, &missing, e);
    if (rc < 0 || (missing && lacking("Landlock", rc ? NULL : missing, required, e)))
        return -1;
    rc = sandbox_seccomp(t, roles, e);
    return rc < 0 || (rc && lacking("seccomp", NULL, required, e)) ? -1 : 0;
}

int sandbox_enter(const char *state_dir, struct err *e)
{
    return enter(&sandbox_worker, state_dir, e);
}

int sandbox_enter_front(const char *state_dir, struct err *e)
{
    return enter(&sandbox_front, state_dir, e);
}
