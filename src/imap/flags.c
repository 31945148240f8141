/* flags.c - flags and keywords. RFC 9051 2.3.2 and 7.3.5. */
#include "imap/flags.h"

#include "base/setting.h"

enum { KEYWORD_IDS_MAX = 1 << 20 };

SETTING_DECLARE(store, keywords_max);

_Static_assert((int)IMAP_FLAG_SEEN == (int)FLAG_SEEN &&
                   (int)IMAP_FLAG_ANSWERED == (int)FLAG_ANSWERED &&
                   (int)IMAP_FLAG_FLAGGED == (int)FLAG_FLAGGED &&
                   (int)IMAP_FLAG_DELETED == (int)FLAG_DELETED &&
                   (int)IMAP_FLAG_DRAFT == (int)FLAG_DRAFT,
               "the parser's bits are the store's");

int flags_load(struct request *r, struct txn *t, struct err *e)
{
    if (r->keywords)
        return 0;
    struct keywords *k = arena_new(&r->arena, struct keywords, 1);
    if (!k)
        return err_set(e, ERR_LIMIT, "the command needs too much memory");
    if (keyword_list(t, &r->arena, &k->list, &k->n, e))
        return -1;
    for (size_t i = 0; i < k->n; i++)
        if (k->list[i].id >= k->ids)
            k->ids = (size_t)k->list[i].id + 1;
    if (k->ids > KEYWORD_IDS_MAX || !(k->by_id = arena_new(&r->arena, struct slice, k->ids)))
        return err_set(e, ERR_LIMIT, "the account has too many keywords");
    for (size_t i = 0; i < k->n; i++)
        k->by_id[k->list[i].id] = k->list[i].name;
    r->keywords = k;
    return 0;
}

static void add(struct buf *out, bool *first, struct slice name)
{
    if (!*first)
        buf_addc(out, ' ');
    *first = false;
    buf_add(out, name);
}

void flags_write(const struct request *r, const struct entry *en, struct buf *out)
{
    const struct keywords *k = r->keywords;
    bool first = true;
    buf_addc(out, '(');
    for (size_t i = 0; imap_system_flags[i].p; i++)
        if (en->flags & (1ULL << i))
            add(out, &first, imap_system_flags[i]);
    for (size_t i = 0; i < FLAG_KEYWORD_COUNT && i < k->ids; i++)
        if ((en->flags & (1ULL << (FLAG_KEYWORD_FIRST + i))) && k->by_id[i].p)
            add(out, &first, k->by_id[i]);
    for (size_t i = 0; i < en->overflow_n; i++)
        if (en->overflow[i] < k->ids && k->by_id[en->overflow[i]].p)
            add(out, &first, k->by_id[en->overflow[i]]);
    if (!(r->s->enabled & ENABLED_REV2) && r->s->sel && uidset_has(&r->s->sel->recent, en->uid))
        add(out, &first, S("\\Recent"));
    buf_addc(out, ')');
}

static void all_flags(const struct request *r, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; imap_system_flags[i].p; i++)
        add(out, &first, imap_system_flags[i]);
    for (size_t i = 0; i < r->keywords->n; i++)
        add(out, &first, r->keywords->list[i].name);
}

void flags_announce(const struct request *r, const struct selected *sel, struct buf *out)
{
    buf_adds(out, "* FLAGS (");
    all_flags(r, out);
    buf_adds(out, ")\r\n* OK [PERMANENTFLAGS (");
    if (!sel->read_only) {
        all_flags(r, out);
        /* RFC 9051 7.1: not when there is no room for another keyword. */
        if ((int64_t)r->keywords->n < setting_get(&set_store_keywords_max))
            buf_adds(out, " \\*");
    }
    buf_adds(out, sel->read_only ? ")] Read-only mailbox\r\n" : ")] Kept for ever\r\n");
}

int64_t flags_keyword(const struct request *r, struct slice name)
{
    for (size_t i = 0; i < r->keywords->n; i++)
        if (slice_eqi(r->keywords->list[i].name, name))
            return r->keywords->list[i].id;
    return -1;
}

bool flags_has_keyword(const struct entry *en, uint32_t id)
{
    if (id < FLAG_KEYWORD_COUNT)
        return en->flags & (1ULL << (FLAG_KEYWORD_FIRST + id));
    for (size_t i = 0; i < en->overflow_n; i++)
        if (en->overflow[i] == id)
            return true;
    return false;
}

struct flagset flags_of(const struct imap_flags *f)
{
    return (struct flagset){.system = f->system, .keywords = f->keywords, .n = f->n};
}
