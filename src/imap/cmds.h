/* cmds.h - the handlers that stand in the table, one command a file (cmd_x.c), and their parsers.
 */
#pragma once

#include "imap/request.h"

cmd_run cmd_append, cmd_authenticate, cmd_capability, cmd_close, cmd_compress, cmd_copy, cmd_create,
    cmd_delete, cmd_enable, cmd_examine, cmd_expunge, cmd_fetch, cmd_getquota, cmd_getquotaroot,
    cmd_setquota, cmd_id, cmd_idle, cmd_list, cmd_login, cmd_logout, cmd_lsub, cmd_move,
    cmd_namespace, cmd_noop, cmd_rename, cmd_replace, cmd_search, cmd_select, cmd_sort, cmd_thread,
    cmd_starttls, cmd_status, cmd_store, cmd_subscribe, cmd_unauthenticate, cmd_unselect,
    cmd_unsubscribe;

int cmd_append_parse(struct request *r, struct imap_parser *p);
int cmd_authenticate_parse(struct request *r, struct imap_parser *p);
int cmd_compress_parse(struct request *r, struct imap_parser *p);
int cmd_copy_parse(struct request *r, struct imap_parser *p);
int cmd_create_parse(struct request *r, struct imap_parser *p);
int cmd_enable_parse(struct request *r, struct imap_parser *p);
int cmd_expunge_parse(struct request *r, struct imap_parser *p);
int cmd_fetch_parse(struct request *r, struct imap_parser *p);
int cmd_getquota_parse(struct request *r, struct imap_parser *p);
int cmd_setquota_parse(struct request *r, struct imap_parser *p);
int cmd_id_parse(struct request *r, struct imap_parser *p);
int cmd_list_parse(struct request *r, struct imap_parser *p);
int cmd_login_parse(struct request *r, struct imap_parser *p);
int cmd_lsub_parse(struct request *r, struct imap_parser *p);
int cmd_mailbox_parse(struct request *r, struct imap_parser *p); /* SP mailbox */
int cmd_rename_parse(struct request *r, struct imap_parser *p);
int cmd_replace_parse(struct request *r, struct imap_parser *p);
int cmd_search_parse(struct request *r, struct imap_parser *p);
int cmd_select_parse(struct request *r, struct imap_parser *p);
int cmd_sort_parse(struct request *r, struct imap_parser *p);
int cmd_status_parse(struct request *r, struct imap_parser *p);
int cmd_store_parse(struct request *r, struct imap_parser *p);

void cmd_select_done(struct request *r);
int cmd_thread_parse(struct request *r, struct imap_parser *p);
int cmd_unauthenticate_parse(struct request *r, struct imap_parser *p);

void cmd_close_done(struct request *r);
