/* recent.h - which messages are \Recent: RFC 3501 2.3.2. Kept in memory only: after a start, those
   that came since the start; the first session that is told of a message has it. */
#pragma once

#include "base/err.h"
#include "base/uidset.h"

struct collection;
struct txn;
struct view;

/* At SELECT: adds to *recent those of the view that no session has had. An EXAMINE takes none away.
 */
void recent_select(struct txn *t, uint64_t collection, const struct view *v, bool read_only,
                   struct uidset *recent);
/* For STATUS: how many a SELECT would find. */
int recent_count(struct txn *t, const struct collection *c, uint64_t *ret, struct err *e);
/* At EXISTS: the same of the uids that are new. */
void recent_take(uint64_t account, uint64_t collection, bool read_only, const struct uidset *added,
                 struct uidset *recent);
