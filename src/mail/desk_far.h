/* desk_far.h - desks of another process: in a front, every desk_open() is one of these. */
#pragma once

#include "mail/desk.h"

struct ring;

/* Before the first desk, on the only loop that has any. ended: the store has gone, and with it
   every desk. */
void desk_far_use(struct loop *l, struct ring *r, void (*ended)(const char *why));
