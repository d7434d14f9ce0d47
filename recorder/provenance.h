/*
 * Where did a run come from: the git commit and the lock files of its working directory. Private to recorder/.
 */
#ifndef RN_RECORDER_PROVENANCE_H
#define RN_RECORDER_PROVENANCE_H

#include "base/buffer.h"

/* Appends the commit that HEAD names (40 or 64 hex digits) for the repository around `cwd`; nothing when there is none. */
void rn_provenance_commit(const char *cwd, struct rn_buffer *out);
/* Appends pairs of runs, name and SHA-256, of the lock files that stand in `cwd`. */
void rn_provenance_locks(const char *cwd, struct rn_buffer *out);

#endif
