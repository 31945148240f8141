/* owner.h - the user to whom an installation belongs. */
#pragma once

#include "base/err.h"

/* As root: makes the system user when there is none, gives it the directory, and becomes it for the
   rest of the process. Everything made afterwards is the user's. */
int owner_make(const char *user, const char *home, struct err *e);
int owner_become(const char *user, const char *dir, struct err *e);
