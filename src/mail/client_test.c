/* client_test.c - the SMTP client against a server that follows a script: what it says, and what it
   makes of the answers. */
#include "mail/client.h"

#include "io/testing.h"
#include "mail/route.h"
#include "mail/testing_peer.h"

static struct arena arena;

static int setup(void **state)
{
    test_set("mail.hostname", "me.example");
    test_set("mail.client_greeting", "60s");
    test_set("mail.client_data", "60s");
    return test_loops_start(state);
}

static int test_end(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static int read_slice(void *arg, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    (void)e;
    return buf_add(out, slice_sub(*(struct slice *)arg, from, from + n));
}

struct sending {
    struct mail_client_message m;
    struct mail_client_rcpt rcpt[300];
    struct slice bytes;
    struct peer peer;
    struct err e;
    int rc;
};

static void prepare(struct sending *s, size_t n, struct slice bytes)
{
    *s = (struct sending){.bytes = bytes};
    s->m = (struct mail_client_message){.arena = &arena,
                                        .from = S("a@me.example"),
                                        .trace = S("t"),
                                        .size = bytes.n,
                                        .rcpt = s->rcpt,
                                        .n = n,
                                        .read = read_slice,
                                        .arg = &s->bytes};
    for (size_t i = 0; i < n; i++)
        s->rcpt[i].address = arena_printf(&arena, "r%zu@far.example", i);
}

static void go(struct sending *s, const char *const *script)
{
    struct mail_hop hop = {.host = S("far.example"), .text = "127.0.0.1:x"};
    struct sockaddr_in *to = (struct sockaddr_in *)&hop.address;
    peer_start(&s->peer, script);
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(s->peer.port)};
    to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->rc = mail_client_send(&s->m, &hop, &s->e);
    peer_stop(&s->peer);
}

static void expect(const struct sending *s, size_t i, enum mail_result result, const char *status)
{
    if (s->rcpt[i].result != result || strcmp(s->rcpt[i].status, status) != 0)
        fail_msg("recipient %zu: %d %s, want %d %s (%s)", i, s->rcpt[i].result, s->rcpt[i].status,
                 result, status, s->e.text);
}

#define SCRIPT(...) ((const char *const[]){__VA_ARGS__, NULL})
#define HELLO "S 220 far ESMTP", "C EHLO me.example\r"
#define MESSAGE S("Subject: x\r\n\r\n.hidden\r\nend\r\n")

static struct sending s;

static void one_by_one_and_dots(void **state)
{
    (void)state;
    prepare(&s, 2, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
                  "C RCPT TO:<r0@far.example>\r", "S 250 ok", "C RCPT TO:<r1@far.example>\r",
                  "S 550 5.1.1 no", "C DATA\r", "S 354 go", "D", "S 250 2.0.0 taken", "C QUIT\r",
                  "S 221 bye"));
    assert_int_equal(s.rc, 0);
    expect(&s, 0, MAIL_SENT, "2.0.0");
    expect(&s, 1, MAIL_FAILED, "5.1.1");
    assert_slice(s.rcpt[1].reply, "550 5.1.1 no");
    assert_slice(buf_slice(&s.peer.text), "Subject: x\r\n\r\n..hidden\r\nend\r\n");
    buf_done(&s.peer.text);
}

static void every_class_of_reply(void **state)
{
    static const struct {
        const char *reply;
        enum mail_result result;
        const char *status;
    } rows[] = {
        {"S 250 fine", MAIL_SENT, "2.0.0"},
        {"R 250-two\r\n250 2.6.0 lines\r\n", MAIL_SENT, "2.0.0"},
        {"S 354 more?", MAIL_DEFERRED, "4.0.0"},
        {"S 450 4.2.1 later", MAIL_DEFERRED, "4.2.1"},
        {"S 452 5.1.1 does not fit", MAIL_DEFERRED, "4.0.0"},
        {"S 554 5.7.1 spam", MAIL_FAILED, "5.7.1"},
        {"S 552", MAIL_FAILED, "5.0.0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        prepare(&s, 1, MESSAGE);
        go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
                      "S 354 go", "D", rows[i].reply, "C QUIT", "X"));
        expect(&s, 0, rows[i].result, rows[i].status);
        buf_done(&s.peer.text);
    }
}

/* The text is on its way and nothing comes back, or nothing that is SMTP: the host may have it. */
static void silence_after_the_dot_is_deferred(void **state)
{
    static const char *const ends[] = {"X",
                                       "A",
                                       "W",
                                       "S what is this?",
                                       "S 999 no such class",
                                       "R 250-half a reply",
                                       "S 421 4.3.2 stopping",
                                       "S 2x0 ok"};
    (void)state;
    test_set("mail.client_data", "1s"); /* some of them end by it, and it is the same for all */
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        prepare(&s, 2, MESSAGE);
        go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "S 550 5.1.1 no",
                      "C RCPT", "S 250 ok", "C DATA", "S 354 go", "D", ends[i]));
        assert_int_equal(s.rc, 0); /* everybody has a result: no other host is tried */
        expect(&s, 0, MAIL_FAILED, "5.1.1");
        expect(&s, 1, MAIL_DEFERRED, "4.4.2");
        buf_done(&s.peer.text);
        prepare(&s, 1, MESSAGE);
        go(&s, SCRIPT(HELLO, "S 250-far", "S 250 CHUNKING", "C MAIL", "S 250 ok", "C RCPT",
                      "S 250 ok", "C BDAT 28 LAST\r", "B 28", ends[i]));
        expect(&s, 0, MAIL_DEFERRED, "4.4.2");
        buf_done(&s.peer.text);
    }
    test_set("mail.client_data", "60s");
}

/* Before the text is complete another host may be tried: those concerned stay pending. */
static void lost_before_the_dot_is_pending(void **state)
{
    const char *const *const scripts[] = {
        SCRIPT("X"),
        SCRIPT("S 454 go away", "W"),
        SCRIPT("S 421 4.3.2 busy", "W"),
        SCRIPT("R 220", "X"),
        SCRIPT("S hello", "W"),
        SCRIPT(HELLO, "X"),
        SCRIPT(HELLO, "S 421 not now", "W"),
        SCRIPT(HELLO, "S 250 far", "C MAIL", "A"),
        SCRIPT(HELLO, "S 250 far", "C MAIL", "S 421 4.7.0 enough", "W"),
        SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "X"),
        SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA", "X"),
        SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
               "S 250 what", "W"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        prepare(&s, 1, MESSAGE);
        go(&s, scripts[i]);
        assert_int_equal(s.rc, -1);
        if (s.rcpt[0].result != MAIL_PENDING || s.e.text[0] != '4')
            fail_msg("script %zu: %d, %s", i, s.rcpt[0].result, s.e.text);
    }
}

static void garbage_and_long_lines(void **state)
{
    (void)state;
    BUF_SCOPE line = {0}, flood = {0};
    buf_adds(&line, "R 220 ");
    for (int i = 0; i < 4000; i++)
        buf_addc(&line, 'x');
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(buf_cstr(&line), "W"));
    assert_true(s.rc == -1 && s.rcpt[0].result == MAIL_PENDING);
    assert_non_null(strstr(s.e.text, "too long"));
    buf_adds(&flood, "R ");
    for (int i = 0; i < 3000; i++)
        buf_adds(&flood, "220-another line of a greeting without end\r\n");
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(buf_cstr(&flood), "W"));
    assert_true(s.rc == -1 && s.rcpt[0].result == MAIL_PENDING);
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT("R 250-one\r\n220 two codes\r\n", "W"));
    assert_non_null(strstr(s.e.text, "two codes"));
}

static void helo_for_old_servers(void **state)
{
    (void)state;
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 502 what?", "C HELO me.example\r", "S 250 far",
                  "C MAIL FROM:<a@me.example>\r", "S 250 ok", "C RCPT TO:<r0@far.example>\r",
                  "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    expect(&s, 0, MAIL_SENT, "2.0.0");
    buf_done(&s.peer.text);
}

/* RFC 5321 3.1, 7.9: a host that wants no mail says so once; who wants none now is asked again. */
static void a_host_that_refuses_all(void **state)
{
    static const struct {
        const char *const script[8];
        enum err_code code;
        const char *status;
    } rows[] = {
        {{"S 554 5.3.2 no mail here", "C QUIT", "X"}, ERR_NOPERM, "5.3.2 "},
        {{"S 521 no", "C QUIT", "X"}, ERR_NOPERM, "5.3.2 "},
        {{"S 450 busy", "C QUIT", "X"}, ERR_BUSY, "4.3.2 "},
        {{"S 421 busy", "X"}, ERR_BUSY, "4.4.2 "},
        {{HELLO, "S 550 not you", "C HELO", "S 550 not you", "C QUIT", "X"}, ERR_NOPERM, "5.3.2 "},
        {{HELLO, "S 450 not now", "C QUIT", "X"}, ERR_BUSY, "4.3.2 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        prepare(&s, 1, MESSAGE);
        go(&s, rows[i].script);
        assert_int_equal(s.rc, -1);
        assert_int_equal(s.e.code, rows[i].code);
        if (!slice_starts(slice_str(s.e.text), slice_str(rows[i].status)))
            fail_msg("row %zu: %s, want %s", i, s.e.text, rows[i].status);
        assert_int_equal(s.rcpt[0].result, MAIL_PENDING);
    }
}

/* RFC 5321 4.1.4 */
static void who_has_no_name_says_its_address(void **state)
{
    (void)state;
    test_set("mail.hostname", "box");
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT("S 220 far ESMTP", "C EHLO [127.0.0.1]\r", "S 502 what?", "C HELO [127.0.0.1]\r",
                  "S 250 far", "C MAIL", "S 451 no", "C QUIT", "X"));
    expect(&s, 0, MAIL_DEFERRED, "4.0.0");
    assert_true(s.rcpt[0].answered);
    test_set("mail.hostname", "me.example");
}

static void pipelined_refusals(void **state)
{
    (void)state;
    prepare(&s, 3, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 PIPELINING", "C MAIL", "C RCPT", "C RCPT", "C RCPT",
                  "C DATA", "S 250 ok", "S 451 4.3.0 later", "S 250 ok", "S 550 no", "S 354 go",
                  "D", "S 250 ok", "C QUIT", "X"));
    expect(&s, 0, MAIL_DEFERRED, "4.3.0");
    expect(&s, 1, MAIL_SENT, "2.0.0");
    expect(&s, 2, MAIL_FAILED, "5.0.0");
    buf_done(&s.peer.text);
    /* nobody was taken, and the server goes on all the same: it gets a lone dot (RFC 2920 3.1) */
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 PIPELINING", "C MAIL", "C RCPT", "C DATA", "S 250 ok",
                  "S 550 no", "S 354 go", "C .\r", "S 554 nobody", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.0.0");
    /* MAIL refused: so is everybody */
    prepare(&s, 2, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 PIPELINING", "C MAIL", "C RCPT", "C RCPT", "C DATA",
                  "S 550 5.7.1 not you", "S 503 no", "S 503 no", "S 503 no", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.7.1");
    expect(&s, 1, MAIL_FAILED, "5.7.1");
}

/* RFC 5321 4.5.3.1.10: those that are too many come with the next transaction. */
static void too_many_recipients(void **state)
{
    (void)state;
    prepare(&s, 3, MESSAGE);
    go(&s,
       SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT TO:<r0", "S 250 ok",
              "C RCPT TO:<r1", "S 452 4.5.3 too many", "C RCPT TO:<r2", "S 552 too many", "C DATA",
              "S 354 go", "D", "S 250 ok", "C MAIL", "S 250 ok", "C RCPT TO:<r1", "S 250 ok",
              "C RCPT TO:<r2", "S 452 4.2.2 full", "C DATA", "S 354 go", "D", "S 250 ok", "C MAIL",
              "S 250 ok", "C RCPT TO:<r2", "S 452 4.2.2 full", "C QUIT", "X"));
    assert_int_equal(s.rc, 0);
    expect(&s, 0, MAIL_SENT, "2.0.0");
    expect(&s, 1, MAIL_SENT, "2.0.0");
    expect(&s, 2, MAIL_DEFERRED, "4.2.2");
    buf_done(&s.peer.text);
}

/* RFC 9422: RCPTMAX a transaction, MAILMAX a session; RSET after what did not end in a message. */
static void limits_are_obeyed(void **state)
{
    (void)state;
    prepare(&s, 5, MESSAGE);
    go(&s,
       SCRIPT(HELLO, "S 250-far", "S 250 LIMITS RCPTMAX=2 MAILMAX=2", "C MAIL", "S 250 ok",
              "C RCPT TO:<r0", "S 550 no", "C RCPT TO:<r1", "S 550 no", "C RSET", "S 250 ok",
              "C MAIL", "S 250 ok", "C RCPT TO:<r2", "S 250 ok", "C RCPT TO:<r3", "S 250 ok",
              "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "S 221 bye", "X", HELLO, "S 250-far",
              "S 250 LIMITS RCPTMAX=2 MAILMAX=2", "C MAIL", "S 250 ok", "C RCPT TO:<r4", "S 250 ok",
              "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_int_equal(s.peer.connections, 2);
    expect(&s, 1, MAIL_FAILED, "5.0.0");
    expect(&s, 2, MAIL_SENT, "2.0.0");
    expect(&s, 4, MAIL_SENT, "2.0.0");
    buf_done(&s.peer.text);
}

static void parameters_are_passed_on(void **state)
{
    (void)state;
    prepare(&s, 2, MESSAGE);
    s.m.ret_hdrs = true;
    s.m.envid = S("QQ+1");
    s.rcpt[0].notify = 2 | 8;
    s.rcpt[0].orcpt = S("rfc822;Joe+x@Far.Example");
    s.rcpt[1].notify = 1;
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250-SIZE 1000", "S 250 DSN",
                  "C MAIL FROM:<a@me.example> SIZE=28 RET=HDRS ENVID=QQ+2B1\r", "S 250 ok",
                  "C RCPT TO:<r0@far.example> NOTIFY=SUCCESS,DELAY "
                  "ORCPT=rfc822;Joe+2Bx@Far.Example\r",
                  "S 250 ok", "C RCPT TO:<r1@far.example> NOTIFY=NEVER\r", "S 250 ok", "C DATA",
                  "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_true(s.rcpt[0].dsn_passed);
    expect(&s, 0, MAIL_SENT, "2.0.0");
    buf_done(&s.peer.text);
    /* nothing of it without DSN, and nothing that was not asked for with it */
    prepare(&s, 1, MESSAGE);
    s.m.ret_full = true;
    s.m.envid = S("x");
    s.rcpt[0].notify = 2;
    go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
                  "C RCPT TO:<r0@far.example>\r", "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok",
                  "C QUIT", "X"));
    assert_false(s.rcpt[0].dsn_passed);
    buf_done(&s.peer.text);
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 DSN", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
                  "C RCPT TO:<r0@far.example>\r", "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok",
                  "C QUIT", "X"));
    buf_done(&s.peer.text);
}

static void what_does_not_fit_goes_back(void **state)
{
    (void)state;
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 SIZE 10", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.3.4");
    prepare(&s, 2, MESSAGE);
    s.m.smtputf8 = true;
    s.rcpt[0].address = S("j\303\274rgen@far.example");
    s.rcpt[1].address = S("r1@b\303\274cher.example"); /* goes as A-labels */
    go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
                  "C RCPT TO:<r1@xn--bcher-kva.example>\r", "S 250 ok", "C DATA", "S 354 go", "D",
                  "S 250 ok", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.6.7");
    expect(&s, 1, MAIL_SENT, "2.0.0");
    buf_done(&s.peer.text);
    prepare(&s, 1, S("Subject: \303\274\r\n\r\nx\r\n"));
    s.m.smtputf8 = s.m.eight_bit = true;
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 8BITMIME", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.6.9");
    prepare(&s, 1, S("Subject: \303\274\r\n\r\nx\r\n"));
    s.m.smtputf8 = s.m.eight_bit = true;
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250-SMTPUTF8", "S 250 8BITMIME",
                  "C MAIL FROM:<a@me.example> BODY=8BITMIME SMTPUTF8\r", "S 550 5.6.7 no", "C QUIT",
                  "X"));
    expect(&s, 0, MAIL_FAILED, "5.6.7");
}

/* RFC 6533 4.5: a report with parts in UTF-8, to a server without SMTPUTF8, has them in 7 bits. */
static void reports_with_utf8_parts(void **state)
{
    (void)state;
    prepare(&s, 1,
            S("MIME-Version: 1.0\r\nContent-Type: message/global\r\n"
              "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: \303\274\r\n\r\nx\r\n"));
    s.m.smtputf8 = s.m.eight_bit = true;
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 8BITMIME", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
                  "C RCPT", "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_slice(buf_slice(&s.peer.text),
                 "MIME-Version: 1.0\r\nContent-Type: message/global\r\n"
                 "Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogw7wNCg0KeA0K\r\n");
    buf_done(&s.peer.text);
}

static void eight_bits_are_converted(void **state)
{
    (void)state;
    prepare(&s, 1, S("A: b\r\n\r\n\303\274 is an umlaut, and so on\r\n"));
    s.m.eight_bit = true;
    go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL FROM:<a@me.example>\r", "S 250 ok", "C RCPT",
                  "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_slice(buf_slice(&s.peer.text),
                 "A: b\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                 "=C3=BC is an umlaut, and so on\r\n");
    buf_done(&s.peer.text);
}

static void binary_by_chunks_or_converted(void **state)
{
    static const char bytes[] = "A: b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n.\r\n";
    (void)state;
    prepare(&s, 1, slice_of(bytes, sizeof(bytes) - 1));
    s.m.binary = true;
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250-BINARYMIME", "S 250 CHUNKING",
                  "C MAIL FROM:<a@me.example> BODY=BINARYMIME\r", "S 250 ok", "C RCPT", "S 250 ok",
                  "C BDAT 48 LAST\r", "B 48", "S 250 ok", "C QUIT", "X"));
    expect(&s, 0, MAIL_SENT, "2.0.0");
    assert_true(slice_eq(buf_slice(&s.peer.text), slice_of(bytes, sizeof(bytes) - 1)));
    buf_done(&s.peer.text);
    prepare(&s, 1, slice_of(bytes, sizeof(bytes) - 1));
    s.m.binary = true;
    go(&s,
       SCRIPT(HELLO, "S 250-far", "S 250 BINARYMIME", "C MAIL FROM:<a@me.example>\r", "S 250 ok",
              "C RCPT", "S 250 ok", "C DATA", "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_true(slice_ends(buf_slice(&s.peer.text), S("base64\r\n\r\nAAouDQo=\r\n")));
    buf_done(&s.peer.text);
}

/* Two chunks; the first is refused: the second, which is on its way, is waited for, no third goes,
   and the session can be used again. */
static void a_refused_chunk(void **state)
{
    (void)state;
    BUF_SCOPE big = {0};
    buf_adds(&big, "A: b\r\n\r\n");
    while (big.n < 3 * 65536)
        buf_adds(&big, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n");
    prepare(&s, 1, buf_slice(&big));
    go(&s,
       SCRIPT(HELLO, "S 250-far", "S 250-PIPELINING", "S 250 CHUNKING", "C MAIL", "C RCPT",
              "S 250 ok", "S 250 ok", "C BDAT 65536\r", "B 65536", "S 552 5.3.4 too much",
              "C BDAT 65536\r", "B 65536", "S 503 5.5.1 no", "C RSET", "S 250 ok", "C QUIT", "X"));
    expect(&s, 0, MAIL_FAILED, "5.3.4");
    buf_done(&s.peer.text);
    prepare(&s, 1, buf_slice(&big));
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 CHUNKING", "C MAIL", "S 250 ok", "C RCPT", "S 250 ok",
                  "C BDAT 65536\r", "B 65536", "S 250 ok", "C BDAT 65536\r", "B 65536", "X"));
    assert_true(s.rc == -1 && s.rcpt[0].result == MAIL_PENDING);
    buf_done(&s.peer.text);
}

static void bare_line_ends_never_leave(void **state)
{
    (void)state;
    prepare(&s, 1, S("A: b\r\n\r\nx\n.\ny\r.\r\nz\r\n.\rw"));
    go(&s, SCRIPT(HELLO, "S 250 far", "C MAIL", "S 250 ok", "C RCPT", "S 250 ok", "C DATA",
                  "S 354 go", "D", "S 250 ok", "C QUIT", "X"));
    assert_slice(buf_slice(&s.peer.text), "A: b\r\n\r\nx\r\n..\r\ny\r\n..\r\nz\r\n..\r\nw\r\n");
    buf_done(&s.peer.text);
}

static void many_recipients_in_batches(void **state)
{
    static const char *script[1000];
    size_t k = 0, n = 250;
    (void)state;
    const char *const head[] = {HELLO, "S 250-far", "S 250-PIPELINING", "S 250 CHUNKING", "C MAIL"};
    for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
        script[k++] = head[i];
    for (size_t i = 0; i < n; i += 100) {
        for (size_t j = i; j < n && j < i + 100; j++)
            script[k++] = "C RCPT";
        if (i == 0)
            script[k++] = "S 250 ok";
        for (size_t j = i; j < n && j < i + 100; j++)
            script[k++] = "S 250 ok";
    }
    script[k++] = "C BDAT 28 LAST\r";
    script[k++] = "B 28";
    script[k++] = "S 250 ok";
    script[k++] = "C QUIT";
    script[k++] = NULL;
    test_set("mail.client_rcpt_max", "1000");
    prepare(&s, n, MESSAGE);
    go(&s, script);
    test_set("mail.client_rcpt_max", "100");
    for (size_t i = 0; i < n; i++)
        expect(&s, i, MAIL_SENT, "2.0.0");
    buf_done(&s.peer.text);
}

/* RFC 3207: text behind the answer to STARTTLS is not believed, and the host is left. */
static void plain_text_behind_starttls(void **state)
{
    (void)state;
    prepare(&s, 1, MESSAGE);
    go(&s, SCRIPT(HELLO, "S 250-far", "S 250 STARTTLS", "C STARTTLS\r",
                  "R 220 go\r\n250-far\r\n250 SIZE 1\r\n", "W"));
    assert_true(s.rc == -1 && s.rcpt[0].result == MAIL_PENDING);
    /* refused: the message goes in plain text all the same, unless it must not */
    prepare(&s, 1, MESSAGE);
    test_set("mail.client_tls", "must");
    go(&s, SCRIPT(HELLO, "S 250 far", "W"));
    assert_true(s.rc == -1 && s.rcpt[0].result == MAIL_PENDING);
    test_set("mail.client_tls", "may");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(one_by_one_and_dots, test_end),
        cmocka_unit_test_teardown(every_class_of_reply, test_end),
        cmocka_unit_test_teardown(silence_after_the_dot_is_deferred, test_end),
        cmocka_unit_test_teardown(lost_before_the_dot_is_pending, test_end),
        cmocka_unit_test_teardown(garbage_and_long_lines, test_end),
        cmocka_unit_test_teardown(helo_for_old_servers, test_end),
        cmocka_unit_test_teardown(a_host_that_refuses_all, test_end),
        cmocka_unit_test_teardown(who_has_no_name_says_its_address, test_end),
        cmocka_unit_test_teardown(pipelined_refusals, test_end),
        cmocka_unit_test_teardown(too_many_recipients, test_end),
        cmocka_unit_test_teardown(limits_are_obeyed, test_end),
        cmocka_unit_test_teardown(parameters_are_passed_on, test_end),
        cmocka_unit_test_teardown(what_does_not_fit_goes_back, test_end),
        cmocka_unit_test_teardown(reports_with_utf8_parts, test_end),
        cmocka_unit_test_teardown(eight_bits_are_converted, test_end),
        cmocka_unit_test_teardown(binary_by_chunks_or_converted, test_end),
        cmocka_unit_test_teardown(a_refused_chunk, test_end),
        cmocka_unit_test_teardown(bare_line_ends_never_leave, test_end),
        cmocka_unit_test_teardown(many_recipients_in_batches, test_end),
        cmocka_unit_test_teardown(plain_text_behind_starttls, test_end),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, test_loops_stop);
}
