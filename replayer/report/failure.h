/*
 * Failed answers put into words, and grouped by them: "429 rate_limit_exceeded: Rate limit reached for
 * gpt-4.1 ...". Private to replayer/.
 */
#ifndef RN_REPLAYER_FAILURE_H
#define RN_REPLAYER_FAILURE_H

#include "report.h"

/*
 * Appends what went wrong with an answer that is none: status, the provider's code or type, its message
 * with ids and numbers masked, so that what is alike reads alike. `view` NULL: no answer is there. One
 * line, at most 200 bytes.
 */
enum rn_status rn_failure_tell(const struct rn_view *view, struct rn_buffer *out);

/* Appends `text` on one line with numbers as "N" and ids as "ID". */
enum rn_status rn_failure_mask(struct rn_bytes text, struct rn_buffer *out);

/* Counts it among the report's failures; `what` is copied into its arena. */
enum rn_status rn_failure_count(struct rn_report *report, struct rn_bytes what,
                                const struct rn_trace_id *trace, uint32_t n);
/* The most frequent first, of equals the one that came first. */
void rn_failure_sort(struct rn_report *report);

#endif
