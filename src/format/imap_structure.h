/* imap_structure.h - ENVELOPE and BODYSTRUCTURE exactly as they go on the wire (RFC 9051 7.5.2,
   and RFC 3501 7.4.2, which asks for the same). Made once per message and stored; BODY is made of
   BODYSTRUCTURE when it is asked for (imap_body.h).

   Strings are quoted when they are short 7-bit text without CR, LF and NUL, else literals: the form
   is right in every session, UTF8=ACCEPT or not. NUL bytes are left out, folds are undone. */
#pragma once

#include "format/message.h"

/* Appends `("date" "subject" ((...)) ...)` of a message's root part. Sender and Reply-To default to
   From. Addresses past ADDRESS_MAX per field are left out. */
void imap_envelope(const struct part *root, struct buf *out);

/* Appends the body structure of the whole message. A multipart without parts shows one empty
 * text/plain, because the grammar wants one. Iterative. */
void imap_bodystructure(const struct message *m, struct buf *out);

/* An nstring: quoted, literal, or NIL when s.p is NULL. */
void imap_nstring(struct slice s, struct buf *out);
void imap_string(struct slice s, struct buf *out);
