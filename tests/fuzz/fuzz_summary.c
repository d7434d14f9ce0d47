/* Any bytes as a summary: what is accepted is written and read again as the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rn_trace_id id = {{1, 2, 3}};
    struct rn_trace_summary first;
    struct rn_trace_summary second;
    struct rn_buffer once = {0};
    struct rn_buffer twice = {0};
    if (rn_summary_decode(&id, rn_bytes_of(data, size), &first, NULL) == RN_OK) {
        assert(rn_summary_encode(&first, &once) == RN_OK);
        assert(rn_summary_decode(&id, rn_buffer_bytes(&once), &second, NULL) == RN_OK);
        assert(rn_summary_encode(&second, &twice) == RN_OK);
        assert(rn_bytes_equal(rn_buffer_bytes(&once), rn_buffer_bytes(&twice)));
    }
    rn_buffer_free(&once);
    rn_buffer_free(&twice);
    return 0;
}
