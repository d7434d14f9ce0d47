/*
 * The door for small files of our own: keys, receipts, stdin of a recorded run. The store's data file is LMDB's.
 */
#ifndef RN_BASE_FILE_H
#define RN_BASE_FILE_H

#include "buffer.h"

/* Appends the whole file to `out`. RN_NOTFOUND when there is none, RN_LIMIT over the buffer's maximum, RN_IO (also for what is no regular file). */
enum rn_status rn_file_read(const char *path, struct rn_buffer *out, struct rn_error *error);

/*
 * Replaces the file as a whole (temporary file, fsync, rename), or leaves what was there. `mode` as in open(2). A link stays and
 * what it points to is replaced; what is there and no regular file (/dev/null, a pipe) is written to.
 */
enum rn_status rn_file_write(const char *path, struct rn_bytes content, unsigned mode,
                             struct rn_error *error);

/* Makes a directory and its missing parents. An existing one is fine. */
enum rn_status rn_file_make_directory(const char *path, unsigned mode, struct rn_error *error);

/*
 * A new empty file for reading and writing that has no name: in $TMPDIR (else /tmp), or in memory where no file can be made
 * there. Closed by exec. -1 with errno.
 */
int rn_file_open_unlinked(void);

/* Writes everything to a descriptor, through EINTR and short writes. RN_IO leaves errno set. */
enum rn_status rn_file_write_all(int descriptor, struct rn_bytes content);

#endif
