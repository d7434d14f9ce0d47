/*
 * What differs, in words: the place, what was expected, what came, the likely cause, what to try. Private to replayer/.
 */
#ifndef RN_REPLAYER_DIVERGENCE_H
#define RN_REPLAYER_DIVERGENCE_H

#include "cause.h"
#include "live.h"
#include "match.h"

/* One difference. Texts live in the arena it was made with and hold no credential. A zeroed one is none. */
struct rn_finding {
    const char *sentence; /* the whole of it */
    const char *place;    /* "event 3, request body, /messages/0/content" */
    const char *pointer;  /* RFC 6901, or "" */
    const char *expected; /* excerpts */
    const char *came;
    const char *cause;
    const char *advice;
    uint32_t row; /* the event it is about: expected, or the nearest recording; RN_NO_ROW */
    /* A request beside its nearest recording. How the run went on may tell better what it was: rn_finding_settle. */
    bool is_nearest;
    uint32_t
        skipped; /* a recording that should have been asked for before that one, and was not yet; RN_NO_ROW */
    const char *call; /* "POST /v1/chat of openai" */
};

/* At most so many unserved events are looked at to find the nearest one. */
#define RN_NEAREST_MAX 256u

/*
 * The recorded request that is most like the live one: of the unserved rows of trace `trace` first those of the same upstream,
 * method and target, and of these the one whose body shares most of its beginning and end. RN_NO_ROW when none is left.
 */
uint32_t rn_nearest(const struct rn_catalog *catalog, size_t trace, const struct rn_live *live);

/*
 * The first unserved row, of whatever trace, whose exchange had ended before that of `nearest` began, so that nobody could ask for
 * the one without having been answered by the other; if the live request is clearly less like it than like `nearest`. Else RN_NO_ROW.
 */
uint32_t rn_nearest_skipped(const struct rn_catalog *catalog, uint32_t nearest,
                            const struct rn_live *live);

/*
 * A request that nothing matched. `trace` is the one it was looked for in, or SIZE_MAX when the recording has no trace of that
 * name; `match` is what the matcher said. RN_NOMEM leaves a finding that is poorer, never none.
 */
void rn_finding_miss(const struct rn_catalog *catalog, size_t trace, const struct rn_match *match,
                     const struct rn_live *live, struct rn_arena *arena, struct rn_finding *out);
/*
 * Once all is over: a request that differs from its nearest recording was one more, if every recording was served besides;
 * and the call before it is missing, if that was never asked for while more is unserved than came. Changes `finding` or not.
 */
void rn_finding_settle(const struct rn_catalog *catalog, uint32_t misses, struct rn_arena *arena,
                       struct rn_finding *finding);
/* A recorded exchange that was not asked for. */
void rn_finding_missing(const struct rn_catalog *catalog, uint32_t row, struct rn_arena *arena,
                        struct rn_finding *out);
/* A client that left before its answer was whole, which it did not do when recorded. */
void rn_finding_left(const struct rn_catalog *catalog, uint32_t row, uint64_t sent_bytes,
                     struct rn_arena *arena, struct rn_finding *out);
/* A client that did not leave, which it did when recorded. */
void rn_finding_stayed(const struct rn_catalog *catalog, uint32_t row, uint64_t sent_bytes,
                       struct rn_arena *arena, struct rn_finding *out);
/* A point of the answer of `row` that was given before `awaited` had come (or ended), where that is not allowed. */
void rn_finding_early(const struct rn_catalog *catalog, uint32_t row, uint32_t awaited,
                      bool awaited_end, struct rn_arena *arena, struct rn_finding *out);
/* Two runs of bytes that should be equal: "run, stdout" or "event 3, answer". */
void rn_finding_bytes(const char *place, struct rn_bytes expected, struct rn_bytes came,
                      struct rn_cause cause, struct rn_arena *arena, struct rn_finding *out);

/* A printable excerpt of at most about 120 bytes around offset `around`; "" when memory ran out. */
const char *rn_excerpt(struct rn_arena *arena, struct rn_bytes bytes, size_t around);
/* printf into the arena; "" when memory ran out. */
const char *rn_words(struct rn_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
