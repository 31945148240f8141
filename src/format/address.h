/* address.h - address lists: RFC 5322 3.4 and 4.4 (routes, empty elements, dots in phrases),
   groups, comments of any depth, quoted strings, UTF-8 (RFC 6532). Tolerant: whatever stands
   between two commas becomes an address; nothing is refused. Linear, no recursion.

   Text is raw as in the field: quoting and comments are undone, encoded words are not (address_name
   decodes them), which is the form that ENVELOPE wants. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum address_kind {
    ADDRESS_MAILBOX,
    ADDRESS_GROUP,     /* begins a group; name is the group's */
    ADDRESS_GROUP_END, /* every group that begins has one */
};

struct address {
    enum address_kind kind;
    struct slice name;   /* display name; the last comment when there is none; may be empty */
    struct slice route;  /* "@a,@b" of the obsolete source route, usually empty */
    struct slice local;  /* quotes undone; may be empty: `<>`, or text without @ has only local */
    struct slice domain; /* as written without comments and blanks, "[...]" kept; may be empty */
};

struct address_list {
    struct address *items;
    size_t n;
    bool cut; /* there were more than `max` */
};

enum { ADDRESS_MAX = 10000 };

/* -1 only when the arena is full. max 0: ADDRESS_MAX. */
int address_parse(struct slice value, size_t max, struct arena *a, struct address_list *ret);

/* Appends the display name as UTF-8, encoded words decoded. */
void address_name(const struct address *ad, struct buf *out);
/* Appends local@domain, the local part in quotes when it needs them (RFC 5321 4.1.2). */
void address_spec(const struct address *ad, struct buf *out);
/* Appends `Name <local@domain>` ready for a header field: phrase quoted or encoded (RFC 2047). */
void address_write(struct slice name_utf8, struct slice local, struct slice domain,
                   struct buf *out);
