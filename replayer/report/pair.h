/*
 * A recorded answer beside the new one: what is the same, what is not. Pure.
 */
#ifndef RN_REPLAYER_PAIR_H
#define RN_REPLAYER_PAIR_H

#include "store/view.h"

/*
 * Bits of rn_pair.same and rn_pair.judged: a question that makes no sense for a pair is not judged and
 * enters no share.
 */
enum rn_aspect {
    /* All text of the answer, byte for byte. */
    RN_ASPECT_TEXT,
    /* The same after folding case, blanks, typographic quotes and dashes, and outer punctuation; or equal as JSON. */
    RN_ASPECT_NORMALISED,
    /* Tool calls: the same names with equal arguments (as JSON), in order; judged when either has one. */
    RN_ASPECT_TOOLS,
    /* Names alone. */
    RN_ASPECT_TOOL_NAMES,
    /*
     * Validity of the text as JSON: both valid or both not. Judged when the recorded text is an object or
     * array, or when the request asked for JSON and there is text.
     */
    RN_ASPECT_JSON,
    /* Finish reason, by meaning: "stop" and "end_turn" are one. */
    RN_ASPECT_FINISH,
    /* Both refuse or both do not. */
    RN_ASPECT_REFUSAL,
    /* Embeddings: as many, equal as JSON; text and the like are not judged then. */
    RN_ASPECT_VECTORS,
    RN_ASPECT_COUNT
};
const char *rn_aspect_name(enum rn_aspect aspect); /* "text", "normalised", "tools", ... */

/* One side, reduced to numbers. */
struct rn_side {
    uint16_t status; /* 0: no answer */
    bool answered;   /* a success that was read to its end */
    bool is_json;    /* its text is a JSON document: an object or array and nothing else */
    bool refuses;
    bool has_usage;
    bool has_latency;
    bool has_first_byte;
    uint64_t tokens_in, tokens_cached, tokens_out;
    uint64_t latency_ns;
    uint64_t first_byte_ns;
};

enum rn_pair_kind {
    RN_PAIR_COMPARED,   /* both sides answered */
    RN_PAIR_NEW_FAILED, /* only the recording did */
    RN_PAIR_BOTH_FAILED,
    RN_PAIR_RECORDED_FAILED, /* only the new one did */
    RN_PAIR_UNANSWERED       /* the plan was not run to its end, or the answer is lost */
};

struct rn_pair {
    enum rn_pair_kind kind;
    uint32_t judged;
    uint32_t same;
    struct rn_side recorded;
    struct rn_side fresh;
    /* 0 (nothing differs) to 1: orders the worst pairs. By aspect first, then by share of changed words. */
    double distance;
};

/*
 * Whether it is a success that was read to its end, kept whole, and says something in its dialect: a page of HTML, an error
 * under a status of 200, `{}` and a stream without an end are none.
 */
bool rn_pair_is_answer(const struct rn_view *view);

/*
 * Compares what two events say to the same question. `fresh` NULL: unanswered. What cannot be read did not
 * answer. RN_NOMEM.
 */
enum rn_status rn_pair_make(const struct rn_view *recorded, const struct rn_view *fresh,
                            struct rn_pair *out);
/* Both answered, and nothing that was judged differs, but for text that reads the same. */
bool rn_pair_is_same(const struct rn_pair *pair);
/* The answer's text and tool calls as a person compares them, in the arena. */
enum rn_status rn_pair_text(const struct rn_view *view, struct rn_arena *arena,
                            struct rn_bytes *out);

#endif
