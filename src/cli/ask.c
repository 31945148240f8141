/* ask.c - operations asked from the command line, in the server when one runs, else here. */
#include "cli/ask.h"

#include <stdlib.h>

#include "base/setting.h"
#include "cli/output.h"

void ask_note(const json_t *answer)
{
    const char *note = json_text(answer, "note");
    if (note[0])
        fprintf(stderr, "carbonado: note: %s\n", note);
}

int ask(struct cli *c, const char *op, json_t *args, json_t **ret)
{
    struct op_session *s = NULL;
    struct err e = {0};
    json_t *answer = NULL;
    if (!args)
        return cli_usage(c, "arguments must be UTF-8");
    int r = op_open(c->state_dir, &s, &e);
    if (r == 0)
        r = op_call(s, op, args, SNONE, &answer, NULL, &e);
    op_close(s);
    json_decref(args);
    ask_note(answer);
    if (ret)
        *ret = answer;
    else
        json_decref(answer);
    return r ? cli_fail(c, &e) : CLI_OK;
}

static void print_row(struct cli *c, const json_t *row, bool first,
                      void (*print)(const json_t *row))
{
    if (!c->json) {
        print(row);
        return;
    }
    fputs(first ? "[\n  " : ",\n  ", stdout);
    json_dumpf(row, stdout, JSON_PRESERVE_ORDER);
}

int ask_pages(struct cli *c, const char *op, json_t *args, const char *member, const char *key,
              void (*print)(const json_t *row), const char *none)
{
    struct op_session *s = NULL;
    struct err e = {0};
    bool more = true, first = true;
    if (!args)
        return cli_usage(c, "arguments must be UTF-8");
    int r = op_open(c->state_dir, &s, &e);
    while (r == 0 && more) {
        json_t *page = NULL;
        r = op_call(s, op, args, SNONE, &page, NULL, &e);
        const json_t *rows = r ? NULL : json_object_get(page, member);
        size_t n = json_array_size(rows);
        for (size_t i = 0; i < n; i++) {
            print_row(c, json_array_get(rows, i), first, print);
            first = false;
        }
        more = n && json_is_true(json_object_get(page, "more"));
        if (more)
            json_object_set_new(args, "after",
                                json_string(json_text(json_array_get(rows, n - 1), key)));
        json_decref(page);
    }
    op_close(s);
    json_decref(args);
    if (r)
        return cli_fail(c, &e);
    if (c->json)
        fputs(first ? "[]\n" : "\n]\n", stdout);
    else if (first)
        fprintf(stderr, "carbonado: %s\n", none);
    return CLI_OK;
}

bool ask_low_ports(struct cli *c)
{
    struct op_session *s = NULL;
    json_t *ret = NULL;
    char value[24];
    bool known = op_open_server(c->state_dir, &s, NULL) == 0 &&
                 op_call(s, "server.status", NULL, SNONE, &ret, NULL, NULL) == 0 &&
                 json_is_integer(json_object_get(ret, "low_offset"));
    if (known) {
        snprintf(value, sizeof(value), "%lld", (long long)json_number(ret, "low_offset"));
        known = setting_parse(setting_find(S("ports.low_offset")), slice_str(value), NULL) == 0;
    }
    json_decref(ret);
    op_close(s);
    return known;
}

const char *json_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

int64_t json_number(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

int cli_size(const char *text, int64_t *ret, struct err *e)
{
    static const char units[] = "KMGT";
    struct slice s = slice_str(text);
    uint64_t v, factor = 1;
    if (slice_eqi(s, S("none"))) {
        *ret = 0;
        return 0;
    }
    if (s.n && ascii_upper(s.p[s.n - 1]) == 'B')
        s.n--;
    const char *unit = s.n ? strchr(units, ascii_upper(s.p[s.n - 1])) : NULL;
    if (unit && *unit) {
        factor = (uint64_t)1 << (10 * (unit - units + 1));
        s.n--;
    }
    if (slice_u64(s, &v) || __builtin_mul_overflow(v, factor, &v) || v > INT64_MAX)
        return err_set(e, ERR_SYNTAX, "%s is no size: write 500M, 2G, or none", text);
    *ret = (int64_t)v;
    return 0;
}

void cli_size_print(int64_t bytes, char *out, size_t n)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t u = 0;
    while (v >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
        v /= 1024;
        u++;
    }
    snprintf(out, n, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}
