/* Any bytes as heads and body: every id found stands in them, once, within its limits. */
#include <assert.h>
#include <stdint.h>

#include "foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_arena arena = {0};
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 1};
    struct rn_foreign_ids ids;
    struct rn_bytes rest = rn_bytes_of(data, size);
    static const enum rn_tag tags[] = {RN_TAG_REQUEST_HEAD, RN_TAG_RESPONSE_HEAD,
                                       RN_TAG_RESPONSE_BODY};
    for (size_t i = 0; i < 3; i++) { /* parted by bytes 0 */
        size_t zero = i == 2 ? RN_NPOS : rn_bytes_find_byte(rest, 0);
        struct rn_bytes part = rn_bytes_sub(rest, 0, zero == RN_NPOS ? rest.len : zero);
        rn_event_set(&event, tags[i], part);
        rest = rn_bytes_from(rest, part.len + 1);
    }
    if (rn_foreign_find(&event, &arena, &ids) == RN_OK) {
        assert(ids.count <= RN_FOREIGN_IDS_MAX);
        for (unsigned i = 0; i < ids.count; i++) {
            assert(ids.id[i].len >= RN_FOREIGN_ID_BYTES_MIN &&
                   ids.id[i].len <= RN_FOREIGN_ID_BYTES_MAX);
            for (unsigned j = 0; j < i; j++) {
                assert(!rn_bytes_equal(ids.id[i], ids.id[j]));
            }
        }
    }
    rn_arena_free(&arena);
    return 0;
}
