/* inbox.h - INBOX as a session of POP3 asks for it (desk.h): the mailbox is this session's alone,
   what it lists are uids, and the bytes of a few messages at a time can be had. What is asked for
   may come from another process and be anything. */
#pragma once

#include "mail/desk.h"

struct inbox;

/* ERR_CONFLICT: another session has it. */
int inbox_open(uint64_t account, struct inbox **ret, struct err *e);
void inbox_close(struct inbox *b); /* NULL is fine */

/* One question: its copy is taken, then it is answered, which blocks. EXPUNGE in a WRITE job. */
int inbox_take(struct inbox *b, const struct desk_question *q, struct err *e);
void inbox_answer(struct inbox *b, struct txn *t, struct err *e);
bool inbox_keeps_all(const struct inbox *b); /* the question is to expunge nothing */
void inbox_forget_letters(struct inbox *b);
