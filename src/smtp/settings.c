/* settings.c - limits: each is checked before memory is taken, and says so when it is passed. */
#include "smtp/settings.h"

#include "base/utf8.h"
#include "io/peers.h"
#include "mail/host.h"
#include "smtp/smtp.h"

SETTING(
    smtp, line_max, SIZE, 2048, 1280, 64 * KiB,
    "Longest command line. RFC 5321 4.5.3.1.4 asks for 512, parameters of extensions for more.");
SETTING(smtp, text_line_max, SIZE, 16 * MiB, 1000, GiB,
        "Longest line of a message. RFC 5321 4.5.3.1.6 asks for 1000; longer ones are kept as they "
        "are.");
SETTING(smtp, header_max, SIZE, 4 * MiB, 16 * KiB, 64 * MiB,
        "Largest header of a message, in bytes.");
SETTING(smtp, message_max, SIZE, 50 * MiB, 64 * KiB, 2 * GiB, "Largest message (SIZE, RFC 1870).");
SETTING(smtp, recipients_max, INT, 1000, 100, 100000,
        "Recipients of one message. RFC 5321 4.5.3.1.8 asks for at least 100.");
SETTING(smtp, messages_max, INT, 1000, 1, 1000000,
        "Messages in one session (RFC 9422 MAILMAX). LMTP has no limit.");
SETTING(smtp, errors_max, INT, 20, 1, 10000,
        "Refused commands after which a session is ended. LMTP has no limit.");
SETTING(smtp, idle_timeout, TIME, 5 * MIN, SEC, HOUR,
        "A client that is silent for so long is closed. RFC 5321 4.5.3.2.7 asks for 5m.");
SETTING(
    smtp, greet_delay, TIME, 200 * MSEC, 0, 30 * SEC,
    "Port 25 waits so long with its greeting for clients from outside, and closes those that speak "
    "before it.");
SETTING(smtp, show_client, BOOL, 0, 0, 1,
        "Submission: the Received line names the client's address.");
SETTING(smtp, show_version, BOOL, 1, 0, 1, "HELP tells the version of this server.");
SETTING(smtp, strict_helo, BOOL, 0, 0, 1,
        "Refuse HELO and EHLO names that are neither a domain nor an address literal.");
SETTING_STR(smtp, trusted, "", NULL,
            "Addresses and networks (CIDR) of our own hops, which may use XCLIENT and XFORWARD.");

/* RFC 6531 3.7.1: the name that is said before anybody could ask for SMTPUTF8 is ASCII. */
int smtp_init(struct err *e)
{
    if (!ascii_only(mail_hostname()))
        return err_set(e, ERR_SYNTAX, "mail.hostname must be ASCII: A-labels (xn--...) for others");
    return cidr_check(slice_str(setting_text(&set_smtp_trusted)), e);
}
