/* compile_fuzz.c - any text is compiled or refused at a place that it has; what is compiled passes
   the verifier and runs within its limits. */
#include "base/fuzz.h"
#include "mail/sieve/testing_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    ARENA_SCOPE run = {.limit = 8 << 20};
    struct sieve_limits limits = sieve_limits();
    struct test_world w = {.lines = S("mailbox A\nown me@example.org\nenv name x\nspam 5\n")};
    const struct sieve_program *p;
    struct sieve_input in;
    struct sieve_outcome o;
    struct sieve_place at = {0};
    struct slice code, flags[8];
    struct err e = {0};
    uint32_t lines = 1;
    limits.steps = 2000;
    limits.work = 1 << 20;
    for (size_t i = 0; i < n; i++)
        lines += d[i] == '\n';
    if (sieve_compile(slice_of(d, n), &limits, NULL, &a, &code, &at, &e)) {
        BUG_IF(e.code != ERR_SYNTAX && e.code != ERR_LIMIT);
        BUG_IF(at.line < 1 || at.line > lines || at.column < 1);
        return 0;
    }
    BUG_IF(sieve_load(code, &limits, &a, &p, &e));
    BUF_SCOPE text = {0};
    sieve_disassemble(p, &text);
    world_input(&w,
                S("From: a@b.c\r\nTo: me@example.org\r\nSubject: x y\r\nDate: Mon, 1 Jan 2024 "
                  "00:00:00 +0000\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
                  "text\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n"),
                flags, &in);
    if (sieve_run(p, &in, &test_world_functions, &w, &limits, &run, &o, &e))
        return 0;
    BUG_IF(o.n > limits.actions || o.steps > limits.steps + 1 || o.work > limits.work);
    BUG_IF(o.failed && (o.n != 1 || o.actions[0].what != SIEVE_KEEP));
    sieve_outcome_write(&o, &text);
    return 0;
}
