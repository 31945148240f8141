/* mail.h - the message of a run: its header as a list that can be edited (RFC 5293), its structure,
   and its bytes as they are now. */
#pragma once

#include "mail/sieve/sieve.h"

struct sieve_runner;

struct sieve_field {
    struct slice name, value; /* value: folds and blanks still in it */
    struct slice raw;         /* all of it with line end */
    bool fixed;               /* may not be removed (RFC 5703 5) */
};

struct sieve_mail {
    struct slice bytes; /* without the edits of the header since it was parsed */
    const struct message *m;
    struct sieve_field *fields;
    uint32_t n, cap;
    bool edited; /* anything differs from what came in */
    bool header_edited;
    struct slice header; /* as written; p NULL: to be written */
    struct slice eol;
};

int sieve_mail_init(struct sieve_runner *r, struct sieve_mail *m, struct slice bytes,
                    const struct message *parsed);
/* Header with its empty line, and body, as they are now. */
int sieve_mail_write(struct sieve_runner *r, struct slice *ret_header, struct slice *ret_body);
/* The message is now these bytes. */
int sieve_mail_replace(struct sieve_runner *r, struct slice bytes);

/* RFC 5293: at the front, or at the end. The value is encoded (RFC 2047). */
int sieve_mail_add(struct sieve_runner *r, struct slice name, struct slice value, bool last,
                   bool fixed);
void sieve_mail_remove(struct sieve_runner *r, uint32_t i);

/* Values of the fields with that name, folds still in them, of the message (part NULL) or of a
   part. */
int sieve_values(struct sieve_runner *r, const struct part *p, struct slice name,
                 struct sieve_list *ret);
/* As text: unfolded, decoded, trimmed (RFC 5228 2.4.2.2, 2.7.2). */
int sieve_text(struct sieve_runner *r, struct slice value, struct slice *ret);
/* The same of the first one, p NULL when there is none. */
int sieve_first_text(struct sieve_runner *r, struct slice name, struct slice *ret);

/* The parts that a test with :mime looks at (RFC 5703 4.1): the first; then, with :anychild, what
   is inside it. NULL at the end. */
const struct part *sieve_next_inside(const struct part *scope, const struct part *p);
