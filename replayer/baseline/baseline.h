/*
 * Baselines: a set of traces frozen under a name, with a manifest and one root (DESIGN 8).
 *
 * A baseline is a document of the store (kind "baseline"), immutable; its traces are held while it exists. The root is
 * SHA-256("reenact baseline 1", u64 BE count, per trace sorted by id: 16 bytes id, 32 bytes evidence): the same on any machine,
 * whatever the order of recording or freezing. Terminal output is the caller's.
 */
#ifndef RN_REPLAYER_BASELINE_H
#define RN_REPLAYER_BASELINE_H

#include "base/digest.h"
#include "replayer/replay.h"
#include "store/select.h"

struct rn_baseline_trace {
    struct rn_trace_id id;
    uint8_t evidence[RN_SHA256_BYTES];
    struct rn_bytes name;
    struct rn_bytes input; /* of --each; empty: none */
    bool has_input;
    bool has_run;
};

/* One line of the manifest's lists: what, how often. */
struct rn_baseline_fact {
    struct rn_bytes
        what; /* "openai gpt-4.1-mini", a digest in hex, a commit, a release, a version */
    struct rn_bytes note; /* for prompts and tools: the first words, or the tools' names */
    uint64_t calls; /* model calls it stands in; of commits and releases traces, of versions 1 */
};

enum rn_baseline_list {
    RN_BASELINE_MODELS, /* "UPSTREAM MODEL" as asked; note: models answered */
    RN_BASELINE_PARAMETERS, /* rn_json_digest: equal for parameters equal as JSON; note: the JSON, shortened */
    RN_BASELINE_PROMPTS, /* SHA-256 of the system prompt's text; note: its first words */
    RN_BASELINE_TOOLS,   /* rn_json_digest of the tool schemas; note: names */
    RN_BASELINE_COMMITS,
    RN_BASELINE_RELEASES,
    RN_BASELINE_VERSIONS, /* of reenact and its formats */
    RN_BASELINE_LISTS
};
const char *rn_baseline_list_name(enum rn_baseline_list list); /* "models", ... */

struct rn_baseline {
    struct rn_arena arena;
    struct rn_bytes name;
    uint64_t frozen_wall_ns;
    struct rn_bytes selection; /* as typed */
    uint8_t root[RN_SHA256_BYTES];
    struct rn_baseline_trace *traces; /* sorted by id */
    size_t count;
    uint64_t calls;
    struct rn_baseline_fact *lists[RN_BASELINE_LISTS];
    size_t list_counts[RN_BASELINE_LISTS];
    struct rn_bytes json; /* the manifest as stored, "reenact.baseline/1" */
};
void rn_baseline_free(struct rn_baseline *baseline);

/*
 * Freezes what is selected, with the traces that a selected run opened and the children of whatever is selected. Every trace is
 * verified first, must be closed, complete enough to be judged later (not lost, no gap, not
 * truncated) and of kind "run" or "serve". RN_NOTFOUND: nothing is selected; RN_REFUSED: the name is taken, a trace cannot be frozen (named, with how
 * many more); RN_INVALID: the name ([a-z0-9] first, then [a-z0-9._-], at most 64). Nothing is changed when it fails.
 */
enum rn_status rn_baseline_freeze(struct rn_store *store, const char *name,
                                  const struct rn_selection *selection, const char *selection_text,
                                  struct rn_baseline *out, struct rn_error *error);
enum rn_status rn_baseline_load(struct rn_store *store, const char *name, struct rn_baseline *out,
                                struct rn_error *error);
typedef bool rn_baseline_visit(void *self, const struct rn_baseline *baseline);
/* In order of names. A damaged one does not hide the others: its status and sentence come at the end. */
enum rn_status rn_baseline_each(struct rn_store *store, rn_baseline_visit *visit, void *self,
                                struct rn_error *error);
/*
 * Takes the document away and releases its traces, which stay. RN_NOTFOUND also when only holds were left by a freeze that died; they are
 * gone then.
 */
enum rn_status rn_baseline_drop(struct rn_store *store, const char *name, struct rn_error *error);

/* --- verify and diff ------------------------------------------------------------------------------------------------ */

enum rn_baseline_fault { RN_BASELINE_MISSING, RN_BASELINE_CHANGED, RN_BASELINE_DAMAGED };
struct rn_baseline_finding {
    struct rn_trace_id id;
    enum rn_baseline_fault fault;
    struct rn_bytes sentence;
};
/*
 * RN_OK and *count 0: all is there as frozen, and the root follows. Findings live in `arena`, in order of ids. RN_DAMAGED: the manifest
 * itself. Traces that nobody holds although they are frozen are held again.
 */
enum rn_status rn_baseline_verify(struct rn_store *store, const char *name, struct rn_arena *arena,
                                  struct rn_baseline_finding **findings, size_t *count,
                                  struct rn_error *error);

/*
 * One line of a diff: a trace or a fact that one has and the other has not, or that changed. Traces are paired by id, then name and
 * input, then name, then input. A pair that says the same in other bytes (trace_difference.h) is no change.
 */
struct rn_baseline_change {
    char sign;        /* '-' only in the first, '+' only in the second, '~' in both, different */
    const char *list; /* "traces", "models", ...; static */
    struct rn_bytes what;
    struct rn_bytes
        detail; /* '~': "first at event 2, request body, /messages/0/content: ..."; '-', '+': id, or the fact's note */
};
enum rn_status rn_baseline_diff(struct rn_store *store, const char *first, const char *second,
                                struct rn_arena *arena, struct rn_baseline_change **changes,
                                size_t *count, struct rn_error *error);

/* --- travel ---------------------------------------------------------------------------------------------------------- */

/* One bundle with all traces and the manifest (store/bundle.h). */
enum rn_status rn_baseline_export(struct rn_store *store, const char *name, const char *path,
                                  uint64_t *bytes, struct rn_error *error);
/*
 * Verifies all, then adds the traces, then the baseline under its own name or `name`. RN_OK also when that baseline is here already
 * (traces it misses are added again); RN_REFUSED: the name is taken by another root, or what store/bundle.h refuses. RN_DAMAGED,
 * RN_NEWER, RN_INVALID as there: nothing is changed then.
 */
enum rn_status rn_baseline_import(struct rn_store *store, const char *path, const char *name,
                                  struct rn_baseline *out, struct rn_error *error);

/* --- check.c ---------------------------------------------------------------------------------------------------------- */

enum rn_check_result {
    RN_CHECK_REPRODUCED,
    RN_CHECK_DIVERGED,
    RN_CHECK_INCOMPARABLE,
    RN_CHECK_TROUBLE
};
const char *rn_check_result_name(enum rn_check_result result);

/* What came of one trace. Text lives in the outcome's arena. */
struct rn_check_case {
    struct rn_trace_id id;
    struct rn_bytes name;
    enum rn_check_result result;
    struct rn_bytes verdict; /* as replay says it: "reproduced", "assisted", ... */
    struct rn_bytes sentence;
    struct rn_bytes place; /* "event 3, request body, /messages/0/content" */
    struct rn_bytes expected;
    struct rn_bytes came;
    struct rn_bytes
        cause; /* "changed prompt", "changed tool schema", "other model", "missing call", "extra call", ... */
    struct rn_bytes advice;
    uint64_t wall_ns;
};

struct rn_check_settings {
    const char *store;
    const char *name;  /* baseline */
    char *const *argv; /* COMMAND with {input} and {trace}; NULL: the recorded one */
    char *const *environment;
    const char
        *workdir;  /* --workdir DIR: a fresh copy of it for each; NULL: the recorded directory */
    unsigned jobs; /* 0: 1 */
    uint64_t timeout_ns; /* for each; 0: none. What timed out is incomparable */
    bool ignore_output;
    bool show_output; /* else what commands print is not shown */
    void (*on_progress)(void *self, size_t ended, size_t running, size_t count);
    void (*on_case)(void *self,
                    const struct rn_check_case *one); /* in order of traces' names; lent */
    /* With show_output and several jobs: before output is copied to our streams. May be NULL. */
    void (*before_output)(void *self);
    void *self;
};

struct rn_check_outcome {
    struct rn_arena arena;
    struct rn_bytes name;
    uint8_t root[RN_SHA256_BYTES];
    struct rn_check_case *cases; /* sorted by name, then id */
    size_t count;
    size_t by_result[4];
    uint64_t wall_ns;
    bool ignored_output; /* what commands printed was not compared: every document says so */
    int signal_number; /* 0, or what ended it early: cases without a result are incomparable */
};

/*
 * Verifies the baseline, then replays each trace exactly in a process of its own, with ports and a TMPDIR of its own. A trace that is missing,
 * changed or damaged is incomparable, never left out. RN_NOTFOUND: no such baseline; RN_REFUSED: a COMMAND with {input} for traces
 * that have none, a trace without a command and none given (named): nothing was run.
 */
enum rn_status rn_check_run(const struct rn_check_settings *settings,
                            struct rn_check_outcome *outcome, struct rn_error *error);
void rn_check_outcome_free(struct rn_check_outcome *outcome);
/* 2 before 1 before 3 before 0 (DESIGN 6.5). */
int rn_check_exit(const struct rn_check_outcome *outcome);
/* "reenact.check/1"; JUnit; Markdown for a pull request. */
enum rn_status rn_check_json(const struct rn_check_outcome *outcome, struct rn_buffer *out);
enum rn_status rn_check_junit(const struct rn_check_outcome *outcome, struct rn_buffer *out);
enum rn_status rn_check_markdown(const struct rn_check_outcome *outcome, struct rn_buffer *out);

#endif
