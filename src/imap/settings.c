/* settings.c - what can be set. imap.copy_max is the store's row. */
#include "imap/settings.h"

SETTING(imap, max_line, SIZE, 64 * KiB, 8 * KiB, 1 * MiB,
        "Longest command without its literals. RFC 2683 3.2.1.5 asks for 8000 bytes.");
SETTING(imap, literal_max, SIZE, 64 * KiB, 1 * KiB, 1 * MiB,
        "Longest literal of a command other than APPEND.");
SETTING(imap, append_max, SIZE, 50 * MiB, 1 * KiB, 2 * GiB,
        "Largest message that APPEND takes; announced as APPENDLIMIT (RFC 7889).");
SETTING(imap, multiappend_max, INT, 100, 1, 1000,
        "How many messages one APPEND may bring (RFC 3502).");
SETTING(imap, login_timeout, TIME, 1 * MIN, 5 * SEC, 30 * MIN,
        "A client that has not logged in is disconnected after this time without input, and after "
        "three times as long in any case.");
SETTING(imap, idle_timeout, TIME, 30 * MIN, 30 * MIN, 24 * HOUR,
        "Autologout. RFC 9051 5.4 allows no less than 30 minutes.");
SETTING(imap, bad_max, INT, 20, 1, 10000,
        "So many refused commands in a row end the connection; a quarter of it before login.");
SETTING(imap, auth_failures_max, INT, 4, 1, 100, "So many failed logins on one connection end it.");
SETTING(imap, user_connections, INT, 50, 1, 100000, "Connections that one account may have.");
SETTING(imap, search_time, TIME, 60 * SEC, 1 * SEC, 1 * HOUR,
        "Longest time for a SEARCH, after which it ends with NO [LIMIT].");
SETTING(imap, memory_max, SIZE, 16 * MiB, 1 * MiB, 1 * GiB,
        "Memory that one command may take for what it was given and for parsing messages.");
SETTING(imap, unauthenticate, BOOL, 1, 0, 1,
        "UNAUTHENTICATE (RFC 8437) is offered. No: where a proxy in front that knows it not checks "
        "who logs in.");
SETTING(imap, sort_memory, SIZE, 64 * MiB, 1 * MiB, 1 * GiB,
        "Memory that one SORT or THREAD may take. One that needs more ends with NO [LIMIT].");
SETTING(imap, progress_interval, TIME, 10 * SEC, 1, 1 * HOUR,
        "A SEARCH, SORT or THREAD that is still at work says so after this time (RFC 9585).");
