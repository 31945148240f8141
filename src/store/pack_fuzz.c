/* pack_fuzz.c - content through frames and back, fed in any pieces; records of damaged packs; and
   any bytes as a frame and as a pack. */
#include <sys/mman.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fd.h"
#include "base/fuzz.h"
#include "store/pack.h"

enum { MARK = 0x4b52414d };

static bool feed(void *ctx, struct slice piece)
{
    BUG_IF(frames_feed(ctx, piece, NULL));
    return true;
}

static void make(struct slice in, enum fuzz_split split, struct buf *out)
{
    struct frames f = {0};
    BUG_IF(frames_begin(&f, (uint64_t)1 << 30, NULL, NULL));
    fuzz_feed(in, split, feed, &f);
    BUG_IF(frames_end(&f, NULL) || f.size != in.n);
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
    BUF_SCOPE other = {0};
    BUF_SCOPE back = {0};
    make(in, FUZZ_WHOLE, record);
    for (int split = FUZZ_BYTES; split < FUZZ_SPLITS; split++) {
        buf_reset(&other);
        make(in, (enum fuzz_split)split, &other);
        BUG_IF(!slice_eq(buf_slice(&other), buf_slice(record)));
    }
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

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n < 3)
        return 0;
    struct slice in = slice_of(d + 3, n - 3);
    BUF_SCOPE record = {0};
    BUF_SCOPE none = {0};
    char out[FRAME_SIZE];
    whole(in, &record);
    damaged(&record, (size_t)d[0] << 8 | d[1], d[2]);
    AUTO_FD fd = file_of(in);
    read_back(fd, in.n, &none);
    record_search(fd, MARK, 0, in.n);
    struct frame f = {.stored = (uint32_t)in.n, .packed = true, .sum = XXH3_64bits(in.p, in.n)};
    if (in.n && in.n <= FRAME_SIZE)
        frame_unpack(&f, in.p, out, sizeof(out), NULL);
    return 0;
}
