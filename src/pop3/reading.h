/* reading.h - sending a message in pieces. Internal to src/pop3. */
#pragma once

#include "pop3/session.h"

/* top: so many lines of the body; NULL: all of it. */
void pop3_reading_start(struct pop3_session *s, size_t index, const uint64_t *top);
