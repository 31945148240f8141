/* password.c - asks for a password. */
#include "cli/password.h"

#include <poll.h>
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

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { ENDING_N = sizeof(ending) / sizeof(ending[0]) };
static volatile sig_atomic_t ended_by;

static void note_signal(int sig)
{
    ended_by = sig;
}

/* The terminal shows nothing meanwhile, and does again before a signal (Ctrl-C) ends the program;
   Ctrl-Z waits until it does. */
static bool read_hidden(const char *prompt, char out[PASSWORD_ROOM])
{
    struct termios was, quiet;
    struct sigaction note = {.sa_handler = note_signal}, before[ENDING_N];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    sigset_t blocked, mask;
    if (tcgetattr(STDIN_FILENO, &was))
        return false;
    sigemptyset(&note.sa_mask);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTSTP);
    for (int i = 0; i < ENDING_N; i++)
        sigaddset(&blocked, ending[i]);
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (int i = 0; i < ENDING_N; i++)
        sigaction(ending[i], &note, &before[i]);
    quiet = was;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    fputs(prompt, stderr);
    /* The signals come in here only, so that none is missed; a line is then read without waiting.
     */
    sigset_t waiting = mask;
    sigaddset(&waiting, SIGTSTP);
    bool got = ppoll(&input, 1, NULL, &waiting) > 0 && read_line(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
    fputc('\n', stderr);
    for (int i = 0; i < ENDING_N; i++)
        sigaction(ending[i], &before[i], NULL);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (ended_by)
        raise(ended_by);
    return got && !ended_by;
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
