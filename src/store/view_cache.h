/* view_cache.h - the newest view of each collection that somebody has open. Inside store/ only. */
#pragma once

void view_cache_clear(void);
