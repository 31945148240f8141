/* syncs.c - a library to preload into a server: counts its fsync, fdatasync, msync, syncfs and
   sync_file_range in the file that BENCH_SYNCS names, over all of its processes. strace would count
   them too, and make a server so slow that it syncs for more messages at once. With `off` set, the
   calls succeed and do nothing: mailboxes for a measurement are filled so, none is measured so. */
#include "syncs.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct syncs *syncs;

__attribute__((constructor)) static void syncs_begin(void)
{
    const char *path = getenv("BENCH_SYNCS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof(*syncs), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
        syncs = p;
    close(fd);
}

/* Counted; false: the call is to do nothing. */
static bool syncs_wanted(void)
{
    if (!syncs)
        return true;
    __atomic_fetch_add(&syncs->calls, 1, __ATOMIC_RELAXED);
    return !__atomic_load_n(&syncs->off, __ATOMIC_RELAXED);
}

/* The function of libc behind ours. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd)
{
    return syncs_wanted() ? REAL(fsync)(fd) : 0;
}

int fdatasync(int fd)
{
    return syncs_wanted() ? REAL(fdatasync)(fd) : 0;
}

int syncfs(int fd)
{
    return syncs_wanted() ? REAL(syncfs)(fd) : 0;
}

int msync(void *p, size_t n, int flags)
{
    return !(flags & MS_SYNC) || syncs_wanted() ? REAL(msync)(p, n, flags) : 0;
}

int sync_file_range(int fd, off_t from, off_t n, unsigned flags)
{
    return syncs_wanted() ? REAL(sync_file_range)(fd, from, n, flags) : 0;
}
