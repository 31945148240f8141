/* settings.h - the limits of the SMTP servers. */
#pragma once

#include "base/setting.h"

SETTING_DECLARE(smtp, line_max);
SETTING_DECLARE(smtp, text_line_max);
SETTING_DECLARE(smtp, header_max);
SETTING_DECLARE(smtp, message_max);
SETTING_DECLARE(smtp, recipients_max);
SETTING_DECLARE(smtp, messages_max);
SETTING_DECLARE(smtp, errors_max);
SETTING_DECLARE(smtp, idle_timeout);
SETTING_DECLARE(smtp, greet_delay);
SETTING_DECLARE(smtp, show_client);
SETTING_DECLARE(smtp, strict_helo);
SETTING_DECLARE(smtp, show_version);
extern struct setting set_smtp_verify; /* mail/desk.h */
extern struct setting set_smtp_trusted;
