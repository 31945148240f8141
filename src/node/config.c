/* config.c - reads carbonado.conf:

       # comment
       [imap]
       max_line = 64K        # a comment needs a blank before it
       greeting = "a # b"    # quotes keep blanks and # (\" and \\ inside)

   Entries are collected with their lines and checked against the settings table; config_apply()
   stores them only when all of them are good. */
#include "node/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

enum { FILE_MAX = 1 << 20, PROBLEMS_MAX = 1 << 16 };

static void problem(struct config *c, const char *name, int line, const char *text)
{
    if (!c->problems.max)
        c->problems.max = PROBLEMS_MAX;
    c->problem_count++;
    if (line)
        buf_addf(&c->problems, "%s:%d: %s\n", name, line, text);
    else
        buf_addf(&c->problems, "%s: %s\n", name, text);
}

static void unknown(struct config *c, const char *name, int line, struct slice key)
{
    size_t best = 4;
    char meant[128] = "", text[512];
    for (const struct setting *s = setting_first(); s; s = s->next) {
        char full[128];
        snprintf(full, sizeof(full), "%s.%s", s->group, s->name);
        size_t d = slice_distance(key, slice_str(full));
        if (d < best) {
            best = d;
            memcpy(meant, full, sizeof(meant));
        }
    }
    snprintf(text, sizeof(text), "there is no setting \"%.*s\"%s%s%s",
             (int)(key.n > 100 ? 100 : key.n), key.p, meant[0] ? "; did you mean \"" : "", meant,
             meant[0] ? "\"?" : "");
    problem(c, name, line, text);
}

static const struct config_entry *find(const struct config *c, const struct setting *s)
{
    const struct config_entry *found = NULL;
    for (size_t i = 0; i < c->n; i++) {
        const struct config_entry *at = &c->entries[i];
        /* --set outranks the file, a later --set an earlier one. */
        if (at->setting == s && (!found || at->line == 0))
            found = at;
    }
    return found;
}

static void add(struct config *c, const char *name, int line, struct slice key, struct slice value)
{
    struct setting *s = setting_find(key);
    struct err e = {0};
    if (!s) {
        unknown(c, name, line, key);
        return;
    }
    if (setting_check(s, value, &e)) {
        problem(c, name, line, e.text);
        return;
    }
    const struct config_entry *before = find(c, s);
    if (line && before && before->line) {
        char text[256];
        snprintf(text, sizeof(text), "%s.%s was set on line %d already", s->group, s->name,
                 before->line);
        problem(c, name, line, text);
        return;
    }
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct config_entry *more = realloc(c->entries, cap * sizeof(*more));
        BUG_IF(!more);
        c->entries = more;
        c->cap = cap;
    }
    struct slice copy = arena_dup(&c->arena, value);
    if (!copy.p) {
        problem(c, name, line, "the configuration is too large");
        return;
    }
    c->entries[c->n++] = (struct config_entry){s, copy, line};
}

/* "text with \" and \\" and after it nothing but a comment. 0, or -1 with *why set. */
static int unquote(struct slice raw, struct buf *out, const char **why)
{
    size_t i = 1;
    for (; i < raw.n && raw.p[i] != '"'; i++) {
        if (raw.p[i] == '\\') {
            if (++i == raw.n || (raw.p[i] != '"' && raw.p[i] != '\\')) {
                *why = "a backslash in quotes stands only before \\ or \"";
                return -1;
            }
        }
        buf_addc(out, raw.p[i]);
    }
    if (i >= raw.n) {
        *why = "the closing \" is missing";
        return -1;
    }
    struct slice rest = slice_trim(slice_from(raw, i + 1));
    if (rest.n && rest.p[0] != '#') {
        *why = "there is text after the closing \"";
        return -1;
    }
    return 0;
}

static struct slice without_comment(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '#' && (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            return slice_trim(slice_sub(s, 0, i));
    return slice_trim(s);
}

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !ascii_digit(s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0 && s.n <= 60;
}

static void parse_pair(struct config *c, const char *name, int line, struct slice section,
                       struct slice text)
{
    ptrdiff_t eq = slice_find(text, '=');
    if (eq < 0) {
        problem(c, name, line, "neither \"[section]\" nor \"key = value\"");
        return;
    }
    struct slice key = slice_trim(slice_sub(text, 0, (size_t)eq));
    struct slice raw = slice_trim(slice_from(text, (size_t)eq + 1));
    if (!section.n || !is_word(key)) {
        problem(c, name, line,
                section.n ? "a key is made of a-z, 0-9 and _" : "a key before the first [section]");
        return;
    }
    char full[128];
    snprintf(full, sizeof(full), "%.*s.%.*s", SARG(section), SARG(key));
    BUF_SCOPE value = {.max = FILE_MAX};
    if (raw.n && raw.p[0] == '"') {
        const char *why;
        if (unquote(raw, &value, &why)) {
            problem(c, name, line, why);
            return;
        }
        add(c, name, line, slice_str(full), value.p ? buf_slice(&value) : S(""));
    } else {
        add(c, name, line, slice_str(full), without_comment(raw));
    }
}

void config_parse(struct config *c, const char *name, struct slice text)
{
    struct slice section = SNONE;
    bool skip = false; /* below a section whose name is wrong: one problem is enough */
    int line = 0;
    if (slice_starts(text, S("\xef\xbb\xbf")))
        text = slice_from(text, 3);
    while (text.p) {
        struct slice row = slice_trim(slice_cut(&text, '\n'));
        line++;
        if (row.n == 0 || row.p[0] == '#')
            continue;
        if (row.p[0] != '[') {
            if (!skip)
                parse_pair(c, name, line, section, row);
            continue;
        }
        row = without_comment(row);
        section = slice_sub(row, 1, row.n - 1);
        skip = row.p[row.n - 1] != ']' || !is_word(section);
        if (skip)
            problem(c, name, line, "a section is a word of a-z, 0-9 and _ in brackets");
    }
}

void config_assign(struct config *c, struct slice assignment)
{
    ptrdiff_t eq = slice_find(assignment, '=');
    if (eq < 0) {
        problem(c, "--set", 0, "write --set group.name=value");
        return;
    }
    add(c, "--set", 0, slice_trim(slice_sub(assignment, 0, (size_t)eq)),
        slice_trim(slice_from(assignment, (size_t)eq + 1)));
}

int config_read(struct config *c, const char *path, struct err *e)
{
    BUF_SCOPE text = {.max = FILE_MAX};
    if (file_read(path, &text, e))
        return -1;
    config_parse(c, path, buf_slice(&text));
    return 0;
}

static bool differs(const struct setting *s, struct slice value)
{
    /* A scratch row of the same type takes the value; comparing rows ignores how it was written. */
    struct setting other = *s;
    struct err e = {0};
    if (s->type == SETTING_TEXT)
        return !slice_eq(value, slice_str(s->string));
    BUG_IF(setting_parse(&other, value, &e));
    return other.number != s->number;
}

static void apply_one(struct setting *s, struct slice value, bool starting,
                      config_report_fn *report, void *arg)
{
    char was[512], becomes[512];
    if (!differs(s, value))
        return;
    setting_print(s, false, was, sizeof(was));
    snprintf(becomes, sizeof(becomes), "%.*s", SARG(value));
    if (s->at_start && !starting) {
        if (report)
            report(arg, s, CONFIG_NEEDS_RESTART, was, becomes);
        return;
    }
    struct err e = {0};
    BUG_IF(setting_parse(s, value, &e));
    if (report)
        report(arg, s, CONFIG_CHANGED, was, becomes);
}

int config_apply(struct config *c, bool starting, config_report_fn *report, void *arg,
                 struct err *e)
{
    if (c->problem_count) {
        struct slice all = buf_slice(&c->problems);
        struct slice first = slice_cut(&all, '\n');
        return err_set(e, ERR_SYNTAX, "%.*s", SARG(first));
    }
    for (struct setting *s = setting_first(); s; s = s->next) {
        const struct config_entry *entry = find(c, s);
        char def[64];
        if (s->type != SETTING_TEXT)
            setting_print(s, true, def, sizeof(def));
        struct slice value = slice_str(s->type == SETTING_TEXT ? s->def_text : def);
        apply_one(s, entry ? entry->value : value, starting, report, arg);
    }
    return 0;
}

void config_done(struct config *c)
{
    arena_reset(&c->arena);
    buf_done(&c->problems);
    free(c->entries);
    *c = (struct config){0};
}

static int finish(struct config *c, const struct config_source *from, bool starting,
                  config_report_fn *report, void *arg, struct err *e)
{
    for (size_t i = 0; i < from->set_count; i++)
        config_assign(c, slice_str(from->sets[i]));
    return config_apply(c, starting, report, arg, e);
}

int config_load(const struct config_source *from, bool starting, config_report_fn *report,
                void *arg, struct buf *problems, struct err *e)
{
    CONFIG_SCOPE c = {0};
    if (from->path && config_read(&c, from->path, e))
        return -1;
    int r = finish(&c, from, starting, report, arg, e);
    if (problems)
        buf_add(problems, buf_slice(&c.problems));
    return r;
}

int config_reload(const struct config_source *from, int fd, config_report_fn *report, void *arg,
                  struct err *e)
{
    CONFIG_SCOPE c = {0};
    BUF_SCOPE text = {.max = FILE_MAX};
    struct stat st = {0};
    if (fd >= 0 && fstat(fd, &st))
        return err_errno(e, ERR_IO, "%s", from->path);
    if (st.st_size > FILE_MAX)
        return err_set(e, ERR_LIMIT, "%s is too large", from->path);
    char *space = buf_space(&text, (size_t)st.st_size + 1);
    BUG_IF(!space);
    ptrdiff_t n = fd < 0 ? 0 : fd_pread_full(fd, space, (size_t)st.st_size, 0);
    if (n < 0)
        return err_errno(e, ERR_IO, "%s", from->path);
    text.n += (size_t)n;
    if (fd >= 0)
        config_parse(&c, from->path, buf_slice(&text));
    return finish(&c, from, false, report, arg, e);
}
