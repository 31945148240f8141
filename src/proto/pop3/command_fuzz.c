/* command_fuzz.c - POP3 lines, and TOP whole against byte by byte. */
#include "proto/pop3/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    struct pop3_command c;
    pop3_command_parse(in, &c, NULL);
    struct pop3_top a = {.lines = 3}, b = {.lines = 3};
    size_t whole = pop3_top_feed(&a, in), at = 0;
    while (at < n && !b.done)
        at += pop3_top_feed(&b, slice_sub(in, at, at + 1));
    if (whole != at)
        __builtin_trap();
    return 0;
}
