/*
 * What the rooms of store/ share of an open store. Private to store/.
 *
 * Everything here may be used from any thread; the two locks say what they guard.
 */
#ifndef RN_STORE_STORE_INTERNAL_H
#define RN_STORE_STORE_INTERNAL_H

#include <pthread.h>

#include "db.h"
#include "frame.h"
#include "owner.h"
#include "prepared.h"
#include "store/store.h"

/* The version of the whole layout: trees, keys, summaries. A frame has a version of its own. */
#define RN_FORMAT_VERSION 1u

/* Names in RN_TREE_META. */
#define RN_META_FORMAT RN_LIT("format")       /* u32 big-endian */
#define RN_META_WATERMARK RN_LIT("watermark") /* u64 big-endian: the last row that is indexed */
#define RN_META_OPEN                                                                               \
    "open/" /* + 16 bytes of trace id -> id of the owner, or of whoever recovers it */

#define RN_META_DROP                                                                               \
    "drop/" /* + 16 bytes of trace id -> how far its drop is, and who is at it (drop.h) */

#define RN_STORE_CODECS_KEPT 4u

struct rn_store {
    struct rn_db *db;
    char *path; /* absolute */
    enum rn_store_mode mode;
    struct rn_owner *owner; /* rn_owner_text(owner) goes into the opening of every trace of ours */
    pthread_mutex_t index_lock;       /* one index step at a time in this process */
    struct rn_prepared_rows prepared; /* what our own writer appended and nobody has indexed yet */
    pthread_mutex_t codec_lock;       /* over the two below */
    struct rn_codec_context *codecs[RN_STORE_CODECS_KEPT];
    unsigned codec_count;
};

/* Borrows a codec context; give it back. NULL when memory ran out. */
struct rn_codec_context *rn_store_codec_take(struct rn_store *store);
void rn_store_codec_give(struct rn_store *store, struct rn_codec_context *context);

#endif
