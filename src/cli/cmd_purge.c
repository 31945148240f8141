/* cmd_purge.c - carbonado purge: deleted mail goes for good, and its bytes with it. */
#include "base/setting.h"
#include "cli/ask.h"
#include "cli/output.h"

SETTING_DECLARE(store, retention);

static int purge(struct cli *c)
{
    const char *mailbox = cli_option(c, "--mailbox"), *uid = cli_option(c, "--uid");
    json_t *ret = NULL;
    /* A message that is named is to be gone now. */
    bool now = cli_option(c, "--now") || mailbox;
    int r = ask(c, "store.purge",
                json_pack("{s:s?, s:s?, s:s?, s:I}", "address", c->argc ? c->argv[0] : NULL,
                          "mailbox", mailbox, "uids", uid, "keep",
                          now ? (json_int_t)0 : (json_int_t)setting_get(&set_store_retention)),
                &ret);
    if (!r && c->json)
        cli_print_json(ret);
    else if (!r) {
        char size[32];
        cli_size_print(json_number(ret, "bytes"), size, sizeof size);
        if (mailbox)
            printf("%lld message%s removed, ", (long long)json_number(ret, "messages"),
                   cli_plural((uint64_t)json_number(ret, "messages")));
        printf("%lld pack%s rewritten, %s freed\n", (long long)json_number(ret, "packs"),
               cli_plural((uint64_t)json_number(ret, "packs")), size);
    }
    json_decref(ret);
    return r;
}

static const struct cli_option options[] = {
    {"--now", NULL,
     "Not only what is past store.retention: all deleted mail, none of it comes back"},
    {"--mailbox", "PATH", "With --uid: these messages of ADDRESS are deleted first"},
    {"--uid", "SET", "7 or 3:9,12"},
    {0},
};

const struct cli_command cmd_purge = {
    .name = "purge",
    .args = "[ADDRESS]",
    .summary = "Remove deleted mail for good, overwriting its bytes",
    .help =
        "Of one account or of all. Deleted mail is kept for store.retention, so that it can be\n"
        "brought back; this ends that. The same bytes in another account, and copies in backups,\n"
        "stay.",
    .options = options,
    .flags = CLI_STATE | CLI_JSON,
    .run = purge,
};
