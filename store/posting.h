/*
 * Posting lists: under which terms a trace is found, in order of its start. Private to store/.
 *
 * A key of RN_TREE_POSTING is term, 0, start, trace id; a term is a letter (enum rn_term) and a text, cut at RN_TERM_BYTES_MAX. A
 * posting says that the trace *may* fit; whether it does, its summary and facts say.
 */
#ifndef RN_STORE_POSTING_H
#define RN_STORE_POSTING_H

#include "facts_row.h"
#include "keys.h"

#define RN_TERM_BYTES_MAX 200u
#define RN_POSTING_KEY_BYTES_MAX (RN_TERM_BYTES_MAX + 1u + RN_TIME_KEY_BYTES)
/* A trace of more terms stands under RN_TERM_ANY instead of the rest: whoever looks for a term looks there too. */
#define RN_TERMS_MAX 256u

enum rn_term {
    RN_TERM_ANY = '*',
    RN_TERM_UPSTREAM = 'u',
    RN_TERM_MODEL = 'm',  /* asked or answered */
    RN_TERM_STATUS = 's', /* three digits */
    RN_TERM_KIND = 'k',
    RN_TERM_DIALECT = 'd',
    RN_TERM_PROMPT = 'p', /* hex of a key (whole, family, tools), or a name */
    RN_TERM_ERROR = 'e',  /* the upstream answered with an error, or not at all; no text */
    RN_TERM_OUTCOME = 'o',
    RN_TERM_SUBJECT = 'j',
    RN_TERM_RELEASE = 'r',
    RN_TERM_TAG = 't' /* k=v, and k */
};

/* Terms as runs, each once, in no order. A zeroed struct is empty. */
struct rn_terms {
    struct rn_buffer runs;
    size_t count;
};
void rn_terms_free(struct rn_terms *terms);
/* Nothing is added for an empty text, but for RN_TERM_ERROR and RN_TERM_ANY. */
enum rn_status rn_terms_add(struct rn_terms *terms, enum rn_term letter, struct rn_bytes text);
/* The terms of one exchange, and those of the trace. */
enum rn_status rn_terms_of_facts(struct rn_terms *terms, const struct rn_facts *facts);
enum rn_status rn_terms_of_trace(struct rn_terms *terms, const struct rn_trace_summary *summary,
                                 const struct rn_trace_labels *labels);

/* Returns the key's length. */
size_t rn_key_posting(struct rn_bytes term, uint64_t started_wall_ns, const struct rn_trace_id *id,
                      uint8_t out[RN_POSTING_KEY_BYTES_MAX]);
/* The term with its final 0: all keys of one list begin so. Returns its length. */
size_t rn_key_posting_list(enum rn_term letter, struct rn_bytes text,
                           uint8_t out[RN_TERM_BYTES_MAX + 1u]);

#endif
