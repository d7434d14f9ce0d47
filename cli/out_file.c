/* Looks at where a file is to be. Writes nothing: a file of that name keeps its content until there is a new one. */
#include "out_file.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum rn_status rn_out_file_check(const char *option, const char *path, struct rn_error *error)
{
    char copy[PATH_MAX];
    struct stat found;
    if (path == NULL) {
        return RN_OK;
    }
    int len = snprintf(copy, sizeof copy, "%s", path);
    if (len <= 0 || (size_t)len >= sizeof copy) {
        return rn_fail(error, RN_INVALID, "%s takes the path of a file, not %s", option,
                       len <= 0 ? "nothing" : "so long a text");
    }
    bool is_there = stat(path, &found) == 0;
    if (is_there && S_ISDIR(found.st_mode)) {
        return rn_fail(error, RN_INVALID, "%s: %s is a directory; name a file in it", option, path);
    }
    if (is_there && !S_ISREG(found.st_mode)) { /* is written to, not replaced */
        return access(path, W_OK) == 0 ? RN_OK
                                       : rn_fail(error, RN_INVALID, "%s: cannot write %s: %s",
                                                 option, path, strerror(errno));
    }
    const char *directory = dirname(copy);
    if (access(directory, W_OK | X_OK) != 0) {
        return rn_fail(error, RN_INVALID, "%s: cannot write in %s: %s", option, directory,
                       strerror(errno));
    }
    return RN_OK;
}
