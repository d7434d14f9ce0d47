/* Any bytes as a data file: a verdict, no crash, no endless walk. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "db_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    bool is_new = false;
    struct rn_error error;
    int file = memfd_create("data.mdb", MFD_CLOEXEC);
    if (file < 0 || (size > 0 && write(file, data, size) != (ssize_t)size)) {
        return 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    enum rn_status checked = rn_db_file_check(path, &is_new, &error);
    enum rn_status walked = rn_db_file_walk(path, &error);
    assert(is_new == (size == 0));
    assert(walked != RN_OK || checked == RN_OK || checked == RN_DAMAGED);
    close(file);
    return 0;
}
