/* surrogate.c - one walk over the fields. How a field is written anew hangs on its name; what no
   row knows is text (RFC 6857 3.2.8). */
#include "format/surrogate.h"

#include <idn2.h>

#include "base/utf8.h"
#include "format/address.h"
#include "format/header_edit.h"
#include "format/message.h"
#include "format/text.h"
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

/* Appends the value on one line, without comments. RFC 5322 3.2.2 */
static void without_comments(struct slice v, struct buf *out)
{
    BUF_SCOPE kept = {0};
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        size_t n = c == '\\' && (quoted || depth) && i + 1 < v.n ? 2 : 1;
        if (!depth && c == '"')
            quoted = !quoted;
        if (!quoted && c == '(')
            depth++;
        if (!depth)
            buf_add(&kept, slice_sub(v, i, i + n));
        if (!quoted && c == ')' && depth && --depth == 0)
            buf_addc(&kept, ' ');
        i += n - 1;
    }
    text_squeeze(buf_slice(&kept), out);
}

/* RFC 6857 3.2.2, 3.2.4: nothing but comments should be beyond ASCII in these; they go. */
static bool write_structured(const struct field *f, struct buf *out)
{
    BUF_SCOPE value = {0};
    without_comments(f->value, &value);
    if (!ascii_only(buf_slice(&value)) || slice_search(buf_slice(&value), S("=?")) >= 0)
        return false;
    header_text(f->name, buf_slice(&value), out);
    return true;
}

/* RFC 6857 3.1.10, 3.2.3 */
static bool write_ids(const struct field *f, struct buf *out)
{
    BUF_SCOPE name = {0}, value = {0};
    if (write_structured(f, out))
        return true;
    buf_addf(&name, "Downgraded-%.*s", SARG(f->name));
    text_squeeze(f->value, &value);
    header_text(buf_slice(&name), buf_slice(&value), out);
    return true;
}

/* --- addresses ------------------------------------------------------------------------------- */
/* RFC 6857 3.1.6: the same domain in another spelling, so that it can be answered. */
static bool a_labels(struct slice domain, struct buf *out)
{
    enum { LONGEST = 1000 };
    char text[LONGEST + 1];
    uint8_t *ascii = NULL;
    if (!domain.n || domain.n > LONGEST || memchr(domain.p, '\0', domain.n))
        return false;
    memcpy(text, domain.p, domain.n);
    text[domain.n] = '\0';
    if (idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) !=
        IDN2_OK)
        return false;
    struct slice s = slice_str((const char *)ascii);
    bool good = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        good =
            good && (ascii_alpha(s.p[i]) || ascii_digit(s.p[i]) || s.p[i] == '-' || s.p[i] == '.');
    if (good)
        buf_add(out, s);
    idn2_free(ascii);
    return good;
}

/* RFC 6858 2.1: "Anything that produces an email address that might belong to someone else is
   bad." ".invalid" belongs to nobody. */
static void write_mailbox(const struct address *ad, struct buf *out)
{
    BUF_SCOPE name = {0}, spec = {0}, domain = {0};
    address_name(ad, &name);
    address_spec(ad, &spec);
    if (ascii_only(buf_slice(&spec))) {
        address_write(buf_slice(&name), ad->local, ad->domain, out);
        return;
    }
    if (ascii_only(ad->local) && a_labels(ad->domain, &domain)) {
        address_write(buf_slice(&name), ad->local, buf_slice(&domain), out);
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
    BUF_SCOPE value = {0};
    without_comments(f->value, &value);
    struct slice rest = buf_slice(&value);
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
    {S_INIT("Accept-Language"), write_structured},
    {S_INIT("Auto-Submitted"), write_structured},
    {S_INIT("Bcc"), write_addresses},
    {S_INIT("Cc"), write_addresses},
    {S_INIT("Content-Disposition"), write_params},
    {S_INIT("Content-ID"), write_structured},
    {S_INIT("Content-Language"), write_structured},
    {S_INIT("Content-Transfer-Encoding"), write_structured},
    {S_INIT("Content-Type"), write_params},
    {S_INIT("Date"), write_structured},
    {S_INIT("Disposition-Notification-To"), write_addresses},
    {S_INIT("From"), write_addresses},
    {S_INIT("In-Reply-To"), write_ids},
    {S_INIT("MIME-Version"), write_structured},
    {S_INIT("Mail-Followup-To"), write_addresses},
    {S_INIT("Mail-Reply-To"), write_addresses},
    {S_INIT("Message-ID"), write_ids},
    {S_INIT("Received"), write_structured},
    {S_INIT("References"), write_ids},
    {S_INIT("Reply-To"), write_addresses},
    {S_INIT("Resent-Bcc"), write_addresses},
    {S_INIT("Resent-Cc"), write_addresses},
    {S_INIT("Resent-Date"), write_structured},
    {S_INIT("Resent-From"), write_addresses},
    {S_INIT("Resent-Message-ID"), write_ids},
    {S_INIT("Resent-Reply-To"), write_addresses},
    {S_INIT("Resent-Sender"), write_addresses},
    {S_INIT("Resent-To"), write_addresses},
    {S_INIT("Return-Path"), write_path},
    {S_INIT("Sender"), write_addresses},
    {S_INIT("To"), write_addresses},
};

static void write_field(const struct field *f, struct buf *out)
{
    size_t from = out->n;
    bool (*write)(const struct field *f, struct buf *out) = write_text;
    if (!ascii_only(f->name))
        return;
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (slice_eqi(f->name, forms[i].name))
            write = forms[i].write;
    if (!write(f, out))
        out->n = from; /* RFC 6858 2.4 */
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
