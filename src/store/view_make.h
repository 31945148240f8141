/* view_make.h - building views. Inside store/ only. */
#pragma once

#include "store/view.h"

struct view *view_new(uint64_t modseq, uint32_t uidvalidity, uint32_t uidnext);
void view_append(struct view *v, uint32_t uid); /* rising */
uint32_t view_uidvalidity(const struct view *v);
/* Without `gone`, with those of `come` (may be NULL) that are not older than the view. */
struct view *view_successor(const struct view *old, const struct uidset *gone,
                            const struct uidset *come, uint64_t modseq, uint32_t uidnext);
