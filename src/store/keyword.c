/* keyword.c - keywords of an account: the first 48 have a bit in the flag word of every entry,
   those that come later have rows in a table. Names keep the case they came with and compare
   without. */
#include "store/keyword.h"

#include "base/setting.h"
#include "base/utf8.h"
#include "store/shard.h"

SETTING(store, keywords_max, INT, 500, 48, 100000, "Most keywords that an account can have.");
SETTING(store, keyword_length, INT, 200, 16, 1000, "Longest keyword, in bytes.");

DB_STMT(keyword_get, "SELECT id FROM keyword WHERE account = $1 AND folded = $2");
DB_STMT(keyword_put, "INSERT INTO keyword (account, id, name, folded) VALUES ($1, $2, $3, $4)");
DB_STMT(keyword_all, "SELECT id, name FROM keyword WHERE account = $1 ORDER BY id");

static struct slice fold(struct arena *a, struct slice name)
{
    char *p = arena_new(a, char, name.n);
    if (!p)
        return SNONE;
    for (size_t i = 0; i < name.n; i++)
        p[i] = ascii_lower(name.p[i]);
    return slice_of(p, name.n);
}

static bool valid(struct slice name)
{
    if (name.n == 0 || (int64_t)name.n > setting_get(&set_store_keyword_length) ||
        !utf8_valid(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
            return false;
    return true;
}

static int keyword_make(struct txn *t, struct slice name, struct slice folded, int64_t *ret,
                        struct err *e)
{
    if (!valid(name))
        return err_set(e, ERR_SYNTAX, "not a keyword");
    if (account_load(t, e))
        return -1;
    if ((int64_t)t->row.keywords >= setting_get(&set_store_keywords_max))
        return err_set(e, ERR_LIMIT, "the account has too many keywords");
    *ret = (int64_t)t->row.keywords++;
    t->dirty = true;
    return db_run(t->db, &stmt_keyword_put, e, "iitt", (int64_t)t->account, *ret, name, folded);
}

int keyword_resolve(struct txn *t, const struct flagset *flags, bool create, struct arena *a,
                    struct flag_bits *ret, struct err *e)
{
    struct flag_bits b = {.word = flags->system & FLAG_SYSTEM};
    b.overflow = arena_new(a, uint32_t, flags->n);
    for (size_t i = 0; i < flags->n; i++) {
        int64_t id = 0;
        struct slice folded = fold(a, flags->keywords[i]);
        if (!folded.p || !b.overflow)
            return err_set(e, ERR_LIMIT, "too many keywords");
        int rc = utf8_valid(folded) ? db_get_i64(t->db, &stmt_keyword_get, &id, e, "it",
                                                 (int64_t)t->account, folded)
                                    : 0;
        if (rc < 0)
            return -1;
        if (rc == 0 && !create)
            continue;
        if (rc == 0 && keyword_make(t, flags->keywords[i], folded, &id, e))
            return -1;
        if (id < FLAG_KEYWORD_COUNT)
            b.word |= (uint64_t)1 << (FLAG_KEYWORD_FIRST + id);
        else
            b.overflow[b.n++] = (uint32_t)id;
    }
    *ret = b;
    return 0;
}

int keyword_list(struct txn *t, struct arena *a, struct keyword **ret, size_t *ret_n, struct err *e)
{
    size_t n = 0, cap = (size_t)setting_get(&set_store_keywords_max);
    struct keyword *k = NULL;
    struct db_query *q = db_query(t->db, &stmt_keyword_all);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc;
    size_t room = 0;
    while ((rc = db_next(q, e)) > 0 && n < cap) {
        if (n == room) {
            size_t more = room ? room * 2 : 16;
            struct keyword *bigger = arena_new(a, struct keyword, more);
            if (!bigger)
                break;
            if (n)
                memcpy(bigger, k, n * sizeof *k);
            k = bigger;
            room = more;
        }
        k[n].id = (uint32_t)db_i64(q, 0);
        k[n].name = arena_dup(a, db_text(q, 1));
        n++;
    }
    db_end(q);
    if (rc < 0)
        return -1;
    if (a->failed)
        return err_set(e, ERR_LIMIT, "too many keywords");
    *ret = k;
    *ret_n = n;
    return 0;
}
