/* resolver_fuzz.c - names of DNS answers and the file of fixed answers: a name that is read is
   written back to the same, and no name holds what could break a line. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fuzz.h"
#include "io/resolver_internal.h"

static void names(struct slice in)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct slice text, wire, again;
    if (dns_name_to_text(in, &a, &text) == 0) {
        for (size_t i = 0; i < text.n; i++)
            BUG_IF((unsigned char)text.p[i] <= ' ' || (unsigned char)text.p[i] >= 127);
        BUG_IF(dns_name_to_wire(text, &a, &wire) || wire.n > 255);
        BUG_IF(dns_name_to_text(wire, &a, &again) || !slice_eq(again, text));
    }
    if (dns_name_to_wire(in, &a, &wire) == 0) {
        BUG_IF(wire.n > 255 || wire.p[wire.n - 1] != 0);
        BUG_IF(dns_name_to_text(wire, &a, &text));
        if (!slice_ends(in, S(".")))
            BUG_IF(!slice_eqi(text, in.n ? in : S(".")));
    }
    if (dns_reverse_name(in, &a, &text) == 0)
        BUG_IF(dns_name_to_wire(text, &a, &wire));
}

static void file(struct slice in)
{
    static const enum dns_type types[] = {DNS_A, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA};
    ARENA_SCOPE a = {.limit = 8 << 20};
    char path[64];
    AUTO_FD fd = memfd_create("answers", MFD_CLOEXEC);
    BUG_IF(fd < 0 || fd_pwrite_all(fd, in.p, in.n, 0));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        struct dns_records r;
        struct err e = {0};
        int rc = dns_ask_file(path, S("a.test"), types[i], &a, &r, &e);
        BUG_IF(rc ? e.code == ERR_OK : r.n == 0 || r.n > DNS_RECORDS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    names(slice_of(d, n));
    file(slice_of(d, n));
    return 0;
}
