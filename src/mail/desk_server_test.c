/* desk_server_test.c - an evil front: it has the front's end of a ring and says what it likes. What
   a front may do works; what it may not is refused; what is no question ends it, and the server
   goes on. */
#include "mail/desk_server.h"

#include <poll.h>
#include <unistd.h>

#include "base/test.h"

#include "base/setting.h"
#include "base/varint.h"
#include "directory/directory.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/ring.h"
#include "mail/desk_wire.h"
#include "store/test_store.h"

enum { SIZE = 1 << 20, WAIT_MS = 60000 };

static uint64_t user1, user2;

static struct slice heard; /* what came with the last answer; lives until the next */

struct front {
    struct ring *r;
    struct buf got;
};

/* --- the front's side ------------------------------------------------------------------------- */
static struct front front_open(void)
{
    struct ring_end ends[2];
    struct front f = {0};
    struct err e = {0};
    assert_int_equal(ring_make(SIZE, ends, &e), 0);
    assert_int_equal(ring_open(&ends[0], 0, &f.r, &e), 0);
    assert_int_equal(desk_server_add(&ends[1], &e), 0);
    return f;
}

static void front_close(struct front *f)
{
    ring_close(f->r);
    buf_done(&f->got);
}

static void say_raw(struct front *f, struct slice message)
{
    uint32_t n = (uint32_t)message.n;
    assert_int_equal(ring_send_both(f->r, slice_of(&n, sizeof(n)), message), RING_OK);
}

static void say(struct front *f, uint64_t number, enum mail_accept_kind kind,
                const struct desk_question *q, struct slice body)
{
    BUF_SCOPE out = {0};
    desk_question_write(number, kind, q, &out);
    buf_add(&out, body);
    say_raw(f, buf_slice(&out));
}

static bool sleep_until_woken(struct front *f)
{
    struct pollfd p = {.fd = ring_fd(f->r), .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    return ring_woken(f->r) == 0;
}

static struct desk_answer hear(struct front *f, struct arena *a, uint64_t want)
{
    struct desk_answer answer;
    uint64_t number;
    heard = SNONE;
    while (ring_receive(f->r, &f->got) == RING_WAIT)
        if (ring_rest(f->r))
            assert_true(sleep_until_woken(f));
    assert_int_equal(desk_answer_parse(slice_from(buf_slice(&f->got), sizeof(uint32_t)), a, &number,
                                       &answer, &heard),
                     0);
    assert_int_equal(number, want);
    return answer;
}

static void ends(struct front *f)
{
    while (sleep_until_woken(f))
        while (ring_receive(f->r, &f->got) == RING_OK)
            ;
    front_close(f);
}

static const struct auth_peer peer = {
    .address = S_INIT("192.0.2.1"), .tls = true, .plain_ok = true};

static const struct desk_question to_user1 = {
    .verb = DESK_RECIPIENT, .recipient = {.address = S_INIT("user1@example.test")}};

static struct desk_question message_from(const char *from)
{
    return (struct desk_question){.verb = DESK_ACCEPT,
                                  .message = {.trace = trace_new(),
                                              .from = slice_str(from),
                                              .envid = S(""),
                                              .received = S("Received: from x\r\n\tby y\r\n")}};
}

static void log_in(struct front *f, uint64_t number, enum mail_accept_kind kind)
{
    say(f, number, kind,
        &(struct desk_question){.verb = DESK_LOGIN,
                                .peer = &peer,
                                .mechanism = S("PLAIN"),
                                .has_in = true,
                                .in = slice_of("\0user1@example.test\0password", 28)},
        S(""));
}

static enum err_code code_of(struct front *f, uint64_t number)
{
    ARENA_SCOPE a = {0};
    return hear(f, &a, number).err.code;
}

static int64_t messages_of_user1(void)
{
    struct account_usage usage;
    struct txn *t;
    struct err e = {0};
    assert_int_equal(txn_read(user1, &t, &e), 0);
    assert_int_equal(account_usage(t, &usage, &e), 0);
    txn_end(t);
    return usage.messages;
}

/* --- what a front may do -----------------------------------------------------------------------
 */
static void test_delivery(void **state)
{
    (void)state;
    struct front f = front_open();
    struct desk_question q = message_from("a@other.test");
    int64_t before = messages_of_user1();
    for (uint64_t number = 0; number < 3; number++) {
        say(&f, number, MAIL_ACCEPT_LMTP, &to_user1, S(""));
        assert_int_equal(code_of(&f, number), ERR_OK);
        say(&f, number, MAIL_ACCEPT_LMTP, &(struct desk_question){.verb = DESK_BODY},
            S("Subject: x\r\n"));
        assert_int_equal(code_of(&f, number), ERR_OK);
        say(&f, number, MAIL_ACCEPT_LMTP, &q, S("\r\ntext\r\n"));
        ARENA_SCOPE a = {0};
        struct desk_answer answer = hear(&f, &a, number);
        assert_int_equal(answer.err.code, ERR_OK);
        assert_int_equal(answer.n, 1);
        assert_int_equal(answer.each[0].err.code, ERR_OK);
    }
    assert_int_equal(messages_of_user1(), before + 3);
    say(&f, 1, MAIL_ACCEPT_LMTP, &(struct desk_question){.verb = DESK_RESET}, S(""));
    say(&f, 1, MAIL_ACCEPT_LMTP, &to_user1, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    front_close(&f);
}

/* --- what is refused ---------------------------------------------------------------------------
 */
static void test_nobody_is_spoken_for(void **state)
{
    (void)state;
    struct front f = front_open();
    struct desk_question q = message_from("user1@example.test");
    static const struct desk_question away = {.verb = DESK_RECIPIENT,
                                              .recipient = {.address = S_INIT("x@elsewhere.test")}};
    static const struct desk_question me = {.verb = DESK_SENDER,
                                            .from = S_INIT("user1@example.test")};
    static const struct desk_question other = {.verb = DESK_SENDER,
                                               .from = S_INIT("user2@example.test")};
    static const struct desk_question verify = {
        .verb = DESK_VERIFY, .recipient = {.address = S_INIT("user1@example.test")}};
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &me, S(""));
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &verify, S(""));
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &away, S(""));
    assert_int_equal(code_of(&f, 1), ERR_UNSUPPORTED);
    log_in(&f, 2, MAIL_ACCEPT_RELAY); /* a log-in does not make a relay of port 25 */
    assert_int_equal(code_of(&f, 2), ERR_OK);
    say(&f, 2, MAIL_ACCEPT_RELAY, &away, S(""));
    assert_int_equal(code_of(&f, 2), ERR_UNSUPPORTED);
    log_in(&f, 3, MAIL_ACCEPT_SUBMISSION);
    assert_int_equal(code_of(&f, 3), ERR_OK);
    log_in(&f, 3, MAIL_ACCEPT_SUBMISSION); /* once */
    assert_int_equal(code_of(&f, 3), ERR_SYNTAX);
    say(&f, 3, MAIL_ACCEPT_SUBMISSION, &other, S(""));
    assert_int_equal(code_of(&f, 3), ERR_NOPERM);
    say(&f, 3, MAIL_ACCEPT_SUBMISSION, &to_user1, S(""));
    assert_int_equal(code_of(&f, 3), ERR_OK);
    say(&f, 3, MAIL_ACCEPT_SUBMISSION, &q, S("From: user1@example.test\r\n\r\n"));
    assert_int_equal(code_of(&f, 3), ERR_NOPERM); /* no sender was allowed */
    say(&f, 3, MAIL_ACCEPT_SUBMISSION, &me, S(""));
    assert_int_equal(code_of(&f, 3), ERR_OK);
    struct desk_question lie = message_from("user2@example.test");
    say(&f, 3, MAIL_ACCEPT_SUBMISSION, &lie, S("From: user2@example.test\r\n\r\n"));
    assert_int_equal(code_of(&f, 3), ERR_NOPERM);
    front_close(&f);
}

static void test_verify_is_a_setting(void **state)
{
    (void)state;
    struct front f = front_open();
    struct err e = {0};
    static const struct desk_question verify = {
        .verb = DESK_VERIFY, .recipient = {.address = S_INIT("user1@example.test")}};
    log_in(&f, 1, MAIL_ACCEPT_SUBMISSION);
    assert_int_equal(code_of(&f, 1), ERR_OK);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &verify, S(""));
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    assert_int_equal(setting_parse(setting_find(S("smtp.verify")), S("login"), &e), 0);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &verify, S(""));
    ARENA_SCOPE a = {0};
    struct desk_answer answer = hear(&f, &a, 1);
    assert_int_equal(answer.err.code, ERR_OK);
    assert_slice(answer.text, "<user1@example.test>");
    assert_int_equal(setting_parse(setting_find(S("smtp.verify")), S("no"), &e), 0);
    front_close(&f);
}

/* From is looked at wherever the header ends, not where a front says. */
static void test_from_is_looked_at(void **state)
{
    (void)state;
    struct front f = front_open();
    log_in(&f, 1, MAIL_ACCEPT_SUBMISSION);
    assert_int_equal(code_of(&f, 1), ERR_OK);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION,
        &(struct desk_question){.verb = DESK_SENDER, .from = S("user1@example.test")}, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &to_user1, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    struct desk_question q = message_from("user1@example.test");
    say(&f, 1, MAIL_ACCEPT_SUBMISSION, &q, S("Subject: x\r\nFrom: user2@example.test\r\n\r\n\r\n"));
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    front_close(&f);
}

static void test_out_of_order(void **state)
{
    (void)state;
    struct front f = front_open();
    struct desk_question q = message_from("");
    static const struct desk_question body = {.verb = DESK_BODY};
    say(&f, 1, MAIL_ACCEPT_RELAY, &q, S("x")); /* for nobody */
    assert_int_equal(code_of(&f, 1), ERR_SYNTAX);
    say(&f, 1, MAIL_ACCEPT_RELAY, &(struct desk_question){.verb = DESK_LOGIN_ON, .in = S("")},
        S(""));
    assert_int_equal(code_of(&f, 1), ERR_SYNTAX);
    say(&f, 1, MAIL_ACCEPT_RELAY, &to_user1, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    say(&f, 1, MAIL_ACCEPT_RELAY, &q, S("Subject: x\r\n\r\n"));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    const struct desk_question *late[] = {&q, &body, &to_user1};
    for (size_t i = 0; i < 3; i++) { /* the mail is over */
        say(&f, 1, MAIL_ACCEPT_RELAY, late[i], S(""));
        assert_int_equal(code_of(&f, 1), ERR_SYNTAX);
    }
    front_close(&f);
}

/* --- INBOX -------------------------------------------------------------------------------------
 */
static const struct desk_question maildrop = {.verb = DESK_MAILDROP};
static const struct desk_question leave = {.verb = DESK_EXPUNGE};

/* Number 0, which has one message more now. */
static void log_in_to_inbox(struct front *f)
{
    ARENA_SCOPE a = {0};
    struct desk_question q = message_from("a@other.test");
    say(f, 9, MAIL_ACCEPT_LMTP, &to_user1, S(""));
    assert_int_equal(code_of(f, 9), ERR_OK);
    say(f, 9, MAIL_ACCEPT_LMTP, &q, S("Subject: x\r\n\r\ntext\r\n"));
    assert_int_equal(hear(f, &a, 9).err.code, ERR_OK);
    say(f, 0, MAIL_ACCEPT_NONE,
        &(struct desk_question){.verb = DESK_PASSWORD,
                                .peer = &peer,
                                .name = S("user1@example.test"),
                                .has_in = true,
                                .in = S("password")},
        S(""));
    struct desk_answer answer = hear(f, &a, 0);
    assert_int_equal(answer.result, SASL_OK);
    assert_int_equal(answer.who.account, user1);
}

/* Of number 0. */
static struct desk_row last_row(struct front *f)
{
    struct desk_row row = {0};
    say(f, 0, MAIL_ACCEPT_NONE, &maildrop, S(""));
    assert_int_equal(code_of(f, 0), ERR_OK);
    assert_true(heard.n >= sizeof(row) && heard.n % sizeof(row) == 0);
    memcpy(&row, heard.p + heard.n - sizeof(row), sizeof(row));
    return row;
}

static enum err_code letters_of(struct front *f, const uint32_t *uids, size_t n)
{
    struct desk_question q = {.verb = DESK_LETTERS, .uids = uids, .n_uids = n, .whole = true};
    say(f, 0, MAIL_ACCEPT_NONE, &q, S(""));
    return code_of(f, 0);
}

static enum err_code bytes_of(struct front *f, uint32_t letter, uint64_t from, uint64_t end)
{
    struct desk_question q = {.verb = DESK_BYTES,
                              .piece = {.letter = letter, .from = from, .least = 1, .end = end}};
    say(f, 0, MAIL_ACCEPT_NONE, &q, S(""));
    return code_of(f, 0);
}

static void test_inbox(void **state)
{
    (void)state;
    struct front f = front_open();
    struct desk_letter letter;
    struct slice prefix, parts;
    log_in_to_inbox(&f);
    struct desk_row row = last_row(&f);
    uint32_t uids[] = {row.uid, row.uid + 1, row.uid};
    assert_int_equal(letters_of(&f, uids, 3), ERR_OK);
    struct slice rest = heard;
    assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), 0);
    assert_int_equal(letter.err, ERR_OK);
    assert_int_equal(letter.size, row.size);
    assert_true(slice_searchi(prefix, S("Received: from x")) >= 0 && parts.n);
    uint64_t behind = letter.prefix_n;
    assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), 0);
    assert_int_equal(letter.err, ERR_NOTFOUND);
    assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), 0);
    assert_int_equal(letter.err, ERR_OK);
    assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), -1);
    assert_int_equal(bytes_of(&f, 2, behind, row.size), ERR_OK);
    assert_true(slice_eq(heard, S("Subject: x\r\n\r\ntext\r\n")));
    assert_int_equal(bytes_of(&f, 0, behind, behind + 7), ERR_OK);
    assert_true(slice_eq(heard, S("Subject")));
    assert_int_equal(bytes_of(&f, 0, row.size, UINT32_MAX), ERR_OK);
    assert_int_equal(heard.n, 0);
    BUF_SCOPE set = {0};
    UIDSET_SCOPE gone = {0};
    uidset_add(&gone, row.uid, row.uid);
    uidset_pack(&gone, &set);
    int64_t before = messages_of_user1();
    say(&f, 0, MAIL_ACCEPT_NONE,
        &(struct desk_question){.verb = DESK_EXPUNGE, .set = buf_slice(&set)}, S(""));
    assert_int_equal(code_of(&f, 0), ERR_OK);
    assert_int_equal(messages_of_user1(), before - 1);
    front_close(&f);
}

static void test_bytes_ahead(void **state)
{
    (void)state;
    struct front f = front_open();
    struct desk_letter letter;
    struct slice prefix, parts;
    log_in_to_inbox(&f);
    struct desk_row row = last_row(&f);
    uint32_t uids[] = {row.uid, row.uid + 1, row.uid};
    struct desk_question q = {.verb = DESK_LETTERS, .uids = uids, .n_uids = 3, .ahead = row.size};
    say(&f, 0, MAIL_ACCEPT_NONE, &q, S(""));
    assert_int_equal(code_of(&f, 0), ERR_OK);
    struct slice rest = heard;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), 0);
    assert_int_equal(rest.n, row.size); /* of the first one; the last is still to be had */
    assert_true(slice_ends(rest, S("Subject: x\r\n\r\ntext\r\n")));
    assert_int_equal(bytes_of(&f, 2, 0, 1), ERR_OK);
    q.ahead = row.size + 1; /* a frame is never cut: all of it */
    say(&f, 0, MAIL_ACCEPT_NONE, &q, S(""));
    assert_int_equal(code_of(&f, 0), ERR_OK);
    for (rest = heard; rest.n > 2 * row.size;)
        assert_int_equal(desk_letter_next(&rest, &letter, &prefix, &parts), 0);
    assert_int_equal(rest.n, 2 * row.size);
    assert_int_equal(bytes_of(&f, 2, 0, 1), ERR_SYNTAX); /* they were forgotten with that */
    front_close(&f);
}

static void test_inbox_out_of_order(void **state)
{
    (void)state;
    struct front f = front_open();
    uint32_t uid = 1;
    say(&f, 1, MAIL_ACCEPT_NONE, &maildrop, S("")); /* nobody's */
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    say(&f, 1, MAIL_ACCEPT_NONE, &to_user1, S("")); /* it brings no mail */
    assert_int_equal(code_of(&f, 1), ERR_NOPERM);
    log_in_to_inbox(&f);
    assert_int_equal(letters_of(&f, &uid, 1), ERR_NOPERM); /* it has not taken INBOX */
    assert_int_equal(bytes_of(&f, 0, 0, 1), ERR_NOPERM);
    say(&f, 0, MAIL_ACCEPT_NONE, &leave, S(""));
    assert_int_equal(code_of(&f, 0), ERR_NOPERM);
    struct desk_row row = last_row(&f);
    assert_int_equal(bytes_of(&f, 0, 0, 1), ERR_SYNTAX); /* no letters */
    assert_int_equal(letters_of(&f, &row.uid, 1), ERR_OK);
    assert_int_equal(bytes_of(&f, 1, 0, 1), ERR_SYNTAX);
    assert_int_equal(bytes_of(&f, 0, row.size + 1, row.size + 2), ERR_SYNTAX);
    assert_int_equal(bytes_of(&f, 0, 2, 1), ERR_SYNTAX);
    say(&f, 0, MAIL_ACCEPT_NONE, &(struct desk_question){.verb = DESK_LETTERS_END}, S(""));
    assert_int_equal(bytes_of(&f, 0, 0, 1), ERR_SYNTAX);
    say(&f, 0, MAIL_ACCEPT_NONE, &(struct desk_question){.verb = DESK_EXPUNGE, .set = S("\x01")},
        S(""));
    assert_int_equal(code_of(&f, 0), ERR_SYNTAX);
    front_close(&f);
}

/* One desk at a time has it: until it leaves, is closed, or its front ends. */
static void test_inbox_is_locked(void **state)
{
    (void)state;
    struct front f = front_open(), g = front_open();
    log_in_to_inbox(&f);
    log_in_to_inbox(&g);
    last_row(&f);
    say(&g, 0, MAIL_ACCEPT_NONE, &maildrop, S(""));
    assert_int_equal(code_of(&g, 0), ERR_CONFLICT);
    say(&f, 0, MAIL_ACCEPT_NONE, &leave, S(""));
    assert_int_equal(code_of(&f, 0), ERR_OK);
    last_row(&g);
    say(&f, 0, MAIL_ACCEPT_NONE, &maildrop, S(""));
    assert_int_equal(code_of(&f, 0), ERR_CONFLICT);
    front_close(&g);
    enum err_code code = ERR_CONFLICT;
    for (unsigned tries = 0; code && tries < 6000; tries++, usleep(10000)) {
        say(&f, 0, MAIL_ACCEPT_NONE, &maildrop, S(""));
        code = code_of(&f, 0);
    }
    assert_int_equal(code, ERR_OK);
    front_close(&f);
}

/* --- what ends a front -------------------------------------------------------------------------
 */
static void test_no_questions(void **state)
{
    (void)state;
    static const struct slice rows[] = {
        S_INIT("\x02\x01\x00\x01x\x02"),        /* VERIFY that is neither */
        S_INIT("\xff"),                         /* half a number */
        S_INIT("\x11\x01\x00"),                 /* no such verb */
        S_INIT("\x04\x01\x04"),                 /* no such kind */
        S_INIT("\x04\xff\xff\xff\xff\x7f\x00"), /* no such number */
        S_INIT("\x04\x01\x00\x05"
               "ab"),                                             /* an address that is cut off */
        S_INIT("\x04\x01\x00\x01\n\x00\x00\x00"),                 /* ... with a line end */
        S_INIT("\x04\x01\x00\x01x\x00\x10\x00"),                  /* NOTIFY with an unknown bit */
        S_INIT("\x04\x01\x00\x01x\x00\x00\x00x"),                 /* more behind it */
        S_INIT("\x00\x01\x00\x00\x04\x00\x00\x00\x00\x00"),       /* a peer with an unknown bit */
        S_INIT("\x07\x01\x03\x02\x00\x00\x00\x00\x00\x00\x00"),   /* PASSWORD for no service */
        S_INIT("\x07\x01\x03\x01\x03\x00\x00\x00\x00\x01x\x05y"), /* ... that is cut off */
        S_INIT("\x08\x01\x03\xff\xff\xff\xff\x7f"),               /* MAILDROP behind no uid */
        S_INIT("\x09\x01\x03\x02\x00\x00"),                       /* LETTERS, half of them whole */
        S_INIT("\x09\x01\x03\x00\x00\x41"),                       /* too many of them */
        S_INIT("\x09\x01\x03\x00\x00\x02\x01"),                   /* fewer than it says */
        S_INIT("\x0a\x01\x03\x40\x00\x01\x01"),                   /* BYTES of none of them */
        S_INIT("\x0a\x01\x03\x00\x00\x81\x80\x40\x01"),           /* too many at once */
        S_INIT("\x0a\x01\x03\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* to nowhere */
        S_INIT("\x0b\x01\x03\x02\x01"), /* EXPUNGE of a set that is cut off */
        S_INIT("\x0c\x01\x00"),         /* LOGIN_END, RESET, LETTERS_END */
        S_INIT("\x0d\x01\x00"),         /* and CLOSE for a desk that is not there */
        S_INIT("\x0e\x01\x00"),
        S_INIT("\x0f\x01\x00"),
        S_INIT("\x10\x00\x00"), /* who is connected: nobody asked */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct front f = front_open();
        say_raw(&f, rows[i]);
        ends(&f);
    }
}

static void test_received_is_one_field(void **state)
{
    (void)state;
    static const char *const rows[] = {"",
                                       "X: y\r\n",
                                       "Received: x",
                                       "Received: x\r\nBcc: y\r\n",
                                       "Received: x\r\n\r\n",
                                       "Received: x\ny\r\n",
                                       "Received: x\ry\r\n"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct front f = front_open();
        struct desk_question q = message_from("");
        q.message.received = slice_str(rows[i]);
        say(&f, 1, MAIL_ACCEPT_RELAY, &q, S("x"));
        ends(&f);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    static const uint32_t rows[] = {0, UINT32_MAX, 4 * 1024 * 1024 + 1, 2};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct front f = front_open();
        assert_int_equal(ring_send_both(f.r, slice_of(&rows[i], 4), S("abc")), RING_OK);
        ends(&f);
    }
    struct front f = front_open();
    assert_int_equal(ring_send(f.r, S("")), RING_OK);
    ends(&f);
}

static void test_busy_desk(void **state)
{
    (void)state;
    struct front f = front_open();
    log_in(&f, 1, MAIL_ACCEPT_RELAY);
    log_in(&f, 1, MAIL_ACCEPT_RELAY);
    ends(&f);
}

static void test_desk_of_another_kind(void **state)
{
    (void)state;
    struct front f = front_open();
    say(&f, 1, MAIL_ACCEPT_RELAY, &to_user1, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    say(&f, 1, MAIL_ACCEPT_LMTP, &to_user1, S(""));
    ends(&f);
}

static void test_too_many_desks(void **state)
{
    (void)state;
    struct err e = {0};
    struct setting *s = setting_find(S("io.connections_max"));
    assert_int_equal(setting_parse(s, S("5"), &e), 0);
    struct front f = front_open();
    for (uint64_t number = 0; number < 5; number++) {
        say(&f, number, MAIL_ACCEPT_RELAY, &to_user1, S(""));
        assert_int_equal(code_of(&f, number), ERR_OK);
    }
    say(&f, 5, MAIL_ACCEPT_RELAY, &to_user1, S(""));
    ends(&f);
    assert_int_equal(setting_parse(s, S("120000"), &e), 0);
}

static void test_gone_while_asking(void **state)
{
    (void)state;
    struct front f = front_open();
    for (uint64_t number = 0; number < 20; number++)
        say(&f, number, MAIL_ACCEPT_RELAY, &to_user1, S(""));
    log_in(&f, 20, MAIL_ACCEPT_RELAY);
    front_close(&f);
    f = front_open(); /* the next one is served */
    say(&f, 1, MAIL_ACCEPT_RELAY, &to_user1, S(""));
    assert_int_equal(code_of(&f, 1), ERR_OK);
    front_close(&f);
}

/* --- who is connected --------------------------------------------------------------------------
 */
static int count(const struct conn_info *c, void *arg)
{
    unsigned *n = arg;
    assert_string_equal(c->listener, "smtp");
    assert_string_equal(c->login, "somebody");
    *n += (unsigned)c->id;
    return 0;
}

static void *ask_sessions(void *arg)
{
    return (void *)(uintptr_t)desk_server_sessions(count, arg);
}

static void test_sessions(void **state)
{
    (void)state;
    unsigned n = 0;
    void *left_out;
    pthread_t thread;
    struct front f = front_open(), silent = front_open();
    assert_int_equal(pthread_create(&thread, NULL, ask_sessions, &n), 0);
    while (ring_receive(f.r, &f.got) == RING_WAIT)
        if (ring_rest(f.r))
            assert_true(sleep_until_woken(&f));
    assert_true(desk_sessions_asked(slice_from(buf_slice(&f.got), sizeof(uint32_t))));
    BUF_SCOPE rows = {0};
    desk_session_write(&(struct conn_info){.id = 3, .listener = "smtp", .login = "somebody"},
                       &rows);
    desk_session_write(&(struct conn_info){.id = 4, .listener = "smtp", .login = "somebody"},
                       &rows);
    say(&f, 0, 0, &(struct desk_question){.verb = (enum desk_verb)DESK_SESSIONS}, buf_slice(&rows));
    pthread_join(thread, &left_out);
    assert_int_equal((uintptr_t)left_out, 1); /* the silent one */
    assert_int_equal(n, 7);
    front_close(&f);
    front_close(&silent);
}

static int setup(void **state)
{
    struct err e = {0};
    char path[128];
    (void)state;
    test_store_open(2);
    snprintf(path, sizeof(path), "%s/directory.db", test_dir);
    assert_int_equal(auth_open(test_dir, &e), 0);
    assert_int_equal(directory_open(path, &e), 0);
    assert_int_equal(directory_domain_add(S("example.test"), S(""), &e), 0);
    assert_int_equal(directory_account_add(S("user1@example.test"), S(""), 0, 0, &user1, &e), 0);
    assert_int_equal(directory_account_add(S("user2@example.test"), S(""), 0, 0, &user2, &e), 0);
    assert_int_equal(auth_set_password(user1, S("password"), &e), 0);
    assert_int_equal(loops_start(2, &e), 0);
    return jobs_start(2, 2, &e);
}

static int teardown(void **state)
{
    (void)state;
    desk_server_stop();
    jobs_stop();
    store_close();
    loops_stop();
    directory_close();
    test_store_close();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_nobody_is_spoken_for),
        cmocka_unit_test(test_verify_is_a_setting),
        cmocka_unit_test(test_from_is_looked_at),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_inbox),
        cmocka_unit_test(test_bytes_ahead),
        cmocka_unit_test(test_inbox_out_of_order),
        cmocka_unit_test(test_inbox_is_locked),
        cmocka_unit_test(test_no_questions),
        cmocka_unit_test(test_received_is_one_field),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_busy_desk),
        cmocka_unit_test(test_desk_of_another_kind),
        cmocka_unit_test(test_too_many_desks),
        cmocka_unit_test(test_gone_while_asking),
        cmocka_unit_test(test_sessions),
    };
    return cmocka_run_group_tests_name("desk_server", tests, setup, teardown);
}
