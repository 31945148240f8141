/* op.h - operations of an administrator: what the command line asks of the running server, or does
   by itself when none runs. An operation is one row and one function; it gets JSON and gives JSON,
   and messages (import, export) travel beside it as bytes.

   Rows stand in tables `const struct op ops_NAME[]`, ended by a zeroed row, listed in op_table.c.
   run() is called at PLACE_READ of the server, or on the only thread of the command: it may block
   (directory, store_write), must be thread-safe, and should take less than a second: what takes
   longer is asked for in pieces. */
#pragma once

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

struct op {
    const char *name; /* "account.add" */
    /* args: an object, borrowed. *ret: NULL, or a new value that the caller owns; {} is answered
       when it stays NULL. ret_payload: empty, add to it. On -1 *e is what the command prints. */
    int (*run)(json_t *args, struct slice payload, json_t **ret, struct buf *ret_payload,
               struct err *e);
    bool needs_store;  /* else the directory is enough (and opened); nothing else is open then */
    bool needs_server; /* asks about what runs (sessions, reload): ERR_UNSUPPORTED without one */
};

const struct op *op_find(struct slice name); /* NULL when there is none */

/* --- asking -------------------------------------------------------------------------------- */
struct op_session;

/* Connects to STATE/run/control.sock when a server runs; else takes the lock of the state directory
   (ERR_BUSY when a server is just starting or stopping) and opens what operations need, at the
   first one that needs it. */
int op_open(const char *state_dir, struct op_session **ret, struct err *e);
/* A copy of a state directory, which no server has: operations that read, and nothing of it is
   written. */
int op_open_copy(const char *dir, struct op_session **ret, struct err *e);
bool op_has_server(const struct op_session *s);
/* Only where a server runs: 1, and *ret is NULL, when none does. Touches nothing then. */
int op_open_server(const char *state_dir, struct op_session **ret, struct err *e);

/* ret and ret_payload may be NULL. ERR_NOTFOUND text "no such operation" when the server is older.
 */
int op_call(struct op_session *s, const char *name, json_t *args /* or NULL; borrowed */,
            struct slice payload, json_t **ret, struct buf *ret_payload, struct err *e);
void op_close(struct op_session *s); /* NULL is fine */

/* --- arguments, for run() ------------------------------------------------------------------ */
/* Members of an object. The first three: absent or null gives *ret = SNONE / fallback when
   `required` is not set; a wrong type or a missing required one is ERR_SYNTAX. */
int op_arg_text(json_t *args, const char *key, bool required, struct slice *ret, struct err *e);
int op_arg_number(json_t *args, const char *key, bool required, int64_t fallback, int64_t *ret,
                  struct err *e);
int op_arg_bool(json_t *args, const char *key, bool fallback, bool *ret, struct err *e);
json_t *op_json_text(struct slice s); /* invalid UTF-8 is repaired */
