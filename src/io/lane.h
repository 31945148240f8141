/* lane.h - messages of any length over an end of a ring (ring.h), on a loop. What the ring has
   no room for waits here, in order. A peer that breaks the rules, that has gone, or that lets too
   much wait ends the lane. */
#pragma once

#include "base/slice.h"

struct lane;
struct loop;
struct ring;

enum { LANE_MESSAGE_MAX = 4 * 1024 * 1024 };

struct lane_ops {
    void (*message)(struct lane *c, struct slice bytes); /* a whole one; lives for the call */
    void (*ended)(struct lane *c, const char *why);      /* last call; c goes after it */
};

/* On the loop. Takes the ring. unsent_max: how much may wait; 0: any amount. */
struct lane *lane_open(struct loop *l, struct ring *r, const struct lane_ops *ops, void *user,
                       size_t unsent_max);
void *lane_user(const struct lane *c);
/* Copies; head and body are one message, LANE_MESSAGE_MAX at most. Ends never from inside. */
void lane_send(struct lane *c, struct slice head, struct slice body);
/* From outside of its callbacks or inside; ended() is called in a later step of the loop. */
void lane_break(struct lane *c, const char *why);
