/* From the counts of a recording to clauses of its last line. Knows nothing of terminals. */
#include "oddities.h"

#include <inttypes.h>

enum rn_status rn_oddities_add(struct rn_buffer *out, const struct rn_record_outcome *outcome)
{
    const struct {
        uint64_t count;
        const char *what;
    } oddities[] = {
        {outcome->counts.aborted, "left by the client"},
        {outcome->counts.cut, "cut by the upstream"},
        {outcome->counts.refused, "answered by reenact"},
        {outcome->counts.truncated, "truncated"},
        {outcome->counts.failed, "not stored"},
        {outcome->counts.late, "ended before their commit"},
        {outcome->malformed, "malformed"},
        {outcome->foreign, "from strangers refused"},
        {outcome->ownerless, "refused that nobody waited for"},
    };
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < sizeof oddities / sizeof *oddities && status == RN_OK; i++) {
        if (oddities[i].count > 0) {
            status = rn_buffer_addf(out, ", %" PRIu64 " %s", oddities[i].count, oddities[i].what);
        }
    }
    return status;
}
