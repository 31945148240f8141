/* surrogate.c - one walk over the fields. How a field is written anew hangs on its name; of a field
   that no row knows nothing is kept (RFC 6858 2.4). */
#include "format/surrogate.h"

#include "base/utf8.h"
#include "format/address.h"
#include "format/header_edit.h"
#include "format/message.h"
#include "format/word.h"

enum { COLUMNS = 76, ADDRESSES_MEMORY = 16 << 20, PARAMS_MEMORY = 4 << 20 };

static bool is_utf8(struct slice header, const struct field *f)
{
    struct slice whole = slice_sub(header, f->at, f->at + f->n);
    return !ascii_only(whole) && utf8_valid(whole);
}

bool header_has_utf8(struct slice header)
{
    struct field f;
    for (size_t pos = 0; header_next(header, &pos, &f);)
        if (is_utf8(header, &f))
            return true;
    return false;
}

/* --- texts ----------------------------------------------------------------------------------- */
static bool write_text(const struct field *f, struct buf *out)
{
    BUF_SCOPE text = {0};
    word_decode(slice_trim(f->value), &text);
    header_text(f->name, buf_slice(&text), out);
    return true;
}

/* --- addresses ------------------------------------------------------------------------------- */
/* RFC 6858 2.1: "Anything that produces an email address that might belong to someone else is
   bad." ".invalid" belongs to nobody. */
static void write_mailbox(const struct address *ad, struct buf *out)
{
    BUF_SCOPE name = {0}, spec = {0};
    address_name(ad, &name);
    address_spec(ad, &spec);
    if (ascii_only(buf_slice(&spec))) {
        address_write(buf_slice(&name), ad->local, ad->domain, out);
        return;
    }
    if (name.n)
        buf_addf(&name, " <%.*s>", SARG(buf_slice(&spec)));
    else
        buf_add(&name, buf_slice(&spec));
    address_write(buf_slice(&name), S("invalid"), S("internationalized-address.invalid"), out);
}

static void write_item(const struct address *ad, struct buf *out)
{
    BUF_SCOPE name = {0};
    if (ad->kind == ADDRESS_MAILBOX) {
        write_mailbox(ad, out);
        return;
    }
    address_name(ad, &name);
    word_encode_phrase(buf_slice(&name), 0, out);
    buf_addc(out, ':');
}

static bool write_addresses(const struct field *f, struct buf *out)
{
    ARENA_SCOPE a = {.limit = ADDRESSES_MEMORY};
    struct address_list list;
    if (address_parse(f->value, 0, &a, &list))
        return false;
    bool first = true;
    buf_add(out, f->name);
    buf_addc(out, ':');
    for (size_t i = 0; i < list.n; i++) {
        const struct address *ad = &list.items[i];
        if (ad->kind == ADDRESS_GROUP_END) {
            buf_addc(out, ';');
            first = false;
            continue;
        }
        buf_add(out, first ? S(" ") : S(",\r\n "));
        write_item(ad, out);
        first = ad->kind == ADDRESS_GROUP;
    }
    buf_add(out, S("\r\n"));
    return true;
}

/* RFC 5321 4.4: a path has no display name. */
static bool write_path(const struct field *f, struct buf *out)
{
    buf_addf(out, "%.*s: <invalid@internationalized-address.invalid>\r\n", SARG(f->name));
    return true;
}

/* --- MIME parameters ------------------------------------------------------------------------- */
static bool write_params(const struct field *f, struct buf *out)
{
    ARENA_SCOPE a = {.limit = PARAMS_MEMORY};
    struct param_list params;
    struct slice rest = f->value;
    struct slice token = slice_trim(slice_cut(&rest, ';'));
    if (!ascii_only(token) || token.n == 0 || token.n > COLUMNS)
        return false;
    if (param_parse(rest.p ? rest : S(""), &a, &params))
        return false;
    buf_addf(out, "%.*s: %.*s", SARG(f->name), SARG(token));
    for (size_t i = 0; i < params.n; i++) {
        BUF_SCOPE text = {0};
        if (!ascii_only(params.items[i].name))
            continue;
        param_text(&params.items[i], &text);
        param_write(params.items[i].name, buf_slice(&text), out);
    }
    buf_add(out, S("\r\n"));
    return true;
}

/* --- fields ---------------------------------------------------------------------------------- */
static const struct form {
    struct slice name;
    bool (*write)(const struct field *f, struct buf *out); /* false: it cannot be written */
} forms[] = {
    {S_INIT("Bcc"), write_addresses},
    {S_INIT("Cc"), write_addresses},
    {S_INIT("Comments"), write_text},
    {S_INIT("Content-Description"), write_text},
    {S_INIT("Content-Disposition"), write_params},
    {S_INIT("Content-Type"), write_params},
    {S_INIT("Disposition-Notification-To"), write_addresses},
    {S_INIT("From"), write_addresses},
    {S_INIT("Mail-Followup-To"), write_addresses},
    {S_INIT("Mail-Reply-To"), write_addresses},
    {S_INIT("Organization"), write_text},
    {S_INIT("Reply-To"), write_addresses},
    {S_INIT("Resent-Bcc"), write_addresses},
    {S_INIT("Resent-Cc"), write_addresses},
    {S_INIT("Resent-From"), write_addresses},
    {S_INIT("Resent-Reply-To"), write_addresses},
    {S_INIT("Resent-Sender"), write_addresses},
    {S_INIT("Resent-To"), write_addresses},
    {S_INIT("Return-Path"), write_path},
    {S_INIT("Sender"), write_addresses},
    {S_INIT("Subject"), write_text},
    {S_INIT("Thread-Topic"), write_text},
    {S_INIT("To"), write_addresses},
};

static void write_field(const struct field *f, struct buf *out)
{
    size_t from = out->n;
    bool written = false;
    if (!ascii_only(f->name))
        return;
    if (slice_startsi(f->name, S("X-"))) /* text to everybody but their makers */
        written = write_text(f, out);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (slice_eqi(f->name, forms[i].name))
            written = forms[i].write(f, out);
    if (!written)
        out->n = from;
}

void header_surrogate(struct slice header, struct buf *out)
{
    struct field f;
    size_t copied = 0;
    for (size_t pos = 0; header_next(header, &pos, &f);) {
        if (!is_utf8(header, &f))
            continue;
        buf_add(out, slice_sub(header, copied, f.at));
        write_field(&f, out);
        copied = f.at + f.n;
    }
    buf_add(out, slice_from(header, copied));
}
