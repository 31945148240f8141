/* host.h - the name by which this server greets and signs what it does to a message. */
#pragma once

#include "base/slice.h"

/* mail.hostname, else the system's fully qualified name, else its host name. Lives for ever. */
struct slice mail_hostname(void);

/* Is this name of ours: mail.hostname, localhost, or one of mail.own_names? Without case. */
bool mail_is_own_name(struct slice name);
/* Is this address one of this machine or of mail.own_names? The port does not count. */
struct sockaddr_storage;
bool mail_is_own_address(const struct sockaddr_storage *address);
