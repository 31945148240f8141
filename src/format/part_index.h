/* part_index.h - where the parts of a message are, in a few bytes that are kept with it: a section
   is found and read without reading and parsing what stands before it. Written from a parsed
   message, in document order; every number is a varint.

     index   1 when the message holds NUL, 2 when a field of its header or of its own parts' (not of
             messages inside) is UTF-8 beyond ASCII, summed; then the root part
     part    kind and encoding, bytes from the start of the part before (0: of the message) to its
             header, length of the header, length of the body; a multipart: how many children; then
             the children, or the root of the nested message */
#pragma once

#include "base/buf.h"
#include "format/message.h"

void part_index_write(const struct message *m, struct buf *out);

struct part_place {
    enum part_kind kind;
    enum encoding encoding;
    uint64_t head, body, end; /* as in struct part */
    bool nests;               /* PART_MESSAGE: the root of the message inside is at: */
    uint64_t nested_head, nested_body, nested_end;
};

/* The part for an IMAP part number (RFC 9051 6.4.5.1). An empty path is the root. 1 found, 0 no
   such part, -1 the index is empty or damaged: parse the message instead. Nothing found ends
   behind `size`. */
int part_index_find(struct slice index, const uint32_t *path, size_t n, uint64_t size,
                    struct part_place *ret);
void part_place_of(const struct part *p, struct part_place *ret);

/* True when the message surely holds no NUL. */
bool part_index_no_nul(struct slice index);
/* True when who knows ASCII only needs another header: format/surrogate.h. */
bool part_index_has_utf8(struct slice index);

/* The headers of the message and of its own parts, in order: they never overlap. */
struct part_headers {
    struct slice index; /* zeroed but for these two */
    uint64_t size;
    uint64_t head;
    bool begun;
};
int part_headers_next(struct part_headers *h, uint64_t *ret_from, uint64_t *ret_to); /* 1, 0, -1 */
