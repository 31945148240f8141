/* pack_fuzz.c - content through frames and back; records of damaged packs; and
   any bytes as a frame, recoded or not, and as a pack. */
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/fuzz.h"
#include "base/varint.h"
#include "store/pack.h"
#include "store/recode.h"
#include "store/squeeze.h"

enum { MARK = 0x4b52414d };

static void make(struct slice in, struct buf *out)
{
    struct frames f;
    BUG_IF(frames_make(&f, in, (uint64_t)1 << 30, NULL, NULL) || f.size != in.n);
    record_head(&f, &(struct record_origin){.account = 1, .collection = 2, .made_at = 3}, MARK,
                out);
    buf_add(out, buf_slice(&f.bytes));
    BUG_IF(out->n != record_length(&f));
    frames_done(&f);
}

static int file_of(struct slice bytes)
{
    int fd = memfd_create("pack", MFD_CLOEXEC);
    BUG_IF(fd < 0 || fd_pwrite_all(fd, bytes.p, bytes.n, 0));
    return fd;
}

/* Reads what stands at the front, the way the store does; 0 when every check holds. */
static int read_back(int fd, size_t n, struct buf *out)
{
    struct record r;
    char content[FRAME_SIZE];
    if (record_read(fd, 0, n, &r, NULL))
        return -1;
    BUG_IF(r.end > n || r.data > r.end);
    int rc = record_check(fd, &r, NULL);
    for (uint32_t i = 0; rc == 0 && i < r.n; i++) {
        BUG_IF(record_frame(fd, &r, i, content, NULL));
        buf_add(out, slice_of(content, record_frame_size(&r, i)));
    }
    record_done(&r);
    return rc;
}

static void whole(struct slice in, struct buf *record)
{
    BUF_SCOPE back = {0};
    make(in, record);
    AUTO_FD fd = file_of(buf_slice(record));
    BUG_IF(read_back(fd, record->n, &back) || !slice_eq(buf_slice(&back), in));
    BUG_IF(record_search(fd, MARK, 0, record->n) != 0);
}

/* One byte is another one: it is noticed. */
static void damaged(struct buf *record, size_t at, uint8_t bits)
{
    BUF_SCOPE back = {0};
    if (bits == 0)
        return;
    record->p[at % record->n] ^= (char)bits;
    AUTO_FD fd = file_of(buf_slice(record));
    BUG_IF(read_back(fd, record->n, &back) == 0);
}

/* What a plan leads to, letter by letter. */
static void slowly(const struct recode_plan *p, const char *bytes, struct slice out)
{
    const char *text = bytes + p->bytes_n;
    BUF_SCOPE made = {0};
    for (struct slice rest = p->runs; rest.n;) {
        uint64_t before, n, line;
        BUG_IF(varint_next(&rest, &before) || varint_next(&rest, &n) || varint_next(&rest, &line));
        buf_add(&made, slice_of(text, (size_t)before));
        text += before;
        const char **from = n & 1 ? &text : &bytes;
        BUF_SCOPE coded = {0};
        base64_encode(&coded, slice_of(*from, (size_t)(n >> 1)));
        *from += n >> 1;
        for (size_t i = 0; i < coded.n; i++) {
            if (i && i % ((line >> 1) * 4) == 0)
                buf_adds(&made, line & 1 ? "\r\n" : "\n");
            buf_addc(&made, coded.p[i]);
        }
    }
    BUG_IF(made.n > out.n);
    buf_add(&made, slice_of(text, out.n - made.n));
    BUG_IF(!slice_eq(buf_slice(&made), out));
}

/* These bytes as a stored frame of `want` bytes. A plan is looked at for what it leads to as well:
   a run that it names is written as the other way of writing base 64 does. */
static void any_frame(struct slice in, size_t want, uint8_t how)
{
    struct frame f = {.stored = (uint32_t)in.n,
                      .recoded = how & 1,
                      .packed = how >> 1 & 1,
                      .dictionary = (unsigned char)(how >> 2) % SQUEEZE_KNOWN,
                      .sum = XXH3_64bits(in.p, in.n)};
    if (in.n == 0 || in.n > FRAME_SIZE)
        return;
    char *out = malloc(want + 1);
    BUG_IF(!out);
    int rc = frame_unpack(&f, in.p, out, want, NULL);
    struct recode_plan p;
    if (f.recoded && !f.packed && rc == 0) {
        BUG_IF(recode_plan(in, want, &p, NULL) || p.bytes_n + p.text_n > in.n);
        slowly(&p, in.p, slice_of(out, want));
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n < 3)
        return 0;
    struct slice in = slice_of(d + 3, n - 3);
    BUF_SCOPE record = {0};
    BUF_SCOPE none = {0};
    whole(in, &record);
    damaged(&record, (size_t)d[0] << 8 | d[1], d[2]);
    AUTO_FD fd = file_of(in);
    read_back(fd, in.n, &none);
    record_search(fd, MARK, 0, in.n);
    any_frame(in, (size_t)d[0] << 8 | d[1], d[2]);
    return 0;
}
