/* charset_fuzz.c - every charset of the table: any split gives the same, valid, bounded text; and
   what a charset can say of a text is read back as that text. The first byte picks the charset. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "format/charset_names.h"

enum { GROWTH = 6 }; /* bytes of UTF-8 that one byte may become: two characters of three bytes */

struct conversion {
    struct charset_reader reader;
    struct buf out;
};

static bool feed(void *ctx, struct slice piece)
{
    struct conversion *c = ctx;
    charset_reader_feed(&c->reader, piece, &c->out);
    return true;
}

static void splits(struct slice name, struct slice in, struct slice want)
{
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split++) {
        struct conversion c = {0};
        charset_reader_init(&c.reader, name);
        fuzz_feed(in, (enum fuzz_split)split, feed, &c);
        charset_reader_finish(&c.reader, &c.out);
        charset_reader_done(&c.reader);
        BUG_IF(!slice_eq(buf_slice(&c.out), want));
        buf_done(&c.out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    size_t rows;
    const struct charset_row *table = charset_rows(&rows);
    if (n < 1)
        return 0;
    struct slice name = slice_str(table[d[0] % rows].key), in = slice_of(d + 1, n - 1);
    BUF_SCOPE text = {0};
    BUF_SCOPE coded = {0};
    charset_to_utf8(name, in, &text);
    BUG_IF(!utf8_valid(buf_slice(&text)) || text.n > (in.n + 1) * GROWTH);
    splits(name, in, buf_slice(&text));
    charset_from_utf8(name, in, &coded);
    return 0;
}
