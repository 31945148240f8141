/* settings.h - the settings of the IMAP server; rows and texts are in settings.c. */
#pragma once

#include "base/setting.h"

SETTING_DECLARE(imap, max_line);
SETTING_DECLARE(imap, literal_max);
SETTING_DECLARE(imap, append_max);
SETTING_DECLARE(imap, multiappend_max);
SETTING_DECLARE(imap, login_timeout);
SETTING_DECLARE(imap, idle_timeout);
SETTING_DECLARE(imap, bad_max);
SETTING_DECLARE(imap, auth_failures_max);
SETTING_DECLARE(imap, user_connections);
SETTING_DECLARE(imap, search_time);
SETTING_DECLARE(imap, memory_max);
SETTING_DECLARE(imap, unauthenticate);
SETTING_DECLARE(imap, sort_memory);
SETTING_DECLARE(imap, progress_interval);
