/* mbox.h - mailboxes in one file: messages after "From " lines, for import and export. Push style
   in constant memory: feed any chunks, the sink is called as messages begin, go on and end. Reading
   takes mboxrd and mboxo: one ">" goes from each line of ">...From " (mboxrd), or only from ">From
   " (mboxo). A "From " line counts when a blank line or nothing is before it and it
   has a time of day, or no more than a sender with an @; "From -" alone and "From sender Day Mon dd
   hh:mm:ss year" always; the first line of a file always. Other lines that begin so are text that
   somebody forgot to quote. */
#pragma once

#include "base/buf.h"
#include "format/date.h"

enum mbox_kind { MBOX_RD, MBOX_O };

struct mbox_sink {
    void *ctx;
    /* Return non-zero to stop; mbox_feed returns it. date is there when has_date. */
    int (*begin)(void *ctx, struct slice sender, bool has_date, struct date date);
    int (*data)(void *ctx, struct slice bytes);
    int (*end)(void *ctx);
};

enum { MBOX_LINE_MAX = 1000 };

struct mbox_reader {
    enum mbox_kind kind;
    struct mbox_sink sink;
    char held[MBOX_LINE_MAX]; /* beginning of a line that is not decided yet */
    size_t n_held;
    char blank[2]; /* an empty line that may belong to a separator */
    size_t n_blank;
    bool inside_line, in_message, begun_empty;
    bool any;         /* a separator was seen */
    uint64_t skipped; /* bytes before the first separator */
};

void mbox_reader_init(struct mbox_reader *r, enum mbox_kind kind, struct mbox_sink sink);
int mbox_feed(struct mbox_reader *r, struct slice in);
int mbox_finish(struct mbox_reader *r);

/* Writing mboxrd. begin appends the separator; feed the message in any chunks; end appends the
   blank line. Line ends stay as they are; a last line without one gets LF. */
struct mbox_writer {
    size_t matched; /* how much of "From " stands at the line's start */
    bool inside_line;
    bool open; /* the last byte was no LF */
};
void mbox_write_begin(struct mbox_writer *w, struct slice sender, struct date date,
                      struct buf *out);
void mbox_write(struct mbox_writer *w, struct slice in, struct buf *out);
void mbox_write_end(struct mbox_writer *w, struct buf *out);
