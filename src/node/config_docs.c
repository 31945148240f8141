/* config_docs.c - prints every row of the settings table: as Markdown, as a manual page's section,
   as a line of a configuration file; and every metric. */
#include "node/config_docs.h"

#include <string.h>

#include "base/metric.h"
#include "base/setting.h"
#include "node/roff.h"

static void print_number(const struct setting *s, int64_t v, char *out, size_t n)
{
    struct setting scratch = {.type = s->type, .number = v};
    setting_print(&scratch, false, out, n);
}

/* "30m to 24h", "yes or no", "one of: a b", or "text". */
static void describe_values(const struct setting *s, char *out, size_t n)
{
    char low[32], high[32];
    switch (s->type) {
    case SETTING_BOOL:
        snprintf(out, n, "yes or no");
        return;
    case SETTING_TEXT:
        snprintf(out, n, "%s%s", s->choices ? "one of: " : "text", s->choices ? s->choices : "");
        return;
    default:
        print_number(s, s->min, low, sizeof(low));
        print_number(s, s->max, high, sizeof(high));
        snprintf(out, n, "%s to %s", low, high);
    }
}

static const char *default_of(const struct setting *s, char *out, size_t n)
{
    setting_print(s, true, out, n);
    return out[0] ? out : "(empty)";
}

void config_docs_markdown(struct buf *out)
{
    buf_adds(
        out,
        "# Configuration reference\n\n"
        "Made by `carbonado config docs` from the settings table in the source; a test compares\n"
        "the two. The form of the file is in carbonado.conf(5). Sizes are written `512`, `64K`,\n"
        "`10M`, `2G`; times `500ms`, `30s`, `5m`, `12h`, `30d`. A change of a setting marked\n"
        "*restart* takes effect when the server is started again, of any other at reload\n"
        "(SIGHUP).\n");
    const char *group = "";
    for (const struct setting *s = setting_first(); s; s = s->next) {
        char def[512], values[512];
        if (strcmp(group, s->group))
            buf_addf(out, "\n## [%s]\n", s->group);
        group = s->group;
        describe_values(s, values, sizeof(values));
        buf_addf(out, "\n### %s.%s\n\n`%s = %s` · %s%s\n\n%s\n", s->group, s->name, s->name,
                 default_of(s, def, sizeof(def)), values, s->at_start ? " · *restart*" : "",
                 s->text);
    }
}

void config_docs_man(struct buf *out)
{
    buf_adds(out, ".SH SETTINGS\n");
    const char *group = "";
    for (const struct setting *s = setting_first(); s; s = s->next) {
        char def[512], values[512];
        if (strcmp(group, s->group))
            buf_addf(out, ".SS [%s]\n", s->group);
        group = s->group;
        describe_values(s, values, sizeof(values));
        buf_addf(out, ".TP\n.B %s.%s\n", s->group, s->name);
        roff_add(out, s->text);
        buf_adds(out, "\n.br\nDefault: ");
        roff_add(out, default_of(s, def, sizeof(def)));
        buf_adds(out, "; ");
        roff_add(out, values);
        buf_adds(out, s->at_start ? "; a change needs a restart.\n" : ".\n");
    }
}

void config_docs_metrics(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram, seconds",
                                        "histogram, numbers"};
    buf_adds(out,
             "# Metrics\n\n"
             "Made by `carbonado config docs --metrics` from the source; a test compares the two.\n"
             "The server gives them to Prometheus on port 9256 at `/metrics`. Labels have fixed\n"
             "values, so that no client can make new series.\n\n"
             "| name | kind | label | what |\n|---|---|---|---|\n");
    for (const struct metric *m = metric_first(); m; m = m->next) {
        buf_addf(out, "| `carbonado_%s%s` | %s | ", m->name, metric_suffix(m), kinds[m->kind]);
        if (m->label)
            buf_addf(out, "`%s`: %s", m->label, m->values);
        buf_addf(out, " | %s |\n", m->help);
    }
}

void config_print_pair(FILE *out, const char *name, const char *value)
{
    size_t n = strlen(value);
    bool plain = n == 0 || (value[0] != '"' && value[0] != ' ' && value[n - 1] != ' ' &&
                            !strchr(value, '#') && value[0] != '\t' && value[n - 1] != '\t');
    if (plain) {
        fprintf(out, "%s = %s\n", name, value);
        return;
    }
    fprintf(out, "%s = \"", name);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            fputc('\\', out);
        fputc(*p, out);
    }
    fputs("\"\n", out);
}
