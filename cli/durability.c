/* From the words of --durability and --late-after to settings. Knows nothing of disks. */
#include "durability.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"

#define NS_PER_MS UINT64_C(1000000)
/* A day. More would overflow nothing, but is what `never` is for. */
#define LATE_MS_MAX (UINT64_C(86400) * 1000)

enum rn_status rn_durability_read(const struct rn_durability_words *words,
                                  struct rn_record_settings *settings, struct rn_error *error)
{
    const char *text = words->late_after;
    uint64_t ms = 0;
    settings->durability = (enum rn_durability)words->mode;
    settings->late_after_ns = 0;
    if (settings->durability != RN_DURABILITY_SYNC) {
        return text == NULL || strcmp(text, "never") == 0
                   ? RN_OK
                   : rn_fail(
                         error, RN_INVALID,
                         "--late-after is for --durability sync: with async nothing waits, with "
                         "strict nothing goes out late");
    }
    if (text == NULL) {
        settings->late_after_ns = RN_LATE_AFTER_NS;
        return RN_OK;
    }
    if (strcmp(text, "never") == 0) {
        return RN_OK;
    }
    if (!rn_bytes_to_u64(rn_bytes_text(text), &ms) || ms == 0 || ms > LATE_MS_MAX) {
        return rn_fail(error, RN_INVALID,
                       "--late-after takes 1 to %" PRIu64
                       " milliseconds, or never; not to wait at all is --durability async",
                       LATE_MS_MAX);
    }
    settings->late_after_ns = ms * NS_PER_MS;
    return RN_OK;
}
