/*
 * A store: a directory with an LMDB file, opened by as many processes as like (DESIGN 5.5; docs/format.md).
 *
 * One struct rn_store per process and path. Reading functions may be called from any thread; writing is the writer's
 * (store/writer.h) or one of the maintenance calls here and in verify.h, one at a time.
 */
#ifndef RN_STORE_STORE_H
#define RN_STORE_STORE_H

#include "base/status.h"
#include "store/event.h"

struct rn_store;

enum rn_store_mode {
    RN_STORE_READ,  /* must exist; catches up first, so it needs a directory it may write to */
    RN_STORE_CREATE /* is created when missing (0700, files 0600, a .gitignore holding "*") */
};

/*
 * Where is the store? `given` (--store) or $REENACT_STORE or the nearest .reenact here or in a parent directory, owned by
 * us; with RN_STORE_CREATE ./.reenact when there is none. Writes the path; RN_NOTFOUND with a sentence.
 */
enum rn_status rn_store_place(const char *given, enum rn_store_mode mode, char *path, size_t path_bytes,
                              struct rn_error *error);

/*
 * Opens it, closes what a dead recorder left open (`lost`) and brings the indexes up to the log.
 * RN_REFUSED: a network, FUSE, 9p or overlay-less unknown filesystem, a directory that is not ours, a live opener in another
 * pid namespace, not writable; RN_NEWER; RN_DAMAGED; RN_FULL; RN_NOTFOUND.
 */
enum rn_status rn_store_open(const char *path, enum rn_store_mode mode, struct rn_store **out,
                             struct rn_error *error);
/* rn_store_place, then rn_store_open. *out is NULL when it fails. */
enum rn_status rn_store_open_given(const char *given, enum rn_store_mode mode,
                                   struct rn_store **out, struct rn_error *error);
void rn_store_close(struct rn_store *store);
const char *rn_store_path(const struct rn_store *store);

/* Brings summaries, time index and postings up to the log, in short transactions. Called by queries. */
enum rn_status rn_store_catch_up(struct rn_store *store, struct rn_error *error);

struct rn_store_facts {
    uint64_t traces;
    uint64_t rows;       /* frames in the log */
    uint64_t file_bytes; /* of the data file */
    uint32_t format;
};
enum rn_status rn_store_facts(struct rn_store *store, struct rn_store_facts *out, struct rn_error *error);

#endif
