/* setting.h - settings as data: one row beside the code that uses it is parser, default, range,
   documentation and reload. Rows register themselves at start; node/ loads values and prints docs.
   Reading is lock-free from any thread. */
#pragma once

#include <stdatomic.h>

#include "base/err.h"
#include "base/slice.h"

enum setting_type {
    SETTING_BOOL, /* yes / no */
    SETTING_INT,
    SETTING_SIZE, /* bytes; written 512, 64K, 10M, 2G */
    SETTING_TIME, /* milliseconds; written 500ms, 30s, 5m, 12h, 30d */
    SETTING_TEXT,
};

struct setting {
    const char *group, *name; /* written group.name */
    enum setting_type type;
    int64_t def, min, max;
    const char *def_text; /* SETTING_TEXT */
    const char *choices;  /* SETTING_TEXT: "a b c", or NULL for anything */
    const char *text;     /* one or two sentences for the reference */
    bool at_start;        /* a change needs a restart */
    _Atomic int64_t number;
    _Atomic(const char *) string;
    struct setting *next;
};

#define KiB 1024LL
#define MiB (1024LL * KiB)
#define GiB (1024LL * MiB)
#define MSEC 1LL
#define SEC 1000LL
#define MIN (60LL * SEC)
#define HOUR (60LL * MIN)
#define DAY (24LL * HOUR)

/* SETTING(imap, max_line, SIZE, 64 * KiB, 8 * KiB, 1 * MiB, "Longest command line. ...")
   defines `struct setting set_imap_max_line`; read it with setting_get(&set_imap_max_line). */
#define SETTING(group_, name_, type_, def_, min_, max_, text_)                                     \
    struct setting set_##group_##_##name_ = {.group = #group_,                                     \
                                             .name = #name_,                                       \
                                             .type = SETTING_##type_,                              \
                                             .def = (def_),                                        \
                                             .min = (min_),                                        \
                                             .max = (max_),                                        \
                                             .text = text_,                                        \
                                             .number = (def_)};                                    \
    SETTING_REGISTER(group_, name_)
#define SETTING_STR(group_, name_, def_, choices_, text_)                                          \
    struct setting set_##group_##_##name_ = {.group = #group_,                                     \
                                             .name = #name_,                                       \
                                             .type = SETTING_TEXT,                                 \
                                             .def_text = (def_),                                   \
                                             .choices = (choices_),                                \
                                             .text = text_,                                        \
                                             .string = (def_)};                                    \
    SETTING_REGISTER(group_, name_)
#define SETTING_REGISTER(group_, name_)                                                            \
    __attribute__((constructor)) static void set_register_##group_##_##name_(void)                 \
    {                                                                                              \
        setting_register(&set_##group_##_##name_);                                                 \
    }                                                                                              \
    _Static_assert(1, "")
/* After a row: a change needs a restart. */
#define SETTING_AT_START(group_, name_)                                                            \
    __attribute__((constructor)) static void set_at_start_##group_##_##name_(void)                 \
    {                                                                                              \
        set_##group_##_##name_.at_start = true;                                                    \
    }                                                                                              \
    _Static_assert(1, "")
#define SETTING_DECLARE(group_, name_) extern struct setting set_##group_##_##name_

void setting_register(struct setting *s);
struct setting *setting_first(void); /* all of them, sorted by group and name; follow ->next */
struct setting *setting_find(struct slice full_name); /* "imap.max_line" or NULL */

/* Parses, checks the range and stores. ERR_SYNTAX or ERR_LIMIT with a text that says what is
   allowed. setting_check does all but store. */
int setting_parse(struct setting *s, struct slice value, struct err *e);
int setting_check(const struct setting *s, struct slice value, struct err *e);
void setting_reset(struct setting *s); /* back to the default */

/* The value (or the default) as one would write it: "30m", "64K", "yes". */
void setting_print(const struct setting *s, bool of_default, char *out, size_t n);

static inline int64_t setting_get(struct setting *s)
{
    return atomic_load_explicit(&s->number, memory_order_relaxed);
}

static inline const char *setting_text(struct setting *s) /* lives for ever */
{
    return atomic_load_explicit(&s->string, memory_order_acquire);
}
