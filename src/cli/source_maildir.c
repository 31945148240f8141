/* source_maildir.c - a Maildir: cur and new of the top and of every folder: ".A.B" (Maildir++,
   modified UTF-7) and plain sub-folders. Flags are in the name behind ":2,", letters a to z are
   keywords of the file dovecot-keywords; the date is the time of the file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/names.h"
#include "cli/source.h"
#include "format/mutf7.h"

enum { FOLDERS_MAX = 100000, DEPTH_MAX = 32, KEYWORDS = 26 };

struct folder {
    char *path;    /* below the root; "" for the top */
    char *mailbox; /* UTF-8 */
};

struct maildir {
    struct source source;
    size_t message_max;
    int root;
    struct folder *folders;
    size_t folders_n, at;
    struct names *names; /* of folders[at]; NULL: not begun */
    int dirs[2];         /* cur, new */
    char *keywords[KEYWORDS];
    const struct journal *done;
    struct slice done_name; /* of this folder: the last name that was taken, or SNONE */
};

static struct maildir *of(struct source *s)
{
    return (struct maildir *)(void *)s;
}

/* ".A&-B.C" of Maildir++, or the plain name. */
static void add_levels(struct buf *mailbox, struct slice name)
{
    bool dotted = slice_starts(name, S("."));
    struct slice rest = dotted ? slice_from(name, 1) : name;
    while (rest.p) {
        BUF_SCOPE level = {0};
        struct slice part = dotted ? slice_cut(&rest, '.') : rest;
        if (!dotted)
            rest = SNONE;
        bool decoded = mutf7_decode(part, &level, NULL) == 0;
        source_add_level(mailbox, decoded ? buf_slice(&level) : part);
    }
}

static bool has_cur(int dir, const char *name)
{
    char path[NAME_MAX + 8];
    struct stat st;
    snprintf(path, sizeof(path), "%s/cur", name);
    return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int add_folder(struct maildir *m, const char *path, struct slice mailbox, struct err *e)
{
    if (m->folders_n == FOLDERS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d folders", FOLDERS_MAX);
    m->folders = reallocarray(m->folders, m->folders_n + 1, sizeof(*m->folders));
    BUG_IF(!m->folders);
    struct folder *f = &m->folders[m->folders_n++];
    f->path = strdup(path);
    f->mailbox = strndup(mailbox.n ? mailbox.p : "", mailbox.n);
    BUG_IF(!f->path || !f->mailbox);
    return 0;
}

static int find_folders(struct maildir *m, const char *path, struct slice mailbox, int depth,
                        struct err *e)
{
    static const char *const own[] = {".", "..", "cur", "new", "tmp"};
    if (add_folder(m, path, mailbox, e))
        return -1;
    if (depth == DEPTH_MAX)
        return 0;
    int fd = openat(m->root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return err_errno(e, ERR_IO, "%s", path);
    const struct dirent *f;
    int r = 0;
    while (r == 0 && (f = readdir(d))) {
        BUF_SCOPE below = {0}, name = {0};
        bool skip = false;
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
            skip |= strcmp(f->d_name, own[i]) == 0;
        if (skip || !has_cur(dirfd(d), f->d_name))
            continue;
        buf_addf(&below, path[0] ? "%s/%s" : "%s%s", path, f->d_name);
        buf_add(&name, mailbox);
        add_levels(&name, slice_str(f->d_name));
        r = find_folders(m, buf_cstr(&below), buf_slice(&name), depth + 1, e);
    }
    closedir(d);
    return r;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct folder *)a)->path, ((const struct folder *)b)->path);
}

/* Lines "NUMBER NAME". */
static void read_keywords(struct maildir *m, const char *path)
{
    BUF_SCOPE file = {0}, text = {.max = 65536};
    for (int i = 0; i < KEYWORDS; i++) {
        free(m->keywords[i]);
        m->keywords[i] = NULL;
    }
    buf_addf(&file, "%s%sdovecot-keywords", path, path[0] ? "/" : "");
    AUTO_FD fd = openat(m->root, buf_cstr(&file), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *p = buf_space(&text, 65536);
    ptrdiff_t n = fd < 0 || !p ? 0 : fd_pread_full(fd, p, 65536, 0);
    struct slice rest = slice_of(p, n > 0 ? (size_t)n : 0);
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n'), number = slice_cut(&line, ' ');
        uint64_t k;
        if (slice_u64(number, &k) == 0 && k < KEYWORDS && line.n && !m->keywords[k])
            m->keywords[k] = strndup(line.p, line.n);
    }
}

static int list_names(struct maildir *m, int fd, char tag, struct err *e)
{
    int copy = dup(fd);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *f;
    int r = 0;
    if (!d)
        return err_errno(e, ERR_IO, "Maildir");
    while (r == 0 && (f = readdir(d)))
        if (f->d_name[0] != '.')
            r = names_add(m->names, tag, slice_str(f->d_name), e);
    closedir(d);
    return r;
}

static int open_folder(struct maildir *m, struct err *e)
{
    static const char *const subs[] = {"cur", "new"};
    const struct folder *f = &m->folders[m->at];
    m->names = names_new();
    m->done_name = journal_place(m->done, slice_str(f->path));
    read_keywords(m, f->path);
    for (int i = 0; i < 2; i++) {
        BUF_SCOPE path = {0};
        buf_addf(&path, "%s%s%s", f->path, f->path[0] ? "/" : "", subs[i]);
        m->dirs[i] = openat(m->root, buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->dirs[i] < 0 && errno == ENOENT)
            continue;
        if (m->dirs[i] < 0)
            return err_errno(e, ERR_IO, "%s", buf_cstr(&path));
        if (list_names(m, m->dirs[i], i ? 'n' : 'c', e))
            return -1;
    }
    return 0;
}

/* How many files cur and new of a folder have, for the progress bar. */
static uint64_t count_names(const struct maildir *m, const struct folder *f)
{
    static const char *const subs[] = {"cur", "new"};
    uint64_t n = 0;
    for (int i = 0; i < 2; i++) {
        BUF_SCOPE path = {0};
        buf_addf(&path, "%s%s%s", f->path, f->path[0] ? "/" : "", subs[i]);
        int fd = openat(m->root, buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *file;
        while (d && (file = readdir(d)))
            n += file->d_name[0] != '.';
        if (d)
            closedir(d);
    }
    return n;
}

static void close_folder(struct maildir *m)
{
    names_free(m->names);
    m->names = NULL;
    for (int i = 0; i < 2; i++)
        fd_closep(&m->dirs[i]);
}

static void read_flags(const struct maildir *m, struct slice name, json_t *flags)
{
    static const char *const known[128] = {
        ['D'] = "\\Draft",    ['F'] = "\\Flagged", ['P'] = "$Forwarded",
        ['R'] = "\\Answered", ['S'] = "\\Seen",    ['T'] = "\\Deleted"};
    ptrdiff_t at = slice_search(name, S(":2,"));
    for (size_t i = at < 0 ? name.n : (size_t)at + 3; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        const char *flag = c < 128 ? known[c] : NULL;
        if (c >= 'a' && c <= 'z')
            flag = m->keywords[c - 'a'];
        if (flag)
            json_array_append_new(flags, json_string(flag));
    }
}

/* 1: read; 0: it is gone, or no file. */
static int read_file(struct maildir *m, int dir, const char *name, struct source_message *msg,
                     struct err *e)
{
    struct stat st;
    AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return 0;
    if (fd < 0 || fstat(fd, &st))
        return err_errno(e, ERR_IO, "%s", name);
    if (!S_ISREG(st.st_mode))
        return 0;
    msg->received_at = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    msg->bytes.max = m->message_max;
    for (;;) {
        char chunk[65536];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, ERR_IO, "%s", name);
        if (n == 0)
            return 1;
        if (source_add_crlf(&msg->bytes, slice_of(chunk, (size_t)n))) {
            msg->too_large = true;
            return 1;
        }
    }
}

static int next(struct source *s, struct source_message *msg, struct err *e)
{
    struct maildir *m = of(s);
    while (m->at < m->folders_n) {
        char tag, path[NAME_MAX + 1];
        struct slice name;
        const struct folder *f = &m->folders[m->at];
        if (!m->names && open_folder(m, e))
            return -1;
        int r = names_next(m->names, &tag, &name, e);
        if (r < 0)
            return -1;
        if (r == 0) {
            close_folder(m);
            m->at++;
            continue;
        }
        s->done++;
        if (m->done_name.p && names_compare(name, m->done_name) <= 0)
            continue;
        snprintf(path, sizeof(path), "%.*s", SARG(name));
        r = read_file(m, m->dirs[tag == 'n'], path, msg, e);
        if (r < 0)
            return -1;
        if (r == 0)
            continue;
        read_flags(m, name, msg->flags);
        buf_adds(&msg->mailbox, f->mailbox);
        buf_addf(&msg->name, "%s%s%s", f->path, f->path[0] ? "/" : "", path);
        buf_add(&msg->position, slice_str(f->path));
        buf_addc(&msg->position, '\0');
        buf_add(&msg->position, name);
        return 1;
    }
    return 0;
}

static void maildir_close(struct source *s)
{
    struct maildir *m = of(s);
    close_folder(m);
    for (size_t i = 0; i < m->folders_n; i++) {
        free(m->folders[i].path);
        free(m->folders[i].mailbox);
    }
    for (int i = 0; i < KEYWORDS; i++)
        free(m->keywords[i]);
    free(m->folders);
    fd_closep(&m->root);
    free(m);
}

int source_maildir(const char *path, size_t message_max, const struct journal *done,
                   struct source **ret, struct err *e)
{
    struct maildir *m = calloc(1, sizeof(*m));
    BUG_IF(!m);
    m->source = (struct source){.next = next, .close = maildir_close};
    m->message_max = message_max;
    m->done = done;
    m->dirs[0] = m->dirs[1] = -1;
    m->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = m->root < 0 ? err_errno(e, ERR_IO, "%s", path) : find_folders(m, "", S(""), 0, e);
    if (r) {
        maildir_close(&m->source);
        return -1;
    }
    if (m->folders_n)
        qsort(m->folders, m->folders_n, sizeof(*m->folders), by_path);
    for (size_t i = 0; i < m->folders_n; i++)
        m->source.total += count_names(m, &m->folders[i]);
    *ret = &m->source;
    return 0;
}
