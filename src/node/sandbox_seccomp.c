/* sandbox_seccomp.c - which system calls a process may make: the rows of its table through
   libseccomp; any other fails with EPERM. */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/slice.h"
#include "node/sandbox.h"

/* How many conditions the row has: none or one. */
static unsigned condition(const struct sandbox_call *row, struct scmp_arg_cmp *out)
{
    switch (row->when) {
    case SANDBOX_ALWAYS:
    case SANDBOX_GONE:
        return 0;
    case SANDBOX_BITS:
        *out = SCMP_CMP(row->argument, SCMP_CMP_MASKED_EQ, row->with | row->but, row->with);
        return 1;
    case SANDBOX_IS:
        *out = SCMP_CMP(row->argument, SCMP_CMP_EQ, row->with);
        return 1;
    case SANDBOX_SELF:
        *out = SCMP_CMP(row->argument, SCMP_CMP_EQ, (scmp_datum_t)getpid());
        return 1;
    }
    BUG_IF(true);
}

static int add_row(scmp_filter_ctx filter, const struct sandbox_call *row, struct err *e)
{
    struct scmp_arg_cmp when;
    unsigned n = condition(row, &when);
    for (struct slice rest = slice_str(row->names); rest.p;) {
        char name[40];
        struct slice word = slice_cut(&rest, ' ');
        snprintf(name, sizeof(name), "%.*s", SARG(word));
        int nr = seccomp_syscall_resolve_name(name);
        if (nr == __NR_SCMP_ERROR)
            continue; /* newer than the library, so newer than who would make it */
        int rc = seccomp_rule_add_array(
            filter, row->when == SANDBOX_GONE ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW, nr, n,
            &when);
        if (rc)
            return err_set(e, ERR_IO, "seccomp: %s: %s", name, strerror(-rc));
    }
    return 0;
}

int sandbox_seccomp(const struct sandbox_table *t, unsigned roles, struct err *e)
{
    const struct sandbox_call *rows = t->calls;
    if (prctl(PR_GET_SECCOMP) < 0)
        return 1;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return err_set(e, ERR_IO, "seccomp: no filter");
    int rc = 0;
    for (size_t i = 0; i < t->n_calls && rc == 0; i++) {
        if (rows[i].roles == SANDBOX_EVERY || rows[i].roles & roles)
            rc = add_row(filter, &rows[i], e);
    }
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    int loaded = rc ? 0 : seccomp_load(filter);
    if (loaded)
        rc = err_set(e, ERR_IO, "seccomp: %s", strerror(-loaded));
    seccomp_release(filter);
    return rc;
}
