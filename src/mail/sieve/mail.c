/* mail.c - the message of a run. Edits of the header change a list of fields; bytes are written
   when somebody needs them. Every action keeps the header and body that were there when it was
   taken (RFC 5293 6). */
#include "mail/sieve/mail.h"

#include "format/fields.h"
#include "format/header_edit.h"
#include "format/word.h"
#include "mail/sieve/run.h"

static int take_fields(struct sieve_runner *r, struct sieve_mail *m)
{
    const struct part *root = m->m->root;
    m->n = 0;
    m->cap = root->n_fields + 16;
    m->fields = arena_new(r->arena, struct sieve_field, m->cap);
    if (!m->fields)
        return sieve_fail_memory(r);
    for (uint32_t i = 0; i < root->n_fields; i++) {
        const struct field *f = &root->fields[i];
        m->fields[m->n++] = (struct sieve_field){f->name, f->value,
                                                 slice_sub(m->bytes, f->at, f->at + f->n), false};
    }
    m->header_edited = false;
    m->header = SNONE;
    return 0;
}

int sieve_mail_init(struct sieve_runner *r, struct sieve_mail *m, struct slice bytes,
                    const struct message *parsed)
{
    *m = (struct sieve_mail){.bytes = bytes, .m = parsed};
    ptrdiff_t lf = slice_find(bytes, '\n');
    m->eol = lf == 0 || (lf > 0 && bytes.p[lf - 1] != '\r') ? S("\n") : S("\r\n");
    if (!parsed) {
        struct message *made;
        if (message_parse(bytes, NULL, r->arena, &made, r->e))
            return sieve_fail_memory(r);
        m->m = made;
    }
    return take_fields(r, m);
}

int sieve_mail_write(struct sieve_runner *r, struct slice *ret_header, struct slice *ret_body)
{
    struct sieve_mail *m = &r->mail;
    *ret_body = part_body(m->m, m->m->root);
    if (!m->header_edited) {
        *ret_header = part_header(m->m, m->m->root);
        return 0;
    }
    if (!m->header.p) {
        BUF_SCOPE out = {.max = r->limits->memory};
        for (uint32_t i = 0; i < m->n; i++) {
            buf_add(&out, m->fields[i].raw);
            if (out.n && out.p[out.n - 1] != '\n')
                buf_add(&out, m->eol);
        }
        buf_add(&out, m->eol);
        if (sieve_keep_buf(r, &out, &m->header))
            return -1;
    }
    *ret_header = m->header;
    return 0;
}

int sieve_mail_replace(struct sieve_runner *r, struct slice bytes)
{
    struct sieve_mail next = {0};
    const struct message *from = r->mail.m;
    if (sieve_work(r, bytes.n) || sieve_mail_init(r, &next, bytes, NULL))
        return -1;
    next.edited = true;
    for (uint32_t i = 0; i < next.n; i++)
        next.fields[i].fixed = slice_eqi(next.fields[i].name, S("Original-Subject")) ||
                               slice_eqi(next.fields[i].name, S("Original-From"));
    r->mail = next;
    sieve_loops_move(r, from);
    return 0;
}

/* A field with the line ends of the message. */
static int write_field(struct sieve_runner *r, struct slice name, struct slice value,
                       struct slice *ret)
{
    BUF_SCOPE crlf = {.max = r->limits->memory};
    BUF_SCOPE out = {.max = r->limits->memory};
    header_text(name, value, &crlf);
    for (size_t i = 0; i < crlf.n; i++)
        if (crlf.p[i] != '\r' || r->mail.eol.n == 2)
            buf_addc(&out, crlf.p[i]);
    return crlf.failed ? sieve_fail_memory(r) : sieve_keep_buf(r, &out, ret);
}

int sieve_mail_add(struct sieve_runner *r, struct slice name, struct slice value, bool last,
                   bool fixed)
{
    struct sieve_mail *m = &r->mail;
    struct sieve_field f = {.fixed = fixed};
    if (sieve_keep_text(r, name, &f.name) || write_field(r, f.name, value, &f.raw))
        return -1;
    f.value = slice_trim(slice_from(f.raw, f.name.n + 1));
    if (m->n == m->cap) {
        struct sieve_field *more = arena_new(r->arena, struct sieve_field, m->cap * 2);
        if (!more)
            return sieve_fail_memory(r);
        memcpy(more, m->fields, m->n * sizeof(*more));
        m->fields = more;
        m->cap *= 2;
    }
    if (!last)
        memmove(m->fields + 1, m->fields, m->n * sizeof(*m->fields));
    m->fields[last ? m->n : 0] = f;
    m->n++;
    m->edited = m->header_edited = true;
    m->header = SNONE;
    return 0;
}

void sieve_mail_remove(struct sieve_runner *r, uint32_t i)
{
    struct sieve_mail *m = &r->mail;
    memmove(m->fields + i, m->fields + i + 1, (m->n - i - 1) * sizeof(*m->fields));
    m->n--;
    m->edited = m->header_edited = true;
    m->header = SNONE;
}

int sieve_values(struct sieve_runner *r, const struct part *p, struct slice name,
                 struct sieve_list *ret)
{
    bool root = !p || p == r->mail.m->root;
    uint32_t n = root ? r->mail.n : p->n_fields;
    if (sieve_work(r, n))
        return -1;
    *ret = (struct sieve_list){0};
    for (int pass = 0; pass < 2; pass++) {
        if (pass && !ret->n)
            break;
        if (pass) {
            ret->items = arena_new(r->arena, struct slice, ret->n);
            if (!ret->items)
                return sieve_fail_memory(r);
            ret->n = 0;
        }
        for (uint32_t i = 0; i < n; i++) {
            struct slice its = root ? r->mail.fields[i].name : p->fields[i].name;
            if (its.n != name.n || !slice_eqi(its, name))
                continue;
            if (pass)
                ret->items[ret->n] = root ? r->mail.fields[i].value : p->fields[i].value;
            ret->n++;
        }
    }
    return 0;
}

int sieve_text(struct sieve_runner *r, struct slice value, struct slice *ret)
{
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_work(r, value.n))
        return -1;
    word_decode(value, &out);
    return out.failed ? sieve_fail_memory(r) : sieve_keep_text(r, slice_trim(buf_slice(&out)), ret);
}

int sieve_first_text(struct sieve_runner *r, struct slice name, struct slice *ret)
{
    struct sieve_list l;
    *ret = SNONE;
    if (sieve_values(r, NULL, name, &l))
        return -1;
    return l.n ? sieve_text(r, l.items[0], ret) : 0;
}

static bool inside(const struct part *scope, const struct part *p)
{
    while (p && p != scope)
        p = p->parent;
    return p;
}

const struct part *sieve_next_inside(const struct part *scope, const struct part *p)
{
    p = p->following;
    return p && inside(scope, p) ? p : NULL;
}
