/* part.c - questions about parts: their IMAP numbers, their names, what they are. */
#include "base/utf8.h"
#include "format/message.h"

void part_type(const struct part *p, struct slice *ret_type, struct slice *ret_subtype)
{
    *ret_type = p->type;
    *ret_subtype = p->subtype;
    if (p->opaque) {
        *ret_type = S("application");
        *ret_subtype = S("octet-stream");
    } else if (p->kind == PART_LEAF && slice_eqi(p->type, S("multipart"))) {
        *ret_type = S("text");
        *ret_subtype = S("plain");
    }
}

bool part_is(const struct part *p, const char *type, const char *subtype)
{
    struct slice t, s;
    part_type(p, &t, &s);
    return slice_eqi(t, slice_str(type)) && (!subtype || slice_eqi(s, slice_str(subtype)));
}

/* RFC 9051 6.4.5.1 */
struct part *message_part(const struct message *m, const uint32_t *path, size_t n)
{
    struct part *p = m->root, *at = m->root;
    for (size_t i = 0; i < n; i++) {
        if (!at)
            return NULL;
        if (at->kind == PART_MULTIPART) {
            p = path[i] <= at->n_children && path[i] > 0 ? at->first : NULL;
            for (uint32_t k = 1; p && k < path[i]; k++)
                p = p->next;
        } else {
            p = path[i] == 1 ? at : NULL; /* the only part of a message that is no multipart */
        }
        if (!p)
            return NULL;
        at = p->kind == PART_MULTIPART ? p : p->kind == PART_MESSAGE ? p->nested : NULL;
    }
    return p;
}

void part_number(const struct part *p, struct buf *out)
{
    enum { DIGITS = 11, DEPTH = 1002 };
    uint32_t path[DEPTH];
    size_t n = 0;
    for (; p && n < DEPTH; p = p->parent)
        if (!part_is_root(p))
            path[n++] = p->index;
        else if (p->kind != PART_MULTIPART)
            path[n++] = 1;
    while (n-- > 0) {
        buf_addu(out, path[n]);
        if (n)
            buf_addc(out, '.');
    }
}

void part_filename(const struct part *p, struct buf *out)
{
    const struct param *name = param_find(&p->disposition_params, S("filename"));
    if (!name || !name->raw.n)
        name = param_find(&p->params, S("name"));
    if (!name)
        return;
    BUF_SCOPE text = {.max = 64 << 10};
    param_text(name, &text);
    struct slice s = slice_trim(buf_slice(&text));
    for (size_t i = s.n; i-- > 0;) {
        if (s.p[i] == '/' || s.p[i] == '\\') {
            s = slice_from(s, i + 1);
            break;
        }
    }
    if (!slice_eq(s, S(".")) && !slice_eq(s, S("..")))
        buf_add(out, s);
}
