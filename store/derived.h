/*
 * What tools inside an application answered, seen where the application told a model: derived tool readings.
 *
 * A tool that runs in the application itself never crosses our wire; what it answered does, in the next request to a model. Each
 * such result is given once, at the first call that was told it: histories that are sent again bring nothing new. It is linked
 * to the call whose answer asked for it, by the id of the tool call, and where there are no ids (Gemini, Ollama) by name,
 * arguments and order. Best effort like every reading: two conversations of one trace that use the same ids, ask the same and
 * hear the same are taken for one.
 */
#ifndef RN_STORE_DERIVED_H
#define RN_STORE_DERIVED_H

#include "wire/reading.h"

/* One result. All text is lent until the visitor returns. */
struct rn_derived {
    uint32_t told_n;           /* the event whose request told it first */
    uint32_t t;                /* 1, 2, ... of those told there */
    uint32_t asked_n;          /* the event whose answer asked for it; 0: none of this trace */
    bool by_order;             /* found without an id */
    bool is_error;             /* the application said that the tool failed */
    struct rn_bytes name;      /* of the tool; empty where nobody says it */
    struct rn_bytes id;        /* of the tool call; empty: there is none */
    struct rn_bytes arguments; /* as the model wrote them; empty where nobody says them */
    struct rn_bytes result;    /* parts of one result are joined by line feeds */
};
/* "12.t1": the first result told to event 12. */
#define RN_DERIVED_NAME_BYTES 24
const char *rn_derived_name(const struct rn_derived *derived, char out[RN_DERIVED_NAME_BYTES]);

/* What one trace asked and told so far. One thread. */
struct rn_derivation;

/* NULL when memory ran out. */
struct rn_derivation *rn_derivation_begin(void);
/*
 * The next event of the trace, in order of ordinals; readings that ask no model are passed over. `visit` is called for each
 * new result; not RN_OK from it ends the call with that status. Returns RN_NOMEM when memory ran out; then drop it.
 */
typedef enum rn_status rn_derived_visit(void *self, const struct rn_derived *derived);
enum rn_status rn_derivation_add(struct rn_derivation *derivation, uint32_t n,
                                 const struct rn_reading *reading, rn_derived_visit *visit,
                                 void *self);
/* `derivation` may be NULL. */
void rn_derivation_free(struct rn_derivation *derivation);

#endif
