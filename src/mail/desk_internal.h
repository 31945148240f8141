/* desk_internal.h - what desk.c knows of a desk of either kind. */
#pragma once

#include "mail/desk.h"

struct desk_ops {
    bool (*ask)(struct desk *d, const struct desk_question *q, desk_answered *answered,
                struct desk_answer *ret);
    void (*call)(struct desk *d, const struct desk_question *q, struct err *e);
    void (*tell)(struct desk *d, enum desk_verb verb);
    void (*close)(struct desk *d);
};

struct desk {
    const struct desk_ops *ops;
};

typedef struct desk *desk_opener(struct loop *l, enum mail_accept_kind kind, void *user);

struct desk *desk_here(struct loop *l, enum mail_accept_kind kind, void *user);
void desk_open_with(desk_opener *open); /* instead of desk_here */
