/* sasl_plain.h - the one message of PLAIN, RFC 4616 2. Private to auth/. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct sasl_plain_message {
    struct slice authzid; /* may be empty */
    struct slice authcid, password;
};

int sasl_plain_parse(struct slice in, struct sasl_plain_message *ret, struct err *e);
