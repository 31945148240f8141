/* cmd_sessions.c - carbonado sessions: who is connected, once or again and again as top(1) does. */
#include <inttypes.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/output.h"

enum { LIMIT = 1000, WATCH_SECONDS = 2 };
enum { FIXED = 57, LOGIN_MIN = 8, FROM_MIN = 15 }; /* columns: all but the two, and those two */

/* How wide the columns of unlimited text are: as wide as the text, or what the terminal has room
   for. */
struct widths {
    int login, from;
};

static int widest(const json_t *rows, const char *name, int least)
{
    const json_t *row;
    size_t i, most = (size_t)least;
    json_array_foreach(rows, i, row) if (strlen(json_text(row, name)) > most) most =
        strlen(json_text(row, name));
    return (int)most;
}

/* The terminal's size; 0 when it has none. */
static void terminal(int *ret_columns, int *ret_rows)
{
    struct winsize w;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0;
    *ret_columns = known ? w.ws_col : 0;
    *ret_rows = known ? w.ws_row : 0;
}

static struct widths widths_of(const json_t *rows)
{
    int columns, lines;
    struct widths w = {widest(rows, "login", LOGIN_MIN), widest(rows, "peer", FROM_MIN)};
    terminal(&columns, &lines);
    int over = columns ? FIXED + w.login + w.from - columns : 0;
    if (over > 0) {
        int take = over < w.login - LOGIN_MIN ? over : w.login - LOGIN_MIN;
        w.login -= take;
        over -= take;
        w.from -= over < w.from - FROM_MIN ? over : w.from - FROM_MIN;
    }
    return w;
}

static void print_span(int64_t ms, char out[16])
{
    int64_t s = ms / 1000;
    if (s < 60)
        snprintf(out, 16, "%" PRId64 "s", s);
    else if (s < 3600)
        snprintf(out, 16, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    else
        snprintf(out, 16, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
}

static void print_row(const json_t *row, const struct widths *w)
{
    char since[16], silent[16], in[32], out[32];
    const char *tls = json_text(row, "tls"), *login = json_text(row, "login");
    print_span(json_number(row, "open_ms"), since);
    print_span(json_number(row, "silent_ms"), silent);
    cli_size_print(json_number(row, "bytes_in"), in, sizeof in);
    cli_size_print(json_number(row, "bytes_out"), out, sizeof out);
    char version[9]; /* "TLSv1.3" of "TLSv1.3 TLS_AES_256_GCM_SHA384" */
    snprintf(version, sizeof version, "%.7s", tls);
    printf("%-11s %-*.*s %-*.*s %-7s %7s %7s %9s %9s\n", json_text(row, "service"), w->login,
           w->login, login[0] ? login : "-", w->from, w->from, json_text(row, "peer"),
           tls[0] ? version : "-", since, silent, in, out);
}

static void print(const json_t *ret)
{
    const json_t *rows = json_object_get(ret, "sessions"), *row;
    size_t i;
    if (json_number(ret, "total") == 0) {
        puts("nobody is connected");
        return;
    }
    struct widths w = widths_of(rows);
    printf("%-11s %-*s %-*s %-7s %7s %7s %9s %9s\n", "SERVICE", w.login, "LOGIN", w.from, "FROM",
           "TLS", "OPEN", "SILENT", "IN", "OUT");
    json_array_foreach(rows, i, row) print_row(row, &w);
    int64_t left = json_number(ret, "total") - (int64_t)json_array_size(rows);
    if (left > 0)
        printf("and %" PRId64 " more\n", left);
}

static int show(struct cli *c, int limit)
{
    json_t *ret = NULL;
    const char *login = cli_option(c, "--login");
    int r = ask(c, "sessions.list", json_pack("{s:i, s:s?}", "limit", limit, "login", login), &ret);
    if (r == 0) {
        if (cli_option(c, "--watch"))
            fputs("\033[H\033[2J", stdout);
        if (c->json)
            cli_print_json(ret);
        else
            print(ret);
        fflush(stdout);
    }
    json_decref(ret);
    return r;
}

static int run(struct cli *c)
{
    if (!cli_option(c, "--watch"))
        return show(c, LIMIT);
    if (c->json || !isatty(STDOUT_FILENO))
        return cli_usage(c, "--watch needs a terminal, and no --json");
    int r, columns, lines;
    do { /* the window may change while one looks */
        terminal(&columns, &lines);
        r = show(c, lines > 6 ? lines - 4 : LIMIT);
    } while (r == CLI_OK && sleep(WATCH_SECONDS) == 0);
    return r;
}

const struct cli_command cmd_sessions = {
    .name = "sessions",
    .args = "",
    .summary = "Print who is connected, the most recently active first",
    .help =
        "Each connection: the listener, the login, the peer, TLS, how long it is open and silent,\n"
        "and what it has moved.",
    .options =
        (const struct cli_option[]){{"--login", "ADDRESS", "Only those of this account"},
                                    {"--watch", NULL, "Again every two seconds, until Ctrl-C"},
                                    {0}},
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
