/* tls_test.c - TLS on loopback sockets against a plain OpenSSL client: versions, SNI, ALPN, tickets
   and to which service they belong, STARTTLS with bytes pipelined behind it, slow handshakes,
   garbage, slow readers, channel binding, reload; then our own client side. */
#include "io/testing_lines.h"

#include <dirent.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "io/tls.h"

static struct line_server server;
static uint16_t tls_port, other_port, start_port;
static char dir[] = "/tmp/carbonado-tls-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[2][300];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
    return path[turn];
}

static void load(void)
{
    struct err e = {0};
    if (tls_load(dir, S("mail.example.test"), &e))
        fail_msg("%s", e.text);
}

static int group_setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    DIR *d = opendir(dir);
    for (struct dirent *f; (f = readdir(d));) {
        if (f->d_name[0] != '.')
            unlink(in_dir(f->d_name));
    }
    closedir(d);
    return rmdir(dir);
}

static int setup(void **state)
{
    (void)state;
    struct err e = {0};
    memset(&server, 0, sizeof(server));
    assert_int_equal(loops_start(2, &e), 0);
    load();
    struct listener l = {.name = "imaps",
                         .tls = TLS_IMPLICIT,
                         .ops = &lines_ops,
                         .service = &server,
                         .alpn = "imap"};
    tls_port = test_listen(l);
    l.name = "pop3s";
    other_port = test_listen(l);
    l.name = "imap";
    l.tls = TLS_START;
    start_port = test_listen(l);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    listeners_stop();
    loops_stop();
    tls_done();
    assert_int_equal(server.opened, server.closed);
    return 0;
}

/* --- a client ----------------------------------------------------------------------------- */
struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static SSL_SESSION *kept_session;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

static struct client client_on(int fd, int version, const char *sni)
{
    struct client c = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = fd};
    SSL_CTX_set_min_proto_version(c.ctx, version);
    SSL_CTX_set_max_proto_version(c.ctx, version);
    SSL_CTX_set_security_level(c.ctx, version < TLS1_2_VERSION ? 0 : 1);
    SSL_CTX_set_session_cache_mode(c.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c.ctx, on_session);
    c.ssl = SSL_new(c.ctx);
    SSL_set_fd(c.ssl, fd);
    if (sni)
        SSL_set_tlsext_host_name(c.ssl, sni);
    return c;
}

static struct client client(uint16_t port, int version, const char *sni)
{
    return client_on(test_connect(port), version, sni);
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static void tls_send(struct client *c, struct slice s)
{
    assert_int_equal(SSL_write(c->ssl, s.p, (int)s.n), (int)s.n);
}

static void tls_expect(struct client *c, struct slice want)
{
    char *got = malloc(want.n + 1);
    size_t n = 0;
    int k;
    while (n < want.n && (k = SSL_read(c->ssl, got + n, (int)(want.n - n))) > 0)
        n += (size_t)k;
    if (!slice_eq(slice_of(got, n), want))
        fail_msg("got \"%.*s\", want \"%.*s\"", (int)n, got, SARG(want));
    free(got);
}

/* --- the server side ---------------------------------------------------------------------- */
static void both_versions_talk(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int v = 0; v < 2; v++) {
        struct client c = client(tls_port, versions[v], "mail.example.test");
        SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\x05other\x04imap", 11);
        assert_int_equal(SSL_connect(c.ssl), 1);
        tls_expect(&c, S("hello\r\n"));
        for (int i = 0; i < 50; i++) {
            tls_send(&c, S("echo a"));
            tls_send(&c, S("b\r\necho c\r\n"));
            tls_expect(&c, S("ab\r\nc\r\n"));
        }
        tls_send(&c, S("info\r\n"));
        char want[200];
        struct sockaddr_in me;
        socklen_t n = sizeof(me);
        getsockname(c.fd, (struct sockaddr *)&me, &n);
        snprintf(want, sizeof(want), "127.0.0.1 %u loopback [%s %s] [mail.example.test] [imap]\r\n",
                 ntohs(me.sin_port), SSL_get_version(c.ssl), SSL_get_cipher_name(c.ssl));
        tls_expect(&c, slice_str(want));
        tls_send(&c, S("quit\r\n"));
        tls_expect(&c, S("bye\r\n"));
        char end;
        int rc = SSL_read(c.ssl, &end, 1);
        assert_int_equal(SSL_get_error(c.ssl, rc), SSL_ERROR_ZERO_RETURN); /* close_notify */
        client_close(&c);
    }
}

static void old_versions_and_other_protocols_are_refused(void **state)
{
    (void)state;
    struct client c = client(tls_port, TLS1_1_VERSION, NULL);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    client_close(&c);
    c = client(tls_port, TLS1_3_VERSION, NULL);
    SSL_set_alpn_protos(c.ssl, (const unsigned char *)"\x08http/1.1", 9);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    client_close(&c);
    int fd = test_connect(tls_port);
    test_send(fd, S("a LOGIN user pass\r\nGET / HTTP/1.1\r\n\r\n"));
    test_expect_end(fd);
    close(fd);
    lines_wait_closed(&server, 3);
    assert_int_equal(server.last_why, CONN_END_TLS);
    server.opened += 3;
}

static void a_slow_handshake_ends(void **state)
{
    (void)state;
    test_set("io.handshake_timeout", "1s");
    int64_t began = clock_mono_ms();
    int fd = test_connect(tls_port);
    test_send(fd, S("\x16\x03\x01"));
    test_expect_end(fd);
    assert_in_range(clock_mono_ms() - began, 800, 50000);
    close(fd);
    test_set("io.handshake_timeout", "30s");
    lines_wait_closed(&server, 1);
    assert_int_equal(server.last_why, CONN_END_TIMEOUT);
    server.opened++;
}

/* Bug class 2: what was sent in plain text behind STARTTLS is never answered. */
static void nothing_behind_starttls_is_answered(void **state)
{
    (void)state;
    int fd = test_connect(start_port);
    test_expect(fd, S("hello\r\n"));
    test_send(fd, S("starttls\r\necho injected\r\nechoinj"));
    test_expect(fd, S("go\r\n"));
    struct client c = client_on(fd, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_connect(c.ssl), 1);
    tls_send(&c, S("echo clean\r\n"));
    tls_expect(&c, S("clean\r\n"));
    assert_int_equal(server.secured, 1);
    client_close(&c);

    /* The same in a segment of its own, before the handshake: the handshake fails. */
    fd = test_connect(start_port);
    test_expect(fd, S("hello\r\n"));
    test_send(fd, S("starttls\r\n"));
    test_expect(fd, S("go\r\n"));
    test_send(fd, S("echo injected\r\n"));
    lines_wait_closed(&server, 2);
    assert_int_equal(server.last_why, CONN_END_TLS);
    close(fd);
}

static void slow_readers_get_all_of_it(void **state)
{
    (void)state;
    struct client c = client(tls_port, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_connect(c.ssl), 1);
    tls_expect(&c, S("hello\r\n"));
    tls_send(&c, S("big 12000000\r\necho end\r\n"));
    usleep(200000);
    size_t n = 12000000;
    char *want = malloc(n);
    memset(want, 'x', n);
    tls_expect(&c, slice_of(want, n));
    free(want);
    tls_expect(&c, S("\r\nend\r\n"));
    usleep(1300 * 1000); /* its buffers go, and come back */
    tls_send(&c, S("echo again\r\n"));
    tls_expect(&c, S("again\r\n"));
    client_close(&c);
}

static bool resumes(uint16_t port, int version)
{
    struct client c = client(port, version, NULL);
    if (kept_session)
        SSL_set_session(c.ssl, kept_session);
    assert_int_equal(SSL_connect(c.ssl), 1);
    tls_expect(&c, S("hello\r\n")); /* tickets of TLS 1.3 come with it */
    bool reused = SSL_session_reused(c.ssl);
    SSL_shutdown(c.ssl);
    client_close(&c);
    return reused;
}

/* Bug class 3: a ticket of one service is no use on another. */
static void tickets_belong_to_their_service(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int v = 0; v < 2; v++) {
        SSL_SESSION_free(kept_session);
        kept_session = NULL;
        assert_false(resumes(tls_port, versions[v]));
        if (!resumes(tls_port, versions[v]))
            fail_msg("version %x is not resumed", (unsigned)versions[v]);
        assert_false(resumes(other_port, versions[v]));
    }
    SSL_SESSION_free(kept_session);
    kept_session = NULL;
}

static void common_name(struct client *c, char *out, size_t n)
{
    X509 *cert = SSL_get1_peer_certificate(c->ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, out, (int)n);
    X509_free(cert);
}

static void expect_certificate(const char *sni, const char *want)
{
    char got[100];
    struct client c = client(tls_port, TLS1_3_VERSION, sni);
    assert_int_equal(SSL_connect(c.ssl), 1);
    common_name(&c, got, sizeof(got));
    assert_string_equal(got, want);
    client_close(&c);
}

/* Makes a pair NAME.crt, NAME.key for a host by way of a directory of its own. */
static void make_pair(const char *name, const char *host)
{
    char temp[] = "/tmp/carbonado-pair-XXXXXX", from[300];
    struct err e = {0};
    assert_non_null(mkdtemp(temp));
    tls_done();
    assert_int_equal(tls_load(temp, slice_str(host), &e), 0);
    static const char *const ends[] = {"crt", "key"};
    for (int i = 0; i < 2; i++) {
        char to[300];
        snprintf(from, sizeof(from), "%s/default.%s", temp, ends[i]);
        snprintf(to, sizeof(to), "%s/%s.%s", dir, name, ends[i]);
        assert_int_equal(rename(from, to), 0);
    }
    rmdir(temp);
}

static void sni_chooses_and_reload_changes(void **state)
{
    (void)state;
    expect_certificate(NULL, "mail.example.test");
    expect_certificate("imap.example.org", "mail.example.test"); /* unknown */
    struct client old = client(tls_port, TLS1_3_VERSION, NULL);
    assert_int_equal(SSL_connect(old.ssl), 1);

    make_pair("*.example.org", "wild.example.net");
    make_pair("one.example.org", "one.example.org");
    load();
    expect_certificate(NULL, "mail.example.test");
    expect_certificate("IMAP.example.ORG", "wild.example.net");
    expect_certificate("wild.example.net", "wild.example.net"); /* its alternative name */
    expect_certificate("one.example.org", "one.example.org");
    expect_certificate("a.b.example.org", "mail.example.test"); /* a wildcard is one label */
    tls_expect(&old, S("hello\r\n"));
    tls_send(&old, S("echo still\r\n"));
    tls_expect(&old, S("still\r\n"));
    client_close(&old);

    /* A pair that does not fit: the old set stays. */
    struct err e = {0};
    assert_int_equal(rename(in_dir("one.example.org.key"), in_dir("two.example.org.key")), 0);
    assert_int_equal(rename(in_dir("*.example.org.crt"), in_dir("two.example.org.crt")), 0);
    assert_int_equal(tls_load(dir, S("mail.example.test"), &e), -1);
    expect_certificate("one.example.org", "one.example.org");
}

static char binding_seen[3][64];
static size_t binding_n[3];

static void look_at_binding(void *arg)
{
    struct conn *c = arg;
    static const struct slice types[] = {S_INIT("tls-exporter"), S_INIT("tls-server-end-point")};
    for (int i = 0; i < 2; i++) {
        BUF_SCOPE b = {0};
        assert_int_equal(conn_tls_binding(c, types[i], &b), 0);
        memcpy(binding_seen[i], b.p, b.n);
        binding_n[i] = b.n;
    }
    BUF_SCOPE b = {0};
    binding_n[2] = conn_tls_binding(c, S("tls-unique"), &b) ? 0 : b.n;
    assert_true(b.n <= sizeof(binding_seen[2]));
    if (binding_n[2])
        memcpy(binding_seen[2], b.p, b.n);
    assert_int_equal(conn_tls_binding(c, S("tls-unique-for-telnet"), &b), -1);
}

static struct conn *_Atomic last_opened;

static void binding_opened(struct conn *c)
{
    lines_opened(c);
    last_opened = c;
}

static void channel_binding_is_the_same_at_both_ends(void **state)
{
    (void)state;
    static struct conn_ops ops;
    ops = lines_ops;
    ops.opened = binding_opened;
    uint16_t port = test_listen(
        (struct listener){.name = "b", .tls = TLS_IMPLICIT, .ops = &ops, .service = &server});
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int v = 0; v < 2; v++) {
        struct client c = client(port, versions[v], NULL);
        assert_int_equal(SSL_connect(c.ssl), 1);
        tls_expect(&c, S("hello\r\n"));
        struct conn *conn = last_opened;
        loop_call(conn_loop(conn), look_at_binding, conn);
        unsigned char mine[64];
        unsigned n;
        assert_int_equal(SSL_export_keying_material(c.ssl, mine, 32, "EXPORTER-Channel-Binding", 24,
                                                    (const unsigned char *)"", 0, 1),
                         1);
        assert_int_equal(binding_n[0], 32);
        assert_memory_equal(binding_seen[0], mine, 32);
        X509 *cert = SSL_get1_peer_certificate(c.ssl);
        assert_int_equal(X509_digest(cert, EVP_sha256(), mine, &n), 1);
        X509_free(cert);
        assert_int_equal(binding_n[1], n);
        assert_memory_equal(binding_seen[1], mine, n);
        size_t finished = SSL_get_finished(c.ssl, mine, sizeof(mine)); /* RFC 5929 3.1 */
        assert_int_equal(binding_n[2], versions[v] == TLS1_2_VERSION ? finished : 0);
        if (binding_n[2])
            assert_memory_equal(binding_seen[2], mine, finished);
        client_close(&c);
    }
}

/* --- our client side ---------------------------------------------------------------------- */
struct out {
    struct conn_connect how;
    struct slice greeting; /* then STARTTLS is sent when starttls is set */
    bool starttls;
    _Atomic int opened, secured, closed;
    int why;
    char got[200], text[256], summary[80];
    _Atomic size_t got_n;
    struct conn *conn;
};

static void out_opened(struct conn *c)
{
    struct out *o = conn_user(c);
    o->opened++;
    snprintf(o->summary, sizeof(o->summary), "%.*s", SARG(conn_tls_summary(c)));
}

static size_t out_input(struct conn *c, struct slice in)
{
    struct out *o = conn_user(c);
    size_t n = 0;
    while (n < in.n && !(o->starttls && n && in.p[n - 1] == '\n')) /* one line */
        n++;
    if (n && in.p[n - 1] != '\n')
        return 0;
    memcpy(o->got + o->got_n, in.p, n);
    o->got_n += n;
    if (o->starttls && slice_eq(slice_of(in.p, n), S("hello\r\n"))) {
        conn_write(c, S("starttls\r\n"));
        if (n < in.n)
            return n + out_input(c, slice_from(in, n));
    } else if (o->starttls && slice_eq(slice_of(in.p, n), S("go\r\n"))) {
        o->starttls = false;
        conn_start_client_tls(c, S("mail.example.test"), true);
    }
    return n;
}

static void out_secured(struct conn *c)
{
    struct out *o = conn_user(c);
    o->secured++;
    conn_write(c, S("echo safe\r\n"));
}

static void out_closed(struct conn *c, enum conn_end why, const char *text)
{
    struct out *o = conn_user(c);
    snprintf(o->text, sizeof(o->text), "%s", text);
    o->why = (int)why;
    o->closed++;
}

static const struct conn_ops out_ops = {
    .opened = out_opened, .input = out_input, .secured = out_secured, .closed = out_closed};

static void out_start(void *arg)
{
    struct out *o = arg;
    struct err e = {0};
    o->conn = conn_connect(loop_current(), &o->how, &e);
    assert_non_null(o->conn);
}

static void out_abort(void *arg)
{
    struct out *o = arg;
    if (!o->closed)
        conn_abort(o->conn);
}

static void out_run(struct out *o, uint16_t port, const char *name, bool verify, size_t want_n)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    o->how = (struct conn_connect){.to = (struct sockaddr *)&a,
                                   .ops = &out_ops,
                                   .user = o,
                                   .connect_ms = 60000,
                                   .tls = name != NULL,
                                   .tls_name = slice_str(name),
                                   .verify = verify};
    loop_call(loop_at(0), out_start, o);
    for (int i = 0; i < 6000 && !o->closed && o->got_n < want_n; i++)
        usleep(10000);
    loop_call(loop_at(0), out_abort, o);
    for (int i = 0; i < 6000 && !o->closed; i++)
        usleep(10000);
    assert_int_equal(o->closed, 1);
}

static void the_client_verifies_when_asked(void **state)
{
    (void)state;
    test_set("io.tls_ca_file", in_dir("default.crt"));
    load();
    struct out o = {0};
    out_run(&o, tls_port, "mail.example.test", true, 7);
    assert_int_equal(o.opened, 1);
    assert_slice(slice_of(o.got, o.got_n), "hello\r\n");
    assert_true(slice_starts(slice_str(o.summary), S("TLSv1.3 ")));
    o = (struct out){0};
    out_run(&o, tls_port, "other.example.test", true, 7);
    assert_int_equal(o.opened, 0);
    assert_int_equal(o.why, CONN_END_TLS);
    assert_true(slice_search(slice_str(o.text), S("ostname mismatch")) > 0);
    o = (struct out){0};
    out_run(&o, tls_port, "other.example.test", false, 7);
    assert_int_equal(o.opened, 1);
    test_set("io.tls_ca_file", "");
    load();
    o = (struct out){0};
    out_run(&o, tls_port, "mail.example.test", true, 7);
    assert_int_equal(o.opened, 0);
    assert_int_equal(o.why, CONN_END_TLS);
    lines_wait_closed(&server, 4); /* the two that were refused never came so far as to open */
    server.opened += 2;
}

static void the_client_starts_tls_later(void **state)
{
    (void)state;
    test_set("io.tls_ca_file", in_dir("default.crt"));
    load();
    struct out o = {.starttls = true};
    out_run(&o, start_port, NULL, true, 7 + 4 + 6);
    assert_int_equal(o.secured, 1);
    assert_slice(slice_of(o.got, o.got_n), "hello\r\ngo\r\nsafe\r\n");
    test_set("io.tls_ca_file", "");
    load();
}

/* A server (or who sits between) that sends answers behind its go-ahead. */
static void the_client_takes_nothing_behind_the_go_ahead(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 1), 0);
    struct out o = {.starttls = true};
    struct sockaddr_in to = a;
    to.sin_port = htons(test_port_of(fd));
    o.how = (struct conn_connect){
        .to = (struct sockaddr *)&to, .ops = &out_ops, .user = &o, .connect_ms = 60000};
    loop_call(loop_at(0), out_start, &o);
    int peer = accept(fd, NULL, NULL);
    test_send(peer, S("hello\r\n"));
    test_expect(peer, S("starttls\r\n"));
    test_send(peer, S("go\r\n250 injected\r\n"));
    for (int i = 0; i < 6000 && !o.closed; i++)
        usleep(10000);
    assert_int_equal(o.why, CONN_END_TLS);
    assert_slice(slice_of(o.got, o.got_n), "hello\r\ngo\r\n");
    close(peer);
    close(fd);
    /* And nobody there at all. */
    o = (struct out){0};
    out_run(&o, ntohs(to.sin_port), NULL, false, 7);
    assert_int_equal(o.opened, 0);
    assert_int_equal(o.why, CONN_END_PEER);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(both_versions_talk),
        T(old_versions_and_other_protocols_are_refused),
        T(a_slow_handshake_ends),
        T(nothing_behind_starttls_is_answered),
        T(slow_readers_get_all_of_it),
        T(tickets_belong_to_their_service),
        T(channel_binding_is_the_same_at_both_ends),
        T(the_client_verifies_when_asked),
        T(the_client_starts_tls_later),
        T(the_client_takes_nothing_behind_the_go_ahead),
        T(sni_chooses_and_reload_changes),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, group_setup, group_teardown);
}
