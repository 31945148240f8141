/* host.h - the name by which this server greets and signs what it does to a message. */
#pragma once

#include "base/slice.h"

/* mail.hostname, else the system's fully qualified name, else its host name. Lives for ever. */
struct slice mail_hostname(void);

/* Is this name or address literal of ours? Without case; localhost too. */
bool mail_is_own_name(struct slice name);
