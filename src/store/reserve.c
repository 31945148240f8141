/* reserve.c - the state of the disk. Below store.min_free the change log is kept for a shorter time
   (maintain.c); when hardly more than the reserve is left, nothing new is taken. */
#include "store/reserve.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/metric.h"
#include "base/setting.h"

SETTING(store, min_free, INT, 5, 0, 50,
        "Per cent of the disk that shall stay free. Below it, what people deleted is kept for a "
        "shorter time.");
SETTING(store, reserve, SIZE, 16 * MiB, 1 * MiB, 1 * GiB,
        "Space held back so that deletion works on a full disk.");

METRIC_GAUGE(store_disk_state, "Disk under the store: 0 fine, 1 below store.min_free, 2 full");
METRIC_GAUGE(store_disk_free_bytes, "Free bytes on the disk under the store");

int (*reserve_statvfs)(const char *path, struct statvfs *ret) = statvfs;

static _Atomic int state;
static _Atomic int64_t free_then;

static void reserve_keep(const char *path)
{
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && posix_fallocate(fd, 0, (off_t)setting_get(&set_store_reserve)))
        unlink(path);
}

enum disk_state reserve_look(const char *dir)
{
    struct statvfs v;
    char path[512];
    if (reserve_statvfs(dir, &v))
        return (enum disk_state)state;
    int64_t free_bytes = (int64_t)(v.f_bavail * v.f_frsize);
    int64_t low = (int64_t)(v.f_blocks * v.f_frsize / 100) * setting_get(&set_store_min_free);
    int64_t full = setting_get(&set_store_reserve) * 2;
    enum disk_state now = free_bytes < full ? DISK_FULL : free_bytes < low ? DISK_LOW : DISK_OK;
    snprintf(path, sizeof path, "%s/reserve", dir);
    if (now == DISK_FULL)
        unlink(path);
    else if (now == DISK_OK && access(path, F_OK))
        reserve_keep(path);
    metric_set(&metric_store_disk_state, 0, now);
    metric_set(&metric_store_disk_free_bytes, 0, free_bytes);
    free_then = free_bytes;
    state = now;
    return now;
}

int64_t reserve_free(void)
{
    return free_then;
}

int reserve_refuses(struct err *e)
{
    if (state != DISK_FULL)
        return 0;
    return err_set(e, ERR_BUSY, "the disk is full");
}
