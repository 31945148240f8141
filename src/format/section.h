/* section.h - what FETCH BODY[section] and BINARY[section] name, found in a message. RFC 9051
   6.4.5.1, RFC 3516. The command parser fills struct section; parsing the message again for each
   FETCH is meant to be cheap. */
#pragma once

#include "format/message.h"
#include "format/part_index.h"

enum section_what {
    SECTION_ALL,        /* [] or [1.2]: the whole message, the body of a part */
    SECTION_HEADER,     /* [HEADER], [1.HEADER] of a nested message */
    SECTION_TEXT,       /* [TEXT], [1.TEXT] */
    SECTION_MIME,       /* [1.MIME] */
    SECTION_FIELDS,     /* [HEADER.FIELDS (...)] */
    SECTION_FIELDS_NOT, /* [HEADER.FIELDS.NOT (...)] */
};

struct section {
    enum section_what what;
    const uint32_t *path;
    size_t n_path;
    const struct slice *fields; /* names, for the last two */
    size_t n_fields;
};

/* Where the bytes are. For the FIELDS kinds it is the whole header: give it to section_fields.
   False: there is no such section (the answer is NIL). */
bool section_find(const struct message *m, const struct section *s, size_t *ret_at, size_t *ret_n);
/* The same for the part that the section's path names, found by its index. */
bool section_place(const struct part_place *p, const struct section *s, uint64_t *ret_at,
                   uint64_t *ret_n);

/* [], [HEADER], [TEXT] and the FIELDS of the whole message need no parsed message. */
static inline bool section_is_simple(const struct section *s)
{
    return s->n_path == 0;
}
void section_find_simple(struct slice bytes, const struct section *s, size_t *ret_at,
                         size_t *ret_n);

/* Appends the fields of a header that are (or are not) in the list, as they stand, and the empty
   line. */
void section_fields(struct slice header, const struct section *s, struct buf *out);

/* All of it: appends the section's bytes. 1 found, 0 no such section, -1 `out` is full. */
int section_write(const struct message *m, const struct section *s, struct buf *out);

/* BINARY (RFC 3516 4.2): the part's body without its transfer encoding. Composite parts come as
   they are. 1: it has to be decoded, 0: as it stands, -1: [UNKNOWN-CTE]. */
int section_binary_decodes(const struct part_place *p);
