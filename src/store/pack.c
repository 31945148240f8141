/* pack.c - heads of pack files and records, written and read back with every number checked. */
#include "store/pack.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "store/squeeze.h"

static const char pack_magic[8] = {'C', 'A', 'R', 'B', 'P', 'A', 'C', 'K'};
enum { RECORD_MAGIC = 0x43524243 }; /* "CBRC" */
/* Bits above the length of a frame. */
enum { FRAME_DICTIONARY = 24, FRAME_RECODED = 30, FRAME_PACKED = 31 };

static void put16(char *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, 2);
}

static void put32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, 4);
}

static void put64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, 8);
}

static unsigned get16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return le16toh(v);
}

static uint32_t get32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return le32toh(v);
}

static uint64_t get64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return le64toh(v);
}

void pack_path(char *out, size_t n, const char *dir, uint64_t pack)
{
    snprintf(out, n, "%s/%llu.pack", dir, (unsigned long long)pack);
}

static int head_write(int fd, const char *path, uint64_t shard, uint64_t pack, uint64_t mark,
                      struct err *e)
{
    char head[PACK_HEAD] = {0};
    memcpy(head, pack_magic, 8);
    put32(head + 8, PACK_FORMAT);
    put32(head + 12, PACK_FORMAT);
    put64(head + 16, shard);
    put64(head + 24, pack);
    put64(head + 32, (uint64_t)clock_now_ms());
    put64(head + 40, mark);
    put16(head + 48, PACK_RELEASE_MAJOR);
    put16(head + 50, PACK_RELEASE_MINOR);
    put16(head + 52, PACK_RELEASE_PATCH);
    put64(head + 56, XXH3_64bits(head, 56));
    if (fd_pwrite_all(fd, head, sizeof head, 0))
        return err_errno(e, ERR_IO, "%s", path);
    return 0;
}

int pack_mark(int fd, uint64_t *ret, struct err *e)
{
    char head[PACK_HEAD];
    if (fd_pread_full(fd, head, sizeof head, 0) != PACK_HEAD)
        return err_errno(e, ERR_IO, "reading a pack");
    *ret = get64(head + 40);
    return 0;
}

int pack_format(int fd, uint32_t *ret, struct err *e)
{
    char head[PACK_HEAD];
    if (fd_pread_full(fd, head, sizeof head, 0) != PACK_HEAD)
        return err_errno(e, ERR_IO, "reading a pack");
    *ret = get32(head + 8);
    return 0;
}

/* The mark of any pack whose head is sound; a new one when there is none. */
static uint64_t mark_of_shard(const char *dir, uint64_t shard)
{
    uint64_t mark = random_u64();
    bool found = false;
    DIR *d = opendir(dir);
    for (struct dirent *f; d && !found && (f = readdir(d));) {
        struct slice rest = slice_str(f->d_name);
        uint64_t id;
        AUTO_FD fd = -1;
        found = slice_ends(rest, S(".pack")) && slice_u64(slice_cut(&rest, '.'), &id) == 0 &&
                pack_open(dir, shard, id, false, &fd, NULL) == 0 && pack_mark(fd, &mark, NULL) == 0;
    }
    if (d)
        closedir(d);
    return mark;
}

int pack_create(const char *dir, uint64_t shard, uint64_t pack, int *ret_fd, struct err *e)
{
    char path[4096];
    pack_path(path, sizeof path, dir, pack);
    uint64_t mark = mark_of_shard(dir, shard);
    /* There may be one of a commit that failed and that a crash would bring back: it is at no time
       without its head. */
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, ERR_IO, "%s", path);
    if (head_write(fd, path, shard, pack, mark, e))
        return -1;
    if (ftruncate(fd, PACK_HEAD))
        return err_errno(e, ERR_IO, "%s", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int pack_mend(const char *dir, uint64_t shard, uint64_t pack, struct err *e)
{
    char path[4096];
    pack_path(path, sizeof path, dir, pack);
    AUTO_FD fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ERR_IO, "%s", path);
    /* Nobody outside decides what stands at this place: it is a record of ours or a ruin. */
    struct record first;
    uint64_t mark;
    if (record_read(fd, PACK_HEAD, INT64_MAX, &first, NULL) == 0) {
        mark = first.mark;
        record_done(&first);
    } else
        mark = mark_of_shard(dir, shard);
    if (head_write(fd, path, shard, pack, mark, e))
        return -1;
    return fsync(fd) ? err_errno(e, ERR_IO, "%s", path) : 0;
}

int pack_open(const char *dir, uint64_t shard, uint64_t pack, bool write, int *ret_fd,
              struct err *e)
{
    char path[4096], head[PACK_HEAD];
    pack_path(path, sizeof path, dir, pack);
    AUTO_FD fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s", path);
    ptrdiff_t n = fd_pread_full(fd, head, sizeof head, 0);
    if (n < 0)
        return err_errno(e, ERR_IO, "%s", path);
    if (n != PACK_HEAD || memcmp(head, pack_magic, 8) != 0)
        return err_set(e, ERR_CORRUPT, "%s is not a pack", path);
    bool sound = get64(head + 56) == XXH3_64bits(head, 56);
    if (sound && get32(head + 12) > PACK_FORMAT)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s is of a newer release: install carbonado %u.%u.%u or newer", path,
                       get16(head + 48), get16(head + 50), get16(head + 52));
    if (!sound || get64(head + 16) != shard || get64(head + 24) != pack)
        return err_set(e, ERR_CORRUPT, "%s: the head is damaged or of another pack", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static uint64_t head_sum(const char *head, const char *table, size_t table_n)
{
    XXH3_state_t st;
    XXH3_64bits_reset(&st);
    XXH3_64bits_update(&st, head, 88);
    XXH3_64bits_update(&st, table, table_n);
    return XXH3_64bits_digest(&st);
}

void record_head(const struct frames *f, const struct record_origin *o, uint64_t mark,
                 struct buf *out)
{
    size_t table_n = RECORD_FRAME * f->n;
    char *p = buf_space(out, RECORD_HEAD + table_n);
    BUG_IF(!p);
    put32(p, RECORD_MAGIC);
    put32(p + 4, (uint32_t)f->n);
    put64(p + 8, mark);
    memcpy(p + 16, f->hash, FRAME_HASH);
    put64(p + 48, f->size);
    put64(p + 56, f->stored);
    put64(p + 64, o->account);
    put64(p + 72, o->collection);
    put64(p + 80, (uint64_t)o->made_at);
    char *t = p + RECORD_HEAD;
    for (size_t i = 0; i < f->n; i++, t += RECORD_FRAME) {
        put32(t, f->table[i].stored | (uint32_t)f->table[i].dictionary << FRAME_DICTIONARY |
                     (uint32_t)f->table[i].recoded << FRAME_RECODED |
                     (uint32_t)f->table[i].packed << FRAME_PACKED);
        put64(t + 4, f->table[i].sum);
    }
    put64(p + 88, head_sum(p, p + RECORD_HEAD, table_n));
    out->n += RECORD_HEAD + table_n;
}

void record_remark(char *head, size_t n, uint64_t mark)
{
    BUG_IF(n < RECORD_HEAD);
    put64(head + 8, mark);
    put64(head + 88, head_sum(head, head + RECORD_HEAD, n - RECORD_HEAD));
}

static int damaged(struct err *e, uint64_t at)
{
    return err_set(e, ERR_CORRUPT, "the record at %llu is damaged", (unsigned long long)at);
}

/* The table's numbers must add up to what the head says. */
static int record_table(struct record *r, const char *table, uint64_t end, struct err *e)
{
    r->table = calloc(r->n ? r->n : 1, sizeof *r->table);
    r->start = calloc((size_t)r->n + 1, sizeof *r->start);
    BUG_IF(!r->table || !r->start);
    uint64_t at = r->data;
    for (uint32_t i = 0; i < r->n; i++, table += RECORD_FRAME) {
        uint32_t v = get32(table);
        r->table[i] = (struct frame){.stored = v & (((uint32_t)1 << FRAME_DICTIONARY) - 1),
                                     .recoded = v >> FRAME_RECODED & 1,
                                     .packed = v >> FRAME_PACKED,
                                     .dictionary = v >> FRAME_DICTIONARY & 0x3f,
                                     .sum = get64(table + 4)};
        r->start[i] = at;
        at += r->table[i].stored;
        if (r->table[i].stored > FRAME_SIZE || at > end ||
            r->table[i].dictionary >= SQUEEZE_KNOWN) {
            record_done(r);
            return damaged(e, r->at);
        }
    }
    r->start[r->n] = r->end = at;
    if (at - r->data != r->stored) {
        record_done(r);
        return damaged(e, r->at);
    }
    return 0;
}

int record_read(int fd, uint64_t at, uint64_t end, struct record *ret, struct err *e)
{
    char first[4096];
    size_t n;
    return record_read_ahead(fd, at, end, first, sizeof first, &n, ret, e);
}

int record_read_ahead(int fd, uint64_t at, uint64_t end, char *first, size_t room, size_t *ret_n,
                      struct record *ret, struct err *e)
{
    if (at > INT64_MAX - RECORD_HEAD || at + RECORD_HEAD > end)
        return damaged(e, at);
    size_t want = end - at < room ? (size_t)(end - at) : room;
    ptrdiff_t n = fd_pread_full(fd, first, want, (int64_t)at);
    if (n < 0)
        return err_errno(e, ERR_IO, "reading a pack");
    *ret_n = (size_t)n;
    struct record r = {.at = at};
    if (n < RECORD_HEAD || get32(first) != RECORD_MAGIC)
        return damaged(e, at);
    r.n = get32(first + 4);
    r.size = get64(first + 48);
    r.stored = get64(first + 56);
    size_t table_n = (size_t)RECORD_FRAME * r.n;
    if (r.n > RECORD_FRAMES_MAX || r.size > (uint64_t)r.n * FRAME_SIZE ||
        (r.n && r.size <= (uint64_t)(r.n - 1) * FRAME_SIZE))
        return damaged(e, at);
    r.data = at + RECORD_HEAD + table_n;
    if (r.data > end)
        return damaged(e, at);
    char *table = first + RECORD_HEAD, *big = NULL;
    if (RECORD_HEAD + table_n > (size_t)n) {
        big = malloc(table_n);
        BUG_IF(!big);
        n = fd_pread_full(fd, big, table_n, (int64_t)at + RECORD_HEAD);
        if (n != (ptrdiff_t)table_n) {
            free(big);
            return n < 0 ? err_errno(e, ERR_IO, "reading a pack") : damaged(e, at);
        }
        table = big;
    }
    int rc = head_sum(first, table, table_n) == get64(first + 88) ? record_table(&r, table, end, e)
                                                                  : damaged(e, at);
    free(big);
    if (rc)
        return -1;
    r.mark = get64(first + 8);
    memcpy(r.hash, first + 16, FRAME_HASH);
    r.account = get64(first + 64);
    r.collection = get64(first + 72);
    r.made_at = (int64_t)get64(first + 80);
    *ret = r;
    return 0;
}

void record_done(struct record *r)
{
    free(r->table);
    free(r->start);
    r->table = NULL;
    r->start = NULL;
}

int record_frame(int fd, const struct record *r, uint32_t i, char *out, struct err *e)
{
    char stored[FRAME_SIZE];
    return record_frame_by(fd, r, i, stored, out, e);
}

int record_frame_by(int fd, const struct record *r, uint32_t i, char *stored, char *out,
                    struct err *e)
{
    ptrdiff_t n = fd_pread_full(fd, stored, r->table[i].stored, (int64_t)r->start[i]);
    if (n < 0)
        return err_errno(e, ERR_IO, "reading a pack");
    if ((size_t)n != r->table[i].stored)
        return damaged(e, r->at);
    return frame_unpack(&r->table[i], stored, out, record_frame_size(r, i), e);
}

int record_check(int fd, const struct record *r, struct err *e)
{
    unsigned char hash[FRAME_HASH];
    char content[FRAME_SIZE];
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    BUG_IF(!sha || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1);
    int rc = 0;
    for (uint32_t i = 0; i < r->n && rc == 0; i++) {
        rc = record_frame(fd, r, i, content, e);
        if (rc == 0)
            EVP_DigestUpdate(sha, content, record_frame_size(r, i));
    }
    EVP_DigestFinal_ex(sha, hash, NULL);
    EVP_MD_CTX_free(sha);
    if (rc == 0 && memcmp(hash, r->hash, sizeof hash) != 0)
        return err_set(e, ERR_CORRUPT, "the record at %llu is not what was written",
                       (unsigned long long)r->at);
    return rc;
}

uint64_t record_search(int fd, uint64_t mark, uint64_t at, uint64_t end)
{
    enum { LEAD = 16 }; /* what a record begins with, the mark at its end */
    char b[FRAME_SIZE], magic[4], wanted[8];
    put32(magic, RECORD_MAGIC);
    put64(wanted, mark);
    while (at + RECORD_HEAD <= end) {
        size_t want = end - at < sizeof b ? (size_t)(end - at) : sizeof b;
        ptrdiff_t n = fd_pread_full(fd, b, want, (int64_t)at);
        if (n < RECORD_HEAD)
            return end;
        struct slice rest = slice_of(b, (size_t)n);
        for (ptrdiff_t hit; (hit = slice_search(rest, slice_of(magic, 4))) >= 0;) {
            rest = slice_from(rest, (size_t)hit);
            uint64_t there = at + (uint64_t)(rest.p - b);
            struct record r;
            if (rest.n < LEAD)
                break; /* it is at the front of what is read next */
            if (memcmp(rest.p + 8, wanted, 8) == 0 && record_read(fd, there, end, &r, NULL) == 0) {
                record_done(&r);
                return there;
            }
            rest = slice_from(rest, 1);
        }
        at += (uint64_t)n - (LEAD - 1);
    }
    return end;
}
