/* desk_wire.c - numbers are varints, texts have their length in front. A row of the table says what
   a verb has, in order; what
   comes last has no length, because it is all that is left. */
#include "mail/desk_wire.h"

#include "base/varint.h"
#include "io/conn.h"
#include "io/lane.h"
#include "proto/smtp/command.h"

enum {
    ADDRESS_MAX = 1024,
    NAME_MAX_BYTES = 1024,
    TEXT_MAX = 8 * 1024,
    LOGIN_MAX = 16 * 1024,
    BINDING_MAX = 256,
    ANSWER_MAX = 64 * 1024,
    NOTIFY_ALL = SMTP_NOTIFY_NEVER | SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY,
};

/* --- pieces ---------------------------------------------------------------------------------- */
static void put_text(struct buf *out, struct slice s)
{
    varint_add(out, s.n);
    buf_add(out, s);
}

static int get_text(struct slice *in, size_t max, struct slice *ret)
{
    uint64_t n;
    if (varint_next(in, &n) || n > in->n || n > max)
        return -1;
    *ret = slice_of(in->p, n);
    *in = slice_from(*in, n);
    return 0;
}

static int get_number(struct slice *in, uint64_t max, uint64_t *ret)
{
    return varint_next(in, ret) || *ret > max ? -1 : 0;
}

/* For lines of envelopes and logs: no controls. */
static int get_line(struct slice *in, size_t max, struct slice *ret)
{
    if (get_text(in, max, ret))
        return -1;
    for (size_t i = 0; i < ret->n; i++)
        if ((unsigned char)ret->p[i] < ' ' || ret->p[i] == 0x7f)
            return -1;
    return 0;
}

/* One header field: lines that follow the first begin with a blank. */
static bool is_received_field(struct slice s)
{
    if (!slice_starts(s, S("Received: ")) || !slice_ends(s, S("\r\n")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool line_end = s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n';
        bool goes_on = i + 2 == s.n || (i + 2 < s.n && (s.p[i + 2] == ' ' || s.p[i + 2] == '\t'));
        if (line_end && goes_on)
            i++;
        else if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return false;
    }
    return true;
}

/* --- questions ------------------------------------------------------------------------------- */
enum { PEER_TLS = 1, PEER_PLAIN_OK = 2, PEER_ALL = 3 };
enum { IN_NONE, IN_THERE };

static void put_in(const struct desk_question *q, struct buf *out)
{
    varint_add(out, q->has_in ? IN_THERE : IN_NONE);
    put_text(out, q->in);
}

static int get_in(struct slice *in, struct desk_asked *a)
{
    uint64_t has_in;
    if (get_number(in, IN_THERE, &has_in) || get_text(in, LOGIN_MAX, &a->q.in))
        return -1;
    a->q.has_in = has_in == IN_THERE;
    return 0;
}

static const struct slice services[] = {S_INIT("smtp"), S_INIT("pop3")};
enum { SERVICE_LAST = sizeof(services) / sizeof(services[0]) - 1 };

static void put_peer(const struct auth_peer *p, struct buf *out)
{
    uint64_t service = SERVICE_LAST;
    while (service && !slice_eq(services[service], p->service))
        service--;
    varint_add(out, service);
    varint_add(out, (p->tls ? PEER_TLS : 0) | (p->plain_ok ? PEER_PLAIN_OK : 0));
    put_text(out, p->address);
    put_text(out, p->binding_exporter);
    put_text(out, p->binding_end_point);
    put_text(out, p->binding_unique);
}

static int get_peer(struct slice *in, struct desk_asked *a)
{
    struct auth_peer *p = &a->peer;
    uint64_t service, flags;
    if (get_number(in, SERVICE_LAST, &service) || get_number(in, PEER_ALL, &flags) ||
        get_line(in, 63, &p->address) || get_text(in, BINDING_MAX, &p->binding_exporter) ||
        get_text(in, BINDING_MAX, &p->binding_end_point) ||
        get_text(in, BINDING_MAX, &p->binding_unique))
        return -1;
    p->service = services[service];
    p->tls = flags & PEER_TLS;
    p->plain_ok = flags & PEER_PLAIN_OK;
    a->q.peer = p;
    return 0;
}

static void put_login(const struct desk_question *q, struct buf *out)
{
    put_peer(q->peer, out);
    put_text(out, q->mechanism);
    put_in(q, out);
}

static int get_login(struct slice *in, struct desk_asked *a)
{
    return get_peer(in, a) || get_line(in, 64, &a->q.mechanism) || get_in(in, a) ? -1 : 0;
}

static void put_password(const struct desk_question *q, struct buf *out)
{
    put_peer(q->peer, out);
    put_text(out, q->name);
    put_text(out, q->in);
}

static int get_password(struct slice *in, struct desk_asked *a)
{
    return get_peer(in, a) || get_text(in, NAME_MAX_BYTES, &a->q.name) ||
                   get_text(in, LOGIN_MAX, &a->q.in)
               ? -1
               : 0;
}

static void put_verify(const struct desk_question *q, struct buf *out)
{
    put_text(out, q->recipient.address);
    varint_add(out, q->expand);
}

static int get_verify(struct slice *in, struct desk_asked *a)
{
    uint64_t expand;
    if (get_line(in, ADDRESS_MAX, &a->q.recipient.address) || get_number(in, 1, &expand))
        return -1;
    a->q.expand = expand;
    return 0;
}

static void put_sender(const struct desk_question *q, struct buf *out)
{
    put_text(out, q->from);
}

static int get_sender(struct slice *in, struct desk_asked *a)
{
    return get_line(in, ADDRESS_MAX, &a->q.from);
}

static void put_recipient(const struct desk_question *q, struct buf *out)
{
    put_text(out, q->recipient.address);
    put_text(out, q->recipient.orcpt);
    varint_add(out, q->recipient.notify);
    varint_add(out, q->recipient.size);
}

static int get_recipient(struct slice *in, struct desk_asked *a)
{
    struct desk_recipient *r = &a->q.recipient;
    uint64_t notify;
    if (get_line(in, ADDRESS_MAX, &r->address) || get_line(in, ADDRESS_MAX, &r->orcpt) ||
        get_number(in, NOTIFY_ALL, &notify) || get_number(in, INT64_MAX, &r->size))
        return -1;
    r->notify = (unsigned)notify;
    return 0;
}

enum { RET_FULL = 1, RET_HDRS = 2, SMTPUTF8 = 4, EIGHT_BIT = 8, BINARY = 16, MESSAGE_ALL = 31 };

static void put_accept(const struct desk_question *q, struct buf *out)
{
    const struct desk_message *m = &q->message;
    varint_add(out, (m->ret_full ? RET_FULL : 0) | (m->ret_hdrs ? RET_HDRS : 0) |
                        (m->smtputf8 ? SMTPUTF8 : 0) | (m->eight_bit ? EIGHT_BIT : 0) |
                        (m->binary ? BINARY : 0));
    put_text(out, slice_str(m->trace.id));
    put_text(out, m->from);
    put_text(out, m->envid);
    put_text(out, m->received);
}

static int get_trace(struct slice *in, struct trace *ret)
{
    struct slice id;
    if (get_text(in, sizeof(ret->id) - 1, &id) || id.n != sizeof(ret->id) - 1)
        return -1;
    for (size_t i = 0; i < id.n; i++) {
        char c = ascii_lower(id.p[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            return -1;
        ret->id[i] = id.p[i];
    }
    ret->id[id.n] = '\0';
    return 0;
}

static int get_accept(struct slice *in, struct desk_asked *a)
{
    struct desk_message *m = &a->q.message;
    uint64_t flags;
    if (get_number(in, MESSAGE_ALL, &flags) || get_trace(in, &m->trace) ||
        get_line(in, ADDRESS_MAX, &m->from) || get_line(in, TEXT_MAX, &m->envid) ||
        get_text(in, TEXT_MAX, &m->received) || !is_received_field(m->received))
        return -1;
    m->ret_full = flags & RET_FULL;
    m->ret_hdrs = flags & RET_HDRS;
    m->smtputf8 = flags & SMTPUTF8;
    m->eight_bit = flags & EIGHT_BIT;
    m->binary = flags & BINARY;
    m->header_size = MAIL_HEADER_SIZE_UNKNOWN; /* whoever asks is not believed */
    return 0;
}

static void put_maildrop(const struct desk_question *q, struct buf *out)
{
    varint_add(out, q->uid);
}

static int get_maildrop(struct slice *in, struct desk_asked *a)
{
    uint64_t uid;
    if (get_number(in, UINT32_MAX, &uid))
        return -1;
    a->q.uid = (uint32_t)uid;
    return 0;
}

static void put_letters(const struct desk_question *q, struct buf *out)
{
    varint_add(out, q->whole);
    varint_add(out, q->ahead);
    varint_add(out, q->n_uids);
    for (size_t i = 0; i < q->n_uids; i++)
        varint_add(out, q->uids[i]);
}

static int get_letters(struct slice *in, struct desk_asked *a)
{
    uint64_t whole, n, uid;
    if (get_number(in, 1, &whole) || get_number(in, DESK_PIECE_MAX, &a->q.ahead) ||
        get_number(in, DESK_LETTERS_MAX, &n))
        return -1;
    for (uint64_t i = 0; i < n; i++) {
        if (get_number(in, UINT32_MAX, &uid))
            return -1;
        a->uids[i] = (uint32_t)uid;
    }
    a->q.whole = whole;
    a->q.uids = a->uids;
    a->q.n_uids = n;
    return 0;
}

static void put_bytes(const struct desk_question *q, struct buf *out)
{
    const struct desk_piece *p = &q->piece;
    varint_add(out, p->letter);
    varint_add(out, p->from);
    varint_add(out, p->least);
    varint_add(out, p->end);
}

static int get_bytes(struct slice *in, struct desk_asked *a)
{
    struct desk_piece *p = &a->q.piece;
    uint64_t letter;
    if (get_number(in, DESK_LETTERS_MAX - 1, &letter) || get_number(in, INT64_MAX, &p->from) ||
        get_number(in, DESK_PIECE_MAX, &p->least) || get_number(in, INT64_MAX, &p->end))
        return -1;
    p->letter = (uint32_t)letter;
    return 0;
}

static void put_expunge(const struct desk_question *q, struct buf *out)
{
    put_text(out, q->set);
}

static int get_expunge(struct slice *in, struct desk_asked *a)
{
    return get_text(in, LANE_MESSAGE_MAX, &a->q.set);
}

static int get_login_on(struct slice *in, struct desk_asked *a)
{
    return get_in(in, a);
}

static const struct {
    void (*put)(const struct desk_question *q, struct buf *out);
    int (*get)(struct slice *in, struct desk_asked *a);
    bool body;
} verbs[DESK_SESSIONS + 1] = {
    [DESK_LOGIN] = {put_login, get_login, false},
    [DESK_LOGIN_ON] = {put_in, get_login_on, false},
    [DESK_VERIFY] = {put_verify, get_verify, false},
    [DESK_SENDER] = {put_sender, get_sender, false},
    [DESK_RECIPIENT] = {put_recipient, get_recipient, false},
    [DESK_BODY] = {NULL, NULL, true},
    [DESK_ACCEPT] = {put_accept, get_accept, true},
    [DESK_PASSWORD] = {put_password, get_password, false},
    [DESK_MAILDROP] = {put_maildrop, get_maildrop, false},
    [DESK_LETTERS] = {put_letters, get_letters, false},
    [DESK_BYTES] = {put_bytes, get_bytes, false},
    [DESK_EXPUNGE] = {put_expunge, get_expunge, false},
    [DESK_SESSIONS] = {NULL, NULL, true},
};

void desk_question_write(uint64_t number, enum mail_accept_kind kind, const struct desk_question *q,
                         struct buf *out)
{
    varint_add(out, q->verb);
    varint_add(out, number);
    varint_add(out, kind);
    if (verbs[q->verb].put)
        verbs[q->verb].put(q, out);
}

int desk_question_parse(struct slice in, struct desk_asked *ret)
{
    uint64_t verb, kind;
    *ret = (struct desk_asked){0};
    if (get_number(&in, DESK_SESSIONS, &verb) || get_number(&in, UINT32_MAX, &ret->number) ||
        get_number(&in, MAIL_ACCEPT_NONE, &kind))
        return -1;
    ret->q.verb = (enum desk_verb)verb;
    ret->kind = (enum mail_accept_kind)kind;
    if (verbs[verb].get && verbs[verb].get(&in, ret))
        return -1;
    ret->body = in;
    return verbs[verb].body || in.n == 0 ? 0 : -1;
}

/* --- answers --------------------------------------------------------------------------------- */
static void put_err(const struct err *e, struct buf *out)
{
    varint_add(out, e->code);
    put_text(out, e->code ? slice_str(e->text) : S(""));
}

static int get_err(struct slice *in, struct err *ret)
{
    uint64_t code;
    struct slice text;
    if (get_number(in, ERR_BUG, &code) || get_text(in, sizeof(ret->text) - 1, &text))
        return -1;
    ret->code = (enum err_code)code;
    memcpy(ret->text, text.p, text.n);
    ret->text[text.n] = '\0';
    return 0;
}

static bool same_err(const struct err *a, const struct err *b)
{
    return a->code == b->code && (a->code == ERR_OK || strcmp(a->text, b->text) == 0);
}

/* Recipients in a row with the same outcome are one entry. */
static void put_each(const struct desk_answer *a, struct buf *out)
{
    varint_add(out, a->n);
    for (size_t i = 0, run; i < a->n; i += run) {
        for (run = 1; i + run < a->n && same_err(&a->each[i].err, &a->each[i + run].err);)
            run++;
        varint_add(out, run);
        put_err(&a->each[i].err, out);
    }
}

static int get_each(struct slice *in, struct arena *arena, struct desk_answer *a)
{
    uint64_t n, run;
    if (get_number(in, UINT32_MAX, &n))
        return -1;
    struct mail_recipient *each = arena_new(arena, struct mail_recipient, n);
    if (n && !each)
        return -1;
    for (uint64_t i = 0; i < n; i += run) {
        struct err e = {0};
        if (get_number(in, n - i, &run) || run == 0 || get_err(in, &e))
            return -1;
        for (uint64_t k = 0; k < run; k++)
            each[i + k] = (struct mail_recipient){.err = e};
    }
    a->each = each;
    a->n = n;
    return 0;
}

void desk_answer_write(uint64_t number, const struct desk_answer *a, struct buf *out)
{
    varint_add(out, number);
    put_err(&a->err, out);
    for (int i = 0; i < SPENT_N; i++)
        varint_add(out, varint_fold(a->spent.us[i]));
    varint_add(out, a->unqualified);
    varint_add(out, a->result);
    put_text(out, a->challenge);
    put_text(out, a->text);
    varint_add(out, a->who.account);
    put_text(out, slice_str(a->who.address));
    varint_add(out, a->who.flags);
    varint_add(out, a->who.delegated);
    varint_add(out, a->who.delay_ms);
    put_each(a, out);
}

static int get_who(struct slice *in, struct identity *ret)
{
    struct slice address;
    uint64_t delegated, delay;
    if (varint_next(in, &ret->account) || get_text(in, sizeof(ret->address) - 1, &address) ||
        varint_next(in, &ret->flags) || get_number(in, 1, &delegated) ||
        get_number(in, UINT32_MAX, &delay))
        return -1;
    memcpy(ret->address, address.p, address.n);
    ret->address[address.n] = '\0';
    ret->delegated = delegated;
    ret->delay_ms = (unsigned)delay;
    return 0;
}

int desk_answer_parse(struct slice in, struct arena *arena, uint64_t *ret_number,
                      struct desk_answer *ret, struct slice *ret_rest)
{
    uint64_t unqualified, result;
    *ret = (struct desk_answer){0};
    if (get_number(&in, UINT32_MAX, ret_number) || get_err(&in, &ret->err))
        return -1;
    for (int i = 0; i < SPENT_N; i++) {
        uint64_t us;
        if (varint_next(&in, &us))
            return -1;
        ret->spent.us[i] = varint_unfold(us);
    }
    if (get_number(&in, 1, &unqualified) || get_number(&in, SASL_FAIL, &result) ||
        get_text(&in, LOGIN_MAX, &ret->challenge) || get_text(&in, ANSWER_MAX, &ret->text) ||
        get_who(&in, &ret->who) || get_each(&in, arena, ret))
        return -1;
    ret->unqualified = unqualified;
    ret->result = (enum sasl_result)result;
    *ret_rest = in;
    return 0;
}

/* --- who is connected ------------------------------------------------------------------------ */
void desk_sessions_ask(struct buf *out)
{
    varint_add(out, UINT64_MAX);
}

bool desk_sessions_asked(struct slice in)
{
    uint64_t number;
    return varint_next(&in, &number) == 0 && number == UINT64_MAX && in.n == 0;
}

void desk_session_write(const struct conn_info *c, struct buf *out)
{
    put_text(out, slice_str(c->listener));
    put_text(out, slice_str(c->peer));
    put_text(out, slice_str(c->login));
    put_text(out, slice_str(c->tls));
    varint_add(out, c->id);
    varint_add(out, c->peer_port);
    varint_add(out, c->compressed);
    varint_add(out, (uint64_t)c->open_ms);
    varint_add(out, (uint64_t)c->silent_ms);
    varint_add(out, c->bytes_in);
    varint_add(out, c->bytes_out);
    varint_add(out, c->unsent);
}

static int get_field(struct slice *in, char *to, size_t size)
{
    struct slice s;
    if (get_line(in, size - 1, &s))
        return -1;
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return 0;
}

int desk_session_next(struct slice *rows, struct conn_info *ret)
{
    uint64_t port, compressed, open_ms, silent_ms, unsent;
    if (rows->n == 0)
        return 0;
    *ret = (struct conn_info){0};
    if (get_field(rows, ret->listener, sizeof(ret->listener)) ||
        get_field(rows, ret->peer, sizeof(ret->peer)) ||
        get_field(rows, ret->login, sizeof(ret->login)) ||
        get_field(rows, ret->tls, sizeof(ret->tls)) || get_number(rows, INT64_MAX, &ret->id) ||
        get_number(rows, 65535, &port) || get_number(rows, 1, &compressed) ||
        get_number(rows, INT64_MAX, &open_ms) || get_number(rows, INT64_MAX, &silent_ms) ||
        get_number(rows, INT64_MAX, &ret->bytes_in) ||
        get_number(rows, INT64_MAX, &ret->bytes_out) || get_number(rows, INT64_MAX, &unsent))
        return -1;
    ret->peer_port = (unsigned)port;
    ret->compressed = compressed;
    ret->open_ms = (int64_t)open_ms;
    ret->silent_ms = (int64_t)silent_ms;
    ret->unsent = unsent;
    return 1;
}
