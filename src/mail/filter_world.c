/* filter_world.c - what a script asks at delivery: of the store, each time in a snapshot of its
   own, because a run may take long; of the directory; of this program. */
#include <openssl/evp.h>

#include "base/setting.h"
#include "mail/filter_internal.h"
#include "mail/host.h"
#include "store/collection.h"
#include "store/script.h"

/* No two pairs of strings are written alike. Addresses count without case: who writes as another
   case of himself is not answered again. */
void filter_key(enum filter_memory_kind kind, struct slice a, struct slice b,
                unsigned char ret[MEMORY_KEY])
{
    BUF_SCOPE text = {.max = (size_t)1 << 30};
    buf_addf(&text, "%c%zu:", (char)kind, a.n);
    buf_add(&text, a);
    for (size_t i = 0; i < b.n; i++)
        buf_addc(&text, kind == MEMORY_OF_DUPLICATE ? b.p[i] : ascii_lower(b.p[i]));
    BUG_IF(text.failed || EVP_Digest(text.p, text.n, ret, NULL, EVP_sha256(), NULL) != 1);
}

/* The scripts of the site are those of everybody in the directory (RFC 6609 3.2). */
static int script(void *ctx, bool site, struct slice name, struct arena *a, struct slice *ret_code,
                  struct err *e)
{
    const struct filter_world *w = ctx;
    struct slice text;
    struct txn *t;
    int got;
    if (site) {
        got = directory_script((struct script_owner){.domain = S("")}, name, a, &text, e);
    } else {
        if (txn_read(w->account, &t, e))
            return -1;
        got = script_read(t, name, a, NULL, &text, e);
        txn_end(t);
    }
    if (got <= 0)
        return got;
    return sieve_compile(text, NULL, NULL, a, ret_code, NULL, e) ? -1 : 1;
}

static int mailbox(void *ctx, struct slice name, struct err *e)
{
    const struct filter_world *w = ctx;
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c;
    struct err why = {0};
    struct txn *t;
    if (txn_read(w->account, &t, e))
        return -1;
    int bad = collection_by_path(t, name, &a, &c, &why);
    txn_end(t);
    if (!bad)
        return c.selectable;
    if (why.code == ERR_NOTFOUND || why.code == ERR_SYNTAX || why.code == ERR_LIMIT)
        return 0;
    return err_set(e, why.code, "%s", why.text);
}

static int by_id(uint64_t account, uint64_t id, struct arena *a, struct collection *ret,
                 struct err *e)
{
    struct err why = {0};
    struct txn *t;
    if (txn_read(account, &t, e))
        return -1;
    int bad = collection_by_id(t, id, a, ret, &why);
    txn_end(t);
    if (!bad)
        return ret->selectable;
    return why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.text);
}

/* As STATUS gives it (RFC 8474 4.3): F and the number. */
static int mailbox_id(void *ctx, struct slice id, struct err *e)
{
    const struct filter_world *w = ctx;
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c;
    uint64_t n;
    if (!slice_starts(id, S("F")) || slice_u64(slice_from(id, 1), &n))
        return 0;
    return by_id(w->account, n, &a, &c, e);
}

static int special_use(void *ctx, struct slice name, struct slice flag, struct err *e)
{
    const struct filter_world *w = ctx;
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c;
    enum collection_role role = role_from_special_use(flag);
    struct err why = {0};
    struct txn *t;
    if (role == ROLE_NONE)
        return 0;
    if (txn_read(w->account, &t, e))
        return -1;
    int bad = name.p ? collection_by_path(t, name, &a, &c, &why)
                     : collection_by_role(t, role, &a, &c, &why);
    txn_end(t);
    if (!bad)
        return c.role == role && c.selectable;
    if (why.code == ERR_NOTFOUND || why.code == ERR_SYNTAX || why.code == ERR_LIMIT)
        return 0;
    return err_set(e, why.code, "%s", why.text);
}

/* RFC 5183 4.1. Of the client that brought the message nothing is known here. */
static int environment(void *ctx, struct slice item, struct buf *out, struct err *e)
{
    const struct filter_world *w = ctx;
    const struct {
        struct slice item, value;
    } items[] = {
        {S("domain"), w->domain},    {S("host"), mail_hostname()}, {S("location"), S("MDA")},
        {S("name"), S("Carbonado")}, {S("phase"), S("during")},
    };
    (void)e;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        if (slice_eqi(item, items[i].item)) {
            buf_add(out, items[i].value);
            return 1;
        }
    return 0;
}

static int remembered(const struct filter_world *w, enum filter_memory_kind kind, struct slice a,
                      struct slice b, struct err *e)
{
    unsigned char key[MEMORY_KEY];
    struct txn *t;
    filter_key(kind, a, b, key);
    if (txn_read(w->account, &t, e))
        return -1;
    int got = memory_has(t, key, e);
    txn_end(t);
    return got;
}

static int duplicate(void *ctx, struct slice handle, struct slice id, uint64_t seconds,
                     struct err *e)
{
    (void)seconds; /* what was asked for then counts: RFC 7352 3.3 */
    return remembered(ctx, MEMORY_OF_DUPLICATE, handle, id, e);
}

static int replied(void *ctx, struct slice key, struct slice to, uint64_t seconds, struct err *e)
{
    (void)seconds;
    return remembered(ctx, MEMORY_OF_VACATION, key, to, e);
}

static int own_address(void *ctx, struct slice address, struct err *e)
{
    const struct filter_world *w = ctx;
    return directory_may_send_as(w->account, address, e);
}

const struct sieve_world filter_world = {
    .script = script,
    .mailbox = mailbox,
    .mailbox_id = mailbox_id,
    .special_use = special_use,
    .environment = environment,
    .duplicate = duplicate,
    .replied = replied,
    .own_address = own_address,
};
