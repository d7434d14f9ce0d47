/*
 * A trace as one page that can be sent by mail and opened in ten years: what happened when, what was said, which documents and tool
 * outputs stand verbatim in what, and the digests that prove it. HTML without script; nothing is loaded from anywhere.
 *
 * Whatever was recorded is text here and never markup (report/markup.h). Long texts are folded, very long ones cut with a remark.
 */
#ifndef RN_REPLAYER_PAGE_H
#define RN_REPLAYER_PAGE_H

#include "replayer/price.h"
#include "store/trace.h"

/* Of one text so much is on the page; the rest is counted. */
#define RN_PAGE_TEXT_BYTES_MAX ((size_t)64 * 1024)
/* Events beyond, and what would make the page longer, are counted and not shown. */
#define RN_PAGE_EVENTS_MAX 5000u
#define RN_PAGE_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct rn_page_outcome {
    uint32_t damaged;  /* events that could not be read; each stands on the page as such */
    uint32_t left_out; /* events that the page has no room for */
};

/*
 * Appends the page to `out`. `prices` may be NULL: no money then. RN_NOMEM, and what cannot be read but damaged events, with a
 * sentence.
 */
enum rn_status rn_page_make(struct rn_store *store, const struct rn_trace_summary *summary,
                            const struct rn_prices *prices, struct rn_buffer *out,
                            struct rn_page_outcome *outcome, struct rn_error *error);

#endif
