/* From the words of --durability, --late-after and --end-wait to settings, and what is said of the disk. Knows nothing of disks. */
#include "durability.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "human.h"

#define NS_PER_MS UINT64_C(1000000)
/* A day. More would overflow nothing, but is what `never` is for. */
#define LATE_MS_MAX (UINT64_C(86400) * 1000)
#define END_WAIT_S_MAX UINT64_C(86400)
#define NS_PER_S UINT64_C(1000000000)

void rn_durability_tell_waiting(const char *command, struct rn_unstored left, uint64_t at_most_ns)
{
    struct rn_human events, traces;
    (void)rn_cli_complainf(command, 0,
                           "the disk takes nothing: %s and the end of %s are not stored yet; "
                           "waiting for up to %" PRIu64 " s more, ctrl-c gives them up",
                           rn_human_count(&events, left.events, "event", "events"),
                           rn_human_count(&traces, left.traces, "trace", "traces"),
                           at_most_ns / NS_PER_S);
}

int rn_durability_leave(const struct rn_record_outcome *outcome, int code)
{
    if (outcome->given_up) {
        (void)fflush(NULL);
        _exit(code);
    }
    return code;
}

enum rn_status rn_durability_read(const struct rn_durability_words *words,
                                  struct rn_record_settings *settings, struct rn_error *error)
{
    const char *text = words->late_after;
    uint64_t ms = 0;
    settings->durability = (enum rn_durability)words->mode;
    settings->late_after_ns = 0;
    if (words->end_wait_s > END_WAIT_S_MAX) {
        return rn_fail(error, RN_INVALID, "--end-wait takes 1 to %" PRIu64 " seconds",
                       END_WAIT_S_MAX);
    }
    settings->end_wait_ns = words->end_wait_s * NS_PER_S;
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
