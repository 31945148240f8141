/* pop3.h - the POP3 server: RFC 1939, 2449, 2595, 5034, 6856. */
#pragma once

#include "base/err.h"
#include "io/conn.h"

extern const struct conn_ops pop3_ops;
int pop3_init(struct err *e);
