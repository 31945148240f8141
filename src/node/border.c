/* border.c - a socket of whole messages. A word is one byte; a descriptor comes with one byte. */
#include "node/border.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

static int worker_end = -1;

int border_make(int ret[2], struct err *e)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret))
        return err_errno(e, ERR_IO, "socketpair");
    return 0;
}

void border_use(int fd)
{
    worker_end = fd;
}

int border_say(enum border_word word, struct err *e)
{
    char byte = (char)word;
    if (send(worker_end, &byte, 1, MSG_NOSIGNAL) != 1)
        return err_errno(e, ERR_IO, "the supervisor does not answer");
    return 0;
}

int border_hear(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n == 1 ? byte : -1;
}

enum { GIFT_MAX = 2 };

union control {
    char space[CMSG_SPACE(GIFT_MAX * sizeof(int))];
    struct cmsghdr align;
};

void border_give(int fd, enum border_gift gift, const int *fds, unsigned n)
{
    char byte = (char)gift;
    union control control = {0};
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    BUG_IF(n == 0 || n > GIFT_MAX);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    if (sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        LOG(LOG_WARN, "serve.worker_does_not_listen");
}

int border_take(int ret[2])
{
    char byte;
    union control control = {0};
    struct iovec io = {&byte, 1};
    struct msghdr m = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof(control.space)};
    ret[0] = ret[1] = -1;
    if (recvmsg(worker_end, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= CMSG_LEN(GIFT_MAX * sizeof(int)))
        memcpy(ret, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    return byte;
}
