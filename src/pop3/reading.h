/* reading.h - sending messages in pieces. Internal to src/pop3. */
#pragma once

#include "pop3/session.h"

/* RETR: gathered with those before; "no such message" is told in its turn. */
void pop3_reading_retr(struct pop3_session *s, struct slice number);
/* Begins what was gathered, unless `in` goes on with another RETR. */
void pop3_reading_go(struct pop3_session *s, struct slice in);
/* TOP: so many lines of the body. */
void pop3_reading_top(struct pop3_session *s, size_t index, uint64_t lines);
