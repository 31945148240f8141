/* packs.c - descriptors of pack files, shared by all readers of a shard. */
#include "store/packs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "store/pack.h"

void packs_init(struct packs *p, unsigned shard, const char *dir)
{
    *p = (struct packs){.shard = shard};
    pthread_mutex_init(&p->lock, NULL);
    for (size_t i = 0; i < PACKS_BUCKETS; i++)
        list_init(&p->bucket[i]);
    snprintf(p->dir, sizeof p->dir, "%s", dir);
}

static void drop(struct packs *p, struct pack_file *f)
{
    list_remove(&f->link);
    close(f->fd);
    free(f);
    p->open--;
}

void packs_done(struct packs *p)
{
    for (size_t i = 0; i < PACKS_BUCKETS; i++)
        list_each_safe(l, &p->bucket[i])
        {
            struct pack_file *f = list_entry(l, struct pack_file, link);
            BUG_IF(f->pins);
            drop(p, f);
        }
    pthread_mutex_destroy(&p->lock);
}

static struct pack_file *find(struct packs *p, uint64_t id)
{
    list_each(l, &p->bucket[id % PACKS_BUCKETS])
    {
        struct pack_file *f = list_entry(l, struct pack_file, link);
        if (f->id == id)
            return f;
    }
    return NULL;
}

/* Closes the file that nobody has used for the longest time. */
static void make_room(struct packs *p)
{
    struct pack_file *oldest = NULL;
    if (p->open < PACKS_OPEN_MAX)
        return;
    for (size_t i = 0; i < PACKS_BUCKETS; i++)
        list_each(l, &p->bucket[i])
        {
            struct pack_file *f = list_entry(l, struct pack_file, link);
            if (!f->pins && !f->retired && (!oldest || f->used < oldest->used))
                oldest = f;
        }
    if (oldest)
        drop(p, oldest);
}

int packs_pin(struct packs *p, uint64_t id, struct pack_file **ret, struct err *e)
{
    pthread_mutex_lock(&p->lock);
    struct pack_file *f = find(p, id);
    if (!f) {
        int fd;
        make_room(p);
        if (pack_open(p->dir, p->shard, id, false, &fd, e)) {
            pthread_mutex_unlock(&p->lock);
            return -1;
        }
        f = calloc(1, sizeof *f);
        BUG_IF(!f);
        f->id = id;
        f->fd = fd;
        list_push(&p->bucket[id % PACKS_BUCKETS], &f->link);
        p->open++;
    }
    f->pins++;
    f->used = ++p->tick;
    pthread_mutex_unlock(&p->lock);
    *ret = f;
    return 0;
}

void packs_unpin(struct packs *p, struct pack_file *f)
{
    pthread_mutex_lock(&p->lock);
    BUG_IF(!f->pins);
    if (--f->pins == 0 && f->retired)
        drop(p, f);
    pthread_mutex_unlock(&p->lock);
}

static _Atomic int64_t held_until;

void packs_hold_until(int64_t ms)
{
    held_until = ms;
}

/* Nobody reads it, and nobody can begin to: the name is away. False: somebody does. */
static bool put_away(struct packs *p, uint64_t id, const char *path, const char *away)
{
    pthread_mutex_lock(&p->lock);
    struct pack_file *f = find(p, id);
    if (f)
        f->retired = true;
    bool busy = f && f->pins;
    if (f && !busy)
        drop(p, f);
    busy |= clock_now_ms() < held_until;
    if (!busy)
        busy = (away ? rename(path, away) : unlink(path)) != 0 && errno != ENOENT;
    pthread_mutex_unlock(&p->lock);
    return !busy;
}

bool packs_retire(struct packs *p, uint64_t id)
{
    char path[4096];
    pack_path(path, sizeof path, p->dir, id);
    return put_away(p, id, path, NULL) && dir_sync(p->dir, NULL) == 0;
}

static void overwrite(const char *path)
{
    static const char zeros[65536];
    struct stat st;
    AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        return;
    for (int64_t at = 0; at < st.st_size; at += (int64_t)sizeof zeros)
        if (fd_pwrite_all(fd, zeros, sizeof zeros, at))
            return;
    fdatasync(fd);
}

bool packs_shred(struct packs *p, uint64_t id)
{
    char path[4096], away[4100];
    pack_path(path, sizeof path, p->dir, id);
    snprintf(away, sizeof away, "%s.old", path);
    if (!put_away(p, id, path, away))
        return false;
    overwrite(away);
    return (unlink(away) == 0 || errno == ENOENT) && dir_sync(p->dir, NULL) == 0;
}

void packs_shred_rest(const struct packs *p)
{
    DIR *d = opendir(p->dir);
    for (struct dirent *f; d && (f = readdir(d));) {
        char path[4096];
        if (!slice_ends(slice_str(f->d_name), S(".pack.old")))
            continue;
        snprintf(path, sizeof path, "%s/%s", p->dir, f->d_name);
        overwrite(path);
        unlink(path);
    }
    if (d)
        closedir(d);
}
