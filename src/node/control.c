/* control.c - the server's side of the control socket. The socket's mode keeps strangers out, and
   the peer's user number is looked at besides: the owner of the process and root. An operation runs
   as a job at READ while its connection is paused. */
#include "node/control.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/listener.h"
#include "node/op.h"
#include "node/state.h"

static _Atomic long connections;

unsigned long control_connections(void)
{
    return (unsigned long)connections;
}

struct control {
    struct job job;
    struct conn *conn; /* NULL: gone while the job ran */
    struct buf in;     /* the frame that arrives */
    bool busy;
    json_t *asked, *result;
    struct slice payload;
    struct buf result_payload;
};

static void control_free(struct control *k)
{
    json_decref(k->asked);
    json_decref(k->result);
    buf_done(&k->in);
    buf_done(&k->result_payload);
    free(k);
}

static void forget_request(struct control *k)
{
    json_decref(k->asked);
    json_decref(k->result);
    k->asked = k->result = NULL;
    buf_done(&k->in);
    buf_done(&k->result_payload);
}

/* --- running ------------------------------------------------------------------------------ */
static enum job_next run_op(struct job *job, struct txn *txn)
{
    (void)txn;
    struct control *k = list_entry(job, struct control, job);
    const char *name = json_string_value(json_object_get(k->asked, "op"));
    json_t *args = json_object_get(k->asked, "args");
    const struct op *op = name ? op_find(slice_str(name)) : NULL;
    k->result_payload.max = CONTROL_PAYLOAD_MAX;
    if (!op)
        err_set(&job->err, ERR_NOTFOUND, "no such operation");
    else if (args && !json_is_object(args))
        err_set(&job->err, ERR_SYNTAX, "arguments must be an object");
    else if (op->run(args, k->payload, &k->result, &k->result_payload, &job->err) == 0)
        job->err.code = ERR_OK;
    else if (job->err.code == ERR_OK)
        err_set(&job->err, ERR_BUG, "%s failed without saying why", name);
    return JOB_DONE;
}

static void send_answer(struct control *k)
{
    BUF_SCOPE out = {.max = (size_t)CONTROL_JSON_MAX + CONTROL_PAYLOAD_MAX + 16};
    struct err e = {0};
    json_t *answer =
        k->job.err.code
            ? json_pack("{s:{s:s, s:o}}", "error", "code", err_code_name(k->job.err.code), "text",
                        op_json_text(slice_str(k->job.err.text)))
            : json_pack("{s:o}", "ok", k->result ? json_incref(k->result) : json_object());
    struct slice payload = k->job.err.code ? SNONE : buf_slice(&k->result_payload);
    if (!answer || control_frame_write(&out, answer, payload, &e))
        conn_abort(k->conn);
    else
        conn_write_buf(k->conn, &out);
    json_decref(answer);
}

static void op_done(struct job *job)
{
    struct control *k = list_entry(job, struct control, job);
    k->busy = false;
    if (!k->conn) {
        control_free(k);
        return;
    }
    send_answer(k);
    forget_request(k);
    conn_resume(k->conn);
}

static void start(struct control *k, size_t json_n)
{
    json_error_t why;
    k->asked = json_loadb(k->in.p + CONTROL_HEADER, json_n, JSON_REJECT_DUPLICATES, &why);
    k->payload = slice_from(buf_slice(&k->in), CONTROL_HEADER + json_n);
    if (!json_is_object(k->asked)) {
        conn_abort(k->conn);
        return;
    }
    k->job = (struct job){.place = PLACE_READ,
                          .run = run_op,
                          .what = "control",
                          .done = op_done,
                          .loop = conn_loop(k->conn)};
    k->busy = true;
    conn_pause(k->conn);
    job_submit(&k->job);
}

/* --- the connection ----------------------------------------------------------------------- */
static void on_opened(struct conn *c)
{
    unsigned uid;
    connections++;
    if (conn_peer_uid(c, &uid) || (uid != geteuid() && uid != 0)) {
        LOG(LOG_WARN, "control.refused", LFN("uid", uid));
        conn_abort(c);
        return;
    }
    struct control *k = calloc(1, sizeof(*k));
    BUG_IF(!k);
    k->conn = c;
    conn_set_user(c, k);
}

static size_t on_input(struct conn *c, struct slice in)
{
    struct control *k = conn_user(c);
    size_t at = 0, json_n, payload_n;
    k->in.max = (size_t)CONTROL_JSON_MAX + CONTROL_PAYLOAD_MAX + CONTROL_HEADER;
    if (k->in.n < CONTROL_HEADER) {
        at = CONTROL_HEADER - k->in.n < in.n ? CONTROL_HEADER - k->in.n : in.n;
        buf_add(&k->in, slice_sub(in, 0, at));
        if (k->in.n < CONTROL_HEADER)
            return at;
    }
    control_header_read(k->in.p, &json_n, &payload_n);
    if (json_n > CONTROL_JSON_MAX || payload_n > CONTROL_PAYLOAD_MAX) {
        conn_abort(c);
        return in.n;
    }
    size_t left = CONTROL_HEADER + json_n + payload_n - k->in.n;
    struct slice more = slice_sub(in, at, at + left);
    if (buf_add(&k->in, more)) {
        conn_abort(c);
        return in.n;
    }
    if (more.n == left)
        start(k, json_n);
    return at + more.n;
}

static void on_stopping(struct conn *c)
{
    struct control *k = conn_user(c);
    if (k && !k->busy)
        conn_close(c); /* else its answer is still due */
}

static void on_closed(struct conn *c, enum conn_end why, const char *text)
{
    (void)why;
    (void)text;
    struct control *k = conn_user(c);
    connections--;
    if (!k)
        return;
    k->conn = NULL;
    if (!k->busy)
        control_free(k);
}

static const struct conn_ops control_ops = {
    .opened = on_opened, .input = on_input, .stopping = on_stopping, .closed = on_closed};

int control_start(const char *state_dir, struct err *e)
{
    char path[STATE_PATH_MAX];
    int fd;
    if (state_path(path, state_dir, "run/control.sock", e))
        return -1;
    struct listener l = {.name = CONTROL_LISTENER, .host = slice_str(path), .ops = &control_ops};
    return listener_bind(&l, &fd, 1, e) || listener_start(&l, &fd, 1, e) ? -1 : 0;
}
