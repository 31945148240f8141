/* transfer.h - the mail of an account to a sink or from a source, without a journal: what the
   commands export and import do in one go, for those that stand on them. */
#pragma once

#include "cli/sink.h"
#include "cli/source.h"
#include "node/op.h"

struct transfer_count {
    uint64_t done, failed; /* messages; failed ones were named on standard error */
};

/* only: a mailbox and those under it; NULL: all. at: as they were then (ms); 0: as they are. The
   sink stays the caller's. */
int transfer_export(struct op_session *s, const char *address, const char *only, int64_t at,
                    struct sink *sink, struct transfer_count *ret, struct err *e);
/* into: a mailbox under which everything goes; NULL: the places that the source names. */
int transfer_import(struct op_session *s, const char *address, const char *into, bool quota,
                    struct source *source, struct transfer_count *ret, struct err *e);
