/* sandbox.h - what the worker and fronts give up before they read a stranger's first byte:
   capabilities, files outside its table (Landlock), system calls outside its table (seccomp). What
   each role needs stands in sandbox_rules.c and sandbox_front.c; nothing else is allowed. */
#pragma once

#include "base/err.h"
#include "node/roles.h"

/* For good, for this thread and those that it makes: no other thread may run yet. As node.sandbox
   says: with "on", what the kernel does not have is logged and left out; with "require" that is an
   error; "off" does nothing. */
int sandbox_enter(const char *state_dir, struct err *e);

/* The same for a front: a table of its own, whatever the roles. */
int sandbox_enter_front(const char *state_dir, struct err *e);

/* For people: "off", "on", or what is missing of it. */
const char *sandbox_state(void);

/* No capabilities any more, also not as root. */
int sandbox_drop_capabilities(struct err *e);

/* --- the table ---------------------------------------------------------------------------- */
/* Which roles need a row: SANDBOX_EVERY or a sum of SANDBOX_ROLE(). */
#define SANDBOX_ROLE(role) (1u << (role))
#define SANDBOX_EVERY 0u

enum sandbox_files {
    SANDBOX_READ = 1,  /* the file, or all below the directory */
    SANDBOX_WRITE = 2, /* an existing file, device */
    SANDBOX_MAKE = 4,  /* files, directories and sockets in it: made, renamed, removed */
};

struct sandbox_path {
    unsigned roles;
    unsigned files; /* enum sandbox_files */
    const char *path;
    const struct setting *setting; /* instead of path; an empty value is no row */
};

enum sandbox_when {
    SANDBOX_ALWAYS,
    SANDBOX_BITS, /* the argument has none of the bits `but`, and all of `with` */
    SANDBOX_IS,   /* the argument is `with` */
    SANDBOX_SELF, /* the argument is this process */
    SANDBOX_GONE, /* said to be unknown to the kernel: the library has another way */
};

struct sandbox_call {
    unsigned roles;
    const char *names; /* separated by blanks */
    enum sandbox_when when;
    unsigned argument;
    uint64_t with, but;
};

/* Beside the paths, `state` below the state directory ("": all of it) is open for state_files, and
   so is where the symbolic links in its tls/ lead, for reading. */
struct sandbox_table {
    const char *state;
    unsigned state_files;
    const struct sandbox_path *paths;
    size_t n_paths;
    const struct sandbox_call *calls;
    size_t n_calls;
};
extern const struct sandbox_table sandbox_worker, sandbox_front;

/* The two halves of sandbox_enter. 0, or 1 when the kernel does not have it, or -1.
 *ret_missing: what this kernel's Landlock lacks, or NULL. */
int sandbox_landlock(const struct sandbox_table *t, const char *state_dir, unsigned roles,
                     const char **ret_missing, struct err *e);
int sandbox_seccomp(const struct sandbox_table *t, unsigned roles, struct err *e);

/* Sanitizers look at themselves: /proc, their own threads from outside. Only their builds may. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif
