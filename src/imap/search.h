/* search.h - SEARCH in its parts: cmd_search.c runs it in steps, search_eval.c decides about one
   message, search_text.c matches text, search_envelope.c takes a stored ENVELOPE apart. There is no
   index yet: what needs a message's bytes reads them, last. */
#pragma once

#include "format/message.h"
#include "imap/flags.h"
#include "proto/imap/search_args.h"
#include "store/message.h"

/* A string to look for: without case and in one normal form (NFKC, case folded). */
struct needle {
    struct slice text; /* UTF-8 */
    bool ascii;
    uint16_t *units; /* folded UTF-16 */
    int32_t n;
};
/* In the arena. -1 when it is full. */
int needle_make(struct slice utf8, struct arena *a, struct needle *ret);
bool needle_in(const struct needle *n, struct slice utf8);

enum envelope_field {
    ENVELOPE_DATE,
    ENVELOPE_SUBJECT,
    ENVELOPE_FROM,
    ENVELOPE_SENDER,
    ENVELOPE_REPLY_TO,
    ENVELOPE_TO,
    ENVELOPE_CC,
    ENVELOPE_BCC,
    ENVELOPE_FIELDS,
};
/* Appends the field as UTF-8 text: addresses as `name <a@b>`, one a line; the date as it is. */
void envelope_text(struct slice envelope, enum envelope_field field, struct buf *out);

/* The first address of a field, as it stands there. False: there is none. */
struct envelope_address {
    bool has_mailbox, has_host; /* they are not NIL */
    struct buf name, mailbox, host;
};
bool envelope_first(struct slice envelope, enum envelope_field field, struct envelope_address *ret);
void envelope_address_done(struct envelope_address *a);

enum search_answer { SEARCH_NO, SEARCH_YES, SEARCH_UNKNOWN };

/* What an answer may need of one message; bytes are read when the rest does not decide. */
struct search_message {
    struct entry en;
    uint32_t seq;
    struct message_bytes *bytes; /* NULL: not to be read in this pass */
    struct buf raw;              /* from the start; whole when parsed */
    struct message *parsed;
    struct arena arena;
    struct buf text;
};
void search_message_done(struct search_message *m); /* memory of buffers stays */

struct search {
    struct imap_search_args args;
    bool prepared, reading_done;
    unsigned want; /* enum entry_want; before the search: what `take` wants */
    int (*take)(struct request *r, struct search *s); /* of a match; may be NULL */
    bool needs_bytes;
    int64_t began_ms, now_ms, told_ms; /* told: INPROGRESS */
    uint64_t looked_at;
    struct uidset candidates, found;
    size_t range; /* as in struct fetch */
    uint32_t next;
    uint64_t modseq_all, modseq_first, modseq_last;
    struct search_message msg;
    /* writing the answer */
    struct uidset numbers;
    size_t write_range;
    uint32_t write_next;
};

/* Before the first message: sets, needles, what to read. Per step: keywords by number. */
enum cmd_next search_prepare(struct request *r, struct search *s);
void search_keywords(struct request *r, struct imap_search_key *k);
/* 1 matches, 0 does not, -1 */
int search_decide(struct request *r, struct search *s);
/* Goes on reading: CMD_DONE when all matches are in s->found, CMD_AGAIN, CMD_FAIL. For SORT and
   THREAD too. */
enum cmd_next search_run(struct request *r, struct txn *t, struct search *s);
void search_free(struct search *s);
/* At the end of parsing: message numbers in its keys. -1: they may not be there. */
int search_parsed(struct request *r, const struct search *s);

/* The header of the message that is looked at, for `take`. */
int search_header(struct search_message *m, struct slice *ret, struct err *e);

/* Results in another order than the mailbox's. */
struct search_order {
    struct slice name; /* of the response without RETURN */
    uint32_t (*uid)(const void *arg, size_t i);
    const void *arg;
    size_t n;
    /* writing */
    bool began, listed;
    uint64_t at, end;
    uint32_t run_first, run_last;
};

/* "$", with SAVE: RFC 5182 2.1, RFC 9394 3. o == NULL: in the mailbox's order. */
void search_save(struct request *r, const struct search *s, const struct search_order *o);
/* 1 more to write, 0 done */
int search_write(struct request *r, struct search *s);
int search_order_write(struct request *r, struct search *s, struct search_order *o);
