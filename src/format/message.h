/* message.h - the structure of a message: RFC 5322 header and body, MIME parts (RFC 2045, 2046),
   nested messages. One pass over the bytes, nothing copied that is not changed: every slice points
   into the message or into the arena, and both must outlive the result.

   Lines end with LF; a CR before it belongs to the line end. A bare CR is an ordinary byte. Nothing
   a message holds is an error: what is not understood is an opaque leaf. Past a limit the rest is
   left unsplit (`cut` says which limit), so time and memory are linear and nothing recurses.

   How header and body part: the header ends at the first empty line. Lines in it that are no field
   (no colon) are passed over, a leading mbox line "From ..." too. When no empty line comes, or a
   line that begins with "--" comes before it, the body begins at the first such line behind the
   last field. Text without any field before it is no header: all of it is body. A byte order mark
   in front of the first field belongs to the header and to no field. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/setting.h"
#include "format/param.h"

SETTING_DECLARE(format, max_depth);
SETTING_DECLARE(format, max_parts);
SETTING_DECLARE(format, max_header_bytes);
SETTING_DECLARE(format, max_header_fields);

struct message_limits {
    uint32_t depth;         /* multiparts and messages inside each other */
    uint32_t parts;         /* of the whole message */
    uint32_t header_fields; /* indexed, of the whole message */
    size_t header_bytes;    /* of the whole message; fields behind are not indexed */
};

enum message_cut {
    MESSAGE_CUT_DEPTH = 1,
    MESSAGE_CUT_PARTS = 2,
    MESSAGE_CUT_FIELDS = 4,
    MESSAGE_CUT_HEADER = 8,
};

/* Fields that are looked up often are known by number. */
enum field_id {
    FIELD_OTHER,
    FIELD_BCC,
    FIELD_CC,
    FIELD_CONTENT_DESCRIPTION,
    FIELD_CONTENT_DISPOSITION,
    FIELD_CONTENT_ID,
    FIELD_CONTENT_LANGUAGE,
    FIELD_CONTENT_LOCATION,
    FIELD_CONTENT_MD5,
    FIELD_CONTENT_TRANSFER_ENCODING,
    FIELD_CONTENT_TYPE,
    FIELD_DATE,
    FIELD_DELIVERED_TO,
    FIELD_FROM,
    FIELD_IN_REPLY_TO,
    FIELD_LIST_ID,
    FIELD_MESSAGE_ID,
    FIELD_MIME_VERSION,
    FIELD_RECEIVED,
    FIELD_REFERENCES,
    FIELD_REPLY_TO,
    FIELD_RETURN_PATH,
    FIELD_SENDER,
    FIELD_SUBJECT,
    FIELD_TO,
    FIELD_ID_COUNT,
};

struct field {
    struct slice name;  /* as written, without blanks before the colon */
    struct slice value; /* between the colon and the last line end, folds and blanks still in it */
    size_t at;          /* offset of the name in the message */
    size_t n;           /* length with all its line ends */
    enum field_id id;
};

enum part_kind {
    PART_LEAF,      /* also a multipart in which no delimiter was found: text/plain to the reader */
    PART_MULTIPART, /* one child at least */
    PART_MESSAGE,   /* message/rfc822 or message/global: `nested` is there */
};

enum encoding {
    ENCODING_7BIT, /* also when there is no Content-Transfer-Encoding */
    ENCODING_8BIT,
    ENCODING_BINARY,
    ENCODING_QUOTED,
    ENCODING_BASE64,
    ENCODING_UU, /* x-uuencode and its other names */
    ENCODING_UNKNOWN,
};

struct part {
    enum part_kind kind;
    enum encoding encoding;
    bool has_type;             /* a Content-Type that could be read; otherwise the default */
    bool closed;               /* multipart: the closing delimiter was there */
    bool opaque;               /* past a limit, or a message in base 64: application/octet-stream */
    struct slice type;         /* "text", as written, or the default */
    struct slice subtype;      /* "plain" */
    struct param_list params;  /* of Content-Type */
    struct slice encoding_raw; /* token as written, empty when absent */
    struct slice id, description, md5, language, location; /* values, blanks at both ends gone */
    struct slice disposition;                              /* token as written, empty when absent */
    struct param_list disposition_params;

    size_t head;    /* offset of the header */
    size_t body;    /* offset of the body; the header is [head, body) with its empty line */
    size_t end;     /* end of the body; the line end before a delimiter is not part of it */
    uint32_t lines; /* line ends in [body, end) */

    struct field *fields; /* header index, in order */
    uint32_t n_fields;
    uint32_t index;      /* among its siblings from 1; 1 for the root of a message */
    uint32_t n_children; /* of a multipart */
    uint32_t depth;
    struct part *parent; /* of the root of a nested message: the message part; of the root: NULL */
    struct part *first, *last, *next; /* children of a multipart, next sibling */
    struct part *nested;              /* PART_MESSAGE: root part of the message inside */
    struct part *following;           /* all parts in document order: the walk without a stack */
};

struct message {
    struct slice bytes;
    struct part *root;
    uint32_t n_parts;
    uint32_t lines; /* of the whole message */
    unsigned cut;   /* enum message_cut */
};

/* The values of the settings now. */
struct message_limits message_limits(void);

/* limits NULL: those of the settings. -1 with ERR_LIMIT only when the arena's limit is reached:
   give it MESSAGE_ARENA_LIMIT and the default limits never get there. */
#define MESSAGE_ARENA_LIMIT ((size_t)64 << 20)
int message_parse(struct slice bytes, const struct message_limits *limits, struct arena *a,
                  struct message **ret, struct err *e);

/* First field with that id, or with that name (ASCII case folded); NULL when there is none. */
const struct field *part_field(const struct part *p, enum field_id id);
const struct field *part_field_named(const struct part *p, struct slice name);
/* The next one with the same name after f. */
const struct field *part_field_next(const struct part *p, const struct field *f);
enum field_id field_id_of(struct slice name);

/* Walks the fields of any header bytes, without an index and without limits: *rest is the header,
   the next field is cut off it. False at the end. Lines that are no field are passed over. `at`
   counts from the start of `header`. */
bool header_next(struct slice header, size_t *pos, struct field *ret);
/* Offset of the body in bytes that begin with a header; the same rule as message_parse. */
size_t header_end(struct slice bytes);

static inline struct slice part_header(const struct message *m, const struct part *p)
{
    return slice_sub(m->bytes, p->head, p->body);
}

static inline struct slice part_body(const struct message *m, const struct part *p)
{
    return slice_sub(m->bytes, p->body, p->end);
}

/* What the part is to a reader: its type, or the default, or what stands for an unsplit one. */
void part_type(const struct part *p, struct slice *ret_type, struct slice *ret_subtype);
bool part_is(const struct part *p, const char *type, const char *subtype); /* subtype NULL: any */

/* Is p the root of a message (the whole one or a nested one)? */
static inline bool part_is_root(const struct part *p)
{
    return !p->parent || p->parent->nested == p;
}

/* The part for an IMAP part number (RFC 9051 6.4.5.1), or NULL. An empty path is the root. */
struct part *message_part(const struct message *m, const uint32_t *path, size_t n);
/* Appends that number: "1.2.3". A root multipart has none (nothing is appended); the root multipart
   of a nested message has the number of the part that holds it. */
void part_number(const struct part *p, struct buf *out);

/* Appends the file name as UTF-8 (Content-Disposition filename, else Content-Type name) reduced to
   its last path component without controls; nothing when there is none. */
void part_filename(const struct part *p, struct buf *out);
