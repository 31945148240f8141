/* password.c - asks for a password. */
#include "cli/password.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "base/random.h"

enum { RANDOM_LENGTH = 16 }; /* 80 bits */

static bool read_line(char out[PASSWORD_ROOM])
{
    if (!fgets(out, PASSWORD_ROOM, stdin))
        return false;
    struct slice line = slice_str(out);
    if (slice_ends(line, S("\n")))
        line.n--;
    if (slice_ends(line, S("\r")))
        line.n--;
    out[line.n] = '\0';
    return true;
}

/* The terminal shows nothing meanwhile; Ctrl-C waits until it does again. */
static bool read_hidden(const char *prompt, char out[PASSWORD_ROOM])
{
    struct termios was, quiet;
    sigset_t interrupts, before;
    if (tcgetattr(STDIN_FILENO, &was))
        return false;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    sigaddset(&interrupts, SIGTSTP);
    sigprocmask(SIG_BLOCK, &interrupts, &before);
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    bool got = read_line(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
    fputc('\n', stderr);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return got;
}

static int from_terminal(struct cli *c, char out[PASSWORD_ROOM])
{
    char again[PASSWORD_ROOM];
    if (!read_hidden("New password: ", out) || !read_hidden("Once more: ", again))
        return cli_usage(c, "no password was given");
    bool same = strcmp(out, again) == 0;
    explicit_bzero(again, sizeof(again));
    return same ? CLI_OK : cli_usage(c, "the two passwords are not the same");
}

int password_get(struct cli *c, char out[PASSWORD_ROOM], bool *ret_print)
{
    const char *given = cli_option(c, "--password");
    *ret_print = false;
    if (cli_option(c, "--random")) {
        if (given)
            return cli_usage(c, "either --password or --random");
        random_name(out, RANDOM_LENGTH);
        *ret_print = true;
        return CLI_OK;
    }
    if (given) {
        if (strlen(given) >= PASSWORD_ROOM)
            return cli_usage(c, "the password is too long");
        snprintf(out, PASSWORD_ROOM, "%s", given);
        return CLI_OK;
    }
    if (isatty(STDIN_FILENO))
        return from_terminal(c, out);
    return read_line(out) && out[0] ? CLI_OK : cli_usage(c, "no password on standard input");
}
