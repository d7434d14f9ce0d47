/*
 * A page under way: page.c walks the trace, page_event.c tells one event, page_said.c what was said in it, page_text.c puts a text with
 * its marks, page_lineage.c knows what was there before, page_timeline.c draws, page_head.c says what it all amounts to.
 * Private to replayer/.
 *
 * The transcript is written while the trace is walked, once, one event in memory; the head and the timeline, which stand before it on
 * the page, are made of what was noted on the way.
 */
#ifndef RN_REPLAYER_PAGE_PARTS_H
#define RN_REPLAYER_PAGE_PARTS_H

#include "page.h"
#include "report_page.h"
#include "sheet.h"
#include "steps.h"
#include "verbatim.h"
#include "wire/talk.h"

/* A place of the page, as in id="e5t1". */
#define RN_PAGE_ANCHOR_BYTES 32

/* What a bar of the timeline stands for. */
enum rn_page_kind {
    RN_PAGE_DECISION,
    RN_PAGE_MODEL, /* embeddings too */
    RN_PAGE_FOUND, /* retrieval, rerank */
    RN_PAGE_TOOL,
    RN_PAGE_TOLD, /* a tool inside the application: somewhere between the call that asked for it and the one it was told to */
    RN_PAGE_OTHER
};

struct rn_page_step {
    enum rn_page_kind kind;
    char anchor[RN_PAGE_ANCHOR_BYTES];
    struct rn_bytes name;  /* "5", "5.t1" */
    struct rn_bytes label; /* "gpt-4.1" */
    uint64_t begin_ns;     /* since the trace's beginning */
    uint64_t first_ns;     /* of its answer; begin_ns: not known */
    uint64_t end_ns;       /* UINT64_MAX: the beginning of the step that comes next */
    bool has_times;
    bool is_open; /* no end is known */
    bool failed;
};

/* A text that later ones may hold. */
struct rn_page_source {
    char anchor[RN_PAGE_ANCHOR_BYTES];
    struct rn_bytes words; /* "refund-v1 (event 2, rank 2)" */
    uint32_t n;
    bool is_quoted;
};

/* A stretch of a source in a later text. */
struct rn_page_quote {
    uint32_t source;
    uint32_t n;        /* event in which it stands */
    const char *where; /* "prompt", "answer", ...: static */
    char anchor[RN_PAGE_ANCHOR_BYTES];
    uint64_t bytes; /* of all its stretches there */
};

/* A tool's result that stands on the page already. */
struct rn_page_told {
    struct rn_bytes id;   /* of the tool call; empty: there is none */
    struct rn_bytes text; /* kept where there is no id */
    uint32_t t;
};

struct rn_page {
    struct rn_store *store;
    const struct rn_trace_summary *summary;
    const struct rn_prices *prices;
    struct rn_page_outcome *outcome;
    struct rn_arena arena; /* labels, and the texts of sources */
    struct rn_buffer transcript;
    struct rn_sheet sheet; /* of the transcript */
    struct rn_talk talk;

    struct rn_verbatim *verbatim;
    struct rn_page_source *sources;
    size_t source_count, source_room;
    struct rn_page_quote *quotes;
    size_t quote_count, quote_room;
    struct rn_page_step *steps;
    size_t step_count, step_room;
    struct rn_page_told *told; /* to the event that comes next */
    size_t told_count, told_room;

    struct rn_bytes headline; /* "POST /refunds" of the first decision; empty: none */
    struct rn_bytes question; /* the first thing a user said */

    uint32_t models, tools, failed;
    uint64_t tokens_in, tokens_cached, tokens_out;
    uint32_t counted, priced;
    uint64_t cost_pico;
    uint64_t redactions;
    uint64_t last_ns; /* the latest end of a step, since the beginning */
    bool has_answers; /* of decisions: they are put */
};

/* The first trouble of the page; what follows does nothing. */
void rn_page_trouble(struct rn_page *page, enum rn_status status);
/* Room for one more element of `size` bytes in a list that is rn_alloc'ed; false when memory ran out, which is the page's trouble. */
bool rn_page_grow(struct rn_page *page, void **list, size_t count, size_t *room, size_t size);

/* --- page_text.c ---------------------------------------------------------------------------------------------------- */

/* Where a text stands, for those who link to it; `where` NULL: nothing is looked for in it. */
struct rn_page_spot {
    uint32_t n;
    const char *where;
    const char *anchor;
};
/* A <pre> of recorded text: placeholders of what was redacted and stretches of sources marked, folded where it is long. */
void rn_page_text(struct rn_page *page, struct rn_bytes text, const struct rn_page_spot *spot);
/* The same folded away under a title (ours); nothing where there is no text. Nothing is looked for in it. */
void rn_page_fold(struct rn_page *page, const char *title, struct rn_bytes text);
/* One line of recorded text, cut behind `characters`. */
void rn_page_words(struct rn_sheet *sheet, struct rn_bytes text, size_t characters);

/* --- page_lineage.c ------------------------------------------------------------------------------------------------- */

/* From here on `text`, which is copied, is looked for. `words` are copied too. */
void rn_page_source_add(struct rn_page *page, uint32_t n, const char *anchor, struct rn_bytes words,
                        struct rn_bytes text);
/* Stretches of sources in `text`, and a note of each for the table. In the arena; NULL with 0 where there are none. */
struct rn_stretch *rn_page_stretches(struct rn_page *page, struct rn_bytes text,
                                     const struct rn_page_spot *spot, struct rn_arena *arena,
                                     size_t *count);
/* The table: which source stands where. */
void rn_page_lineage(struct rn_sheet *sheet, const struct rn_page *page);

/* --- page_event.c, page_said.c -------------------------------------------------------------------------------------- */

void rn_page_event(struct rn_page *page, const struct rn_view *view);
/* What the application answered in the end, of a decision whose request rn_page_event has told. */
void rn_page_decision_answer(struct rn_page *page, const struct rn_view *view);
void rn_page_run(struct rn_page *page, const struct rn_view *view);
void rn_page_other(struct rn_page *page, const struct rn_event *event, const char *name);
/* An event that cannot be read has its place as well. */
void rn_page_unreadable(struct rn_page *page, const char *name, const char *why);
/* What a model, a retrieval or a tool was asked and said; its step is `anchor`. */
void rn_page_said(struct rn_page *page, const struct rn_view *view, const char *anchor);
/* A result of a tool inside the application, in front of the event that was told it. */
void rn_page_told(struct rn_page *page, const struct rn_derived *derived);

/* --- page_timeline.c, page_head.c ----------------------------------------------------------------------------------- */

/* In the arena, zeroed but for `kind`, `anchor` and `name`; NULL when memory ran out. */
struct rn_page_step *rn_page_step_add(struct rn_page *page, enum rn_page_kind kind,
                                      const char *anchor, const char *name);
/* The step of event n, not of what it was told; NULL: there is none. */
const struct rn_page_step *rn_page_step_of(const struct rn_page *page, uint32_t n);
void rn_page_timeline(struct rn_sheet *sheet, const struct rn_page *page);
void rn_page_head(struct rn_sheet *sheet, const struct rn_page *page);
void rn_page_foot(struct rn_sheet *sheet, const struct rn_page *page);

#endif
