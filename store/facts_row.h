/*
 * The values of RN_TREE_FACTS: one per exchange (facts.h), and under ordinal 0 what holds for the trace. Private to store/.
 *
 * Varints and runs in a fixed order (base/varint.h), for one RN_FACTS_VERSION; another version is never read but made again.
 */
#ifndef RN_STORE_FACTS_ROW_H
#define RN_STORE_FACTS_ROW_H

#include "store/facts.h"
#include "store/view.h"

#define RN_FACTS_VERSION 3u
#define RN_FACTS_TEXT_BYTES_MAX 200u
#define RN_FACTS_KEY_BYTES 20u /* trace id, n */

void rn_facts_key(const struct rn_trace_id *id, uint32_t n, uint8_t out[RN_FACTS_KEY_BYTES]);

/* From an event that was read. Text is lent from the view and the event. False when memory ran out. */
bool rn_facts_make(const struct rn_event *event, const struct rn_view *view, struct rn_facts *out);
enum rn_status rn_facts_encode(const struct rn_facts *facts, struct rn_buffer *out);
/* Text is lent from `in`. False: that is no record of ours. */
bool rn_facts_decode(uint32_t n, struct rn_bytes in, struct rn_facts *out);

/* What holds for the trace: its labels, and the terms under which its postings stand, as runs. */
struct rn_facts_trace {
    struct rn_trace_labels labels;
    struct rn_bytes terms;
};
enum rn_status rn_facts_trace_encode(const struct rn_facts_trace *trace, struct rn_buffer *out);
bool rn_facts_trace_decode(struct rn_bytes in, struct rn_facts_trace *out);
/* The labels of one more event put over those before; text is lent from the event. */
void rn_facts_take_labels(const struct rn_event *event, struct rn_trace_labels *labels);

#endif
