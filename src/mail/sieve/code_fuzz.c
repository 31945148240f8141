/* code_fuzz.c - any bytes as byte code: refused, or run within the limits. */
#include "base/fuzz.h"
#include "mail/sieve/testing_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    ARENA_SCOPE run = {.limit = 8 << 20};
    struct sieve_limits limits = sieve_limits();
    struct test_world w = {.lines = S("mailbox A\nown me@example.org\nspam 5\n")};
    const struct sieve_program *p;
    struct sieve_input in;
    struct sieve_outcome o;
    struct slice flags[8];
    struct err e = {0};
    BUF_SCOPE code = {0};
    BUF_SCOPE text = {0};
    limits.steps = 2000;
    limits.work = 1 << 20;
    buf_adds(&code, "CSV1");
    buf_add(&code, slice_of(d, n));
    if (sieve_load(buf_slice(&code), &limits, &a, &p, &e))
        return 0;
    sieve_disassemble(p, &text);
    world_input(&w,
                S("From: a@b.c\nTo: me@example.org\nSubject: x y\nContent-Type: multipart/mixed; "
                  "boundary=b\n\n--b\n\ntext\n--b\nContent-Type: image/png\n\nx\n--b--\n"),
                flags, &in);
    if (sieve_run(p, &in, &test_world_functions, &w, &limits, &run, &o, &e))
        return 0;
    BUG_IF(o.n > limits.actions || o.steps > limits.steps + 1 || o.work > limits.work);
    sieve_outcome_write(&o, &text);
    return 0;
}
