/*
 * The directory of a store: may it be used, and what is put into a new one. Private to store/; rn_store_place is public.
 */
#ifndef RN_STORE_PLACE_H
#define RN_STORE_PLACE_H

#include "store/store.h"

/*
 * A directory that is ours to use, made with RN_STORE_CREATE when missing (0700, a .gitignore holding "*"). An existing
 * one must be ours, writable by nobody else, on a filesystem LMDB can trust, and hold a store or, with RN_STORE_CREATE,
 * nothing at all. RN_NOTFOUND, RN_REFUSED, RN_IO with sentences that say what to do.
 */
enum rn_status rn_place_prepare(const char *path, enum rn_store_mode mode, struct rn_error *error);

/* The name of a filesystem we refuse, by its statfs(2) magic, or NULL for one that is fine. */
const char *rn_place_refused_filesystem(uint64_t magic);

#endif
