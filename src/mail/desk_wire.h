/* desk_wire.h - questions and answers of desks as bytes, between processes. Questions come from a
   process that strangers talk to: the parser takes what desk.h allows and nothing else, to the last
   byte. */
#pragma once

#include "mail/desk.h"

struct conn_info;

/* Verbs of their own here. SESSIONS: not of a desk; what follows is rows. */
enum { DESK_CLOSE = DESK_VERBS, DESK_SESSIONS };

struct desk_asked {
    uint64_t number; /* of the desk; the asker chose it */
    enum mail_accept_kind kind;
    struct desk_question q;          /* body.p is not owned: it points into the bytes */
    struct auth_peer peer;           /* of q */
    uint32_t uids[DESK_LETTERS_MAX]; /* of q */
    struct slice body;               /* in place of q.body; DESK_SESSIONS: the rows */
};

/* Without the body, which follows as the rest of the message. */
void desk_question_write(uint64_t number, enum mail_accept_kind kind, const struct desk_question *q,
                         struct buf *out);
/* Slices point into `in`. -1: it is not what desk_question_write() writes. */
int desk_question_parse(struct slice in, struct desk_asked *ret);

/* Without what goes `into`, which follows as the rest of the message. */
void desk_answer_write(uint64_t number, const struct desk_answer *a, struct buf *out);
/* Slices point into `in`, `each` is in the arena. */
int desk_answer_parse(struct slice in, struct arena *arena, uint64_t *ret_number,
                      struct desk_answer *ret, struct slice *ret_rest);

/* The other question: who is connected to the front? It has no number that a desk could have. */
void desk_sessions_ask(struct buf *out);
bool desk_sessions_asked(struct slice in);
void desk_session_write(const struct conn_info *c, struct buf *out);
int desk_session_next(struct slice *rows, struct conn_info *ret); /* 1, 0 at the end, -1 */
