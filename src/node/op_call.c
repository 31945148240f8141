/* op_call.c - asking for an operation: of the running server over its socket, or of the same
   function here, with the state directory locked and opened. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "node/control.h"
#include "node/op.h"
#include "node/state.h"

struct op_session {
    int socket, lock;
    bool open, read_only;
    char dir[STATE_PATH_MAX];
};

/* 0: connected; 1: nobody listens there; -1: an error. */
static int connect_server(struct op_session *s, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char path[STATE_PATH_MAX];
    if (state_path(path, s->dir, "run/control.sock", e))
        return -1;
    if (strlen(path) >= sizeof(a.sun_path))
        return err_set(e, ERR_LIMIT, "the path of the state directory is too long for a socket");
    memcpy(a.sun_path, path, strlen(path));
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(e, ERR_IO, "socket");
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
        s->socket = TAKE_FD(fd);
        return 0;
    }
    if (errno == ENOENT || errno == ECONNREFUSED)
        return 1;
    return err_errno(e, errno == EACCES ? ERR_NOPERM : ERR_IO, "%s", path);
}

int op_open(const char *state_dir, struct op_session **ret, struct err *e)
{
    struct op_session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->socket = s->lock = -1;
    int rc = state_path(s->dir, state_dir, ".", e) ? -1 : connect_server(s, e);
    if (rc == 1)
        rc = state_lock(s->dir, &s->lock, e);
    if (rc) {
        op_close(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int op_open_server(const char *state_dir, struct op_session **ret, struct err *e)
{
    struct op_session *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    s->socket = s->lock = -1;
    int rc = state_path(s->dir, state_dir, ".", e) ? -1 : connect_server(s, e);
    if (rc) {
        op_close(s);
        s = NULL;
    }
    *ret = s;
    return rc;
}

int op_open_copy(const char *dir, struct op_session **ret, struct err *e)
{
    if (op_open(dir, ret, e))
        return -1;
    (*ret)->read_only = true;
    return 0;
}

bool op_has_server(const struct op_session *s)
{
    return s->socket >= 0;
}

void op_close(struct op_session *s)
{
    if (!s)
        return;
    if (s->open)
        state_close();
    fd_closep(&s->socket);
    fd_closep(&s->lock);
    free(s);
}

/* --- here --------------------------------------------------------------------------------- */
static int call_here(struct op_session *s, const char *name, json_t *args, struct slice payload,
                     json_t **ret, struct buf *ret_payload, struct err *e)
{
    const struct op *op = op_find(slice_str(name));
    if (!op)
        return err_set(e, ERR_NOTFOUND, "no such operation");
    if (op->needs_server)
        return err_set(e, ERR_UNSUPPORTED, "the server does not run");
    if (!s->open && (state_is_made(s->dir, e) || state_open(s->dir, false, e)))
        return -1;
    s->open = true;
    if (op->needs_store && state_open_store(s->dir, s->read_only, e))
        return -1;
    return op->run(args, payload, ret, ret_payload, e);
}

/* --- over the socket ---------------------------------------------------------------------- */
static int read_exactly(int fd, char *p, size_t n, struct err *e)
{
    while (n) {
        ssize_t got = recv(fd, p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(e, ERR_IO, "control socket");
        if (got == 0)
            return err_set(e, ERR_BUSY, "the server went away");
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

static int send_all(int fd, struct slice s, struct err *e)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(e, ERR_IO, "control socket");
        s = slice_from(s, (size_t)n);
    }
    return 0;
}

static int read_answer(int fd, json_t **ret, struct buf *ret_payload, struct err *e)
{
    char header[CONTROL_HEADER];
    size_t json_n, payload_n;
    BUF_SCOPE b = {.max = CONTROL_JSON_MAX};
    json_error_t why;
    if (read_exactly(fd, header, sizeof(header), e))
        return -1;
    control_header_read(header, &json_n, &payload_n);
    char *room = buf_space(&b, json_n);
    if (!room || read_exactly(fd, room, json_n, e))
        return room ? -1 : err_set(e, ERR_LIMIT, "control socket: the answer is too large");
    *ret = json_loadb(room, json_n, 0, &why);
    if (!*ret)
        return err_set(e, ERR_IO, "control socket: %s", why.text);
    if (payload_n > CONTROL_PAYLOAD_MAX || !(room = buf_space(ret_payload, payload_n)))
        return err_set(e, ERR_LIMIT, "control socket: the answer is too large");
    ret_payload->n += payload_n;
    return read_exactly(fd, room, payload_n, e);
}

static int take_answer(json_t *answer, json_t **ret, struct err *e)
{
    json_t *error = json_object_get(answer, "error"), *ok = json_object_get(answer, "ok");
    if (error) {
        const char *code = json_string_value(json_object_get(error, "code"));
        const char *text = json_string_value(json_object_get(error, "text"));
        return err_set(e, control_code(code ? code : ""), "%s", text ? text : "failed");
    }
    if (!ok)
        return err_set(e, ERR_IO, "control socket: no answer in the answer");
    *ret = json_incref(ok);
    return 0;
}

static int call_server(struct op_session *s, const char *name, json_t *args, struct slice payload,
                       json_t **ret, struct buf *ret_payload, struct err *e)
{
    BUF_SCOPE out = {.max = (size_t)CONTROL_JSON_MAX + CONTROL_PAYLOAD_MAX + 16};
    json_t *asked = json_pack("{s:s, s:O}", "op", name, "args", args), *answer = NULL;
    int rc = -1;
    if (!asked)
        return err_set(e, ERR_SYNTAX, "%s: arguments are not valid text", name);
    if (control_frame_write(&out, asked, payload, e) == 0 &&
        send_all(s->socket, buf_slice(&out), e) == 0 &&
        read_answer(s->socket, &answer, ret_payload, e) == 0)
        rc = take_answer(answer, ret, e);
    json_decref(asked);
    json_decref(answer);
    return rc;
}

int op_call(struct op_session *s, const char *name, json_t *args, struct slice payload,
            json_t **ret, struct buf *ret_payload, struct err *e)
{
    BUF_SCOPE own_payload = {.max = CONTROL_PAYLOAD_MAX};
    json_t *own_args = args ? json_incref(args) : json_object(), *result = NULL;
    int (*call)(struct op_session *, const char *, json_t *, struct slice, json_t **, struct buf *,
                struct err *) = op_has_server(s) ? call_server : call_here;
    int rc = call(s, name, own_args, payload, &result, ret_payload ? ret_payload : &own_payload, e);
    json_decref(own_args);
    if (rc == 0 && ret)
        *ret = result ? result : json_object();
    else
        json_decref(result);
    return rc;
}
