/* source_mbox.c - mbox files, RFC 4155, with the quoting of mboxrd undone (one '>' goes from lines
   that are '>'s and "From "). A path that is a folder stands for the files in it: each is a
   mailbox, sub-folders (with or without .sbd, as Thunderbird has them) are levels. Flags are in the
   fields Status, X-Status, X-Keywords and X-Mozilla-Status, which belong to the file and not to the
   message and are left out; the date is that of the From line. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/source.h"

enum { ROOM = 65536, FILES_MAX = 100000, DEPTH_MAX = 32 };

struct file {
    char *path; /* below the root; "" when the root is the file */
    char *mailbox;
};

struct mbox {
    struct source source;
    size_t message_max;
    char *root;
    struct file *files;
    size_t files_n, at;
    int fd; /* of files[at] */
    char room[ROOM];
    size_t used, filled;
    int64_t offset;      /* in the file, of room[used] */
    bool started;        /* the From line of a message was read */
    int64_t received_at; /* its date */
    const struct journal *done;
};

static struct mbox *of(struct source *s)
{
    return (struct mbox *)(void *)s;
}

/* --- which files ------------------------------------------------------------------------------ */

static void add_file(struct mbox *m, const char *path, struct slice mailbox)
{
    m->files = reallocarray(m->files, m->files_n + 1, sizeof(*m->files));
    BUG_IF(!m->files);
    struct file *f = &m->files[m->files_n++];
    f->path = strdup(path);
    f->mailbox = strndup(mailbox.n ? mailbox.p : "", mailbox.n);
    BUG_IF(!f->path || !f->mailbox);
}

static bool begins_like_mbox(int dir, const char *name)
{
    char start[5];
    AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return fd >= 0 && fd_pread_full(fd, start, sizeof(start), 0) == 5 &&
           memcmp(start, "From ", 5) == 0;
}

static int find_files(struct mbox *m, int fd, const char *path, struct slice mailbox, int depth,
                      struct err *e)
{
    DIR *d = fdopendir(fd);
    const struct dirent *f;
    int r = 0;
    if (!d)
        return err_errno(e, ERR_IO, "%s", path);
    while (r == 0 && (f = readdir(d))) {
        BUF_SCOPE below = {0}, level = {0};
        struct slice name = slice_str(f->d_name);
        struct stat st;
        if (f->d_name[0] == '.' || fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW))
            continue;
        static const struct slice ends[] = {S_INIT(".sbd"), S_INIT(".mbox")};
        for (int i = 0; i < 2; i++)
            if (slice_ends(name, ends[i]) && name.n > ends[i].n)
                name.n -= ends[i].n;
        buf_addf(&below, "%s%s%s", path, path[0] ? "/" : "", f->d_name);
        buf_add(&level, mailbox);
        source_add_level(&level, name);
        if (m->files_n == FILES_MAX)
            r = err_set(e, ERR_LIMIT, "more than %d files", FILES_MAX);
        else if (S_ISREG(st.st_mode) && begins_like_mbox(dirfd(d), f->d_name)) {
            add_file(m, buf_cstr(&below), buf_slice(&level));
            m->source.total += (uint64_t)st.st_size;
        } else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            int sub = openat(dirfd(d), f->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
            r = sub < 0 ? err_errno(e, ERR_IO, "%s", buf_cstr(&below))
                        : find_files(m, sub, buf_cstr(&below), buf_slice(&level), depth + 1, e);
        }
    }
    closedir(d);
    return r;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The next line with its end, or as much of it as fits the room (*ret_whole false). 1, 0, -1. */
static int next_line(struct mbox *m, struct slice *ret, bool *ret_whole, struct err *e)
{
    for (;;) {
        struct slice have = slice_of(m->room + m->used, m->filled - m->used);
        ptrdiff_t lf = slice_find(have, '\n');
        if (lf >= 0 || have.n == ROOM) {
            *ret = slice_sub(have, 0, lf >= 0 ? (size_t)lf + 1 : have.n);
            *ret_whole = lf >= 0;
            return 1;
        }
        memmove(m->room, have.p, have.n);
        m->used = 0;
        m->filled = have.n;
        ssize_t n = read(m->fd, m->room + m->filled, ROOM - m->filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, ERR_IO, "%s", m->files[m->at].path);
        if (n == 0) {
            *ret = slice_of(m->room, have.n);
            *ret_whole = true;
            return have.n ? 1 : 0;
        }
        m->filled += (size_t)n;
    }
}

static void consume(struct mbox *m, size_t n)
{
    m->used += n;
    m->offset += (int64_t)n;
    m->source.done += n;
}

static bool is_blank(struct slice line)
{
    return slice_eq(line, S("\n")) || slice_eq(line, S("\r\n"));
}

/* "Thu Jan  1 00:00:00 1970", a zone before or after the year. 0 when it is none. */
static int64_t parse_date(const char *p)
{
    struct tm tm = {0};
    const char *rest = strptime(p, "%a %b %e %H:%M:%S", &tm);
    if (!rest)
        rest = strptime(p, "%a %b %e %H:%M", &tm);
    if (!rest)
        return 0;
    long zone = 0, year = 0;
    struct slice words = slice_trim(slice_str(rest));
    while (words.p) {
        struct slice w = slice_cut(&words, ' ');
        uint64_t n;
        bool sign = w.n == 5 && (w.p[0] == '+' || w.p[0] == '-');
        if (sign && slice_u64(slice_from(w, 1), &n) == 0)
            zone = (w.p[0] == '-' ? -1 : 1) * (long)(n / 100 * 3600 + n % 100 * 60);
        else if (w.n == 4 && slice_u64(w, &n) == 0)
            year = (long)n;
    }
    if (year < 1970)
        return 0;
    tm.tm_year = (int)year - 1900;
    int64_t at = (int64_t)timegm(&tm) - zone;
    return at > 0 ? at * 1000 : 0;
}

/* A From line has a time of day in it, or a lone dash or address (Mozilla, Takeout); body text that
   begins with "From " hardly ever has. */
static bool is_from_line(struct slice line, int64_t *ret_at)
{
    char text[512];
    if (!slice_starts(line, S("From ")) || line.n >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", SARG(line));
    bool clock = false;
    for (size_t i = 5; i + 4 < line.n && !clock; i++)
        clock = ascii_digit(text[i]) && ascii_digit(text[i + 1]) && text[i + 2] == ':' &&
                ascii_digit(text[i + 3]) && ascii_digit(text[i + 4]);
    *ret_at = 0;
    for (const char *p = text + 5; clock && p && *p && !*ret_at; p = strchr(p + 1, ' '))
        *ret_at = parse_date(*p == ' ' ? p + 1 : p);
    struct slice rest = slice_trim(slice_from(line, 5)), sender = slice_cut(&rest, ' ');
    return clock || (!rest.n && (slice_eq(sender, S("-")) || slice_find(sender, '@') > 0));
}

static bool is_quoted_from(struct slice line)
{
    size_t marks = 0;
    while (marks < line.n && line.p[marks] == '>')
        marks++;
    return marks && slice_starts(slice_from(line, marks), S("From "));
}

/* --- the fields of the file --------------------------------------------------------------------
 */

static void add_flag(json_t *flags, const char *flag)
{
    size_t i;
    json_t *v;
    json_array_foreach(flags, i, v) if (strcmp(json_string_value(v), flag) == 0) return;
    json_array_append_new(flags, json_string(flag));
}

static void status(struct slice value, json_t *flags)
{
    static const struct {
        char letter;
        const char *flag;
    } known[] = {{'R', "\\Seen"},
                 {'A', "\\Answered"},
                 {'F', "\\Flagged"},
                 {'D', "\\Deleted"},
                 {'T', "\\Draft"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_find(value, known[i].letter) >= 0)
            add_flag(flags, known[i].flag);
}

static void keywords(struct slice value, json_t *flags)
{
    while (value.p) {
        struct slice word = slice_trim(slice_cut(&value, ' '));
        char text[256];
        if (!word.n || word.n >= sizeof(text))
            continue;
        snprintf(text, sizeof(text), "%.*s", SARG(word));
        add_flag(flags, text);
    }
}

static void mozilla(struct slice value, json_t *flags)
{
    static const struct {
        unsigned bit;
        const char *flag;
    } known[] = {{1, "\\Seen"},
                 {2, "\\Answered"},
                 {4, "\\Flagged"},
                 {8, "\\Deleted"},
                 {0x1000, "$Forwarded"}};
    unsigned bits = 0;
    for (size_t i = 0; i < value.n && i < 8; i++) {
        char c = ascii_lower(value.p[i]);
        if (!ascii_digit(c) && (c < 'a' || c > 'f'))
            break;
        bits = bits << 4 | (unsigned)(ascii_digit(c) ? c - '0' : c - 'a' + 10);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (bits & known[i].bit)
            add_flag(flags, known[i].flag);
}

static void nothing(struct slice value, json_t *flags)
{
    (void)value;
    (void)flags;
}

static const struct {
    struct slice name;
    void (*take)(struct slice value, json_t *flags);
} fields[] = {
    {S_INIT("Status:"), status},
    {S_INIT("X-Status:"), status},
    {S_INIT("X-Keywords:"), keywords},
    {S_INIT("X-Mozilla-Keys:"), keywords},
    {S_INIT("X-Mozilla-Status:"), mozilla},
    {S_INIT("X-Mozilla-Status2:"), nothing},
};

static bool take_field(struct slice line, json_t *flags)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (slice_startsi(line, fields[i].name)) {
            fields[i].take(slice_trim(slice_from(line, fields[i].name.n)), flags);
            return true;
        }
    return false;
}

/* --- messages -----------------------------------------------------------------------------------
 */

static int open_file(struct mbox *m, struct err *e)
{
    const struct file *f = &m->files[m->at];
    BUF_SCOPE path = {0};
    buf_addf(&path, "%s%s%s", m->root, f->path[0] ? "/" : "", f->path);
    m->fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
    if (m->fd < 0)
        return err_errno(e, ERR_IO, "%s", buf_cstr(&path));
    m->used = m->filled = 0;
    m->offset = 0;
    m->started = false;
    uint64_t far = 0;
    if (slice_u64(journal_place(m->done, slice_str(f->path)), &far))
        return 0;
    struct stat st;
    if (fstat(m->fd, &st) == 0 && (uint64_t)st.st_size < far)
        return err_set(e, ERR_CONFLICT,
                       "%s is shorter than what was taken of it (--restart takes it anew)",
                       buf_cstr(&path));
    m->offset = (int64_t)far;
    m->source.done += far;
    return lseek(m->fd, m->offset, SEEK_SET) < 0 ? err_errno(e, ERR_IO, "%s", buf_cstr(&path)) : 0;
}

struct reading {
    struct source_message *msg;
    bool header, skipping, any;
    struct buf blank; /* an empty line that may be the one before the next From line */
};

static void take_line(struct reading *r, struct slice line, bool begins)
{
    if (r->header && begins) {
        bool folded = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
        if (is_blank(line))
            r->header = false;
        else if (folded ? r->skipping : take_field(line, r->msg->flags)) {
            r->skipping = true;
            return;
        }
        r->skipping = false;
    }
    if (begins && is_quoted_from(line))
        line = slice_from(line, 1);
    if (r->blank.n)
        source_add_crlf(&r->msg->bytes, buf_slice(&r->blank));
    buf_reset(&r->blank);
    if (begins && is_blank(line) && !r->header && r->any)
        buf_add(&r->blank, line);
    else
        source_add_crlf(&r->msg->bytes, line);
    r->any = true;
}

/* Reads up to the next From line or the end of the file. 1: a message. */
static int read_message(struct mbox *m, struct source_message *msg, struct err *e)
{
    struct reading r = {.msg = msg, .header = true};
    struct slice line;
    bool begins = true, after_blank = true, whole = false;
    int got;
    int64_t at;
    msg->received_at = m->received_at;
    while ((got = next_line(m, &line, &whole, e)) > 0) {
        if (begins && after_blank && is_from_line(line, &at)) {
            if (m->started)
                break;
            m->started = true;
            msg->received_at = at;
            buf_addf(&msg->name, "%s at %lld", m->files[m->at].path, (long long)m->offset);
            consume(m, line.n);
            continue;
        }
        /* What stands before the first From line is no message. */
        if (m->started)
            take_line(&r, line, begins);
        consume(m, line.n);
        after_blank = begins && is_blank(line);
        begins = whole;
    }
    buf_done(&r.blank);
    bool found = m->started;
    m->started = false;
    return got < 0 ? -1 : found;
}

static int next(struct source *s, struct source_message *msg, struct err *e)
{
    struct mbox *m = of(s);
    while (m->at < m->files_n) {
        const struct file *f = &m->files[m->at];
        if (m->fd < 0 && open_file(m, e))
            return -1;
        msg->bytes.max = m->message_max;
        int r = read_message(m, msg, e);
        if (r < 0)
            return -1;
        if (r > 0) {
            msg->too_large = msg->bytes.failed;
            buf_adds(&msg->mailbox, f->mailbox);
            buf_adds(&msg->position, f->path);
            buf_addc(&msg->position, '\0');
            buf_addf(&msg->position, "%lld", (long long)m->offset);
            return 1;
        }
        fd_closep(&m->fd);
        m->at++;
    }
    return 0;
}

static void mbox_close(struct source *s)
{
    struct mbox *m = of(s);
    for (size_t i = 0; i < m->files_n; i++) {
        free(m->files[i].path);
        free(m->files[i].mailbox);
    }
    free(m->files);
    free(m->root);
    fd_closep(&m->fd);
    free(m);
}

int source_mbox(const char *path, size_t message_max, const struct journal *done,
                struct source **ret, struct err *e)
{
    struct stat st;
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        return err_errno(e, ERR_IO, "%s", path);
    struct mbox *m = calloc(1, sizeof(*m));
    BUG_IF(!m);
    m->source = (struct source){.next = next, .close = mbox_close};
    m->message_max = message_max;
    m->done = done;
    m->fd = -1;
    m->root = strdup(path);
    BUG_IF(!m->root);
    int r = 0;
    if (S_ISDIR(st.st_mode)) {
        r = find_files(m, TAKE_FD(fd), "", S(""), 0, e);
    } else {
        add_file(m, "", S(""));
        m->source.total = (uint64_t)st.st_size;
    }
    if (r) {
        mbox_close(&m->source);
        return -1;
    }
    if (m->files_n)
        qsort(m->files, m->files_n, sizeof(*m->files), by_path);
    *ret = &m->source;
    return 0;
}
