/* cmd_id.c - ID: RFC 2971. What the client says is logged and changes nothing. */
#include "base/log.h"
#include "imap/cmds.h"
#include "io/conn.h"

enum { ID_FIELDS_MAX = 30, ID_NAME_MAX = 30, ID_VALUE_MAX = 1024 };

static int pair(struct request *r, struct imap_parser *p)
{
    struct slice name, value;
    if (imap_take_string(p, &name) || imap_space(p) || imap_take_nstring(p, &value))
        return -1;
    if (name.n > ID_NAME_MAX || value.n > ID_VALUE_MAX)
        return imap_fail(p, "an ID field is too long");
    LOG(LOG_DEBUG, "imap.id", LFN("session", conn_id(r->s->conn)), LF("field", name),
        LF("value", value));
    return 0;
}

int cmd_id_parse(struct request *r, struct imap_parser *p)
{
    if (imap_space(p))
        return -1;
    if (imap_accept_word(p, S("NIL")))
        return 0;
    if (imap_expect(p, '('))
        return -1;
    if (imap_accept(p, ')'))
        return 0;
    size_t n = 0;
    do {
        if (n++ == ID_FIELDS_MAX)
            return imap_fail(p, "over %d ID fields", ID_FIELDS_MAX);
        if (pair(r, p))
            return -1;
    } while (imap_accept(p, ' '));
    return imap_expect(p, ')');
}

enum cmd_next cmd_id(struct request *r, struct txn *t)
{
    (void)t;
    buf_adds(&r->out, "* ID (\"name\" \"Carbonado\" \"vendor\" \"Carbonado\")\r\n");
    return CMD_DONE;
}
