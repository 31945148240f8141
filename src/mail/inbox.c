/* inbox.c - a message is opened when its first piece is asked for, and closed behind its last, so
   that no more than one is open. */
#include "mail/inbox.h"

#include <stdlib.h>

#include "mail/inbox_lock.h"
#include "store/message.h"

enum { INBOX = 1, ROWS_MAX = 64 * 1024, LETTERS_MEMORY = 64 * 1024 * 1024 };

struct letter {
    struct err err; /* why there are no bytes */
    struct entry entry;
};

struct inbox {
    uint64_t account;
    /* the question */
    enum desk_verb verb;
    uint32_t after;
    uint32_t uid[DESK_LETTERS_MAX];
    size_t n_uid;
    bool whole; /* with prefix and index of parts */
    uint64_t ahead;
    struct desk_piece piece;
    struct uidset gone;
    struct buf *into;
    /* messages whose bytes are asked for */
    struct arena arena; /* of the letters */
    struct letter *letters;
    size_t n;
    size_t open;                 /* index of the letter that is open */
    struct message_bytes *bytes; /* its bytes; NULL: none is open */
};

int inbox_open(uint64_t account, struct inbox **ret, struct err *e)
{
    if (!inbox_lock(account))
        return err_set(e, ERR_CONFLICT, "another session has the mailbox");
    struct inbox *b = calloc(1, sizeof(*b));
    BUG_IF(!b);
    b->account = account;
    b->arena.limit = LETTERS_MEMORY;
    *ret = b;
    return 0;
}

static void shut(struct inbox *b)
{
    message_close(b->bytes);
    b->bytes = NULL;
}

void inbox_forget_letters(struct inbox *b)
{
    shut(b);
    b->letters = NULL;
    b->n = 0;
    arena_reset(&b->arena);
}

void inbox_close(struct inbox *b)
{
    if (!b)
        return;
    inbox_forget_letters(b);
    inbox_unlock(b->account);
    uidset_done(&b->gone);
    free(b);
}

/* --- what there is --------------------------------------------------------------------------- */
static int add_rows(struct entry_walk *w, struct buf *rows, struct err *e)
{
    struct entry en;
    int more = 1;
    for (size_t n = 0; n < ROWS_MAX && (more = entry_walk_next(w, &en, e)) > 0; n++) {
        struct desk_row row = {.item = en.item, .size = (uint64_t)en.size, .uid = en.uid};
        if (buf_add(rows, slice_of(&row, sizeof(row))))
            return err_set(e, ERR_BUSY, "out of memory");
    }
    return more < 0 ? -1 : 0;
}

static int answer_maildrop(struct inbox *b, struct txn *ignored, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct entry_walk *w;
    struct txn *t;
    (void)ignored;
    if (b->after == UINT32_MAX)
        return 0;
    uidset_add(&uids, b->after + 1, UINT32_MAX);
    if (txn_read(b->account, &t, e))
        return -1;
    int rc = entry_walk_open(t, INBOX, b->account, b->after ? &uids : NULL, ENTRY_ITEM, &w, e);
    if (rc == 0) {
        rc = add_rows(w, b->into, e);
        entry_walk_close(w);
    }
    txn_end(t);
    return rc;
}

/* --- messages -------------------------------------------------------------------------------- */
/* The same message may have been asked for more than once. */
static int keep(struct inbox *b, const struct entry *en, struct err *e)
{
    struct slice prefix = arena_dup(&b->arena, en->prefix);
    struct slice parts = arena_dup(&b->arena, en->parts);
    if (!prefix.p || !parts.p)
        return err_set(e, ERR_BUSY, "out of memory");
    for (size_t i = 0; i < b->n; i++) {
        if (b->uid[i] != en->uid)
            continue;
        b->letters[i] = (struct letter){.entry = *en};
        b->letters[i].entry.prefix = prefix;
        b->letters[i].entry.parts = parts;
        if (!en->blob.id)
            err_set(&b->letters[i].err, ERR_CORRUPT, "the bytes of the message are lost");
    }
    return 0;
}

static int find_letters(struct inbox *b, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct entry_walk *w;
    struct txn *t;
    struct entry en;
    int more = -1;
    for (size_t i = 0; i < b->n; i++) {
        uidset_add(&uids, b->uid[i], b->uid[i]);
        err_set(&b->letters[i].err, ERR_NOTFOUND, "message was removed by another session");
    }
    if (txn_read(b->account, &t, e))
        return -1;
    if (entry_walk_open(t, INBOX, b->account, &uids, ENTRY_BYTES, &w, e) == 0) {
        while ((more = entry_walk_next(w, &en, e)) > 0)
            if (keep(b, &en, e)) {
                more = -1;
                break;
            }
        entry_walk_close(w);
    }
    txn_end(t);
    return more;
}

static void tell_letter(const struct letter *l, bool whole, struct buf *out)
{
    const struct entry *en = &l->entry;
    struct desk_letter told = {.err = l->err.code};
    if (l->err.code == ERR_OK)
        told.size = en->prefix.n + en->blob.size;
    if (l->err.code == ERR_OK && whole) {
        told.prefix_n = (uint32_t)en->prefix.n;
        told.parts_n = (uint32_t)en->parts.n;
    }
    buf_add(out, slice_of(&told, sizeof(told)));
    buf_add(out, slice_of(en->prefix.p, told.prefix_n));
    buf_add(out, slice_of(en->parts.p, told.parts_n));
}

static int open_letter(struct inbox *b, size_t i, struct err *e)
{
    if (b->bytes && b->open == i)
        return 0;
    shut(b);
    b->open = i;
    return message_open(&b->letters[i].entry, &b->bytes, e);
}

/* The piece of a letter that has an entry, behind what is in b->into. */
static int read_piece(struct inbox *b, const struct desk_piece *p, struct err *e)
{
    if (open_letter(b, p->letter, e))
        return -1;
    uint64_t size = message_size(b->bytes), n = 0;
    uint64_t end = p->end < size ? p->end : size;
    if (p->from > end)
        return err_set(e, ERR_SYNTAX, "not in the letter");
    while (n < p->least && p->from + n < end) {
        n += message_frame(b->bytes, p->from + n);
        if (n > end - p->from)
            n = end - p->from;
    }
    int rc = message_read(b->bytes, p->from, n, b->into, e);
    if (rc || p->from + n == size)
        shut(b);
    return rc;
}

/* What cannot be read, or ends in the middle, is asked for again: then it is told why. */
static void read_ahead(struct inbox *b)
{
    size_t from = b->into->n, i = 0;
    for (; i < b->n && b->into->n - from < b->ahead; i++) {
        struct err e = {0};
        size_t before = b->into->n, left = b->ahead - (before - from);
        uint64_t size = b->letters[i].entry.prefix.n + b->letters[i].entry.blob.size;
        struct desk_piece p = {.letter = (uint32_t)i, .least = left, .end = UINT64_MAX};
        if (b->letters[i].err.code)
            continue;
        if (read_piece(b, &p, &e)) {
            b->into->n = before;
            return;
        }
        if (b->into->n - before < size)
            return;
    }
    if (i == b->n)
        inbox_forget_letters(b);
}

static int answer_letters(struct inbox *b, struct txn *ignored, struct err *e)
{
    (void)ignored;
    inbox_forget_letters(b);
    b->letters = arena_new(&b->arena, struct letter, b->n_uid + 1);
    BUG_IF(!b->letters);
    b->n = b->n_uid;
    if (find_letters(b, e)) {
        inbox_forget_letters(b);
        return -1;
    }
    buf_reserve(b->into, b->n * sizeof(struct desk_letter) + b->ahead);
    for (size_t i = 0; i < b->n; i++)
        tell_letter(&b->letters[i], b->whole, b->into);
    if (b->ahead && !b->into->failed)
        read_ahead(b);
    return b->into->failed ? err_set(e, ERR_BUSY, "out of memory") : 0;
}

static int answer_bytes(struct inbox *b, struct txn *ignored, struct err *e)
{
    const struct desk_piece *p = &b->piece;
    (void)ignored;
    if (p->letter >= b->n)
        return err_set(e, ERR_SYNTAX, "no such letter");
    const struct letter *l = &b->letters[p->letter];
    if (l->err.code)
        return err_set(e, l->err.code, "%s", l->err.text);
    return read_piece(b, p, e);
}

static int answer_expunge(struct inbox *b, struct txn *t, struct err *e)
{
    UIDSET_SCOPE gone = {0};
    return entry_expunge(t, INBOX, &b->gone, false, &gone, e);
}

/* --- questions ------------------------------------------------------------------------------- */
int inbox_take(struct inbox *b, const struct desk_question *q, struct err *e)
{
    BUG_IF(q->n_uids > DESK_LETTERS_MAX);
    b->verb = q->verb;
    b->after = q->uid;
    b->n_uid = q->n_uids;
    for (size_t i = 0; i < q->n_uids; i++)
        b->uid[i] = q->uids[i];
    b->whole = q->whole;
    b->ahead = q->ahead;
    b->piece = q->piece;
    b->into = q->into;
    return uidset_unpack(&b->gone, q->set) ? err_set(e, ERR_SYNTAX, "that is no set of uids") : 0;
}

bool inbox_keeps_all(const struct inbox *b)
{
    return uidset_empty(&b->gone);
}

void inbox_answer(struct inbox *b, struct txn *t, struct err *e)
{
    static int (*const answers[DESK_VERBS])(struct inbox *, struct txn *, struct err *) = {
        [DESK_MAILDROP] = answer_maildrop,
        [DESK_LETTERS] = answer_letters,
        [DESK_BYTES] = answer_bytes,
        [DESK_EXPUNGE] = answer_expunge,
    };
    answers[b->verb](b, t, e);
}
