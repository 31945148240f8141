/* desk_wire_fuzz.c - what a front that was taken over may send: a question that is understood, and
   written again, is the same bytes; and sessions. The first byte says which. */
#include "base/fuzz.h"
#include "io/conn.h"
#include "mail/desk_wire.h"

static void question(struct slice in)
{
    struct desk_asked a, again;
    BUF_SCOPE out = {0};
    BUF_SCOPE third = {0};
    if (desk_question_parse(in, &a))
        return;
    desk_question_write(a.number, a.kind, &a.q, &out);
    buf_add(&out, a.body);
    if (desk_question_parse(buf_slice(&out), &again)) /* shorter numbers, the same meaning */
        abort();
    desk_question_write(again.number, again.kind, &again.q, &third);
    buf_add(&third, again.body);
    if (!slice_eq(buf_slice(&out), buf_slice(&third)) || !slice_eq(a.body, again.body))
        abort();
}

static void sessions(struct slice in)
{
    struct conn_info info;
    while (desk_session_next(&in, &info) > 0)
        if (memchr(info.login, '\0', sizeof(info.login)) == NULL)
            abort();
}

static void answer(struct slice in)
{
    ARENA_SCOPE arena = {.limit = 1 << 20};
    struct desk_answer a;
    struct slice rest;
    uint64_t number;
    desk_answer_parse(in, &arena, &number, &a, &rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n == 0)
        return 0;
    char *copy = malloc(n); /* exact size: an over-read is found */
    BUG_IF(!copy);
    memcpy(copy, d, n);
    struct slice in = slice_of(copy + 1, n - 1);
    switch (d[0] % 4) {
    case 0:
        sessions(in);
        break;
    case 1:
        answer(in);
        break;
    default:
        question(in);
    }
    free(copy);
    return 0;
}
