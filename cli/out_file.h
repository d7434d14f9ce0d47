/* Files a command writes at its end, checked at its beginning: hours of work are not to end at a name that was mistyped. */
#ifndef RN_CLI_OUT_FILE_H
#define RN_CLI_OUT_FILE_H

#include "base/status.h"

/*
 * Whether `path` (NULL: nothing was asked for) can be written as a whole later: its directory is there and ours to write, and it is
 * no directory itself. RN_INVALID with a sentence that names `option`.
 */
enum rn_status rn_out_file_check(const char *option, const char *path, struct rn_error *error);

#endif
