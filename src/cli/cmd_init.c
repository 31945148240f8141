/* cmd_init.c - carbonado init: makes an installation, and as root the user it belongs to. The
   configuration file is written last: with it, the installation is there. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/fd.h"
#include "base/random.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/owner.h"
#include "directory/directory.h"

static const char conf_text[] =
    "# The configuration of Carbonado. Every setting has a default that is right for most; write\n"
    "# here only what is to be different. `carbonado config docs` explains them all,\n"
    "# `carbonado config check` finds mistakes.\n";

/* 1: something of ours, or nothing at all; 0: other people's files. */
static int may_use(const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    bool empty = true, ours = false;
    if (!d)
        return err_errno(e, errno == EACCES ? ERR_NOPERM : ERR_IO, "%s", dir);
    const struct dirent *f;
    while ((f = readdir(d))) {
        if (strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0)
            continue;
        empty = false;
        ours |= strcmp(f->d_name, "directory.db") == 0;
    }
    closedir(d);
    return empty || ours;
}

static int make_dir(struct cli *c, struct err *e)
{
    const char *dir = c->state_dir;
    if (access(cli_state_path(c, "carbonado.conf"), F_OK) == 0)
        return err_set(e, ERR_EXISTS, "there is an installation in %s already", dir);
    if (mkdir(dir, 0750) == 0)
        return 0;
    if (errno == ENOENT && dir_make(dir, 0755, e) == 0 && chmod(dir, 0750) == 0)
        return 0;
    if (errno != EEXIST)
        return err_errno(e, errno == EACCES ? ERR_NOPERM : ERR_IO, "create %s", dir);
    int r = may_use(dir, e);
    if (r == 0)
        return err_set(e, ERR_EXISTS, "%s is not empty, and nothing in it is ours", dir);
    return r < 0 ? -1 : 0;
}

static int open_parts(struct cli *c, struct err *e)
{
    static const char *const folders[] = {"tls", "run"};
    umask(0027);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (dir_make(cli_state_path(c, folders[i]), 0700, e))
            return -1;
    if (directory_open(cli_state_path(c, "directory.db"), e))
        return -1;
    return auth_open(c->state_dir, e);
}

static int add_domain(const char *name, struct err *e)
{
    struct err why = {0};
    if (directory_domain_add(slice_str(name), S(""), &why) && why.code != ERR_EXISTS)
        return err_set(e, why.code, "%s", why.text);
    return 0;
}

/* With a password made here, which is put into the list. */
static int add_account(const char *address, const char *name, uint64_t flags, json_t *made,
                       struct err *e)
{
    char password[17];
    uint64_t id;
    random_name(password, sizeof(password) - 1);
    if (directory_account_add(slice_str(address), slice_str(name), flags, 0, &id, e) ||
        auth_set_password(id, slice_str(password), e))
        return -1;
    json_array_append_new(made, json_pack("{s:s, s:s, s:b}", "address", address, "password",
                                          password, "admin", (flags & ACCOUNT_ADMIN) != 0));
    return 0;
}

static int fill(struct cli *c, json_t *made, struct err *e)
{
    static const struct {
        const char *address, *name;
        uint64_t flags;
    } demo[] = {{"admin@example.test", "Administrator", ACCOUNT_ADMIN},
                {"ann@example.test", "Ann Example", 0},
                {"bob@example.test", "Bob Example", 0}};
    const char *domain = cli_option(c, "--domain"), *admin = cli_option(c, "--admin");
    if (domain && add_domain(domain, e))
        return -1;
    if (admin) {
        if (add_domain(strrchr(admin, '@') + 1, e) ||
            add_account(admin, "Administrator", ACCOUNT_ADMIN, made, e))
            return -1;
    }
    if (!cli_option(c, "--demo"))
        return 0;
    if (add_domain("example.test", e))
        return -1;
    for (size_t i = 0; i < sizeof(demo) / sizeof(demo[0]); i++)
        if (add_account(demo[i].address, demo[i].name, demo[i].flags, made, e))
            return -1;
    return 0;
}

static void print(struct cli *c, json_t *made)
{
    size_t i;
    const json_t *row;
    if (c->json) {
        json_t *all = json_pack("{s:s, s:O}", "state", c->state_dir, "accounts", made);
        cli_print_json(all);
        json_decref(all);
        return;
    }
    printf("Installed in %s\n", c->state_dir);
    json_array_foreach(made, i, row)
    {
        const char *address = json_string_value(json_object_get(row, "address"));
        const char *password = json_string_value(json_object_get(row, "password"));
        printf("  %-28s password %s%s\n", address, password,
               json_is_true(json_object_get(row, "admin")) ? "  (administrator)" : "");
    }
    if (!json_array_size(made))
        puts("Next: carbonado domain add NAME, carbonado account add ADDRESS, carbonado serve");
    else
        puts("Next: carbonado serve");
}

static int run(struct cli *c)
{
    struct err e = {0};
    const char *admin = cli_option(c, "--admin");
    if (admin && !strchr(admin, '@'))
        return cli_usage(c, "--admin is an address: name@domain");
    json_t *made = json_array();
    int r = make_dir(c, &e) || owner_settle(cli_option(c, "--owner"), c->state_dir, &e) ||
            open_parts(c, &e) || fill(c, made, &e);
    directory_close();
    if (!r)
        r = file_replace(cli_state_path(c, "carbonado.conf"), slice_str(conf_text), 0640, &e);
    if (r)
        r = cli_fail(c, &e);
    else
        print(c, made);
    json_decref(made);
    return r;
}

static const struct cli_option options[] = {
    {"--domain", "NAME", "Take mail for this domain"},
    {"--admin", "ADDRESS", "Make this account, an administrator, and print its password"},
    {"--demo", NULL, "Make the domain example.test with an administrator and two accounts"},
    {"--owner", "USER", "As root: who shall own the installation (default: carbonado)"},
    {0},
};

const struct cli_command cmd_init = {
    .name = "init",
    .args = "",
    .summary = "Make an installation in the state directory",
    .help = "As root, the system user carbonado is made when it is not there, and owns all of it;\n"
            "else the installation is the property of whoever runs this.",
    .options = options,
    .flags = CLI_NOCONFIG | CLI_JSON,
    .run = run,
};
