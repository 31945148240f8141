/* resolver_file.c - the file of fixed answers (io.dns_hosts). It is read at every question: it is
   small, and tests change it while the server runs. */
#include <arpa/inet.h>

#include "base/fd.h"
#include "io/resolver_internal.h"

enum { FILE_MAX = 1 << 20 };

static struct slice word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct slice w = slice_sub(*rest, 0, n);
    *rest = slice_trim(slice_from(*rest, n));
    return w;
}

static int add(struct dns_records *r, struct arena *a, struct slice data)
{
    if (r->n == DNS_RECORDS_MAX)
        return 0;
    r->data[r->n] = arena_dup(a, data);
    return r->data[r->n++].p ? 0 : -1;
}

static int add_address(struct dns_records *r, struct arena *a, struct slice text,
                       enum dns_type type)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    if (text.n >= sizeof(address))
        return -1;
    memcpy(address, text.p, text.n);
    address[text.n] = '\0';
    if (inet_pton(AF_INET, address, bytes) == 1)
        return type == DNS_A ? add(r, a, slice_of(bytes, 4)) : 0;
    if (inet_pton(AF_INET6, address, bytes) == 1)
        return type == DNS_AAAA ? add(r, a, slice_of(bytes, 16)) : 0;
    return -1;
}

static int add_mx(struct dns_records *r, struct arena *a, struct slice rest)
{
    uint32_t preference;
    struct slice number = word(&rest), wire;
    BUF_SCOPE b = {.max = 300};
    if (slice_u32(number, &preference) || preference > 65535 || dns_name_to_wire(rest, a, &wire))
        return -1;
    buf_addc(&b, (char)(preference >> 8));
    buf_addc(&b, (char)preference);
    buf_add(&b, wire);
    return add(r, a, buf_slice(&b));
}

static int add_txt(struct dns_records *r, struct arena *a, struct slice text)
{
    BUF_SCOPE b = {.max = 65535};
    do {
        struct slice piece = slice_sub(text, 0, 255);
        buf_addc(&b, (char)piece.n);
        buf_add(&b, piece);
        text = slice_from(text, piece.n);
    } while (text.n);
    return add(r, a, buf_slice(&b));
}

/* One line: 0 when it has nothing to say to the question or was added, -1 when it is wrong. */
static int line_answer(struct slice line, struct slice name, enum dns_type type, struct arena *a,
                       struct dns_records *r, bool *ret_fail)
{
    struct slice rest = line, verb = word(&rest), about = word(&rest), wire;
    if (verb.n == 0 || verb.p[0] == '#')
        return 0;
    if (slice_eq(verb, S("ptr"))) {
        struct slice reverse;
        if (dns_reverse_name(about, a, &reverse) || dns_name_to_wire(rest, a, &wire))
            return -1;
        return type == DNS_PTR && slice_eqi(reverse, name) ? add(r, a, wire) : 0;
    }
    bool mine = slice_eqi(about, name);
    if (slice_eq(verb, S("fail"))) {
        *ret_fail |= mine;
        return 0;
    }
    if (slice_eq(verb, S("mx")))
        return mine && type == DNS_MX ? add_mx(r, a, rest) : 0;
    if (slice_eq(verb, S("a")))
        return mine && (type == DNS_A || type == DNS_AAAA) ? add_address(r, a, rest, type) : 0;
    if (slice_eq(verb, S("txt")))
        return mine && type == DNS_TXT ? add_txt(r, a, rest) : 0;
    return -1;
}

int dns_ask_file(const char *path, struct slice name, enum dns_type type, struct arena *a,
                 struct dns_records *ret, struct err *e)
{
    BUF_SCOPE text = {.max = FILE_MAX};
    bool fail = false;
    ret->n = 0;
    if (file_read(path, &text, e)) {
        if (e)
            e->code = ERR_BUSY;
        return -1;
    }
    struct slice rest = buf_slice(&text);
    for (int at = 1; rest.p; at++) {
        if (line_answer(slice_cut(&rest, '\n'), name, type, a, ret, &fail))
            return err_set(e, ERR_BUSY, "%s:%d: not an answer", path, at);
    }
    if (fail)
        return err_set(e, ERR_BUSY, "DNS: %.*s fails", SARG(name));
    if (ret->n == 0)
        return err_set(e, ERR_NOTFOUND, "DNS: no such record of %.*s", SARG(name));
    return 0;
}
