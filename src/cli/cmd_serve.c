/* cmd_serve.c - carbonado serve: the server in the foreground. */
#include <unistd.h>

#include "cli/cli.h"
#include "node/supervisor.h"

static int run(struct cli *c)
{
    struct err e = {0};
    int r = geteuid() == 0 ? CLI_OK : cli_check_owner(c); /* root becomes the owner */
    if (r)
        return r;
    struct serve s = {.state_dir = c->state_dir, .config = c->config};
    return supervisor_run(&s, &e) ? cli_fail(c, &e) : CLI_OK;
}

const struct cli_command cmd_serve = {
    .name = "serve",
    .args = "",
    .summary = "Serve the roles of this node until SIGTERM or Ctrl-C",
    .help =
        "Stays in the foreground and logs to stderr. Started as root it binds its ports, then\n"
        "becomes the owner of the state directory for good. SIGHUP reads the configuration and\n"
        "the certificates again; connections that are open go on. SIGUSR1 writes what the server\n"
        "does at the moment to STATE/run/dump-DATE.txt. Where the server of this state directory\n"
        "runs already it says so, and the exit status is 75.",
    .run = run,
};
