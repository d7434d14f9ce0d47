/*
 * A stranger's manifest: nothing crashes, and what is read is written again to what reads the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_baseline first = {0};
    struct rn_baseline second = {0};
    struct rn_error error = {.text = ""};
    enum rn_status status = rn_manifest_read(rn_bytes_of(data, size), "it", &first, &error);
    require((status == RN_OK) == (error.text[0] == '\0'));
    if (status == RN_OK) {
        require(rn_manifest_write(&first, &error) == RN_OK);
        require(rn_manifest_read(first.json, "it", &second, &error) == RN_OK);
        require(first.count == second.count && first.calls == second.calls);
        require(memcmp(first.root, second.root, sizeof first.root) == 0);
        for (size_t i = 0; i < first.count; i++) {
            require(rn_bytes_equal(first.traces[i].name, second.traces[i].name));
            require(rn_bytes_equal(first.traces[i].input, second.traces[i].input));
        }
    }
    rn_baseline_free(&first);
    rn_baseline_free(&second);
    return 0;
}
