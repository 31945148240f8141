/* carbonado_parse.c - prints what format/ makes of messages, one JSON object a line, for the
   comparison with other parsers. Arguments are files; those that end in .mbox hold many messages.
   Bytes of the message are written as strings in which each byte is one character (latin-1). */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/utf8.h"
#include "format/fields.h"
#include "format/imap_structure.h"
#include "format/mbox.h"
#include "format/preview.h"
#include "format/section.h"
#include "format/subject.h"
#include "format/text.h"
#include "format/transfer.h"

static void json_bytes(struct buf *o, struct slice s)
{
    buf_addc(o, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == '"' || c == '\\' || c >= 127)
            buf_addf(o, "\\u%04x", c);
        else
            buf_addc(o, (char)c);
    }
    buf_addc(o, '"');
}

static void json_text(struct buf *o, struct slice s)
{
    BUG_IF(!utf8_valid(s));
    buf_addc(o, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == '"' || c == '\\' || c == 127)
            buf_addf(o, "\\u%04x", c);
        else
            buf_addc(o, (char)c);
    }
    buf_addc(o, '"');
}

static void json_sha(struct buf *o, struct slice s)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_Digest(s.n ? s.p : "", s.n, md, &n, EVP_sha256(), NULL);
    buf_addc(o, '"');
    for (unsigned i = 0; i < 16; i++)
        buf_addf(o, "%02x", md[i]);
    buf_addc(o, '"');
}

static void addresses(struct buf *o, const char *name, const struct address_list *l)
{
    buf_addf(o, ",\"%s\":[", name);
    for (size_t i = 0; i < l->n; i++) {
        BUF_SCOPE text = {0};
        BUF_SCOPE spec = {0};
        address_name(&l->items[i], &text);
        address_spec(&l->items[i], &spec);
        buf_addf(o, "%s[%d,", i ? "," : "", l->items[i].kind);
        json_text(o, buf_slice(&text));
        buf_addc(o, ',');
        json_bytes(o, l->items[i].kind == ADDRESS_MAILBOX ? buf_slice(&spec) : SNONE);
        buf_addc(o, ']');
    }
    buf_addc(o, ']');
}

static void header(struct buf *o, const struct part *p)
{
    buf_adds(o, ",\"fields\":[");
    for (uint32_t i = 0; i < p->n_fields; i++) {
        BUF_SCOPE text = {0};
        field_text(p->fields[i].value, &text);
        buf_adds(o, i ? ",[" : "[");
        json_bytes(o, p->fields[i].name);
        buf_addc(o, ',');
        json_bytes(o, p->fields[i].value);
        buf_addc(o, ',');
        json_text(o, buf_slice(&text));
        buf_addc(o, ']');
    }
    buf_addc(o, ']');
}

static void params(struct buf *o, const char *name, const struct param_list *l)
{
    buf_addf(o, ",\"%s\":[", name);
    for (size_t i = 0; i < l->n; i++) {
        BUF_SCOPE text = {0};
        param_text(&l->items[i], &text);
        buf_adds(o, i ? ",[" : "[");
        json_bytes(o, l->items[i].name);
        buf_addc(o, ',');
        json_text(o, buf_slice(&text));
        buf_addc(o, ']');
    }
    buf_addc(o, ']');
}

static void one_part(struct buf *o, const struct message *m, const struct part *p)
{
    static const char *const kinds[] = {"leaf", "multipart", "message"};
    struct slice body = part_body(m, p);
    BUF_SCOPE type = {0};
    BUF_SCOPE number = {0};
    buf_addf(&type, "%.*s/%.*s", SARG(p->type), SARG(p->subtype));
    part_number(p, &number);
    buf_addf(o, "{\"kind\":\"%s\",\"depth\":%u,\"number\":\"%.*s\",\"type\":", kinds[p->kind],
             p->depth, SARG(buf_slice(&number)));
    json_bytes(o, buf_slice(&type));
    buf_addf(o, ",\"head\":%zu,\"body\":%zu,\"end\":%zu,\"size\":%zu,\"lines\":%u,\"encoding\":",
             p->head, p->body, p->end, body.n, p->lines);
    json_bytes(o, p->encoding_raw);
    params(o, "params", &p->params);
    params(o, "disposition", &p->disposition_params);
    header(o, p);
    buf_adds(o, ",\"raw\":");
    json_sha(o, body);
    if (p->kind == PART_LEAF) {
        BUF_SCOPE decoded = {.max = 256 << 20};
        transfer_decode(p->encoding, body, &decoded);
        buf_adds(o, ",\"decoded\":");
        json_sha(o, buf_slice(&decoded));
        buf_addf(o, ",\"decoded_size\":%zu", decoded.n);
    }
    if (p->kind == PART_LEAF && part_is(p, "text", NULL)) {
        BUF_SCOPE text = {.max = 256 << 20};
        part_text(m, p, 64 << 20, &text);
        BUG_IF(!utf8_valid(buf_slice(&text)));
        buf_adds(o, ",\"text\":");
        json_sha(o, buf_slice(&text));
        buf_addf(o, ",\"text_size\":%zu", text.n);
    }
    buf_addc(o, '}');
}

/* Every section of the message lies where the tree says, whatever way it is asked for. */
static void check_sections(const struct message *m)
{
    for (const struct part *p = m->root; p; p = p->following) {
        BUG_IF(p->head > p->body || p->body > p->end || p->end > m->bytes.n);
        BUG_IF(p->parent && (p->head < p->parent->body || p->end > p->parent->end));
        BUG_IF(p->next && p->next->head < p->end);
    }
    struct section s = {.what = SECTION_HEADER};
    size_t at, n;
    section_find_simple(m->bytes, &s, &at, &n);
    BUG_IF(at != 0 || n != m->root->body);
}

static void print_message(struct slice name, struct slice bytes)
{
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE o = {.max = 512 << 20};
    struct message *m;
    struct message_fields f;
    struct err e = {0};
    if (message_parse(bytes, NULL, &a, &m, &e) || message_fields(m->root, &a, &f, &e)) {
        fprintf(stderr, "%.*s: %s\n", SARG(name), e.text);
        exit(1);
    }
    check_sections(m);
    buf_adds(&o, "{\"file\":");
    json_bytes(&o, name);
    buf_addf(&o, ",\"size\":%zu,\"cut\":%u,\"has_date\":%s,\"date\":%lld,\"subject\":", bytes.n,
             m->cut, f.has_date ? "true" : "false", f.has_date ? (long long)f.date.at : 0LL);
    json_text(&o, f.subject);
    buf_adds(&o, ",\"message_id\":");
    json_bytes(&o, f.message_id);
    addresses(&o, "from", &f.from);
    addresses(&o, "to", &f.to);
    addresses(&o, "cc", &f.cc);
    addresses(&o, "reply_to", &f.reply_to);
    BUF_SCOPE envelope = {.max = 256 << 20};
    BUF_SCOPE structure = {.max = 256 << 20};
    BUF_SCOPE preview = {0};
    BUF_SCOPE base = {0};
    imap_envelope(m->root, &envelope);
    imap_bodystructure(m, &structure);
    message_preview(m, &preview);
    subject_base(f.subject, &base);
    BUG_IF(!utf8_valid(buf_slice(&preview)) || !utf8_valid(buf_slice(&base)));
    buf_adds(&o, ",\"envelope\":");
    json_bytes(&o, buf_slice(&envelope));
    buf_adds(&o, ",\"structure\":");
    json_bytes(&o, buf_slice(&structure));
    buf_adds(&o, ",\"preview\":");
    json_text(&o, buf_slice(&preview));
    buf_adds(&o, ",\"parts\":[");
    for (const struct part *p = m->root; p; p = p->following) {
        one_part(&o, m, p);
        if (p->following)
            buf_addc(&o, ',');
    }
    buf_adds(&o, "]}\n");
    BUG_IF(o.failed);
    fwrite(o.p, 1, o.n, stdout);
}

struct box {
    struct slice name;
    struct buf message;
    unsigned n;
};

static int box_begin(void *ctx, struct slice sender, bool has_date, struct date date)
{
    struct box *b = ctx;
    (void)sender;
    (void)has_date;
    (void)date;
    buf_reset(&b->message);
    return 0;
}

static int box_data(void *ctx, struct slice s)
{
    struct box *b = ctx;
    return buf_add(&b->message, s);
}

static int box_end(void *ctx)
{
    struct box *b = ctx;
    BUF_SCOPE name = {0};
    buf_addf(&name, "%.*s#%u", SARG(b->name), b->n++);
    print_message(buf_slice(&name), buf_slice(&b->message));
    return 0;
}

static void print_mbox(struct slice name, struct slice bytes)
{
    enum { CHUNK = 1000 };
    struct box box = {.name = name, .message = {.max = 64 << 20}};
    struct mbox_reader r;
    mbox_reader_init(&r, MBOX_RD, (struct mbox_sink){&box, box_begin, box_data, box_end});
    for (size_t i = 0; i < bytes.n; i += CHUNK)
        mbox_feed(&r, slice_sub(bytes, i, i + CHUNK));
    mbox_finish(&r);
    buf_done(&box.message);
}

static void read_file(const char *name, struct buf *out)
{
    FILE *f = fopen(name, "rb");
    size_t n;
    char *room;
    if (!f) {
        perror(name);
        exit(1);
    }
    do {
        room = buf_space(out, 1 << 16);
        BUG_IF(!room);
        n = fread(room, 1, 1 << 16, f);
        out->n += n;
    } while (n);
    fclose(f);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        BUF_SCOPE bytes = {.max = 256 << 20};
        struct slice path = slice_str(argv[i]);
        ptrdiff_t slash = slice_rfind(path, '/');
        struct slice name = slice_from(path, (size_t)(slash + 1));
        read_file(argv[i], &bytes);
        if (slice_ends(name, S(".mbox")))
            print_mbox(name, buf_slice(&bytes));
        else
            print_message(name, buf_slice(&bytes));
    }
    return 0;
}
