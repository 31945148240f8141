/* spooling.h - a literal on its way to a file, off the loop. */
#pragma once

struct session;
struct spool;

/* Writes what the spool holds at CPU; until that is done the session takes no input. */
void spooling_write(struct session *s, struct spool *spool);
