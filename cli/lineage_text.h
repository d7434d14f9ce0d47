/* A source of lineage in words: "refund-v1 (event 2, rank 2)", "get_order (5.t1)", "the answer (event 3)". For `show`. */
#ifndef RN_CLI_LINEAGE_TEXT_H
#define RN_CLI_LINEAGE_TEXT_H

#include "base/buffer.h"
#include "replayer/lineage.h"

/* Appends recorded text as it is: make it printable before it is shown. RN_NOMEM. */
enum rn_status rn_lineage_source_text(const struct rn_lineage_source *source,
                                      struct rn_buffer *out);

#endif
