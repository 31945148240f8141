/* sandbox_test.c - the evil child: a process enters the sandbox of a worker or a front and tries
   all that it must not do; and what a worker needs still works. Where this process may do a thing
   outside, it is first seen to work there, so that a refusal proves something. */
#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/setting.h"
#include "db/db.h"
#include "format/charset.h"
#include "io/tls.h"
#include "node/sandbox.h"

SETTING_DECLARE(node, sandbox);
SETTING_DECLARE(mail, spool_dir);

static char top[] = "/tmp/carbonado-sandbox-XXXXXX";
static char state[64], outside[64], spool[64], secret[64], linked[64];
static pid_t victim; /* a process beside the sandbox */

/* --- what is forbidden: each gives 0 when it worked, else errno ----------------------------- */
static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_for(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int rc = result(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int child_status(pid_t pid)
{
    int status = 0;
    if (pid < 0)
        return errno;
    if (waitpid(pid, &status, 0) != pid)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int do_exec(void)
{
    char *args[] = {(char[]){"true"}, NULL};
    return result(execv("/bin/true", args));
}

static int do_fork_exec(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(do_exec());
    return child_status(pid);
}

static int do_vfork(void)
{
    return result(syscall(SYS_vfork));
}

static int do_execveat(void)
{
    int fd = open("/bin/true", O_PATH | O_CLOEXEC);
    char *args[] = {(char[]){"true"}, NULL};
    return result(syscall(SYS_execveat, fd, "", args, NULL, 0x1000 /* AT_EMPTY_PATH */));
}

static int do_exec_own_file(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/program", state);
    char *args[] = {path, NULL};
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12)
        return 0;
    close(fd);
    return result(execv(path, args));
}

static int do_shadow(void)
{
    return open_for("/etc/shadow", O_RDONLY);
}
static int do_passwd(void)
{
    return open_for("/etc/passwd", O_RDONLY);
}
static int do_read_outside(void)
{
    return open_for(secret, O_RDONLY);
}
static int do_write_outside(void)
{
    return open_for(secret, O_WRONLY);
}
static int do_truncate_outside(void)
{
    return result(truncate(secret, 0));
}
static int do_make_outside(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/new", outside);
    return open_for(path, O_WRONLY | O_CREAT);
}
static int do_list_outside(void)
{
    return open_for(outside, O_RDONLY | O_DIRECTORY);
}
static int do_unlink_outside(void)
{
    return result(unlink(secret));
}
static int do_rename_outside(void)
{
    char to[128];
    snprintf(to, sizeof(to), "%s/taken", state);
    return result(rename(secret, to));
}
static int do_link_outside(void)
{
    char to[128];
    snprintf(to, sizeof(to), "%s/taken", state);
    return result(link(secret, to));
}
static int do_symlink(void)
{
    char to[128];
    snprintf(to, sizeof(to), "%s/pointer", state);
    return result(symlink("/etc/shadow", to));
}
static int do_through_link(void)
{
    return open_for(linked, O_RDONLY);
}
static int do_mkdir_outside(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/dir", outside);
    return result(mkdir(path, 0700));
}
static int do_mknod(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/device", state);
    return result(mknod(path, S_IFCHR | 0600, 0x103));
}
static int do_setuid_file(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/setuid", state);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return fd < 0 ? 0 : result(fchmod(fd, 04755));
}
static int do_device(void)
{
    return open_for("/dev/zero", O_RDONLY);
}
static int do_tty(void)
{
    return open_for("/dev/tty", O_RDWR);
}
static int do_proc_of_other(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/environ", (int)victim);
    return open_for(path, O_RDONLY);
}
static int do_memory_of_other(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)victim);
    return open_for(path, O_RDWR);
}
static int do_memfd(void)
{
    return result(memfd_create("program", 0));
}
static int do_handle(void)
{
    struct {
        struct file_handle h;
        char space[128];
    } f = {.h.handle_bytes = 128};
    int mount_id;
    return result(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &f, &mount_id, 0));
}

static int do_ptrace(void)
{
    return result(ptrace(PTRACE_SEIZE, victim, NULL, NULL));
}
static int do_read_memory(void)
{
    char mine[8];
    struct iovec a = {mine, 8}, b = {&victim, 8};
    return result(syscall(SYS_process_vm_readv, victim, &a, 1, &b, 1, 0));
}
static int do_kill(void)
{
    return result(kill(victim, SIGTERM));
}
static int do_kill_parent(void)
{
    return result(kill(getppid(), 0));
}
static int do_kill_all(void)
{
    return result(kill(-1, 0));
}
static int do_sigqueue(void)
{
    return result(sigqueue(victim, 0, (union sigval){0}));
}
static int do_pidfd(void)
{
    int fd = (int)syscall(434 /* pidfd_open */, victim, 0);
    return fd < 0 ? errno : result(syscall(438 /* pidfd_getfd */, fd, 1, 0));
}
static int do_limits_of_other(void)
{
    return result(syscall(SYS_prlimit64, victim, 0, NULL, NULL));
}
static int do_priority(void)
{
    return result(syscall(SYS_setpriority, 0, 0, 5));
}

static int do_setuid(void)
{
    return result(syscall(SYS_setresuid, 65534, 65534, 65534));
}
static int do_setgroups(void)
{
    return result(syscall(SYS_setgroups, 0, NULL));
}
static int do_capset(void)
{
    struct __user_cap_header_struct who = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0}};
    return result(syscall(SYS_capset, &who, all));
}
static int do_mount(void)
{
    return result(mount("none", outside, "tmpfs", 0, NULL));
}
static int do_umount(void)
{
    return result(umount2("/proc", MNT_DETACH));
}
static int do_chroot(void)
{
    return result(chroot(state));
}
static int do_pivot(void)
{
    return result(syscall(SYS_pivot_root, state, state));
}
static int do_user_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}
static int do_clone_namespace(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : child_status((pid_t)pid);
}
static int do_setns(void)
{
    return result(setns(0, 0));
}
static int do_module(void)
{
    return result(syscall(SYS_init_module, "", 0, ""));
}
static int do_module_file(void)
{
    return result(syscall(SYS_finit_module, 0, "", 0));
}
static int do_kexec(void)
{
    return result(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}
static int do_reboot(void)
{
    return result(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL)); /* CAD_OFF: harmless */
}
static int do_hostname(void)
{
    return result(sethostname("evil", 4));
}
static int do_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return result(clock_settime(CLOCK_REALTIME, &now));
}
static int do_syslog(void)
{
    return result(syscall(SYS_syslog, 3, outside, 1));
}
static int do_bpf(void)
{
    char attr[128] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1};
    return result(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}
static int do_io_uring(void)
{
    char params[120] = {0};
    return result(syscall(425, 4, params));
}
static int do_keyctl(void)
{
    return result(syscall(SYS_keyctl, 0, -3, 1));
}
static int do_add_key(void)
{
    return result(syscall(SYS_add_key, "user", "evil", "x", 1, -2));
}
static int do_perf(void)
{
    char attr[128] = {1, 0, 0, 0, (char)128};
    return result(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0));
}
static int do_userfault(void)
{
    return result(syscall(SYS_userfaultfd, 0));
}
static int do_personality(void)
{
    return result(syscall(SYS_personality, 0x0040000));
}
static int do_executable_memory(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}
static int do_make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? 0 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}
static int do_new_filter(void)
{
    return result(syscall(SYS_seccomp, 1, 0, NULL));
}

static int do_raw_socket(void)
{
    return result(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}
static int do_packet_socket(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0));
}
static int do_netlink(void)
{
    return result(socket(AF_NETLINK, SOCK_RAW, 0));
}
static int do_vsock(void)
{
    return result(socket(AF_VSOCK, SOCK_STREAM, 0));
}
static int do_alg(void)
{
    return result(socket(AF_ALG, SOCK_SEQPACKET, 0));
}
static int do_bind_tcp(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? 0 : result(bind(fd, (struct sockaddr *)&a, sizeof(a)));
}
static int do_type(void)
{
    int fds[2];
    return pipe(fds) ? 0 : result(ioctl(fds[0], TIOCSTI, "x"));
}

enum {
    LANDLOCK = 1,  /* Landlock forbids it: nothing does where the kernel has none */
    UNSEEN = 2,    /* not tried outside: it would do harm, or not return */
    SANITIZER = 4, /* the sanitizers need it; there Landlock is what is left */
    MAKES = 8,     /* begins with what a front may not do: nothing to see there */
};

static const struct evil {
    const char *name;
    int (*run)(void);
    unsigned flags;
    int landlock_since; /* 0: 1 */
} evils[] = {
    {"exec", do_exec, UNSEEN},
    {"fork and exec", do_fork_exec},
    {"vfork", do_vfork, UNSEEN},
    {"execveat", do_execveat, UNSEEN},
    {"exec of a file that it made", do_exec_own_file, UNSEEN | MAKES},
    {"read /etc/shadow", do_shadow, LANDLOCK},
    {"read /etc/passwd", do_passwd, LANDLOCK},
    {"read outside", do_read_outside, LANDLOCK},
    {"write outside", do_write_outside, LANDLOCK},
    {"truncate outside", do_truncate_outside, LANDLOCK, 3},
    {"make a file outside", do_make_outside, LANDLOCK},
    {"list outside", do_list_outside, LANDLOCK},
    {"unlink outside", do_unlink_outside, LANDLOCK | UNSEEN},
    {"rename from outside", do_rename_outside, LANDLOCK | UNSEEN},
    {"link from outside", do_link_outside, LANDLOCK | UNSEEN},
    {"symlink", do_symlink, UNSEEN},
    {"read through a link", do_through_link, LANDLOCK},
    {"mkdir outside", do_mkdir_outside, LANDLOCK | UNSEEN},
    {"mknod", do_mknod, UNSEEN},
    {"setuid bit", do_setuid_file, MAKES},
    {"another device", do_device, LANDLOCK},
    {"/dev/tty", do_tty, LANDLOCK | UNSEEN},
    {"environment of another process", do_proc_of_other, LANDLOCK | SANITIZER},
    {"memory of another process", do_memory_of_other, LANDLOCK | SANITIZER},
    {"memfd_create", do_memfd},
    {"file handles", do_handle},
    {"ptrace", do_ptrace, UNSEEN},
    {"process_vm_readv", do_read_memory},
    {"kill", do_kill, UNSEEN},
    {"kill the parent", do_kill_parent},
    {"kill all", do_kill_all, UNSEEN},
    {"sigqueue", do_sigqueue},
    {"pidfd", do_pidfd, UNSEEN},
    {"limits of another process", do_limits_of_other},
    {"priority", do_priority},
    {"setuid", do_setuid, UNSEEN},
    {"setgroups", do_setgroups, UNSEEN},
    {"capset", do_capset, UNSEEN},
    {"mount", do_mount, UNSEEN},
    {"umount", do_umount, UNSEEN},
    {"chroot", do_chroot, UNSEEN},
    {"pivot_root", do_pivot, UNSEEN},
    {"user namespace", do_user_namespace, UNSEEN},
    {"clone into a namespace", do_clone_namespace, UNSEEN},
    {"setns", do_setns, UNSEEN},
    {"init_module", do_module, UNSEEN},
    {"finit_module", do_module_file, UNSEEN},
    {"kexec", do_kexec, UNSEEN},
    {"reboot", do_reboot, UNSEEN},
    {"hostname", do_hostname, UNSEEN},
    {"set the clock", do_time, UNSEEN},
    {"kernel log", do_syslog, UNSEEN},
    {"bpf", do_bpf, UNSEEN},
    {"io_uring", do_io_uring, UNSEEN},
    {"keyctl", do_keyctl, UNSEEN},
    {"add_key", do_add_key, UNSEEN},
    {"perf_event_open", do_perf, UNSEEN},
    {"userfaultfd", do_userfault, UNSEEN},
    {"personality", do_personality},
    {"memory to write and execute", do_executable_memory},
    {"memory made executable", do_make_executable},
    {"another filter", do_new_filter, UNSEEN},
    {"raw socket", do_raw_socket, UNSEEN},
    {"packet socket", do_packet_socket, UNSEEN},
    {"netlink", do_netlink},
    {"vsock", do_vsock, UNSEEN},
    {"kernel crypto", do_alg, UNSEEN},
    {"listen on a TCP port", do_bind_tcp, LANDLOCK | MAKES, 4},
    {"type into a terminal", do_type, UNSEEN},
};

/* A front must not do these either, which the worker may. */
static int do_state(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/mail", state);
    return open_for(path, O_RDONLY);
}

static int do_state_new(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/new", state);
    return open_for(path, O_WRONLY | O_CREAT);
}

static int do_certificate_new(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/tls/new.key", state);
    return open_for(path, O_WRONLY | O_CREAT);
}

static int do_spool(void)
{
    return open_for(spool, O_TMPFILE | O_RDWR);
}

static int do_names(void)
{
    return open_for("/etc/hosts", O_RDONLY);
}

static int do_socket_of(int family, int type)
{
    int fd = socket(family, type | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : close(fd);
}

static int do_tcp(void)
{
    return do_socket_of(AF_INET, SOCK_STREAM);
}

static int do_udp(void)
{
    return do_socket_of(AF_INET6, SOCK_DGRAM);
}

static int do_unix(void)
{
    return do_socket_of(AF_UNIX, SOCK_STREAM);
}

static int do_pair(void)
{
    int fds[2];
    return result(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
}

static const struct evil front_evils[] = {
    {"the state", do_state, LANDLOCK},
    {"a file in the state", do_state_new, LANDLOCK},
    {"a certificate", do_certificate_new, LANDLOCK},
    {"the spool", do_spool, LANDLOCK},
    {"names", do_names, LANDLOCK},
    {"TCP", do_tcp},
    {"UDP", do_udp, UNSEEN},
    {"a unix socket", do_unix},
    {"a pair of sockets", do_pair},
};

/* --- the frame ------------------------------------------------------------------------------ */
static void write_file(const char *path, const char *text)
{
    struct err e = {0};
    if (file_replace(path, slice_str(text), 0600, &e))
        fail_msg("%s", e.text);
}

static int setup(void **unused)
{
    (void)unused;
    struct err e = {0};
    char path[128];
    if (!mkdtemp(top))
        return -1;
    snprintf(state, sizeof(state), "%s/state", top);
    snprintf(outside, sizeof(outside), "%s/outside", top);
    snprintf(spool, sizeof(spool), "%s/spool", top);
    snprintf(secret, sizeof(secret), "%s/secret", outside);
    snprintf(linked, sizeof(linked), "%s/link", state);
    snprintf(path, sizeof(path), "%s/tls", state);
    if (mkdir(state, 0700) || mkdir(outside, 0700) || mkdir(spool, 0700) || mkdir(path, 0700) ||
        symlink(secret, linked) || setting_parse(&set_mail_spool_dir, slice_str(spool), &e))
        return -1;
    log_set(LOG_ERROR, false, 2);
    write_file(secret, "secret");
    snprintf(path, sizeof(path), "%s/mail", state);
    write_file(path, "mail");
    victim = fork();
    if (victim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return victim < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **unused)
{
    (void)unused;
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* Runs one function in a child, in the sandbox or not; its value, or 255 when the child died or
   could not enter. */
enum where { OUTSIDE, WORKER, FRONT };

static int in_child(int (*run)(void), enum where where)
{
    struct err e = {0};
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20);
        if ((where == WORKER && sandbox_enter(state, &e)) ||
            (where == FRONT && sandbox_enter_front(state, &e))) {
            fprintf(stderr, "sandbox: %s\n", e.text);
            _exit(255);
        }
        _exit(run());
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 255;
    return WEXITSTATUS(status);
}

static void get_nowhere(const struct evil *rows, int n, enum where where, int least_seen)
{
    int worked = 0, skipped = 0, seen = 0;
    long version = landlock_version();
    for (int i = 0; i < n; i++) {
        const struct evil *v = &rows[i];
        if ((v->flags & LANDLOCK && version < (v->landlock_since ? v->landlock_since : 1)) ||
            (v->flags & SANITIZER && SANDBOX_SANITIZED) || (v->flags & MAKES && where == FRONT)) {
            skipped++;
            continue;
        }
        seen += !(v->flags & UNSEEN) && in_child(v->run, OUTSIDE) == 0;
        int got = in_child(v->run, where);
        if (got != EPERM && got != EACCES && got != EXDEV) { /* EXDEV: Landlock, of links */
            print_error("%s: %s\n", v->name,
                        got == 255 ? "the child died"
                        : got      ? strerror(got)
                                   : "it worked");
            worked++;
        }
    }
    print_message("%d tried, %d of them seen to work outside, %d left out\n", n - skipped, seen,
                  skipped);
    assert_int_equal(worked, 0);
    assert_true(seen >= least_seen);
}

static void evil_children_get_nowhere(void **unused)
{
    (void)unused;
    get_nowhere(evils, sizeof(evils) / sizeof(evils[0]), WORKER, 8);
}

static void evil_fronts_get_nowhere(void **unused)
{
    (void)unused;
    get_nowhere(evils, sizeof(evils) / sizeof(evils[0]), FRONT, 8);
    get_nowhere(front_evils, sizeof(front_evils) / sizeof(front_evils[0]), FRONT, 3);
}

/* --- what must work ------------------------------------------------------------------------- */
#define NEED(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #cond, strerror(errno));                \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static void *thread(void *arg)
{
    return arg;
}

static int needed_files(void)
{
    struct err e = {0};
    char path[128], other[128];
    struct stat st;
    snprintf(path, sizeof(path), "%s/a/b", state);
    snprintf(other, sizeof(other), "%s/b", state);
    NEED(dir_make(path, 0700, &e) == 0);
    snprintf(path, sizeof(path), "%s/a/b/c", state);
    NEED(file_replace(path, S("text"), 0600, &e) == 0);
    NEED(rename(path, other) == 0 && truncate(other, 1) == 0 && stat(other, &st) == 0);
    NEED(st.st_size == 1 && unlink(other) == 0);
    int fd = open(spool, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    NEED(fd >= 0 && write(fd, "x", 1) == 1);
    NEED(open_for("/dev/null", O_RDWR) == 0 && open_for("/dev/urandom", O_RDONLY) == 0);
    NEED(open_for("/etc/resolv.conf", O_RDONLY) == 0 || access("/etc/resolv.conf", F_OK));
    return 0;
}

static int needed_sockets(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", state);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 5) == 0);
    int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    NEED(to >= 0 && connect(to, (struct sockaddr *)&a, sizeof(a)) == 0 &&
         accept(fd, NULL, NULL) >= 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* DNS, from a port of its own */
    NEED(udp >= 0 && bind(udp, (struct sockaddr *)&in, sizeof(in)) == 0);
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    in.sin_port = htons(1);
    NEED(tcp >= 0 && connect(tcp, (struct sockaddr *)&in, sizeof(in)) < 0 && errno == ECONNREFUSED);
    return 0;
}

static int needed_threads(void)
{
    pthread_t t;
    void *value = NULL;
    NEED(pthread_create(&t, NULL, thread, &value) == 0 && pthread_join(t, &value) == 0 &&
         value == &value);
    NEED(raise(SIGCHLD) == 0 && kill(getpid(), 0) == 0);
    struct timespec now = {.tv_nsec = 1000};
    NEED(nanosleep(&now, NULL) == 0);
    return 0;
}

/* A write-ahead log, shared memory and temporary tables, as the store has them. */
static int needed_database(void)
{
    static const char sql[] =
        "PRAGMA journal_mode=WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);"
        "CREATE TEMP TABLE u AS SELECT a FROM t; PRAGMA wal_checkpoint;";
    struct err e = {0};
    struct db *db = NULL;
    sqlite3 *raw = NULL;
    char path[128], *why = NULL;
    snprintf(path, sizeof(path), "%s/one.db", state);
    if (db_open_sqlite(path, DB_CREATE, &db, &e) || sqlite3_open(path, &raw) != SQLITE_OK ||
        sqlite3_exec(raw, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "%s%s\n", e.text, why ? why : "");
        return 1;
    }
    sqlite3_close(raw);
    db_close(db);
    return 0;
}

static int needed_certificates(void)
{
    struct err e = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/tls", state);
    if (tls_load(path, S("mail.example.test"), &e) || tls_load(path, S("mail.example.test"), &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    tls_done();
    return 0;
}

/* Converters are code that is loaded: before the door closes. */
static int needed_charsets(void)
{
    BUF_SCOPE out = {.max = 100};
    NEED(charset_to_utf8(S("iso-2022-jp"), S("\033$B$\"\033(B"), &out));
    NEED(slice_eq(buf_slice(&out), S("\xe3\x81\x82")));
    buf_reset(&out);
    NEED(charset_from_utf8(S("koi8-r"), S("\xd0\xb0"), &out) == 0);
    NEED(slice_eq(buf_slice(&out), S("\xc1")));
    return 0;
}

static void what_a_worker_needs_works(void **unused)
{
    (void)unused;
    static int (*const needs[])(void) = {needed_files,    needed_sockets,      needed_threads,
                                         needed_database, needed_certificates, needed_charsets};
    assert_int_equal(charset_preload(), 0);
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        assert_int_equal(in_child(needs[i], WORKER), 0);
}

/* A certificate that is a link to elsewhere is read, also when it is renewed. */
static int linked_certificate(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/tls/mail.crt", state);
    if (open_for(path, O_RDONLY))
        return 1;
    snprintf(path, sizeof(path), "%s/live/two/new.pem", outside);
    return open_for(path, O_RDONLY);
}

static void certificates_elsewhere_are_read(void **unused)
{
    (void)unused;
    struct err e = {0};
    char path[128], link[128];
    snprintf(path, sizeof(path), "%s/live/two", outside);
    snprintf(link, sizeof(link), "%s/tls/mail.crt", state);
    assert_int_equal(dir_make(path, 0700, &e), 0);
    snprintf(path, sizeof(path), "%s/live/two/old.pem", outside);
    write_file(path, "old");
    assert_int_equal(symlink(path, link), 0);
    snprintf(path, sizeof(path), "%s/live/two/new.pem", outside);
    write_file(path, "new");
    assert_int_equal(in_child(linked_certificate, WORKER), 0);
    if (landlock_version() > 0)
        assert_int_not_equal(in_child(do_read_outside, WORKER), 0);
    unlink(link);
}

/* --- the setting -------------------------------------------------------------------------------
 */
static int off_is_off(void)
{
    return strcmp(sandbox_state(), "off") || do_memfd();
}

static int on_is_on(void)
{
    return strncmp(sandbox_state(), "on", 2) != 0;
}

static void the_setting_decides(void **unused)
{
    (void)unused;
    struct err e = {0};
    assert_int_equal(in_child(on_is_on, WORKER), 0);
    assert_int_equal(setting_parse(&set_node_sandbox, S("off"), &e), 0);
    assert_int_equal(in_child(off_is_off, WORKER), 0);
    assert_int_equal(setting_parse(&set_node_sandbox, S("require"), &e), 0);
    if (landlock_version() >= 6)
        assert_int_equal(in_child(on_is_on, WORKER), 0);
    else
        assert_int_equal(in_child(on_is_on, WORKER), 255);
    setting_reset(&set_node_sandbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evil_children_get_nowhere),
        cmocka_unit_test(evil_fronts_get_nowhere),
        cmocka_unit_test(what_a_worker_needs_works),
        cmocka_unit_test(certificates_elsewhere_are_read),
        cmocka_unit_test(the_setting_decides),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
