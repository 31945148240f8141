/* commands.c - every command in one table: where it is legal, where it runs first, what is told
   after it, and which section it implements. */
#include "imap/commands.h"

#include "base/metric.h"
#include "imap/cmds.h"
#include "imap/login.h"

enum {
    ANY = STATE_NEW | STATE_AUTH | STATE_SELECTED,
    IN = STATE_AUTH | STATE_SELECTED,
    SEL = STATE_SELECTED,
    TELL = CMD_SYNC | CMD_EXPUNGE,
    JOIN = CMD_WRITES | CMD_JOIN,
};

/* A label has at most METRIC_VALUES values: those that cost something, by name. */
METRIC_HISTOGRAM_BY(
    imap_command_seconds, "command",
    "append authenticate close copy create delete expunge fetch idle list login lsub move "
    "noop rename search select status store subscribe examine other",
    "Time from a command's last byte to its reply.");

static const struct cmd_def commands[] = {
    {S_INIT("APPEND"), IN, TELL | JOIN | CMD_ADDS, PLACE_CPU, cmd_append_parse, cmd_append, NULL,
     "9051:6.3.12"},
    {S_INIT("AUTHENTICATE"), STATE_NEW, CMD_SECRET, PLACE_LOOP, cmd_authenticate_parse,
     cmd_authenticate, login_done, "9051:6.2.2"},
    {S_INIT("CAPABILITY"), ANY, TELL, PLACE_LOOP, NULL, cmd_capability, NULL, "9051:6.1.1"},
    {S_INIT("CHECK"), SEL, TELL, PLACE_READ, NULL, cmd_noop, NULL, "3501:6.4.1"},
    {S_INIT("CLOSE"), SEL, CMD_WRITES, PLACE_WRITE, NULL, cmd_close, cmd_close_done, "9051:6.4.1"},
    {S_INIT("COMPRESS"), IN, 0, PLACE_LOOP, cmd_compress_parse, cmd_compress, NULL, "4978:3"},
    {S_INIT("COPY"), SEL, TELL | JOIN | CMD_ADDS | CMD_UID | CMD_NUMBERS, PLACE_WRITE,
     cmd_copy_parse, cmd_copy, NULL, "9051:6.4.7"},
    {S_INIT("CREATE"), IN, TELL | JOIN, PLACE_WRITE, cmd_create_parse, cmd_create, NULL,
     "9051:6.3.4"},
    {S_INIT("DELETE"), IN, TELL | CMD_WRITES, PLACE_WRITE, cmd_mailbox_parse, cmd_delete, NULL,
     "9051:6.3.5"},
    {S_INIT("ENABLE"), IN, TELL, PLACE_LOOP, cmd_enable_parse, cmd_enable, NULL, "9051:6.3.1"},
    {S_INIT("EXAMINE"), IN, 0, PLACE_READ, cmd_select_parse, cmd_examine, cmd_select_done,
     "9051:6.3.3"},
    {S_INIT("EXPUNGE"), SEL, TELL | JOIN | CMD_TAKES | CMD_UID, PLACE_WRITE, cmd_expunge_parse,
     cmd_expunge, NULL, "9051:6.4.3"},
    {S_INIT("FETCH"), SEL, CMD_SYNC | CMD_UID | CMD_NUMBERS, PLACE_READ, cmd_fetch_parse, cmd_fetch,
     NULL, "9051:6.4.5"},
    {S_INIT("GETQUOTA"), IN, TELL, PLACE_CPU, cmd_getquota_parse, cmd_getquota, NULL, "9208:4.1.1"},
    {S_INIT("GETQUOTAROOT"), IN, TELL, PLACE_CPU, cmd_mailbox_parse, cmd_getquotaroot, NULL,
     "9208:4.1.2"},
    {S_INIT("ID"), ANY, TELL, PLACE_LOOP, cmd_id_parse, cmd_id, NULL, "2971:3.1"},
    {S_INIT("IDLE"), IN, 0, PLACE_LOOP, NULL, cmd_idle, NULL, "9051:6.3.13"},
    {S_INIT("LIST"), IN, TELL, PLACE_READ, cmd_list_parse, cmd_list, NULL, "9051:6.3.9"},
    {S_INIT("LOGIN"), STATE_NEW, CMD_SECRET, PLACE_CPU, cmd_login_parse, cmd_login, login_done,
     "9051:6.2.3"},
    {S_INIT("LOGOUT"), ANY, 0, PLACE_LOOP, NULL, cmd_logout, NULL, "9051:6.1.3"},
    {S_INIT("LSUB"), IN, TELL, PLACE_READ, cmd_lsub_parse, cmd_lsub, NULL, "3501:6.3.9"},
    {S_INIT("MOVE"), SEL, TELL | JOIN | CMD_ADDS | CMD_TAKES | CMD_UID | CMD_NUMBERS, PLACE_WRITE,
     cmd_copy_parse, cmd_move, NULL, "9051:6.4.8"},
    {S_INIT("NAMESPACE"), IN, TELL, PLACE_LOOP, NULL, cmd_namespace, NULL, "9051:6.3.10"},
    {S_INIT("NOOP"), ANY, TELL, PLACE_LOOP, NULL, cmd_noop, NULL, "9051:6.1.2"},
    {S_INIT("RENAME"), IN, TELL | CMD_WRITES, PLACE_WRITE, cmd_rename_parse, cmd_rename, NULL,
     "9051:6.3.6"},
    {S_INIT("REPLACE"), SEL, TELL | JOIN | CMD_ADDS | CMD_TAKES | CMD_UID | CMD_NUMBERS, PLACE_CPU,
     cmd_replace_parse, cmd_replace, NULL, "8508:3.2"},
    {S_INIT("SEARCH"), SEL, CMD_SYNC | CMD_UID | CMD_NUMBERS, PLACE_READ, cmd_search_parse,
     cmd_search, NULL, "9051:6.4.4"},
    {S_INIT("SELECT"), IN, 0, PLACE_READ, cmd_select_parse, cmd_select, cmd_select_done,
     "9051:6.3.2"},
    {S_INIT("SETQUOTA"), IN, TELL, PLACE_CPU, cmd_setquota_parse, cmd_setquota, NULL, "9208:4.1.3"},
    {S_INIT("SORT"), SEL, CMD_SYNC | CMD_UID | CMD_NUMBERS, PLACE_READ, cmd_sort_parse, cmd_sort,
     NULL, "5256:3"},
    {S_INIT("STARTTLS"), STATE_NEW, 0, PLACE_LOOP, NULL, cmd_starttls, NULL, "9051:6.2.1"},
    {S_INIT("STATUS"), IN, TELL, PLACE_READ, cmd_status_parse, cmd_status, NULL, "9051:6.3.11"},
    {S_INIT("STORE"), SEL, CMD_SYNC | JOIN | CMD_UID | CMD_NUMBERS, PLACE_WRITE, cmd_store_parse,
     cmd_store, NULL, "9051:6.4.6"},
    {S_INIT("SUBSCRIBE"), IN, TELL | JOIN, PLACE_WRITE, cmd_mailbox_parse, cmd_subscribe, NULL,
     "9051:6.3.7"},
    {S_INIT("THREAD"), SEL, CMD_SYNC | CMD_UID | CMD_NUMBERS, PLACE_READ, cmd_thread_parse,
     cmd_thread, NULL, "5256:3"},
    {S_INIT("UNAUTHENTICATE"), IN, 0, PLACE_LOOP, cmd_unauthenticate_parse, cmd_unauthenticate,
     NULL, "8437:3"},
    {S_INIT("UNSELECT"), SEL, 0, PLACE_LOOP, NULL, cmd_unselect, cmd_close_done, "9051:6.4.2"},
    {S_INIT("UNSUBSCRIBE"), IN, TELL | JOIN, PLACE_WRITE, cmd_mailbox_parse, cmd_unsubscribe, NULL,
     "9051:6.3.8"},
};

const struct cmd_def command_idle_sync = {S_INIT("IDLE"), SEL,  TELL, PLACE_READ,
                                          NULL,           NULL, NULL, "9051:6.3.13"};

const struct cmd_def *command_find(struct slice name)
{
    size_t low = 0, high = sizeof(commands) / sizeof(commands[0]);
    while (low < high) {
        size_t mid = (low + high) / 2;
        struct slice at = commands[mid].name;
        int c = strncasecmp(name.p, at.p, name.n < at.n ? name.n : at.n);
        if (c == 0)
            c = name.n < at.n ? -1 : name.n > at.n;
        if (c == 0)
            return &commands[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

void command_count(const struct cmd_def *c, int64_t us)
{
    unsigned i = metric_value(&metric_imap_command_seconds, c ? c->name : S("other"));
    metric_observe(&metric_imap_command_seconds, i, us);
}

size_t command_each(const struct cmd_def **ret)
{
    *ret = commands;
    return sizeof(commands) / sizeof(commands[0]);
}
