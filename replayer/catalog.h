/*
 * What there is to be answered: the recorded exchanges of one run (or of some traces), as a table. Bodies stay in the store
 * until they are asked for. Private to replayer/.
 */
#ifndef RN_REPLAYER_CATALOG_H
#define RN_REPLAYER_CATALOG_H

#include "order.h"
#include "store/trace.h"
#include "wire/key.h"

enum rn_row_state {
    RN_ROW_UNSERVED,
    RN_ROW_SERVING, /* matched, not yet with the client */
    RN_ROW_SERVED,  /* delivered as it was when recorded */
    RN_ROW_BROKEN   /* the client left although it had stayed when recorded */
};

/* One recorded exchange: "row" everywhere here. */
struct rn_recorded {
    uint8_t key[RN_KEY_BYTES]; /* the `bytes` key */
    uint64_t arrived_wall_ns;
    uint64_t first_ns; /* since its arrival: first byte sent */
    uint64_t end_ns;   /* since its arrival: complete */
    uint32_t trace;    /* index in the catalog's traces */
    uint32_t n;        /* ordinal in that trace */
    uint8_t end;       /* enum rn_end */
    uint8_t state;     /* enum rn_row_state */
    uint8_t rule;      /* enum rn_rule it was served by */
    uint8_t solitary;  /* rn_solitary */
    bool ambiguous;    /* it was served while nothing told it from another */
};

struct rn_catalog_trace {
    struct rn_trace_summary summary;
    uint32_t first; /* its rows, in order of their ordinals */
    uint32_t count;
};

/* An inbound request of the application. */
struct rn_catalog_decision {
    uint32_t trace; /* index in the catalog's traces */
    uint32_t n;     /* ordinal in that trace */
};

struct rn_kept;

struct rn_catalog {
    struct rn_arena arena;
    struct rn_store *store; /* lent */
    struct rn_catalog_trace *traces;
    size_t trace_count;
    size_t root; /* the trace that holds the run, or the one that was asked for first */
    bool has_run;
    struct rn_event run; /* of the root, where has_run */
    uint64_t malformed;  /* what that run's gateway refused before it was an event */
    uint64_t misdirected;
    struct rn_recorded *rows;
    struct rn_order_fact *facts; /* beside the rows */
    struct rn_kept *
        *kept; /* beside the rows: what it takes to answer, NULL where it is not at hand */
    size_t kept_bytes;
    uint32_t count;
    struct rn_catalog_decision *decisions; /* they are no rows; in order of trace and ordinal */
    size_t decision_count;
    size_t decision_cap;
    bool needs_wall;        /* some row has no other clock */
    const char **upstreams; /* the names that occur, each once */
    size_t upstream_count;
    char problem[RN_ERROR_BYTES_MAX]; /* why nothing can be proved with this recording, or "" */
};

/*
 * Finds the traces that `texts` (NULL-terminated) name and those that belong to them: the traces that the run opened, or
 * children of what was asked for. Reads summaries and the run's event. RN_NOTFOUND, RN_AMBIGUOUS, RN_INVALID (two runs at
 * once) with a sentence. A damaged run leaves `problem`. rn_catalog_free in every case.
 */
enum rn_status rn_catalog_choose(struct rn_catalog *catalog, struct rn_store *store,
                                 const char *const *texts, struct rn_error *error);
/*
 * The one rule by which a trace belongs to a run of its session. What `serve` recorded belongs to none, whatever it names. What a run's
 * recorder opened names that run as its parent; where it names another parent, or none as in older recordings, the run is
 * the last that had started by then, and of equal starts the one with the greater id. Whether `run` is a better answer
 * than `best` (NULL: there is none yet).
 */
bool rn_catalog_opened(const struct rn_trace_summary *run, const struct rn_trace_summary *trace,
                       const struct rn_trace_summary *best);
/* The runs among what `text` names, in order of their start; rn_alloc'ed. None for traces that `serve` recorded. */
enum rn_status rn_catalog_runs(struct rn_store *store, const char *text, struct rn_trace_id **runs,
                               size_t *count, struct rn_error *error);
/* Reads every event once, checks the digests of closed traces, fills the rows. Damage leaves `problem` and RN_OK. */
enum rn_status rn_catalog_load(struct rn_catalog *catalog, struct rn_store *store,
                               struct rn_error *error);
void rn_catalog_free(struct rn_catalog *catalog);

/*
 * What it takes to answer with a row: its event without the request's body. At hand for most rows (then its bytes are the
 * catalog's, and `arena` stays empty), read from the store for the others.
 */
enum rn_status rn_catalog_answer(const struct rn_catalog *catalog, uint32_t row,
                                 struct rn_arena *arena, struct rn_event *event,
                                 struct rn_error *error);
/* The whole event of a row, into `arena`. */
enum rn_status rn_catalog_event(const struct rn_catalog *catalog, uint32_t row,
                                struct rn_arena *arena, struct rn_event *event,
                                struct rn_error *error);
/* "event 3", or with several traces "event 3 of trace ...0c1d2e3f". */
void rn_catalog_name(const struct rn_catalog *catalog, uint32_t row, char *out, size_t out_bytes);

/* The match key of a recorded request: its stored redactions marked. `json` chooses the rule. RN_INVALID as rn_key_json. */
enum rn_status rn_catalog_key(const struct rn_event *event, bool json, uint8_t out[RN_KEY_BYTES]);

#endif
