/* log.h - structured lines: an event and its fields, as logfmt or JSON, to a descriptor. One line
   is one write, so that threads never mix. Values are escaped: nothing a stranger sends can begin a
   line. Libraries (base to store) set errors instead; servers, mail and node log. */
#pragma once

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends the list */
    struct slice text;
    int64_t number;
    bool is_number;
};

#define LF(k, s)                                                                                   \
    {                                                                                              \
        .key = (k), .text = (s)                                                                    \
    }
#define LFZ(k, z)                                                                                  \
    {                                                                                              \
        .key = (k), .text = slice_str(z)                                                           \
    }
#define LFN(k, v)                                                                                  \
    {                                                                                              \
        .key = (k), .number = (int64_t)(v), .is_number = true                                      \
    }

/* LOG(LOG_INFO, "smtp.accept", LF("from", from), LFN("size", n)); fields may be left out. */
#ifdef CPPCHECK /* it does not know __VA_OPT__ */
#define LOG(...) ((void)0)
#else
#define LOG(level, event, ...)                                                                     \
    do {                                                                                           \
        if ((level) >= log_threshold())                                                            \
            log_write((level), (event),                                                            \
                      (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});                  \
    } while (0)
#endif

void log_write(enum log_level level, const char *event, const struct log_field *fields);
enum log_level log_threshold(void);
void log_set(enum log_level threshold, bool json, int fd); /* default: info, logfmt, stderr */

/* What follows a message from port 25 to the mailbox: 12 letters, drawn once. */
struct trace {
    char id[13];
};
struct trace trace_new(void);
