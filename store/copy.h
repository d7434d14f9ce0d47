/*
 * Moving and rewriting stored traces without changing what they say: the ground for compact, seal, import and forget.
 */
#ifndef RN_STORE_COPY_H
#define RN_STORE_COPY_H

#include "store/trace.h"

/*
 * Copies a closed trace into another store, every event re-framed with `codec` (0 as it is, 1 zstd), and verifies it there.
 * Digests stay equal. RN_BUSY: the trace is open; RN_REFUSED: it is in the other store already. When it fails halfway (a full
 * disk) the copy is closed as lost by the next opener.
 */
enum rn_status rn_trace_copy(struct rn_store *from, const struct rn_trace_id *id, struct rn_store *to,
                             uint8_t codec, struct rn_error *error);

/*
 * Erases the content of one field of a closed trace. Its length and hashes stay, the trace's secret is replaced by the salts
 * of what remains, the old frame's row is rewritten. `evidence` and `said` still verify. RN_NOTFOUND: no such field; RN_BUSY:
 * the trace is open; RN_REFUSED: kind, times, end, flags, upstream, exit and the tags of a note are structure and stay. Free pages of the file keep the old bytes until
 * they are used again or the store is compacted.
 */
enum rn_status rn_trace_erase_field(struct rn_store *store, const struct rn_trace_id *id,
                                    enum rn_event_class class, uint32_t n, enum rn_tag tag,
                                    struct rn_error *error);

/* Adds a note (n1, n2, ...) to a trace in any state, without the credentials in it. Digests do not change. */
enum rn_status rn_trace_add_note(struct rn_store *store, const struct rn_trace_id *id,
                                 struct rn_bytes text, struct rn_error *error);

/*
 * Changes a trace's tags by a note: "k=v" gives a key its value, in place of those it had, "k" takes it away; NULL-terminated, the last of
 * one key counts. The summary has the tags as they are then; the opening keeps those the recorder was given. RN_INVALID: none, one
 * without a key, one longer than RN_TAG_TEXT_BYTES_MAX.
 */
#define RN_TAG_TEXT_BYTES_MAX 1000u
enum rn_status rn_trace_tag(struct rn_store *store, const struct rn_trace_id *id,
                            const char *const *changes, struct rn_error *error);

#endif
