/* memory.h - what an account remembers for a time, durably: whom vacation answered, which messages
   were seen (RFC 5230 4.2, RFC 7352). A key is a hash of whatever it is about. */
#pragma once

#include "store/store.h"

enum { MEMORY_KEY = 32 };

/* 1: it is remembered now, 0, -1. */
int memory_has(struct txn *t, const unsigned char key[MEMORY_KEY], struct err *e);

/* In a write job. 1: it was not remembered, and is from now on, until expires_at (ms); 0: it was,
   and nothing is changed; -1. */
int memory_take(struct txn *t, const unsigned char key[MEMORY_KEY], int64_t expires_at,
                struct err *e);
/* The same, with the new time when it was. */
int memory_renew(struct txn *t, const unsigned char key[MEMORY_KEY], int64_t expires_at,
                 struct err *e);
