/*
 * A stranger's file that says it is a bundle, as it is and with the trailer that belongs to it: nothing crashes, nothing is reserved on
 * a claim, and what is said to be sound is sorted.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bundle_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void try_check(struct rn_bytes in)
{
    struct rn_error error = {.text = ""};
    struct rn_bundle_source source;
    struct rn_bundle_content content = {0};
    enum rn_status status = rn_bundle_source_begin(&source, "it", -1, in, in.len, &error);
    status = status == RN_OK ? rn_bundle_check(&source, &content) : status;
    require((status == RN_OK) == (error.text[0] == '\0'));
    for (size_t i = 1; status == RN_OK && i < content.count; i++) {
        require(memcmp(content.traces[i - 1].item.id.bytes, content.traces[i].item.id.bytes,
                       RN_TRACE_ID_BYTES) < 0);
    }
    require(status != RN_OK || content.facts.bytes == in.len);
    rn_bundle_source_free(&source);
    rn_bundle_content_free(&content);
}

/* The same bytes with magic, version and trailer, so that what lies behind them is reached. */
static void try_vouched(struct rn_bytes in, bool is_whole)
{
    size_t len = in.len + RN_SHA256_BYTES + (is_whole ? 0 : RN_BUNDLE_FRONT_BYTES);
    uint8_t *bundle = rn_calloc(1, len);
    if (bundle == NULL) {
        return;
    }
    memcpy(bundle, rn_bundle_magic, RN_BUNDLE_MAGIC_BYTES);
    bundle[RN_BUNDLE_FRONT_BYTES - 1] = RN_BUNDLE_VERSION;
    if (in.len > 0) {
        memcpy(bundle + (is_whole ? 0 : RN_BUNDLE_FRONT_BYTES), in.data, in.len);
    }
    struct rn_bytes before = rn_bytes_of(bundle, len - RN_SHA256_BYTES);
    if (rn_sha256_of(&before, 1, bundle + before.len)) {
        try_check(rn_bytes_of(bundle, len));
    }
    rn_free(bundle);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = rn_bytes_of(data, size);
    try_check(in);
    try_vouched(in, false);
    if (size >= RN_BUNDLE_FRONT_BYTES + RN_SHA256_BYTES) {
        try_vouched(rn_bytes_sub(in, 0, size - RN_SHA256_BYTES), true);
    }
    return 0;
}
