/* idle.h - IDLE (RFC 2177, RFC 9051 6.3.13): notices of the store become READ jobs that write the
   updates. Between them an idle session owns no request. */
#pragma once

#include "imap/session.h"
#include "store/notice.h"

/* What a session has in IDLE only. */
struct idling {
    struct session *s;
    struct notice_sub sub;
    struct link follow; /* see idle_share.h */
    bool subscribed, dirty;
    bool follows; /* somebody else looks for it */
    bool alone;   /* it has to look for itself next */
    uint8_t line_n;
    char line[10]; /* that ends it */
    char tag[];
};

size_t idle_input(struct session *s, struct slice in); /* waits for DONE; returns bytes taken */
void idle_synced(struct session *s);   /* a job for a notice came back, or output went */
void idle_followed(struct session *s); /* who looked for it has ended */
void idle_end(struct session *s);      /* no more notices */
