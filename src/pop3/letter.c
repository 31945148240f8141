/* letter.c - what is at hand, then a question for each piece. */
#include "pop3/letter.h"

int letter_read(const struct letter *l, uint64_t from, uint64_t least, uint64_t end,
                struct buf *out, struct err *e)
{
    uint64_t have = l->hand.n < end ? l->hand.n : end;
    uint64_t got = from < have ? have - from : 0;
    if (got && buf_add(out, slice_sub(l->hand, from, have)))
        return err_set(e, ERR_LIMIT, "piece is too large");
    while (l->waits && got < least && from + got < end) {
        uint64_t left = least - got;
        size_t before = out->n;
        struct desk_question q = {
            .verb = DESK_BYTES,
            .piece = {.letter = l->index,
                      .from = from + got,
                      .least = left < DESK_PIECE_MAX ? left : DESK_PIECE_MAX,
                      .end = end},
            .into = out,
        };
        if (desk_call(l->desk, &q, e))
            return -1;
        if (out->n == before)
            return err_set(e, ERR_CORRUPT, "the message is not whole");
        got += out->n - before;
    }
    return 0;
}
