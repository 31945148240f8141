/* quota_args.c - reads the arguments of SETQUOTA. */
#include "proto/imap/quota_args.h"

static int resource(struct imap_parser *p, struct imap_setquota_args *s)
{
    struct slice name;
    uint64_t limit;
    if (imap_atom(p, &name) || imap_space(p) || imap_u63(p, &limit))
        return -1;
    if (!slice_eqi(name, S("STORAGE"))) {
        s->other = name;
        return 0;
    }
    if (s->has_storage)
        return imap_fail(p, "a second limit of STORAGE");
    s->has_storage = true;
    s->storage = limit;
    return 0;
}

int imap_setquota_args(struct imap_parser *p, struct imap_setquota_args *ret)
{
    struct imap_setquota_args s = {0};
    if (imap_space(p) || imap_astring(p, &s.root) || imap_space(p) || imap_expect(p, '('))
        return -1;
    if (!imap_accept(p, ')')) {
        do
            if (resource(p, &s))
                return -1;
        while (imap_accept(p, ' '));
        if (imap_expect(p, ')'))
            return -1;
    }
    *ret = s;
    return 0;
}
