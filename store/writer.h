/*
 * The one way into a store: a thread that commits whatever queued while the last commit ran (group commit, no timer).
 *
 * The loop's thread submits entries and gets them back when they are durable (or have failed); in between, the bytes they
 * borrow must stay. The thread redacts, hashes, keys, encodes, compresses and verifies outside the transaction and only
 * appends inside it. Indexes follow when the queue is empty.
 */
#ifndef RN_STORE_WRITER_H
#define RN_STORE_WRITER_H

#include "store/store.h"

struct rn_writer;
struct rn_recording;

/* What a trace is opened with. Text is copied; NULL means none. */
struct rn_recording_settings {
    struct rn_trace_id id;
    struct rn_trace_id session;   /* all zero: the trace's own id */
    struct rn_trace_id parent;    /* all zero: none */
    const char *name;             /* --name, or the alias it was opened under */
    const char *release;
    const char *const *tags;      /* "k=v", NULL-terminated, or NULL */
    const char *kind;             /* "run" or "serve" */
    bool is_alias;                /* name was given as /t/NAME/ or x-reenact-trace */
};

enum rn_entry_kind {
    RN_ENTRY_EVENT,       /* a whole event, closed; of class gap: its n is given by the writer */
    RN_ENTRY_EVENT_OPEN,  /* the beginning of one that comes in parts; see is_intent */
    RN_ENTRY_EVENT_PART,
    RN_ENTRY_EVENT_CLOSE, /* its last piece: holds RN_TAG_END (exchanges) */
    RN_ENTRY_TRACE_CLOSE  /* digests are chained and kept; the recording is freed when the entry comes back */
};

/*
 * Response body, stdin, stdout, stderr and lists (of runs, varints, interim heads, cut between two items) may go on from piece
 * to piece; every other field comes whole, once, the heads before the bodies they speak of. RN_TAG_REDACTIONS and the match
 * key are the writer's. A response in a content coding, and the end of any stream, may reach the disk only with the last piece.
 *
 * When an entry fails, its event is counted in a gap that the writer adds to the trace as soon as it can, and every later
 * piece of it fails with the same status: RN_FULL, RN_IO (the store took nothing), RN_NOMEM, RN_LIMIT (ordinal over
 * RN_TRACE_EVENTS_MAX), RN_INVALID (a piece that breaks the rules above), RN_NOTFOUND (a piece of no open event).
 *
 * An intent that fails is no event and in no gap. Its submitter says what became of it: by a whole event of the same ordinal,
 * or by pieces, which then fail and are counted. A mark (RN_CLASS_MARK, n: the event it speaks of) is a whole event; when it
 * fails it is not counted either, since no event is missing.
 */
struct rn_entry {
    struct rn_entry *next;      /* the writer's between submit and collect */
    enum rn_entry_kind kind;
    struct rn_recording *trace;
    bool is_intent;             /* of an EVENT_OPEN: nothing has happened yet, and when this fails, nothing will (below) */
    struct rn_event event;      /* pieces name class and n; bytes are borrowed until collected */
    enum rn_status status;      /* set when it comes back */
    uint64_t stored_bytes;      /* set when it comes back: frame bytes */
    uint64_t held_bytes;        /* the writer's: what it counts as backlog */
    void *owner;                /* the submitter's */
};

/*
 * Starts the thread. `wake(wake_self)` is called from it whenever finished entries wait for rn_writer_collect.
 * With `credentials_key` (the user's key, may be empty) fingerprints are made.
 */
enum rn_status rn_writer_start(struct rn_store *store, void (*wake)(void *self), void *wake_self,
                               struct rn_bytes credentials_key, struct rn_writer **out,
                               struct rn_error *error);
/* Commits everything submitted, brings the indexes up, ends the thread. Collect what is left afterwards: it may be called once more. */
void rn_writer_stop(struct rn_writer *writer);
/* The same, but false after so long: then it goes on, and neither it nor the store may be freed before it is done. */
bool rn_writer_stop_within(struct rn_writer *writer, uint64_t ns);
/* Stops it where that was not done. Recordings that were not closed stay open in the store and are closed as lost later. */
void rn_writer_free(struct rn_writer *writer);

/*
 * Opens a trace. Its frame is committed with the first entry. All recordings of one session share what is known of
 * credentials: `redactor_of` may name another recording that is not closed, or NULL for a fresh redactor. NULL when memory
 * ran out.
 */
struct rn_recording *rn_recording_open(struct rn_writer *writer, const struct rn_recording_settings *settings,
                                       struct rn_recording *redactor_of);
const struct rn_trace_id *rn_recording_id(const struct rn_recording *recording);
/* A credential known beforehand, such as the value of an environment variable. What was submitted before may have missed it. */
enum rn_status rn_recording_learn(struct rn_recording *recording, struct rn_bytes value);

/* Never blocks. Entries of one recording are committed in the order they were submitted. */
void rn_writer_submit(struct rn_writer *writer, struct rn_entry *entry);
/*
 * Counts an event of that trace that is not submitted, or whose end is not: it is in the next gap, with `reason`, which is copied.
 * Never blocks, keeps nothing. Before the trace's closing is submitted.
 */
void rn_writer_miss(struct rn_writer *writer, struct rn_recording *recording, const char *reason);
/* Finished entries in order of submission, or NULL. Their memory is the submitter's again. */
struct rn_entry *rn_writer_collect(struct rn_writer *writer);
/* Bytes submitted and not yet collected. */
uint64_t rn_writer_backlog_bytes(const struct rn_writer *writer);
/* The sentence of the last failed commit, "" when none failed. Copied into `out`. */
void rn_writer_last_error(struct rn_writer *writer, char *out, size_t out_bytes);

#endif
