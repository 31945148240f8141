/* smtp.h - the servers of SMTP (RFC 5321), submission (RFC 6409) and LMTP (RFC 2033). One set of
   callbacks; the listener's service pointer is the profile. */
#pragma once

#include "base/err.h"
#include "io/conn.h"

struct smtp_profile;
extern struct smtp_profile smtp_profile_mta, smtp_profile_submission, smtp_profile_lmtp;
extern const struct conn_ops smtp_ops;

int smtp_init(struct err *e); /* checks the settings that are lists; before the listeners start */
