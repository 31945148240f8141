/* sandbox_front.c - the table of what a front needs. Read it as the list of what an attacker has
   who runs code in a front: the certificates with their keys, the connections of that front,
   memory, and a ring to the worker. No other file, no new socket, nobody to signal. */
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "node/sandbox.h"

static const struct sandbox_path paths[] = {
    {SANDBOX_EVERY, SANDBOX_READ, "/dev/null"}, /* what a listener has in reserve */
    {SANDBOX_EVERY, SANDBOX_READ, "/dev/urandom"},
    {SANDBOX_EVERY, SANDBOX_READ, "/etc/localtime"},
    {SANDBOX_EVERY, SANDBOX_READ, "/usr/share/zoneinfo"},
    {SANDBOX_EVERY, SANDBOX_READ, "/etc/ssl/openssl.cnf"},
    {SANDBOX_EVERY, SANDBOX_READ, "/sys/devices/system/cpu/online"},
    {SANDBOX_EVERY, SANDBOX_READ, "/sys/devices/system/cpu/possible"},
    {SANDBOX_EVERY, SANDBOX_READ, "/proc/sys/vm/overcommit_memory"},
#if SANDBOX_SANITIZED
    {SANDBOX_EVERY, SANDBOX_READ, "/proc"},
    {SANDBOX_EVERY, SANDBOX_READ, "/proc/self/exe"},
    {SANDBOX_EVERY, SANDBOX_READ, "/usr/lib"},
#endif
};

static const struct sandbox_call calls[] = {
    /* certificates are read again at a reload; the log is written */
    {SANDBOX_EVERY, "read readv pread64 write writev lseek close open openat stat fstat lstat "
                    "newfstatat statx access faccessat getdents64 readlink fcntl dup"},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = FIONBIO},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = FIONREAD},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = TCGETS},
    /* memory: never executable */
    {SANDBOX_EVERY, "brk munmap mremap madvise membarrier"},
    {SANDBOX_EVERY, "mmap mprotect", SANDBOX_BITS, 2, .but = PROT_EXEC},
    /* threads, never processes */
    {SANDBOX_EVERY, "clone", SANDBOX_BITS, 0, .with = CLONE_THREAD | CLONE_VM},
    {SANDBOX_EVERY, "clone3 close_range openat2", SANDBOX_GONE},
    {SANDBOX_EVERY,
     "exit exit_group futex set_robust_list rseq sched_yield sched_getaffinity gettid "
     "getpid getuid geteuid getgid getegid getrusage sysinfo restart_syscall getcpu"},
    {SANDBOX_EVERY, "prlimit64", SANDBOX_IS, 0, .with = 0},
    {SANDBOX_EVERY, "prctl", SANDBOX_IS, 0, .with = 15 /* PR_SET_NAME */},
    {SANDBOX_EVERY, "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack"},
    {SANDBOX_EVERY, "kill tgkill", SANDBOX_SELF, 0},
    {SANDBOX_EVERY, "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time "
                    "getrandom"},
    {SANDBOX_EVERY,
     "poll ppoll epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 "
     "pipe2"},
    /* connections that come; none that goes out */
    {SANDBOX_EVERY, "accept accept4 shutdown getsockname getpeername setsockopt getsockopt sendto "
                    "recvfrom sendmsg recvmsg"},
#if SANDBOX_SANITIZED
    {SANDBOX_EVERY, "mincore getdents prctl ptrace wait4 process_vm_readv set_tid_address getpgrp "
                    "rt_sigqueueinfo getppid pipe"},
    {SANDBOX_EVERY, "clone", SANDBOX_BITS, 0, .with = CLONE_UNTRACED | CLONE_VM},
#endif
};

const struct sandbox_table sandbox_front = {
    .state = "tls",
    .state_files = SANDBOX_READ,
    .paths = paths,
    .n_paths = sizeof(paths) / sizeof(paths[0]),
    .calls = calls,
    .n_calls = sizeof(calls) / sizeof(calls[0]),
};
