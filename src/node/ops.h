/* ops.h - the tables of operations, one file a topic, and what several of them need. */
#pragma once

#include "directory/directory.h"
#include "node/op.h"
#include "node/op_page.h"

extern const struct op ops_domain[], ops_account[], ops_alias[], ops_list[], ops_message[],
    ops_queue[];

/* The account named by the text argument `key`: an address or alias. */
int op_arg_account(json_t *args, const char *key, struct arena *a, struct account_info *ret,
                   struct err *e);

/* *ret = {"note": ...} when mail for this address has no recipient here now. */
void op_note_dead_end(struct slice address, json_t **ret);
