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
                    .seed = 1,
                    .idle_select = true};

static struct proc_use busy;

static const struct driver *const drivers[] = {&load_lmtp,   &load_smtp, &load_append, &load_meta,
                                               &load_bodies, &load_mix,  &load_idle,   &load_pop3};

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
    "  pop3         RETR of all messages, each checked\n"
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
    "  --no-select          idle: stay where the login leads, without SELECT and IDLE\n"
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

static int time_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double p)
{
    if (!load.ops)
        return 0;
    size_t at = (size_t)(p * (double)(load.ops - 1) + 0.5);
    return load.times[at] / 1000.0;
}

static void report(const struct proc_use *before, const struct proc_use *after)
{
    double seconds = (double)(load.ended - load.began) / 1e6;
    double rate = seconds > 0 ? (double)load.ops / seconds : 0;
    double cpu = after->cpu - before->cpu;
    const char *label = load.label ? load.label : load.command;
    qsort(load.times, load.ops, sizeof(*load.times), time_compare);
    printf("%-24s conns %-4u ops %-7llu %9.1f /s %7.2f MB/s", label, load.conns,
           (unsigned long long)load.ops, rate,
           seconds > 0 ? (double)load.bytes / 1e6 / seconds : 0);
    if (load.items)
        printf("  %.0f messages/s", (double)load.items / seconds);
    printf("\n%-24s ms p50 %.2f p90 %.2f p99 %.2f max %.2f first %.2f\n", "", percentile(0.5),
           percentile(0.9), percentile(0.99), percentile(1), (double)load.first_us / 1000);
    if (load.pid_count)
        printf("%-24s cpu %.2f s, %.0f us/op; pss %llu -> %llu KiB, %u processes, %u threads, tcp "
               "%llu KiB\n",
               "", cpu, load.ops ? cpu * 1e6 / (double)load.ops : 0,
               (unsigned long long)before->pss, (unsigned long long)after->pss, after->processes,
               after->threads, (unsigned long long)after->tcp);
    if (load.errors)
        printf("%-24s ERRORS %llu: %s\n", "", (unsigned long long)load.errors, load.error);
    if (!load.json)
        return;
    FILE *f = fopen(load.json, "a");
    if (!f) {
        perror(load.json);
        return;
    }
    fprintf(f,
            "{\"label\": \"%s\", \"load\": \"%s\", \"tls\": %s, \"conns\": %u, \"users\": %u, "
            "\"ops\": %llu, \"seconds\": %.3f, \"ops_per_s\": %.2f, \"bytes\": %llu, "
            "\"items\": %llu, \"items_per_s\": %.1f, \"first_ms\": %.3f, \"p50_ms\": %.3f, "
            "\"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"cpu_s\": %.2f, "
            "\"pss_before_kib\": %llu, \"pss_kib\": %llu, \"rss_kib\": %llu, \"processes\": %u, "
            "\"threads\": %u, \"tcp_kib_before\": %llu, \"tcp_kib\": %llu, \"errors\": %llu}\n",
            label, load.command, load.tls ? "true" : "false", load.conns, load.users,
            (unsigned long long)load.ops, seconds, rate, (unsigned long long)load.bytes,
            (unsigned long long)load.items, seconds > 0 ? (double)load.items / seconds : 0,
            (double)load.first_us / 1000, percentile(0.5), percentile(0.9), percentile(0.99),
            percentile(1), cpu, (unsigned long long)before->pss, (unsigned long long)after->pss,
            (unsigned long long)after->rss, after->processes, after->threads,
            (unsigned long long)before->tcp, (unsigned long long)after->tcp,
            (unsigned long long)load.errors);
    fclose(f);
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
};

static const struct option options[] = {
    {"host", 1, NULL, OPT_HOST},   {"port", 1, NULL, OPT_PORT},
    {"tls", 0, NULL, OPT_TLS},     {"conns", 1, NULL, OPT_CONNS},
    {"count", 1, NULL, OPT_COUNT}, {"seconds", 1, NULL, OPT_SECONDS},
    {"users", 1, NULL, OPT_USERS}, {"user", 1, NULL, OPT_USER},
    {"rcpts", 1, NULL, OPT_RCPTS}, {"multi", 1, NULL, OPT_MULTI},
    {"box", 1, NULL, OPT_BOX},     {"no-select", 0, NULL, OPT_NO_SELECT},
    {"eml", 1, NULL, OPT_EML},     {"seed", 1, NULL, OPT_SEED},
    {"pid", 1, NULL, OPT_PID},     {"label", 1, NULL, OPT_LABEL},
    {"json", 1, NULL, OPT_JSON},   {0},
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
    bool idle = load.driver == &load_idle;
    struct proc_use before = {0}, after = {0};
    proc_read(load.pids, load.pid_count, true, &before);
    if (loop_open(load.conns) == 0)
        loop_run(0, all_ready);
    if (!load.failed && !load.errors) {
        if (!idle) /* the processor time of the logins is not this load's */
            proc_read(load.pids, load.pid_count, true, &before);
        load.began = load.ended = clock_mono_us();
        int64_t until = load.began + (int64_t)(load.seconds * 1e6);
        if (load.seconds > 0)
            load.deadline = until;
        for (unsigned i = 0; i < load.conns; i++)
            load.driver->go(&load.all[i]);
        loop_flush();
        loop_run(idle ? until : 0, idle ? NULL : all_finished);
    }
    if (!idle)
        usleep(
            300 *
            1000); /* processes that end must have ended: only then their parent has their time */
    proc_read(load.pids, load.pid_count, idle, &after);
    if (!idle) {
        after.pss = busy.pss;
        after.rss = busy.rss;
        after.processes = busy.processes;
        after.threads = busy.threads;
    }
    report(&before, &after);
    loop_close();
    free(load.times);
    return load.errors ? 1 : 0;
}
