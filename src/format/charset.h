/* charset.h - from any charset of mail to UTF-8. Names go through a table, which is also the list
   of what iconv is given: what mail says is often not what is meant (iso-8859-1 is windows-1252,
   gb2312 is gb18030, ks_c_5601-1987 is cp949), and no stranger chooses a converter that is not in
   it. Empty and unknown charsets and us-ascii: UTF-8 where the bytes are that, each other byte over
   127 as windows-1252. Output is always valid UTF-8; what means nothing becomes U+FFFD. It grows
   linearly and stops at the buffer's limit. Any split of the input gives the same output. */
#pragma once

#include "base/buf.h"

enum charset_kind {
    CHARSET_GUESS, /* UTF-8 repaired with windows-1252 */
    CHARSET_UTF8,
    CHARSET_1252,
    CHARSET_HZ,    /* RFC 1843 */
    CHARSET_2022,  /* ISO-2022-JP and its extensions */
    CHARSET_UTF7,  /* RFC 2152 */
    CHARSET_UTF16, /* byte order mark, or big endian (RFC 2781 4.3) */
    CHARSET_ICONV,
};

struct charset_reader {
    enum charset_kind kind;
    void *iconv;   /* iconv_t, or NULL */
    size_t unit;   /* bytes to pass over when they mean nothing */
    char held[16]; /* a character that has not ended yet */
    size_t n_held;
    char escape[4]; /* HZ, 2022: an escape sequence or half a character */
    size_t n_escape;
    int mode; /* HZ, 2022: which set is shifted in; UTF-7: whether base 64 is */
    struct {
        uint32_t bits; /* of base 64 that are no unit yet, */
        int have;      /* and how many */
        uint32_t high; /* half a surrogate pair, or 0 */
    } utf7;
    bool known; /* false: the name was not in the table */
};

/* Appends `in` as UTF-8. False when the charset is unknown (the text is there all the same). */
bool charset_to_utf8(struct slice charset, struct slice in, struct buf *out);

/* Appends the bytes of a header field that says no charset: UTF-8 when most of what is beyond ASCII
   is that (a character cut off at the end becomes U+FFFD), else windows-1252. */
void charset_guess(struct slice in, struct buf *out);

/* The name by which the converter is known ("UTF-8", "CP949"), or NULL. Static storage. */
const char *charset_name(struct slice charset);

/* Push style, for bodies that come in pieces. done frees what init took. */
void charset_reader_init(struct charset_reader *r, struct slice charset);
void charset_reader_feed(struct charset_reader *r, struct slice in, struct buf *out);
void charset_reader_finish(struct charset_reader *r, struct buf *out);
void charset_reader_done(struct charset_reader *r);

/* From UTF-8. -1 when a character does not exist there or the charset is unknown. */
int charset_from_utf8(struct slice charset, struct slice utf8, struct buf *out);

/* Opens every converter once and keeps it, so that conversion needs no file afterwards: for before
   the sandbox. Returns how many are missing on this machine. */
int charset_preload(void);
