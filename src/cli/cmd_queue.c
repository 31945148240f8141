/* cmd_queue.c - carbonado queue list, retry, remove. */
#include <time.h>

#include "cli/ask.h"

static void print_time(const char *what, int64_t ms)
{
    char text[32];
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    printf("%s %s", what, text);
}

static void print(const json_t *row)
{
    char size[32];
    const json_t *r;
    size_t i;
    cli_size_print(json_number(row, "size"), size, sizeof(size));
    printf("%-10s %8s  <%s>  ", json_text(row, "id"), size, json_text(row, "from"));
    print_time("queued", json_number(row, "queued_at"));
    putchar('\n');
    json_array_foreach(json_object_get(row, "recipients"), i, r)
    {
        printf("           to %s  tries %lld  ", json_text(r, "address"),
               (long long)json_number(r, "attempts"));
        print_time("next", json_number(r, "next_at"));
        printf("%s%s\n", json_text(r, "last_reply")[0] ? "\n             " : "",
               json_text(r, "last_reply"));
    }
}

static int list(struct cli *c)
{
    return ask_pages(c, "queue.list", json_object(), "messages", "id", print, "the queue is empty");
}

const struct cli_command cmd_queue_list = {
    .name = "queue list",
    .args = "",
    .summary = "Print the mail that waits to be sent on",
    .flags = CLI_STATE | CLI_JSON,
    .run = list,
};

static int retry(struct cli *c)
{
    json_t *ret = NULL;
    int r = ask(c, "queue.retry", json_pack("{s:s?}", "id", c->argc ? c->argv[0] : NULL), &ret);
    if (!r)
        printf("%lld recipient%s to be tried now\n", (long long)json_number(ret, "recipients"),
               cli_plural((uint64_t)json_number(ret, "recipients")));
    json_decref(ret);
    return r;
}

const struct cli_command cmd_queue_retry = {
    .name = "queue retry",
    .args = "[ID]",
    .summary = "Try a message of the queue now, or all",
    .flags = CLI_STATE,
    .run = retry,
};

static int remove_(struct cli *c)
{
    return ask(c, "queue.remove", json_pack("{s:s}", "id", c->argv[0]), NULL);
}

const struct cli_command cmd_queue_remove = {
    .name = "queue remove",
    .args = "ID",
    .summary = "Take a message out of the queue; nobody is told",
    .flags = CLI_STATE,
    .run = remove_,
};
