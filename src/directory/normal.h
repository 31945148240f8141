/* normal.h - the one form in which addresses and domains are stored and compared: local part in NFC
   with ASCII folded to lower case, quoted only where it must be; domain as lower-case A-labels. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct address_normal {
    struct slice whole;  /* local@domain */
    struct slice local;  /* as in whole: quoted where it must be */
    struct slice domain; /* A-labels */
    struct slice as_is;  /* the local part before folding, same length as `local` */
    struct slice given; /* as_is@domain: only its own domain may fold a local part (RFC 5321 2.4) */
};

/* ERR_SYNTAX: not an address that could be stored (no domain, control characters, not UTF-8, empty
   or over-long part, address literal). ERR_LIMIT: arena full. */
int address_normal(struct slice in, struct arena *a, struct address_normal *ret, struct err *e);
int domain_normal(struct slice in, struct arena *a, struct slice *ret, struct err *e);
