/* sink_maildir.c - a Maildir++: INBOX at the top, "A/B" as ".A.B" in modified UTF-7. A file's name
   is made of date, uidvalidity and uid, so that an export done again writes the same files.
   Keywords become letters, listed in dovecot-keywords; those over 26 are left out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/ask.h"
#include "cli/sink.h"
#include "format/mutf7.h"

enum { KEYWORDS = 26 };

struct maildir {
    struct sink sink;
    char *root;
    struct buf folder; /* path of the open one */
    int cur, tmp;
    long long uidvalidity;
    char *keywords[KEYWORDS];
};

static struct maildir *of(struct sink *s)
{
    return (struct maildir *)(void *)s;
}

static void forget_keywords(struct maildir *m)
{
    for (int i = 0; i < KEYWORDS; i++) {
        free(m->keywords[i]);
        m->keywords[i] = NULL;
    }
}

/* ".A.B"; a dot inside a level would begin another and becomes an underscore. */
static int add_folder_name(struct buf *out, struct slice path, struct err *e)
{
    if (slice_eq(path, S("INBOX")))
        return 0;
    buf_addc(out, '/');
    while (path.p) {
        BUF_SCOPE level = {0};
        if (mutf7_encode(slice_cut(&path, '/'), &level, e))
            return -1;
        buf_addc(out, '.');
        for (size_t i = 0; i < level.n; i++)
            buf_addc(out, level.p[i] == '.' || level.p[i] == '/' ? '_' : level.p[i]);
    }
    return 0;
}

static int open_dir(struct maildir *m, const char *name, int *ret, struct err *e)
{
    BUF_SCOPE path = {0};
    buf_addf(&path, "%.*s/%s", SARG(buf_slice(&m->folder)), name);
    fd_closep(ret);
    if (dir_make(buf_cstr(&path), 0700, e))
        return -1;
    *ret = open(buf_cstr(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret < 0 ? err_errno(e, ERR_IO, "%s", buf_cstr(&path)) : 0;
}

static void read_keywords(struct maildir *m)
{
    BUF_SCOPE path = {0}, text = {.max = 65536};
    forget_keywords(m);
    buf_addf(&path, "%.*s/dovecot-keywords", SARG(buf_slice(&m->folder)));
    if (file_read(buf_cstr(&path), &text, NULL))
        return;
    struct slice rest = buf_slice(&text);
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n'), number = slice_cut(&line, ' ');
        uint64_t k;
        if (slice_u64(number, &k) == 0 && k < KEYWORDS && line.n && !m->keywords[k])
            m->keywords[k] = strndup(line.p, line.n);
    }
}

static int write_keywords(struct maildir *m, struct err *e)
{
    BUF_SCOPE path = {0}, text = {0};
    buf_addf(&path, "%.*s/dovecot-keywords", SARG(buf_slice(&m->folder)));
    for (int i = 0; i < KEYWORDS && m->keywords[i]; i++)
        buf_addf(&text, "%d %s\n", i, m->keywords[i]);
    return file_replace(buf_cstr(&path), buf_slice(&text), 0600, e);
}

static int maildir_open(struct sink *s, const json_t *mailbox, uint64_t offset, struct err *e)
{
    struct maildir *m = of(s);
    int new = -1;
    (void)offset;
    buf_reset(&m->folder);
    buf_adds(&m->folder, m->root);
    if (add_folder_name(&m->folder, slice_str(json_text(mailbox, "path")), e) ||
        open_dir(m, "new", &new, e) || open_dir(m, "tmp", &m->tmp, e) ||
        open_dir(m, "cur", &m->cur, e))
        return -1;
    fd_closep(&new);
    if (m->folder.n > strlen(m->root)) {
        BUF_SCOPE mark = {0};
        buf_addf(&mark, "%.*s/maildirfolder", SARG(buf_slice(&m->folder)));
        if (file_replace(buf_cstr(&mark), S(""), 0600, e))
            return -1;
    }
    m->uidvalidity = json_number(mailbox, "uidvalidity");
    read_keywords(m);
    return 0;
}

/* The letter of a keyword, 0 when there is none left. */
static char letter_of(struct maildir *m, const char *keyword, bool *ret_new)
{
    for (int i = 0; i < KEYWORDS; i++) {
        if (!m->keywords[i]) {
            m->keywords[i] = strdup(keyword);
            BUG_IF(!m->keywords[i]);
            *ret_new = true;
        }
        if (strcasecmp(m->keywords[i], keyword) == 0)
            return (char)('a' + i);
    }
    return 0;
}

/* The flags as letters in the order of the alphabet, which Maildir asks for. */
static int add_info(struct maildir *m, const json_t *flags, struct buf *name, struct err *e)
{
    static const char order[] = "DFPRSTabcdefghijklmnopqrstuvwxyz";
    static const struct {
        const char *flag;
        char letter;
    } known[] = {{"\\Draft", 'D'},    {"\\Flagged", 'F'}, {"$Forwarded", 'P'},
                 {"\\Answered", 'R'}, {"\\Seen", 'S'},    {"\\Deleted", 'T'}};
    bool has[128] = {false}, fresh = false;
    size_t i;
    const json_t *v;
    json_array_foreach(flags, i, v)
    {
        const char *flag = json_string_value(v);
        size_t k = 0;
        while (k < 6 && strcasecmp(known[k].flag, flag))
            k++;
        char c = k < 6 ? known[k].letter : flag[0] == '\\' ? 0 : letter_of(m, flag, &fresh);
        has[(unsigned char)c & 127] = true;
    }
    buf_adds(name, ":2,");
    for (const char *p = order; *p; p++)
        if (has[(unsigned char)*p])
            buf_addc(name, *p);
    return fresh ? write_keywords(m, e) : 0;
}

static int put(struct sink *s, const json_t *message, struct slice bytes, struct err *e)
{
    struct maildir *m = of(s);
    BUF_SCOPE temp = {0}, name = {0};
    int64_t at = json_number(message, "received_at");
    buf_addf(&temp, "%lld.V%lldU%lld.carbonado", (long long)(at / 1000), m->uidvalidity,
             (long long)json_number(message, "uid"));
    buf_addf(&name, "%.*s,S=%zu", SARG(buf_slice(&temp)), bytes.n);
    if (add_info(m, json_object_get(message, "flags"), &name, e))
        return -1;
    AUTO_FD fd = openat(m->tmp, buf_cstr(&temp),
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    const struct timespec times[2] = {{.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000},
                                      {.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000}};
    if (fd < 0 || fd_write_all(fd, bytes.p, bytes.n) || futimens(fd, times) ||
        renameat(m->tmp, buf_cstr(&temp), m->cur, buf_cstr(&name)))
        return err_errno(e, ERR_IO, "%.*s/cur/%s", SARG(buf_slice(&m->folder)), buf_cstr(&name));
    return 0;
}

static int sync_(struct sink *s, uint64_t *ret_offset, struct err *e)
{
    struct maildir *m = of(s);
    *ret_offset = 0;
    return syncfs(m->cur) ? err_errno(e, ERR_IO, "%s", m->root) : 0;
}

static void maildir_close(struct sink *s)
{
    struct maildir *m = of(s);
    forget_keywords(m);
    fd_closep(&m->cur);
    fd_closep(&m->tmp);
    buf_done(&m->folder);
    free(m->root);
    free(m);
}

int sink_maildir(const char *path, struct sink **ret, struct err *e)
{
    (void)e;
    struct maildir *m = calloc(1, sizeof(*m));
    BUG_IF(!m);
    m->sink =
        (struct sink){.open = maildir_open, .put = put, .sync = sync_, .close = maildir_close};
    m->cur = m->tmp = -1;
    m->root = strdup(path);
    BUG_IF(!m->root);
    *ret = &m->sink;
    return 0;
}
