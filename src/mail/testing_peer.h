/* testing_peer.h - for unit tests of the SMTP client: a server that follows a script, on a thread
   of its own. A script is a list of lines:

       C TEXT   the client's next line begins with TEXT
       S TEXT   sent, with CRLF behind it
       R TEXT   sent as it is
       D        the text of a message up to the line with the dot is read (see peer->text)
       B N      so many bytes are read (peer->text)
       X        the connection is closed; the next line of the script is for the next one
       A        the connection is reset; then as X
       W        waits until the client closes; then as X
   What does not fit the script is in peer->wrong. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#include "base/buf.h"

struct peer {
    const char *const *script; /* ends with NULL */
    int listener, fd;
    pthread_t thread;
    uint16_t port;
    struct buf in, text; /* text: of all messages */
    unsigned connections;
    char wrong[400];
};

static inline bool peer_fill(struct peer *p)
{
    char bytes[4096];
    ssize_t n = recv(p->fd, bytes, sizeof(bytes), 0);
    return n > 0 && buf_add(&p->in, slice_of(bytes, (size_t)n)) == 0;
}

static inline bool peer_expect(struct peer *p, const char *want)
{
    ptrdiff_t end;
    while ((end = slice_find(buf_slice(&p->in), '\n')) < 0)
        if (!peer_fill(p)) {
            snprintf(p->wrong, sizeof(p->wrong), "no line, want \"%s\"", want);
            return false;
        }
    struct slice line = slice_sub(buf_slice(&p->in), 0, (size_t)end);
    bool good = slice_starts(line, slice_str(want));
    if (!good)
        snprintf(p->wrong, sizeof(p->wrong), "got \"%.*s\", want \"%s\"", SARG(line), want);
    buf_drop(&p->in, (size_t)end + 1);
    return good;
}

static inline ptrdiff_t peer_dot(const struct peer *p)
{
    for (size_t i = 0; i + 3 <= p->in.n; i++)
        if (memcmp(p->in.p + i, ".\r\n", 3) == 0 &&
            (i == 0 || (i >= 2 && memcmp(p->in.p + i - 2, "\r\n", 2) == 0)))
            return (ptrdiff_t)i;
    return -1;
}

static inline bool peer_text(struct peer *p, size_t count)
{
    ptrdiff_t dot = -1;
    while (count ? p->in.n < count : (dot = peer_dot(p)) < 0)
        if (!peer_fill(p)) {
            snprintf(p->wrong, sizeof(p->wrong), "the text broke off");
            return false;
        }
    size_t n = count ? count : (size_t)dot;
    buf_add(&p->text, slice_sub(buf_slice(&p->in), 0, n));
    buf_drop(&p->in, count ? n : n + 3);
    return true;
}

static inline void peer_say(struct peer *p, const char *text, const char *end)
{
    if (send(p->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return; /* the client has left; the script notices when it wants to read */
    send(p->fd, end, strlen(end), MSG_NOSIGNAL);
}

static inline bool peer_step(struct peer *p, const char *step)
{
    const char *text = step[1] ? step + 2 : "";
    uint64_t count;
    if (p->fd < 0) {
        p->fd = accept(p->listener, NULL, NULL);
        struct timeval t = {.tv_sec = 60};
        setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
        p->connections++;
        buf_reset(&p->in);
    }
    switch (step[0]) {
    case 'C':
        return peer_expect(p, text);
    case 'S':
        peer_say(p, text, "\r\n");
        return true;
    case 'R':
        peer_say(p, text, "");
        return true;
    case 'D':
        return peer_text(p, 0);
    case 'B':
        return slice_u64(slice_str(text), &count) == 0 && peer_text(p, count);
    case 'W':
        while (peer_fill(p))
            continue;
        break;
    case 'A': {
        struct linger now = {.l_onoff = 1};
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        break;
    }
    }
    close(p->fd);
    p->fd = -1;
    return true;
}

static inline void *peer_run(void *arg)
{
    struct peer *p = arg;
    for (const char *const *s = p->script; *s; s++)
        if (!peer_step(p, *s))
            break;
    if (p->fd >= 0)
        close(p->fd);
    return NULL;
}

static inline void peer_start(struct peer *p, const char *const *script)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t n = sizeof(a);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *p = (struct peer){.script = script, .fd = -1};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, 5), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &n), 0);
    p->port = ntohs(a.sin_port);
    pthread_create(&p->thread, NULL, peer_run, p);
}

static inline void peer_stop(struct peer *p)
{
    pthread_join(p->thread, NULL);
    close(p->listener);
    buf_done(&p->in);
    if (p->wrong[0])
        fail_msg("the client: %s", p->wrong);
}
