/*
 * The data file looked at from outside, before and beside LMDB. Private to store/.
 *
 * LMDB 0.9 trusts what it maps: a truncated file ends the process with SIGBUS, a torn page with an assertion. So the file is
 * read by pread(2) here and judged first. Knows LMDB's page format (mdb.c of 0.9.24, data version 1) and nothing of ours.
 */
#ifndef RN_STORE_DB_FILE_H
#define RN_STORE_DB_FILE_H

#include "base/bytes.h"
#include "base/status.h"

/*
 * Whether mdb_env_open may be called: both meta pages are LMDB's, and every page the newest one names is there or free.
 * *is_new: no file yet, or an empty one. RN_DAMAGED, RN_NEWER, RN_REFUSED, RN_IO with sentences.
 */
enum rn_status rn_db_file_check(const char *path, bool *is_new, struct rn_error *error);

/*
 * Every page of every tree: numbers, bounds, order of keys, counts, no page used twice. RN_DAMAGED names the first page
 * that is wrong. A file that is being written meanwhile is looked at again, so nothing is called damaged in passing.
 */
enum rn_status rn_db_file_walk(const char *path, struct rn_error *error);

#endif
