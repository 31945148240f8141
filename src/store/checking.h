/* checking.h - the parts of `store check`. Inside store/ only. */
#pragma once

#include "db/db.h"
#include "store/check.h"
#include "store/message.h"
#include "store/pack.h"
#include "store/packs.h"

/* A record without a row, or a row without its record. */
struct finding {
    uint64_t blob; /* of the table; 0: none */
    uint64_t pack, at, account;
    uint64_t size; /* 0: not known, the row says what cannot be */
    bool torn;     /* not all of its bytes can be read */
    unsigned char hash[FRAME_HASH];
};

struct findings {
    struct finding *f;
    size_t n, cap;
};

struct checked_shard {
    unsigned id;
    bool salvaged;
    bool blobs_whole; /* salvaged, and no row of table blob was lost */
    struct packs packs;
    struct db *db;
    struct findings damaged; /* blobs whose bytes are not what was written */
    struct findings orphans; /* records that no row knows */
};

struct checking {
    const char *dir;
    bool repair;
    void (*say)(void *arg, const char *line);
    void *arg;
    struct store_check_report *r;
};

void check_say(struct checking *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void finding_add(struct findings *f, const struct finding *one);

/* check_rules.c: what rows must be true of each other; mended by statements. */
int check_rules(struct checking *c, struct checked_shard *s, struct err *e);
/* check_rows.c: what is stored compressed beside messages. */
int check_rows(struct checking *c, struct checked_shard *s, struct err *e);
/* check_log.c: items whose row is lost and of which the change log says that they were deleted. */
int check_log(struct checked_shard *s, struct err *e);
/* check_packs.c: every record against its row. */
int check_packs(struct checking *c, struct checked_shard *s, struct err *e);
/* A damaged row may say anything of a size, and nobody makes room for that. */
bool check_believes(uint64_t size);
/* check_mend.c: with the store open; what was lost is replaced by text that says so, what was found
   goes to the mailbox Recovered. */
/* check_queue.c: queued mail without bytes is named; with the store open, what can be read of it
   goes to Recovered of those it was for, and the rest of the queue goes on. */
int check_queue(struct checking *c, struct checked_shard *s, struct err *e);
int check_queue_mend(struct checking *c, struct checked_shard *cs, struct err *e);
/* check_mend.c: what can be read of a record (f may be NULL), the rest filled with text that says
   so, size bytes together; and a message for somebody's mailbox Recovered. */
struct recovering {
    struct message_ready *m;
    struct slice prefix;
    int64_t at; /* ms */
};
void check_remains(struct packs *packs, const struct finding *f, uint64_t size, struct buf *out);
int check_recover(uint64_t account, struct recovering *r, struct err *e);
int check_mend(struct checking *c, struct checked_shard *s, struct err *e);
