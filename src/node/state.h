/* state.h - the state directory: its lock, its owner, and what is opened in it.

       carbonado.conf   the configuration, when it is not in /etc
       directory.db     accounts and domains
       shards/ packs/   mail
       tls/             certificates
       run/             lock, control socket, process id: nothing that outlives the server */
#pragma once

#include "base/err.h"
#include "base/slice.h"

enum { STATE_PATH_MAX = 4096 };
#define STATE_RESTORING "restore.partial" /* a file: what is here is not all */

/* Path of a file in it; ERR_LIMIT when it is too long. */
int state_path(char out[STATE_PATH_MAX], const char *dir, const char *name, struct err *e);

/* One server, or one command that changes the state, at a time. The lock goes with the descriptor
   (and its copies in children). ERR_BUSY names who has it. Makes DIR/run. */
int state_lock(const char *dir, int *ret_fd, struct err *e);

/* Before anything is done that would disturb a server that runs: ERR_BUSY when state_lock would
   find the lock taken now. Makes nothing. */
int state_is_free(const char *dir, struct err *e);

/* As root: becomes the owner of the directory for good. Then, in any case: no new privileges. */
int state_drop_privileges(const char *dir, struct err *e);

/* ERR_NOTFOUND where nobody has made an installation yet, ERR_CONFLICT where a restore did not end.
 */
int state_is_made(const char *dir, struct err *e);

/* Directory, and with_store the mail. Threads start: not before a fork. */
int state_open(const char *dir, bool with_store, struct err *e);
/* After state_open without it. read_only: nothing of it is written, and nobody else may write. */
int state_open_store(const char *dir, bool read_only, struct err *e);
void state_close_store(void);
void state_close(void);
