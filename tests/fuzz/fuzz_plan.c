/* Any bytes as a plan: what is accepted has exactly this one encoding. */
#include <assert.h>
#include <stdint.h>

#include "plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_plan plan;
    struct rn_buffer again = {0};
    if (rn_plan_decode(rn_bytes_of(data, size), &plan, NULL) == RN_OK) {
        assert(rn_plan_encode(&plan, &again) == RN_OK);
        assert(rn_bytes_equal(rn_bytes_of(data, size), rn_buffer_bytes(&again)));
        rn_buffer_free(&again);
        rn_plan_free(&plan);
    }
    return 0;
}
