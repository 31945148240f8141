/* load.c - carbonado-load: puts a measured load on a mail server (any: it speaks only LMTP, SMTP,
   IMAP and POP3) and says how it did: acknowledged operations, latencies, the server's processor
   time and memory. `carbonado-load help` lists the loads and the options. */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

struct load load = {.host = "127.0.0.1",
                    .user_format = "user%u@example.test",
                    .password = "pass",
                    .box = "INBOX",
                    .conns = 1,
                    .users = 1,
                    .rcpts = 1,
                    .multi = 1,
                    .pipeline = 1,
                    .median = 12000,
                    .mean = 40000,
                    .seed = 1,
                    .idle_select = true};

static struct proc_use busy, settled;

static const struct driver *const drivers[] = {&load_lmtp,   &load_smtp,  &load_append,  &load_meta,
                                               &load_bodies, &load_mix,   &load_idle,    &load_pop3,
                                               &load_change, &load_login, &load_announce};

static const char usage[] =
    "usage: carbonado-load LOAD [option]...\n"
    "\n"
    "loads:\n"
    "  lmtp, smtp   deliver messages; counted when acknowledged (LMTP: for each recipient)\n"
    "  append       IMAP APPEND; --multi N: N messages in one command\n"
    "  meta         FETCH 1:* of UID, flags, dates, sizes, ENVELOPE and BODYSTRUCTURE\n"
    "  bodies       FETCH 1:* of whole messages, each checked byte for byte\n"
    "  mix          STATUS, NOOP, SELECT, STORE and small FETCH as a client does\n"
    "  idle         connections that do nothing (SELECT and IDLE); the server's memory is the "
    "result\n"
    "  pop3         RETR of all messages, each checked; --pipeline N: so many under way\n"
    "  change       --what store, copy, move, expunge or select: one command over the whole "
    "mailbox\n"
    "               or its first --messages; copy and move go --to NAME\n"
    "  login        connect, LOGIN, SELECT, LOGOUT, again and again\n"
    "  announce     connections in IDLE; the first one appends a message, an operation is over "
    "when\n"
    "               all others have been told\n"
    "\n"
    "options:\n"
    "  --host A --port N    default: CARBONADO_HOST and the port that scripts/with-server exports\n"
    "  --tls                TLS from the first byte\n"
    "  --conns N            connections at once (1)\n"
    "  --count N            stop after N operations\n"
    "  --seconds S          stop after S seconds; idle: how long to wait before measuring\n"
    "  --users N            user1@example.test to userN@example.test (1); --user FORMAT with %u\n"
    "  --rcpts N            recipients a message, LMTP and SMTP (1)\n"
    "  --multi N            messages a command, append (1)\n"
    "  --box NAME           mailbox (INBOX)\n"
    "  --sizes MEDIAN:MEAN  of the messages that are made, in bytes (12000:40000)\n"
    "  --no-select          idle: stay where the login leads, without SELECT and IDLE\n"
    "  --refusals           a message that the server refuses for good is no error; it does not "
    "count\n"
    "  --eml FOLDER         messages from .eml files instead of made ones\n"
    "  --seed N             other messages (1)\n"
    "  --pid N              process of the server (repeatable; children are included)\n"
    "  --label TEXT         name of this run in the output\n"
    "  --json FILE          append the result to FILE as one line of JSON\n";

bool load_over(void)
{
    return load.failed || (load.deadline && clock_mono_us() >= load.deadline);
}

/* The memory is read once, when no more begins: then all connections are still at work. */
bool load_take(uint64_t *seq)
{
    if (load_over() || (load.count && load.next_seq >= load.count)) {
        if (!busy.processes)
            proc_read(load.pids, load.pid_count, true, &busy);
        return false;
    }
    *seq = load.next_seq++;
    return true;
}

void load_begin(struct conn *c)
{
    c->began = clock_mono_us();
}

void load_done(struct conn *c, uint64_t bytes)
{
    if (load.ops == load.times_cap) {
        load.times_cap = load.times_cap ? load.times_cap * 2 : 1 << 16;
        load.times = realloc(load.times, load.times_cap * sizeof(*load.times));
        BUG_IF(!load.times);
    }
    load.ended = clock_mono_us();
    load.times[load.ops++] = (uint32_t)(load.ended - c->began);
    if (load.ops == 1)
        load.first_us = load.times[0];
    load.bytes += bytes;
}

/* Processes that end must have ended: only then their parent has their time. */
void load_settle(void)
{
    if (settled.processes)
        return;
    usleep(300 * 1000);
    proc_read(load.pids, load.pid_count, load.driver->waits, &settled);
}

void load_error(const char *what, struct slice got)
{
    if (!load.errors++)
        snprintf(load.error, sizeof(load.error), "%s: %.*s", what, got.n > 200 ? 200 : (int)got.n,
                 got.n ? got.p : "");
}

const char *load_user(unsigned n, char *out, size_t size)
{
    ptrdiff_t at = slice_search(slice_str(load.user_format), S("%u"));
    if (at < 0)
        snprintf(out, size, "%s", load.user_format);
    else
        snprintf(out, size, "%.*s%u%s", (int)at, load.user_format, n + 1,
                 load.user_format + at + 2);
    return out;
}

static bool all_ready(void)
{
    return load.ready == load.conns;
}

static bool all_finished(void)
{
    return load.finished == load.conns;
}

enum {
    OPT_HOST = 256,
    OPT_PORT,
    OPT_TLS,
    OPT_CONNS,
    OPT_COUNT,
    OPT_SECONDS,
    OPT_USERS,
    OPT_USER,
    OPT_RCPTS,
    OPT_MULTI,
    OPT_BOX,
    OPT_NO_SELECT,
    OPT_EML,
    OPT_SEED,
    OPT_PID,
    OPT_LABEL,
    OPT_JSON,
    OPT_PIPELINE,
    OPT_MESSAGES,
    OPT_TO,
    OPT_WHAT,
    OPT_SIZES,
    OPT_REFUSALS,
};

static const struct option options[] = {
    {"host", 1, NULL, OPT_HOST},         {"port", 1, NULL, OPT_PORT},
    {"tls", 0, NULL, OPT_TLS},           {"conns", 1, NULL, OPT_CONNS},
    {"count", 1, NULL, OPT_COUNT},       {"seconds", 1, NULL, OPT_SECONDS},
    {"users", 1, NULL, OPT_USERS},       {"user", 1, NULL, OPT_USER},
    {"rcpts", 1, NULL, OPT_RCPTS},       {"multi", 1, NULL, OPT_MULTI},
    {"box", 1, NULL, OPT_BOX},           {"no-select", 0, NULL, OPT_NO_SELECT},
    {"eml", 1, NULL, OPT_EML},           {"seed", 1, NULL, OPT_SEED},
    {"pid", 1, NULL, OPT_PID},           {"label", 1, NULL, OPT_LABEL},
    {"json", 1, NULL, OPT_JSON},         {"pipeline", 1, NULL, OPT_PIPELINE},
    {"messages", 1, NULL, OPT_MESSAGES}, {"to", 1, NULL, OPT_TO},
    {"what", 1, NULL, OPT_WHAT},         {"sizes", 1, NULL, OPT_SIZES},
    {"refusals", 0, NULL, OPT_REFUSALS}, {0},
};

_Noreturn static void quit(const char *what)
{
    fprintf(stderr, "carbonado-load: %s\n", what);
    exit(2);
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    uint64_t v;
    if (!text || slice_u64(slice_str(text), &v) < 0 || v < least || v > most)
        quit("a number is missing or out of range");
    return v;
}

/* One or several, blanks between. */
static void pids_take(struct slice text)
{
    while (text.n) {
        uint32_t pid;
        if (slice_u32(slice_cut(&text, ' '), &pid) < 0)
            quit("a process id is not a number");
        if (load.pid_count == sizeof(load.pids) / sizeof(load.pids[0]))
            quit("too many process ids");
        load.pids[load.pid_count++] = pid;
    }
}

static void sizes_take(struct slice text)
{
    uint32_t median, mean;
    if (slice_u32(slice_cut(&text, ':'), &median) < 0 || slice_u32(text, &mean) < 0 ||
        median < 700 || mean < median || mean > 1 << 20)
        quit("--sizes wants MEDIAN:MEAN, from 700 bytes");
    load.median = median;
    load.mean = mean;
}

static void option_take(int opt)
{
    switch (opt) {
    case OPT_HOST:
        load.host = optarg;
        break;
    case OPT_PORT:
        load.port = (unsigned)number(optarg, 1, 65535);
        break;
    case OPT_TLS:
        load.tls = true;
        break;
    case OPT_CONNS:
        load.conns = (unsigned)number(optarg, 1, 100000);
        break;
    case OPT_COUNT:
        load.count = number(optarg, 1, 1u << 30);
        break;
    case OPT_SECONDS:
        load.seconds = strtod(optarg, NULL);
        break;
    case OPT_USERS:
        load.users = (unsigned)number(optarg, 1, 1000000);
        break;
    case OPT_USER:
        load.user_format = optarg;
        break;
    case OPT_RCPTS:
        load.rcpts = (unsigned)number(optarg, 1, 1000);
        break;
    case OPT_MULTI:
        load.multi = (unsigned)number(optarg, 1, 1000);
        break;
    case OPT_BOX:
        load.box = optarg;
        break;
    case OPT_NO_SELECT:
        load.idle_select = false;
        break;
    case OPT_EML:
        load.eml = optarg;
        break;
    case OPT_SEED:
        load.seed = number(optarg, 0, UINT64_MAX);
        break;
    case OPT_PID:
        pids_take(slice_str(optarg));
        break;
    case OPT_LABEL:
        load.label = optarg;
        break;
    case OPT_JSON:
        load.json = optarg;
        break;
    case OPT_PIPELINE:
        load.pipeline = (unsigned)number(optarg, 1, 1000);
        break;
    case OPT_MESSAGES:
        load.messages = (unsigned)number(optarg, 1, UINT32_MAX);
        break;
    case OPT_TO:
        load.to = optarg;
        break;
    case OPT_WHAT:
        load.what = optarg;
        break;
    case OPT_REFUSALS:
        load.refusals = true;
        break;
    case OPT_SIZES:
        sizes_take(slice_str(optarg));
        break;
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void arguments(int argc, char **argv)
{
    if (argc < 2 || slice_eq(slice_str(argv[1]), S("help")) ||
        slice_eq(slice_str(argv[1]), S("--help"))) {
        fputs(usage, argc < 2 ? stderr : stdout);
        exit(argc < 2 ? 2 : 0);
    }
    load.command = argv[1];
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (slice_eq(slice_str(argv[1]), slice_str(drivers[i]->name)))
            load.driver = drivers[i];
    if (!load.driver)
        quit("no such load; try: carbonado-load help");
    if (getenv("CARBONADO_HOST"))
        load.host = getenv("CARBONADO_HOST");
    optind = 2;
    for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;)
        option_take(opt);
    const char *env = load.tls ? load.driver->port_env_tls : load.driver->port_env;
    if (!env)
        quit("this load has no TLS port");
    if (!load.port && getenv(env))
        load.port = (unsigned)number(getenv(env), 1, 65535);
    if (!load.port)
        quit("no port: give --port, or run inside scripts/with-server");
    if (!load.pid_count)
        pids_take(slice_str(getenv("CARBONADO_PID")));
    if (load.driver == &load_change && !change_find())
        quit("--what store, copy, move, expunge or select; --to with copy and move only");
    if (!load.count && load.seconds <= 0)
        quit("give --count or --seconds");
}

static void many_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

int main(int argc, char **argv)
{
    arguments(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    many_descriptors();
    struct err e = {0};
    if (mix_init(load.seed, load.eml, &e) < 0)
        quit(e.text);
    bool waits = load.driver->waits;
    struct proc_use before = {0};
    proc_read(load.pids, load.pid_count, true, &before);
    if (loop_open(load.conns) == 0)
        loop_run(0, all_ready);
    if (!load.failed && !load.errors) {
        if (!waits) /* the processor time of the logins is not this load's */
            proc_read(load.pids, load.pid_count, true, &before);
        load.began = load.ended = clock_mono_us();
        int64_t until = load.began + (int64_t)(load.seconds * 1e6);
        if (load.seconds > 0)
            load.deadline = until;
        for (unsigned i = 0; i < load.conns; i++)
            load.driver->go(&load.all[i]);
        loop_flush();
        loop_run(waits ? until : 0, waits ? NULL : all_finished);
    }
    load_settle();
    if (!waits) {
        settled.pss = busy.pss;
        settled.rss = busy.rss;
        settled.processes = busy.processes;
        settled.threads = busy.threads;
    }
    report(&before, &settled);
    loop_close();
    free(load.times);
    return load.errors ? 1 : 0;
}
