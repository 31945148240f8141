/* cmd_upgrade.c - carbonado upgrade: steps of the tables after which older releases cannot use
   them. The server takes only steps that leave the way back open. */
#include "base/fd.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "db/db.h"
#include "directory/directory.h"
#include "node/op.h"
#include "node/state.h"
#include "store/store.h"

static json_t *steps; /* of [module, version] */

static void note(const char *module, int version)
{
    json_array_append_new(steps, json_pack("[s, i]", module, version));
}

static int upgrade_all(struct cli *c, struct err *e)
{
    char path[STATE_PATH_MAX];
    if (state_path(path, c->state_dir, "directory.db", e) || directory_open(path, e))
        return -1;
    directory_close();
    return store_upgrade(c->state_dir, e);
}

static void print(void)
{
    size_t i;
    const json_t *row;
    json_array_foreach(steps, i, row)
        printf("%s: tables of version %d\n", json_string_value(json_array_get(row, 0)),
               (int)json_integer_value(json_array_get(row, 1)));
    if (!i)
        puts("There is nothing to upgrade.");
}

static int run(struct cli *c)
{
    struct err e = {0};
    AUTO_FD lock = -1;
    if (state_lock(c->state_dir, &lock, &e)) {
        if (e.code == ERR_BUSY)
            fprintf(stderr, "carbonado: the server must not run during the upgrade\n");
        return cli_fail(c, &e);
    }
    steps = json_array();
    db_on_upgrade(note);
    int r = upgrade_all(c, &e);
    db_on_upgrade(NULL);
    if (r == 0 && c->json) {
        json_t *o = json_pack("{s:O}", "steps", steps);
        cli_print_json(o);
        json_decref(o);
    } else if (r == 0) {
        print();
    }
    json_decref(steps);
    return r ? cli_fail(c, &e) : CLI_OK;
}

const struct cli_command cmd_upgrade = {
    .name = "upgrade",
    .args = "",
    .summary = "Bring the tables of an older release to this one's",
    .help = "For an installation that says so at its start. Older releases cannot use the tables\n"
            "after that: make a backup before. The server must not run. What was interrupted is\n"
            "gone on with.",
    .flags = CLI_STATE | CLI_JSON,
    .run = run,
};
