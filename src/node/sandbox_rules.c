/* sandbox_rules.c - the table of what the worker of each role needs. Read it as the list of what an
   attacker has who runs code in the worker: the state directory, temporary files, certificates that
   everybody may read, connections; no program to start, no process to touch, nothing of the kernel
   but plain files, sockets and threads. */
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "node/sandbox.h"

SETTING_DECLARE(mail, spool_dir);
SETTING_DECLARE(io, tls_ca_file);
SETTING_DECLARE(io, dns_hosts);

#define READ_WRITE_MAKE (SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE)
#define MAIL_OUT (SANDBOX_ROLE(ROLE_MTA) | SANDBOX_ROLE(ROLE_MAILBOX))

/* The state directory itself, and where symbolic links in its tls/ lead, are added to these. */
static const struct sandbox_path paths[] = {
    {SANDBOX_EVERY, READ_WRITE_MAKE, .setting = &set_mail_spool_dir},
    {SANDBOX_EVERY, SANDBOX_READ | SANDBOX_WRITE, "/dev/null"},
    {SANDBOX_EVERY, SANDBOX_READ, "/dev/urandom"},
    {SANDBOX_EVERY, SANDBOX_READ, "/etc/localtime"},
    {SANDBOX_EVERY, SANDBOX_READ, "/usr/share/zoneinfo"},
    {SANDBOX_EVERY, SANDBOX_READ, "/etc/ssl/openssl.cnf"},
    /* malloc and thread pools count processors and ask about overcommitted memory */
    {SANDBOX_EVERY, SANDBOX_READ, "/sys/devices/system/cpu/online"},
    {SANDBOX_EVERY, SANDBOX_READ, "/sys/devices/system/cpu/possible"},
    {SANDBOX_EVERY, SANDBOX_READ, "/proc/sys/vm/overcommit_memory"},
    /* DNS, and whom to trust in connections that go out */
    {MAIL_OUT, SANDBOX_READ, "/etc/resolv.conf"},
    {MAIL_OUT, SANDBOX_READ, "/etc/hosts"},
    {MAIL_OUT, SANDBOX_READ, "/etc/nsswitch.conf"},
    {MAIL_OUT, SANDBOX_READ, "/etc/host.conf"},
    {MAIL_OUT, SANDBOX_READ, "/etc/gai.conf"},
    {MAIL_OUT, SANDBOX_READ, "/etc/services"},
    {MAIL_OUT, SANDBOX_READ, "/etc/ssl/certs"},
    {MAIL_OUT, SANDBOX_READ, "/etc/pki/tls/certs"},
    {MAIL_OUT, SANDBOX_READ, "/etc/pki/ca-trust/extracted"},
    {MAIL_OUT, SANDBOX_READ, "/usr/share/ca-certificates"},
    {MAIL_OUT, SANDBOX_READ, "/usr/local/share/ca-certificates"},
    {MAIL_OUT, SANDBOX_READ, .setting = &set_io_tls_ca_file},
    {MAIL_OUT, SANDBOX_READ, .setting = &set_io_dns_hosts},
#if SANDBOX_SANITIZED
    {SANDBOX_EVERY, SANDBOX_READ, "/proc"},
    {SANDBOX_EVERY, SANDBOX_READ, "/proc/self/exe"},
    {SANDBOX_EVERY, SANDBOX_READ, "/usr/lib"},
#endif
};

enum { SET_ID_BITS = S_ISUID | S_ISGID };

static const struct sandbox_call calls[] = {
    /* files; which ones is for Landlock to say */
    {SANDBOX_EVERY,
     "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek close "
     "open openat stat fstat lstat newfstatat statx access faccessat faccessat2 readlink "
     "readlinkat "
     "statfs fstatfs getdents64 getcwd umask dup dup2 dup3 fcntl flock ftruncate truncate "
     "fallocate "
     "fadvise64 readahead fsync fdatasync sync_file_range copy_file_range sendfile rename renameat "
     "renameat2 unlink unlinkat mkdir mkdirat rmdir link linkat utimensat fchown"},
    {SANDBOX_EVERY, "chmod fchmod", SANDBOX_BITS, 1, .but = SET_ID_BITS},
    {SANDBOX_EVERY, "fchmodat", SANDBOX_BITS, 2, .but = SET_ID_BITS},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = FIONBIO},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = FIONREAD},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = FIOCLEX},
    {SANDBOX_EVERY, "ioctl", SANDBOX_IS, 1, .with = TCGETS},
    /* memory: never executable once the program runs */
    {SANDBOX_EVERY, "brk munmap mremap madvise membarrier"},
    {SANDBOX_EVERY, "mmap mprotect", SANDBOX_BITS, 2, .but = PROT_EXEC},
    /* threads, never processes */
    {SANDBOX_EVERY, "clone", SANDBOX_BITS, 0, .with = CLONE_THREAD | CLONE_VM},
    {SANDBOX_EVERY, "clone3 close_range openat2", SANDBOX_GONE},
    {SANDBOX_EVERY,
     "exit exit_group futex set_robust_list rseq sched_yield sched_getaffinity gettid getpid "
     "getppid getuid geteuid getgid getegid getrusage times sysinfo uname restart_syscall getcpu"},
    {SANDBOX_EVERY, "prlimit64", SANDBOX_IS, 0, .with = 0},
    {SANDBOX_EVERY, "prctl", SANDBOX_IS, 0, .with = 15 /* PR_SET_NAME */},
    /* signals, to itself */
    {SANDBOX_EVERY, "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigpending "
                    "rt_sigsuspend sigaltstack"},
    {SANDBOX_EVERY, "kill tgkill", SANDBOX_SELF, 0},
    /* time and chance */
    {SANDBOX_EVERY, "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time "
                    "getrandom"},
    /* waiting */
    {SANDBOX_EVERY, "poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait "
                    "epoll_pwait2 eventfd2 pipe2"},
    /* connections; to which ports is for the firewall to say */
    {SANDBOX_EVERY, "accept accept4 bind listen shutdown getsockname getpeername setsockopt "
                    "getsockopt sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg"},
    {SANDBOX_EVERY, "socket socketpair", SANDBOX_IS, 0, .with = AF_UNIX},
    {MAIL_OUT, "socket", SANDBOX_IS, 0, .with = AF_INET},
    {MAIL_OUT, "socket", SANDBOX_IS, 0, .with = AF_INET6},
    {MAIL_OUT, "connect"},
#if SANDBOX_SANITIZED
    {SANDBOX_EVERY, "mincore getdents prctl ptrace wait4 process_vm_readv set_tid_address getpgrp "
                    "rt_sigqueueinfo"},
    {SANDBOX_EVERY, "clone", SANDBOX_BITS, 0, .with = CLONE_UNTRACED | CLONE_VM},
#endif
};

const struct sandbox_table sandbox_worker = {
    .state = "",
    .state_files = READ_WRITE_MAKE,
    .paths = paths,
    .n_paths = sizeof(paths) / sizeof(paths[0]),
    .calls = calls,
    .n_calls = sizeof(calls) / sizeof(calls[0]),
};
