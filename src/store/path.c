/* path.c - what may be the name of a mailbox. */
#include "store/path.h"

#include "base/setting.h"
#include "format/netunicode.h"

SETTING(store, name_max, INT, 255, 32, 1000, "Longest name of a mailbox, one level, in bytes.");
SETTING(store, depth_max, INT, 50, 2, 200, "Most levels of mailboxes inside each other.");

static int too_long(struct err *e)
{
    return err_set(e, ERR_LIMIT, "the mailbox name is too long");
}

static int check_component(struct slice c, struct err *e)
{
    if (c.n == 0 || slice_eq(c, S(".")) || slice_eq(c, S("..")))
        return err_set(e, ERR_SYNTAX, "not a mailbox name");
    return (int64_t)c.n > setting_get(&set_store_name_max) ? too_long(e) : 0;
}

int path_normalise(struct slice path, struct arena *a, struct slice *ret, struct err *e)
{
    int64_t most = setting_get(&set_store_name_max) * setting_get(&set_store_depth_max);
    if ((int64_t)path.n > most * 4)
        return too_long(e);
    BUF_SCOPE nfc = {0};
    if (netunicode(path, &nfc, e))
        return -1;
    char *copy = arena_cstr(a, nfc.n ? buf_slice(&nfc) : S(""));
    if (!copy)
        return too_long(e);
    struct slice p = slice_of(copy, nfc.n);
    struct slice rest = p;
    int64_t depth = 0;
    do {
        if (check_component(path_next(&rest), e))
            return -1;
        if (++depth > setting_get(&set_store_depth_max))
            return err_set(e, ERR_LIMIT, "the mailbox is too deep");
    } while (rest.p);
    rest = p;
    struct slice first = path_next(&rest);
    if (slice_eqi(first, S("INBOX")))
        memcpy(copy, "INBOX", 5);
    *ret = p;
    return 0;
}

struct slice path_parent(struct slice path)
{
    ptrdiff_t at = slice_rfind(path, '/');
    return at < 0 ? SNONE : slice_sub(path, 0, (size_t)at);
}

struct slice path_last(struct slice path)
{
    ptrdiff_t at = slice_rfind(path, '/');
    return at < 0 ? path : slice_from(path, (size_t)at + 1);
}
