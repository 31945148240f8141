/* fields.h - the header fields of a message that nearly every caller wants, parsed: read once at
   delivery, stored with the item. */
#pragma once

#include "format/address.h"
#include "format/date.h"
#include "format/message.h"
#include "format/msgid.h"

struct message_fields {
    bool has_date;
    struct date date;
    struct address_list from, sender, reply_to, to, cc, bcc; /* several fields are joined */
    struct slice subject;                                    /* UTF-8, decoded and unfolded */
    struct slice message_id;                                 /* without <>, or empty */
    struct msgid_list in_reply_to, references;
};

/* p: the root part, or the root of a nested message. -1 with ERR_LIMIT when the arena is full. */
int message_fields(const struct part *p, struct arena *a, struct message_fields *ret,
                   struct err *e);

/* Appends the value of any field as UTF-8 text: unfolded, encoded words decoded, raw 8-bit
   repaired, blanks at both ends and controls gone. */
void field_text(struct slice value, struct buf *out);
/* Appends the value with its folds undone and nothing else changed. */
void field_unfold(struct slice value, struct buf *out);
