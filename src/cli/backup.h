/* backup.h - a folder of backups: what it consists of, and the copying.

     DIR/backup.json           which installation's it is
     DIR/packs/SHARD/ID.pack   pack files, shared by all backups: they only ever grow
     DIR/20261122T141500Z/     one backup, named by its moment (UTC)
         manifest.json         all that belongs to it, with sizes and SHA-256
         manifest.sha256       of the manifest
         state/NAME.zst        databases, configuration, keys

   A pack is a list of segments, one for each backup that found it grown. */
#pragma once

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* The format of a folder of backups, and the release that came with it. */
#define BACKUP_FORMAT_RELEASE "0.1.0"
enum { BACKUP_FORMAT = 1, BACKUP_HASH = 64, BACKUP_NAME = 16 };

/* --- backup_set.c: the folder ----------------------------------------------------------------- */
struct backup_set {
    char dir[4096];
    int lock;
};

/* identity: of the installation (backup_identity), written into a new folder; ERR_CONFLICT when the
   folder is another's. NULL: only reads, and the folder must be there. One command at a time:
   ERR_BUSY. */
int backup_set_open(struct backup_set *s, const char *dir, const char *identity, struct err *e);
void backup_set_close(struct backup_set *s);
/* STATE/backup.id, made when it is not there. A restored installation gets a new one: its packs go
   on from an older moment and must not grow those of the folder it came from. */
int backup_identity(const char *state_dir, char ret[33], struct err *e);

/* Names of the backups, oldest first. */
int backup_list(const struct backup_set *s, struct arena *a, char ***ret, size_t *ret_n,
                struct err *e);
/* The last at or before `at` ("": the last of all): a name or a prefix of one. ERR_NOTFOUND. */
int backup_find(const struct backup_set *s, const char *at, char ret[BACKUP_NAME + 1],
                struct err *e);
void backup_path(const struct backup_set *s, const char *name, char *out, size_t n);
void backup_pack_path(const struct backup_set *s, int64_t shard, int64_t pack, char *out, size_t n);

int backup_manifest_read(const struct backup_set *s, const char *name, json_t **ret, struct err *e);
int backup_manifest_write(const char *dir, const json_t *manifest, struct err *e);
/* Removes all but the newest `keep`, and the packs that only they named. */
int backup_prune(const struct backup_set *s, size_t keep, size_t *ret_removed, struct err *e);
int backup_remove_tree(const char *path, struct err *e); /* what is not there is fine */
int backup_make_parent(const char *path, struct err *e); /* the folders above a file */

/* A SHA-256 as it is written: ends ctx. */
struct evp_md_ctx_st;
void backup_hash_end(struct evp_md_ctx_st *ctx, char ret[BACKUP_HASH + 1]);

/* --- backup_copy.c: the bytes ----------------------------------------------------------------- */
/* Called after each piece with its bytes: the progress bar, the hold. -1 stops. */
typedef int backup_tick_fn(void *arg, uint64_t bytes, struct err *e);
struct backup_tick {
    backup_tick_fn *fn; /* NULL: nobody wants to know */
    void *arg;
};

/* Zstandard, synced; its SHA-256 is that of the stored (compressed) bytes. */
int backup_pack_file(const char *from, const char *to, char ret_hash[BACKUP_HASH + 1],
                     uint64_t *ret_stored, const struct backup_tick *t, struct err *e);
/* ERR_CORRUPT when the stored bytes are not those of the hash. to == NULL: only checks. */
int backup_unpack_file(const char *from, const char *to, const char *hash,
                       const struct backup_tick *t, struct err *e);
/* Bytes from..to of one file, at the same place in another (to_fd < 0: only hashed). */
int backup_copy_range(int from_fd, int to_fd, uint64_t from, uint64_t to,
                      char ret_hash[BACKUP_HASH + 1], const struct backup_tick *t, struct err *e);
/* The first `length` bytes of a pack (a row of the manifest) into another file, each segment
   compared with its hash. to == NULL: only compared. */
int backup_take_pack(const struct backup_set *s, const json_t *row, const char *to,
                     const struct backup_tick *t, struct err *e);
