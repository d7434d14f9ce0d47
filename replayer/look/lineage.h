/*
 * What of a trace stands verbatim in what: which documents, tool outputs and earlier answers are found, from 32 characters on after
 * unescaping, in which prompt or answer. An earlier answer that is sent back as history is no news.
 */
#ifndef RN_REPLAYER_LINEAGE_H
#define RN_REPLAYER_LINEAGE_H

#include "base/arena.h"
#include "store/trace.h"

/* Of a page of its own, and beside other things: sources beyond that are not looked for. The table takes up to 64 bytes for each. */
#define RN_LINEAGE_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define RN_LINEAGE_BYTES_CHEAP ((size_t)512 * 1024)
/* Excerpts are cut there. */
#define RN_LINEAGE_EXCERPT_BYTES 240u

enum rn_lineage_kind { RN_LINEAGE_DOCUMENT, RN_LINEAGE_TOOL, RN_LINEAGE_ANSWER };
/* "document", "tool", "answer" */
const char *rn_lineage_kind_name(enum rn_lineage_kind kind);

struct rn_lineage_source {
    struct rn_lineage_source *next;
    enum rn_lineage_kind kind;
    uint32_t n;           /* event that gave it; of a derived tool reading, that was told it */
    uint32_t t;           /* N.tK; 0: the event itself */
    uint32_t query, rank; /* of a document, as in rn_document */
    struct rn_bytes id;   /* of the document; name of the tool; empty: none */
};

struct rn_lineage_link {
    struct rn_lineage_link *next;
    const struct rn_lineage_source *source;
    uint32_t n; /* where it stands */
    bool in_answer;
    uint32_t piece;       /* which thing said of the request or answer: 1, 2, ... */
    struct rn_bytes role; /* who says it */
    struct rn_bytes excerpt;
    uint64_t bytes, characters; /* of the whole stretch */
};

struct rn_lineage {
    struct rn_arena arena;         /* holds everything */
    struct rn_lineage_link *links; /* in order of where they stand; answers of decisions last */
    uint32_t documents, tools, answers; /* sources that were looked for */
    uint32_t pieces;                    /* texts in which they were looked for */
    uint32_t unread;                    /* events that could not be read */
    bool is_full;                       /* some sources were too many */
};

/*
 * Looks through the whole trace. Sources of at most `bytes_max` bytes in all are looked for; with `answers_only` in answers alone.
 * rn_lineage_free in every case. RN_NOMEM, and what reading a trace gives.
 */
enum rn_status rn_lineage_make(struct rn_store *store, const struct rn_trace_summary *summary,
                               size_t bytes_max, bool answers_only, struct rn_lineage *out,
                               struct rn_error *error);
void rn_lineage_free(struct rn_lineage *lineage);

/* JSON text with its strings unescaped in place, in the arena; `text` itself where it is no JSON or nothing in it is escaped. NULL data: no memory. */
struct rn_bytes rn_lineage_plain(struct rn_arena *arena, struct rn_bytes text);

#endif
