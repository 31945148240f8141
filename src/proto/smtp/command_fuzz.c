/* command_fuzz.c - every argument parser on any line. The first byte picks the offers. */
#include "proto/smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n == 0)
        return 0;
    struct slice line = slice_of(d + 1, n - 1);
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct smtp_command c;
    struct smtp_mail m;
    struct smtp_rcpt r;
    struct slice x, y;
    uint64_t size;
    bool last;
    if (smtp_command_parse(line, &c, NULL))
        return 0;
    smtp_mail_parse(c.args, d[0], &a, &m, NULL);
    smtp_rcpt_parse(c.args, d[0], d[0] & 64, &a, &r, NULL);
    smtp_helo_parse(c.args, d[0] & 1, &x, NULL);
    smtp_bdat_parse(c.args, &size, &last, NULL);
    smtp_auth_parse(c.args, &x, &y, NULL);
    struct slice rest = c.args;
    while (smtp_attribute_next(&rest, &a, &x, &y, NULL) > 0)
        continue;
    struct smtp_path p;
    if (smtp_mailbox_parse(c.args, SMTP_PATH_UTF8, &a, &p, NULL) == 0) {
        struct smtp_path again; /* the spelling is stable */
        if (smtp_mailbox_parse(p.address, SMTP_PATH_UTF8, &a, &again, NULL) == 0 &&
            !slice_eq(again.address, p.address))
            __builtin_trap();
    }
    return 0;
}
