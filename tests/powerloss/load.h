/*
 * A store at work, seen by somebody who writes down what he was promised and when.
 *
 * One round: traces recorded through the real writer (events whole and in pieces, several at once), documents, holds, drops,
 * imports of a bundle, all chosen by a seed. Moments are positions in the disk's log: `begun` is the position when it was
 * asked for, `acked` the one when it had been acknowledged, `ending` and `gone` those of taking it away. NEVER: it did not
 * come to that.
 */
#ifndef RN_TESTS_POWERLOSS_LOAD_H
#define RN_TESTS_POWERLOSS_LOAD_H

#include "disk.h"

#include "store/bundle.h"
#include "store/document.h"
#include "store/trace.h"
#include "store/verify.h"
#include "store/writer.h"

#define LOAD_NEVER SIZE_MAX
#define LOAD_TRACES_MAX 24u
#define LOAD_EVENTS_MAX 200u
#define LOAD_PIECES_MAX 6u
#define LOAD_DOCUMENTS_MAX 16u
#define LOAD_HOLDS_MAX 16u

struct load_span {
    size_t begun;
    size_t acked;
    size_t ending;
    size_t gone;
};

struct load_trace {
    struct rn_trace_id id;
    struct load_span span;
    size_t closed;   /* when its closing was acknowledged */
    bool has_failed; /* an event of it was not taken */
    bool is_imported;
    uint8_t evidence[RN_SHA256_BYTES]; /* of an imported one */
    struct rn_recording *recording;    /* while it is open */
    uint32_t events;
};

struct load_event {
    size_t trace;
    uint32_t n;
    struct rn_bytes body; /* of the response, whole */
    size_t begun;
    size_t acked; /* its last piece */
    size_t piece_count;
    struct {
        size_t bytes; /* of the body, up to and with this piece */
        size_t acked;
    } pieces[LOAD_PIECES_MAX]; /* without the last one */
    size_t sent;
    bool is_open;
    bool
        has_failed; /* a piece of it was not taken: what came before stays, without an end and with a gap */
    char head[160];
};

struct load_document {
    char name[32];
    struct rn_bytes bytes;
    struct load_span span;
};

struct load_hold {
    char holder[32];
    size_t trace;
    struct load_span span;
};

struct load {
    struct disk_log log;
    struct load_trace traces[LOAD_TRACES_MAX];
    size_t trace_count;
    struct load_event events[LOAD_EVENTS_MAX];
    size_t event_count;
    struct load_document documents[LOAD_DOCUMENTS_MAX];
    size_t document_count;
    struct load_hold holds[LOAD_HOLDS_MAX];
    size_t hold_count;
    unsigned refusals; /* what failed on a failing disk */
};

struct load_plan {
    uint64_t seed;
    unsigned steps;
    bool is_failing; /* the disk fails: what is refused is no promise, and no reason to stop */
    bool
        leaves; /* the recorder dies at the end: what its writer does when it is stopped is in no log */
};

/* A bundle of a few closed traces at `path`, for the loads to import. False with a sentence on stderr. */
bool load_bundle_make(const char *directory, const char *path);

/*
 * A round in `directory`. False, with a sentence on stderr, when the store failed on a sound disk; or refused without a sentence
 * on a failing one.
 */
bool load_run(struct load *load, const char *directory, const char *bundle,
              const struct load_plan *plan);
void load_free(struct load *load);

/* One whole event, for whoever wants to see a store go on. The event of `head` that lives as long as it. */
void load_exchange(struct rn_event *event, uint32_t n, struct rn_bytes body, const char *head);
/* A slice of the text that all bodies are cut from. */
struct rn_bytes load_text(uint64_t seed, size_t len);

/*
 * A writer, and somebody who waits for it: submit hands over, collect waits for the next that is settled. Position: the
 * disk's at the collection.
 */
struct load_desk {
    struct rn_store *store;
    struct rn_writer *writer;
    struct load_bell *bell;
};
enum rn_status load_desk_open(struct load_desk *desk, const char *directory,
                              struct rn_error *error);
struct rn_entry *load_desk_collect(struct load_desk *desk);
/* Submits one entry and waits for it. */
enum rn_status load_desk_do(struct load_desk *desk, enum rn_entry_kind kind,
                            struct rn_recording *trace, const struct rn_event *event);
void load_desk_close(struct load_desk *desk);

/* Flags that every environment of LMDB is opened with besides its own: MDB_NOSYNC, for what must fail. */
extern unsigned load_unsafe_flags;

#endif
