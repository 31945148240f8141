/* command_fuzz.c - a request whole against byte by byte, and what the parser makes of it. */
#include "proto/managesieve/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct managesieve_scan a = {.max = 4096, .line_max = 1024}, b = a;
    struct slice in = slice_of(d, n);
    size_t whole = 0, at = 0, taken = 0;
    int bad = managesieve_feed(&a, in, &whole, NULL), bad_too = 0;
    while (at < n && !bad_too && b.state != MANAGESIEVE_DONE) {
        bad_too = managesieve_feed(&b, slice_sub(in, at, at + 1), &taken, NULL);
        at += bad_too ? 0 : taken;
    }
    if (bad != bad_too || (!bad && (whole != at || a.state != b.state)))
        __builtin_trap();
    if (!bad && a.state == MANAGESIEVE_DONE) {
        ARENA_SCOPE room = {.limit = 64 * 1024};
        struct managesieve_command c;
        if (managesieve_parse(slice_sub(in, 0, whole), &room, &c, NULL) == 0)
            for (size_t i = 0; i < c.n; i++)
                if (c.args[i].text.n > n)
                    __builtin_trap();
    }
    return 0;
}
