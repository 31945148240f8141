/* downgrade.h - a message made ready for a server that cannot have it as it is: RFC 6152 3 (no
   8BITMIME), RFC 3030 3 (no BINARYMIME). Body parts are encoded, everything else stays byte for
   byte. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends to out what may be sent by DATA: without NUL and bare CR or LF, and without bytes over
   127 unless keep_8bit. ERR_UNSUPPORTED: that cannot be had without doing harm (8-bit headers, a
   part that is signed or damaged). *ret_8bit: bytes over 127 are left. */
int message_downgrade(struct slice bytes, bool keep_8bit, struct buf *out, bool *ret_8bit,
                      struct err *e);

/* Are the header fields of the message and of its own parts ASCII? What is inside an attached
   message is that message's affair; *ret_global: there is a part message/global or of its kin. */
bool message_header_is_ascii(struct slice bytes, bool *ret_global);
