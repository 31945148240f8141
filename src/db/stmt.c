/* stmt.c - the registries: every statement and every module's schema of the program, put there by
   constructors before main(), so that one test finds them all. */
#include "db/engine.h"

static struct db_stmt *first_stmt;
static struct db_module *first_module;
static int stmt_count;

void db_stmt_register(struct db_stmt *s)
{
    s->id = stmt_count++;
    s->next = first_stmt;
    first_stmt = s;
}

struct db_stmt *db_stmt_first(void)
{
    return first_stmt;
}

int db_stmt_count(void)
{
    return stmt_count;
}

void db_module_register(struct db_module *m)
{
    m->next = first_module;
    first_module = m;
}

struct db_module *db_module_first(void)
{
    return first_module;
}

int db_stmt_params(const char *sql)
{
    int highest = 0;
    for (const char *p = sql; *p; p++) {
        if (*p == '\'' || *p == '"') {
            char quote = *p++;
            while (*p && *p != quote)
                p++;
            BUG_IF(!*p);
            continue;
        }
        if (*p != '$' || !ascii_digit(p[1]))
            continue;
        int n = 0;
        while (ascii_digit(p[1]) && n <= DB_PARAMS)
            n = n * 10 + (*++p - '0');
        BUG_IF(n < 1 || n > DB_PARAMS);
        if (n > highest)
            highest = n;
    }
    return highest;
}
