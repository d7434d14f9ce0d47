/*
 * A data file whose making was cut short: by a full disk, a kill, a power cut. Private to store/.
 *
 * LMDB writes both meta pages with one call and then knows nothing of the file until its first commit. What is left of a
 * shorter write it refuses for ever, though nothing was ever kept there.
 */
#ifndef RN_STORE_DB_FRESH_H
#define RN_STORE_DB_FRESH_H

#include <stdbool.h>

/*
 * Empties the file when it holds no more than meta pages without a commit, or a part of them, and nobody has it open. True
 * when it was emptied. The caller has no environment of LMDB on it: locks of a file end with its first descriptor closed.
 */
bool rn_db_fresh_empty(const char *data_file, const char *lock_file);

#endif
