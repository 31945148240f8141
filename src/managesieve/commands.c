/* commands.c - the commands that ask the store, in a job: RFC 5804 2.5 to 2.12. */
#include "managesieve/session.h"

static bool too_large(struct managesieve_job *j, uint64_t size, struct err *e)
{
    size_t most = sieve_limits().script;
    if (size <= most)
        return false;
    j->code = "QUOTA/MAXSIZE";
    err_set(e, ERR_QUOTA, "a script may have %zu bytes", most);
    return true;
}

void managesieve_havespace(struct managesieve_job *j, struct err *e)
{
    const struct managesieve_arg *a = j->command.args;
    if (scripts_check_name(a[0].text, e) == 0 && !too_large(j, a[1].number, e))
        scripts_room(j->account, a[0].text, a[1].number, e);
}

/* The error of a wrong script says line and column (RFC 5804 2.6). */
void managesieve_putscript(struct managesieve_job *j, struct err *e)
{
    const struct managesieve_arg *a = j->command.args;
    if (!too_large(j, a[1].text.n, e))
        scripts_put(j->account, a[0].text, a[1].text, NULL, e);
}

void managesieve_checkscript(struct managesieve_job *j, struct err *e)
{
    if (!too_large(j, j->command.args[0].text.n, e))
        scripts_check(j->command.args[0].text, NULL, e);
}

void managesieve_listscripts(struct managesieve_job *j, struct err *e)
{
    struct script *list;
    size_t n;
    if (scripts_list(j->account, &j->arena, &list, &n, e))
        return;
    for (size_t i = 0; i < n; i++) {
        managesieve_string(list[i].name, &j->out);
        buf_adds(&j->out, list[i].active ? " ACTIVE\r\n" : "\r\n");
    }
}

void managesieve_setactive(struct managesieve_job *j, struct err *e)
{
    scripts_activate(j->account, j->command.args[0].text, e);
}

void managesieve_getscript(struct managesieve_job *j, struct err *e)
{
    struct slice text;
    if (scripts_get(j->account, j->command.args[0].text, &j->arena, &text, e))
        return;
    buf_addf(&j->out, "{%zu}\r\n", text.n);
    buf_add(&j->out, text);
    buf_adds(&j->out, "\r\n");
}

void managesieve_deletescript(struct managesieve_job *j, struct err *e)
{
    scripts_remove(j->account, j->command.args[0].text, e);
}

void managesieve_renamescript(struct managesieve_job *j, struct err *e)
{
    scripts_rename(j->account, j->command.args[0].text, j->command.args[1].text, e);
}
