/* owner.h - the user to whom an installation belongs. */
#pragma once

#include "base/err.h"

/* As root: makes the system user when there is none, gives it the directory, and becomes it for the
   rest of the process. Everything made afterwards is the user's. */
int owner_make(const char *user, const char *home, struct err *e);
int owner_become(const char *user, const char *dir, struct err *e);
/* The two together: as root becomes `user` (NULL: carbonado, made when it is not there). Others
   cannot give anything away: ERR_NOPERM when a user is named. */
int owner_settle(const char *user, const char *dir, struct err *e);
/* As root: all of a finished directory becomes `user`'s (NULL: carbonado's). Others: nothing. */
int owner_give(const char *user, const char *dir, struct err *e);
