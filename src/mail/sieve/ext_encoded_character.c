/* ext_encoded_character.c - RFC 5228 2.4.2.4. Done once, when a script is compiled, and before
   variables are looked for. */
#include "base/utf8.h"
#include "mail/sieve/encoded.h"
#include "mail/sieve/table.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Appends what the numbers in `s` mean. False: it is no such list of numbers. */
static bool numbers(struct slice s, bool unicode, struct buf *out, struct err *e)
{
    unsigned count = 0;
    while (s.n) {
        uint64_t v;
        size_t n = 0;
        while (s.n && blank(s.p[0]))
            s = slice_from(s, 1);
        while (n < s.n && !blank(s.p[n]))
            n++;
        if (n == 0)
            break;
        if (slice_hex(slice_sub(s, 0, n), &v) || (!unicode && n > 2))
            return false;
        if (unicode && (v > 0x10ffff || (v >= 0xd800 && v < 0xe000)))
            return err_set(e, ERR_SYNTAX, "there is no character %llx", (unsigned long long)v) == 0;
        if (unicode)
            utf8_add(out, (uint32_t)v);
        else
            buf_addc(out, (char)v);
        s = slice_from(s, n);
        count++;
    }
    return count > 0;
}

int sieve_encoded_decode(struct slice s, struct arena *a, struct slice *ret, struct err *e)
{
    if (slice_search(s, S("${")) < 0) {
        *ret = s;
        return 0;
    }
    BUF_SCOPE out = {0};
    while (s.n) {
        bool hex = slice_startsi(s, S("${hex:"));
        bool unicode = slice_startsi(s, S("${unicode:"));
        ptrdiff_t end = slice_find(s, '}');
        size_t was = out.n;
        struct err wrong = {0};
        if ((hex || unicode) && end > 0) {
            struct slice list = slice_sub(s, hex ? 6 : 10, (size_t)end);
            if (numbers(list, unicode, &out, &wrong)) {
                s = slice_from(s, (size_t)end + 1);
                continue;
            }
            if (wrong.code) {
                *e = wrong;
                return -1;
            }
            out.n = was;
        }
        buf_addc(&out, s.p[0]);
        s = slice_from(s, 1);
    }
    *ret = arena_dup(a, buf_slice(&out));
    if (!ret->p || out.failed)
        return err_set(e, ERR_LIMIT, "script needs too much memory");
    return 0;
}

const struct sieve_extension sieve_ext_encoded_character = {.name = S_INIT("encoded-character"),
                                                            .grammar = true};
