/* ring.h - records from one process to another and back, through memory that both have mapped: one
   ring each way, with one sender and one receiver. Made for a peer that may have been taken over:
   what it writes into the shared memory can make the ring broken, and nothing else. A record is
   copied out before anybody looks at it; positions of our own are never read back from there; the
   memory is sealed, so that the peer cannot cut it off under us.

   Who has nothing to do sleeps on ring_fd(), a socket. Sockets and not eventfds, because whether a
   call on an eventfd waits is a property of the descriptor that both share, and the peer could
   change it. The socket ends when the peer does.

   One thread at a time uses an end. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct ring;

enum { RING_RECORD_MAX = 64 * 1024 };
enum ring_result { RING_BROKEN = -1, RING_WAIT = 0, RING_OK = 1 };

/* What a process needs to open its end; given on by fork or over a socket. */
struct ring_end {
    int memory, socket;
};

/* Both ends of a pair of rings with `size` bytes each: a power of two, 256 KB or more. */
int ring_make(size_t size, struct ring_end ret[2], struct err *e);
void ring_end_close(struct ring_end *end);

/* Takes the descriptors, also when it fails. side: the index in ring_make(). */
int ring_open(struct ring_end *end, unsigned side, struct ring **ret, struct err *e);
void ring_close(struct ring *r); /* NULL is fine */

/* WAIT: there is no room; ring_fd() gets readable when there may be. */
enum ring_result ring_send(struct ring *r, struct slice record);
/* A record of two parts. */
enum ring_result ring_send_both(struct ring *r, struct slice first, struct slice second);
/* Into out, whose bytes before are thrown away. WAIT: there is none. */
enum ring_result ring_receive(struct ring *r, struct buf *out);

/* Before sleeping: true: nothing has come, and ring_fd() gets readable when it does. */
bool ring_rest(struct ring *r);
int ring_fd(const struct ring *r);
/* After ring_fd() was readable; -1: the peer has gone. What it sent before can still be received.
 */
int ring_woken(struct ring *r);
