/* tests.h - what several tests share: fields picked by index and part, address parts, dates. */
#pragma once

#include "format/date.h"
#include "mail/sieve/match.h"

enum sieve_address_part {
    SIEVE_PART_ALL = 1,
    SIEVE_PART_LOCAL,
    SIEVE_PART_DOMAIN,
    SIEVE_PART_USER, /* RFC 5233 */
    SIEVE_PART_DETAIL,
};

/* Tries the part of each address in the value of a field. */
int sieve_try_addresses(struct sieve_matcher *m, struct slice value, enum sieve_address_part part);
/* The part of local@domain; false: it has none (RFC 5233 4). */
bool sieve_address_part_of(struct slice local, struct slice domain, enum sieve_address_part part,
                           struct buf *out);

/* The values that :index and :last leave (RFC 5260 6). */
void sieve_pick_index(const struct sieve_call *c, struct sieve_list *values);

/* Which parts a test looks at: the first, then sieve_mime_next until NULL. NULL first: none. */
const struct part *sieve_mime_first(struct sieve_runner *r, const struct sieve_call *c);
const struct part *sieve_mime_next(struct sieve_runner *r, const struct sieve_call *c,
                                   const struct part *p);
/* RFC 5703 4.1: :type, :subtype, :contenttype, :param of a field instead of its text. */
int sieve_try_mime(struct sieve_matcher *m, const struct sieve_call *c, struct slice name,
                   struct slice value);
int sieve_check_mime(struct sieve_compiler *c);

/* "+0100"; false: it is none. */
bool sieve_zone(struct slice s, int32_t *ret);
/* RFC 5260 4.2; false: no such part. */
bool sieve_date_part(struct date d, struct slice part, struct buf *out);
bool sieve_is_zone(struct slice s);
bool sieve_is_date_part(struct slice s);

/* A value of the envelope (RFC 5228 5.4, RFC 6009). */
struct sieve_envelope_part {
    struct slice name; /* empty: the end */
    bool address;
    int (*values)(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret);
};
extern const struct sieve_envelope_part sieve_envelope_dsn_parts[];
extern const struct sieve_envelope_part sieve_envelope_by_parts[];
/* One value, or none when p is NULL. */
int sieve_one_value(struct sieve_runner *r, struct slice s, struct sieve_list *ret);
