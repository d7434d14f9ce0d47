/*
 * The value of RN_TREE_TRACE: a msgpack map with small number keys. Private to store/.
 *
 * A reader skips keys it does not know and leaves absent ones at zero, so a later version may add some; the log remains
 * from which every summary can be made again.
 */
#ifndef RN_STORE_SUMMARY_H
#define RN_STORE_SUMMARY_H

#include "store/trace.h"

/* Appends it without the id, which is the key. */
enum rn_status rn_summary_encode(const struct rn_trace_summary *summary, struct rn_buffer *out);
/* Byte runs are lent from `in`. RN_DAMAGED with a sentence. */
enum rn_status rn_summary_decode(const struct rn_trace_id *id, struct rn_bytes in,
                                 struct rn_trace_summary *out, struct rn_error *error);

#endif
