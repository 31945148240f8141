/* fetch_args.c - the attributes of FETCH, one table of words and the section grammar. */
#include "proto/imap/fetch_args.h"

#include "proto/imap/write.h"

enum {
    ITEMS_ALL = IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_ENVELOPE,
    ITEMS_FAST = IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE,
    ITEMS_FULL = ITEMS_ALL | IMAP_FETCH_BODY,
};

static const struct word {
    struct slice name;
    unsigned items;
    bool macro; /* only as the one argument */
} words[] = {
    {S_INIT("ALL"), ITEMS_ALL, true},
    {S_INIT("FAST"), ITEMS_FAST, true},
    {S_INIT("FULL"), ITEMS_FULL, true},
    {S_INIT("FLAGS"), IMAP_FETCH_FLAGS, false},
    {S_INIT("UID"), IMAP_FETCH_UID, false},
    {S_INIT("INTERNALDATE"), IMAP_FETCH_INTERNALDATE, false},
    {S_INIT("RFC822.SIZE"), IMAP_FETCH_SIZE, false},
    {S_INIT("ENVELOPE"), IMAP_FETCH_ENVELOPE, false},
    {S_INIT("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE, false},
    {S_INIT("MODSEQ"), IMAP_FETCH_MODSEQ, false},
    {S_INIT("EMAILID"), IMAP_FETCH_EMAILID, false},
    {S_INIT("THREADID"), IMAP_FETCH_THREADID, false},
    {S_INIT("PREVIEW"), IMAP_FETCH_PREVIEW, false},
    {S_INIT("SAVEDATE"), IMAP_FETCH_SAVEDATE, false},
};

static const struct old_word {
    struct slice name;
    enum section_what what;
    bool peek;
} old_words[] = {
    /* RFC 3501 6.4.5 */
    {S_INIT("RFC822"), SECTION_ALL, false},
    {S_INIT("RFC822.HEADER"), SECTION_HEADER, true},
    {S_INIT("RFC822.TEXT"), SECTION_TEXT, false},
};

static const struct section_word {
    struct slice name;
    enum section_what what;
} section_words[] = {
    {S_INIT("HEADER.FIELDS.NOT"), SECTION_FIELDS_NOT},
    {S_INIT("HEADER.FIELDS"), SECTION_FIELDS},
    {S_INIT("HEADER"), SECTION_HEADER},
    {S_INIT("TEXT"), SECTION_TEXT},
    {S_INIT("MIME"), SECTION_MIME},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int full(struct imap_parser *p)
{
    return err_set(p->e, ERR_LIMIT, "FETCH asks for too much at once");
}

/* header-list. Names go into the label as they came. */
static int header_list(struct imap_parser *p, struct section *s, struct buf *label)
{
    struct slice *names = NULL;
    size_t n = 0, cap = 0;
    if (imap_space(p) || imap_expect(p, '('))
        return -1;
    buf_adds(label, " (");
    do {
        if (n == cap) {
            size_t more = cap ? cap * 2 : 8;
            struct slice *grown = arena_new(p->arena, struct slice, more);
            if (!grown)
                return full(p);
            if (n)
                memcpy(grown, names, n * sizeof(*names));
            names = grown;
            cap = more;
        }
        if (imap_astring(p, &names[n]))
            return -1;
        if (names[n].n == 0)
            return imap_fail(p, "a field name must not be empty");
        if (n)
            buf_addc(label, ' ');
        imap_write_astring(names[n++], p->utf8, label);
    } while (imap_accept(p, ' '));
    buf_addc(label, ')');
    s->fields = names;
    s->n_fields = n;
    return imap_expect(p, ')');
}

static int section_text(struct imap_parser *p, struct section *s, struct buf *label)
{
    for (size_t i = 0; i < COUNT(section_words); i++) {
        if (!imap_accept_word(p, section_words[i].name))
            continue;
        s->what = section_words[i].what;
        if (s->what == SECTION_MIME && s->n_path == 0)
            return imap_fail(p, "MIME needs a part number");
        buf_add(label, section_words[i].name);
        if (s->what == SECTION_FIELDS || s->what == SECTION_FIELDS_NOT)
            return header_list(p, s, label);
        return 0;
    }
    return imap_fail(p, "expected a section");
}

/* section-spec or section-binary, behind '[' to behind ']'. RFC 9051 6.4.5.1. */
static int section(struct imap_parser *p, bool numbers_only, struct section *s, struct buf *label)
{
    *s = (struct section){.what = SECTION_ALL};
    uint32_t path[IMAP_SECTION_DEPTH_MAX];
    bool dot = false;
    while (ascii_digit(imap_peek(p))) {
        if (s->n_path == IMAP_SECTION_DEPTH_MAX)
            return err_set(p->e, ERR_LIMIT, "the part number is over %d levels deep",
                           IMAP_SECTION_DEPTH_MAX);
        if (imap_nz_u32(p, &path[s->n_path]))
            return -1;
        buf_addf(label, s->n_path ? ".%u" : "%u", path[s->n_path]);
        s->n_path++;
        dot = imap_accept(p, '.');
        if (!dot)
            break;
    }
    if (s->n_path) {
        uint32_t *kept = arena_new(p->arena, uint32_t, s->n_path);
        if (!kept)
            return full(p);
        memcpy(kept, path, s->n_path * sizeof(*path));
        s->path = kept;
    }
    bool words_follow = dot || (s->n_path == 0 && imap_peek(p) != ']');
    if (words_follow && numbers_only)
        return imap_fail(p, "expected a part number");
    if (dot)
        buf_addc(label, '.');
    if (words_follow && section_text(p, s, label))
        return -1;
    return imap_expect(p, ']');
}

/* partial: <from.count>, and in the label <from>. */
static int partial(struct imap_parser *p, struct imap_fetch_body *b, struct buf *label)
{
    if (!imap_accept(p, '<'))
        return 0;
    b->partial = true;
    if (imap_u63(p, &b->from) || imap_expect(p, '.') || imap_nz_u63(p, &b->count))
        return -1;
    buf_addf(label, "<%llu>", (unsigned long long)b->from);
    return imap_expect(p, '>');
}

static struct imap_fetch_body *body_add(struct imap_parser *p, struct imap_fetch_args *f)
{
    if (f->n_bodies == IMAP_FETCH_BODIES_MAX)
        return NULL;
    size_t n = f->n_bodies;
    if ((n & (n - 1)) == 0) { /* full at each power of two */
        struct imap_fetch_body *grown = arena_new(p->arena, struct imap_fetch_body, n ? n * 2 : 1);
        if (!grown)
            return NULL;
        if (n)
            memcpy(grown, f->bodies, n * sizeof(*grown));
        f->bodies = grown;
    }
    f->bodies[n] = (struct imap_fetch_body){0};
    f->n_bodies++;
    return &f->bodies[n];
}

static int old_item(struct imap_parser *p, const struct old_word *w, struct imap_fetch_args *f)
{
    struct imap_fetch_body *b = body_add(p, f);
    if (!b)
        return full(p);
    b->peek = w->peek;
    b->section.what = w->what;
    b->label = w->name;
    return 0;
}

/* name: "BODY[", "BINARY[", "BINARY.SIZE[" without its PEEK; p stands behind the '['. */
static int section_item(struct imap_parser *p, enum imap_fetch_kind kind, bool peek,
                        struct slice name, struct imap_fetch_args *f)
{
    BUF_SCOPE label = {.max = 1 << 20};
    struct imap_fetch_body *b = body_add(p, f);
    if (!b)
        return full(p);
    b->kind = kind;
    b->peek = peek;
    buf_add(&label, name);
    if (section(p, kind != IMAP_BODY_SECTION, &b->section, &label))
        return -1;
    buf_addc(&label, ']');
    if (kind != IMAP_BINARY_SIZE && partial(p, b, &label))
        return -1;
    b->label = arena_dup(p->arena, buf_slice(&label));
    return b->label.p && !label.failed ? 0 : full(p);
}

static bool accept_raw(struct imap_parser *p, struct slice s)
{
    if (!slice_startsi(slice_from(p->text, p->at), s))
        return false;
    p->at += s.n;
    return true;
}

/* RFC 8970 6: preview-mod. Previews are there since delivery, so that LAZY changes nothing. A list
   that begins with another word is one of FETCH's own modifiers. */
static int preview_modifiers(struct imap_parser *p)
{
    size_t before = p->at;
    if (!accept_raw(p, S(" (")) || !imap_accept_word(p, S("LAZY"))) {
        p->at = before;
        return 0;
    }
    while (imap_accept(p, ' '))
        if (!imap_accept_word(p, S("LAZY")))
            return imap_fail(p, "unknown PREVIEW modifier");
    return imap_expect(p, ')');
}

static int item(struct imap_parser *p, bool alone, struct imap_fetch_args *f)
{
    static const struct {
        struct slice text, label;
        enum imap_fetch_kind kind;
        bool peek;
    } sections[] = {
        {S_INIT("BODY["), S_INIT("BODY["), IMAP_BODY_SECTION, false},
        {S_INIT("BODY.PEEK["), S_INIT("BODY["), IMAP_BODY_SECTION, true},
        {S_INIT("BINARY["), S_INIT("BINARY["), IMAP_BINARY, false},
        {S_INIT("BINARY.PEEK["), S_INIT("BINARY["), IMAP_BINARY, true},
        {S_INIT("BINARY.SIZE["), S_INIT("BINARY.SIZE["), IMAP_BINARY_SIZE, true},
    };
    for (size_t i = 0; i < COUNT(sections); i++)
        if (accept_raw(p, sections[i].text))
            return section_item(p, sections[i].kind, sections[i].peek, sections[i].label, f);
    for (size_t i = 0; i < COUNT(words); i++)
        if ((alone || !words[i].macro) && imap_accept_word(p, words[i].name)) {
            f->items |= words[i].items;
            return words[i].items == IMAP_FETCH_PREVIEW ? preview_modifiers(p) : 0;
        }
    for (size_t i = 0; i < COUNT(old_words); i++)
        if (imap_accept_word(p, old_words[i].name))
            return old_item(p, &old_words[i], f);
    if (imap_accept_word(p, S("BODY"))) {
        f->items |= IMAP_FETCH_BODY;
        return 0;
    }
    return imap_fail(p, "expected something to fetch");
}

/* fetch-modifiers: RFC 7162 3.1.4.1 and 3.2.6, RFC 9394 3.4. */
static int modifiers(struct imap_parser *p, bool uid, struct imap_fetch_args *f)
{
    if (imap_expect(p, '('))
        return -1;
    do {
        if (!f->has_since && imap_accept_word(p, S("CHANGEDSINCE"))) {
            f->has_since = true;
            if (imap_space(p) || imap_u63(p, &f->since))
                return -1;
        } else if (!f->vanished && uid && imap_accept_word(p, S("VANISHED"))) {
            f->vanished = true;
        } else if (!f->partial.given && uid && imap_accept_word(p, S("PARTIAL"))) {
            if (imap_space(p) || imap_partial(p, &f->partial))
                return -1;
        } else {
            return imap_fail(p, "unknown FETCH modifier");
        }
    } while (imap_accept(p, ' '));
    if (f->vanished && !f->has_since)
        return imap_fail(p, "VANISHED needs CHANGEDSINCE");
    return imap_expect(p, ')');
}

int imap_fetch_args(struct imap_parser *p, bool uid, struct imap_fetch_args *ret)
{
    struct imap_fetch_args f = {0};
    if (imap_accept(p, '(')) {
        do
            if (item(p, false, &f))
                return -1;
        while (imap_accept(p, ' '));
        if (imap_expect(p, ')'))
            return -1;
    } else if (item(p, true, &f)) {
        return -1;
    }
    if (imap_accept(p, ' ') && modifiers(p, uid, &f))
        return -1;
    if (f.has_since)
        f.items |= IMAP_FETCH_MODSEQ;
    f.asked_uid = f.items & IMAP_FETCH_UID;
    if (uid)
        f.items |= IMAP_FETCH_UID;
    *ret = f;
    return 0;
}
