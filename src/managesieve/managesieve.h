/* managesieve.h - the ManageSieve server: RFC 5804. */
#pragma once

#include "base/err.h"
#include "io/conn.h"

extern const struct conn_ops managesieve_ops;
int managesieve_init(struct err *e);
