/*
 * What the files of bundles share. Nobody else includes this but their tests.
 *
 * bundle.c is the form (docs/format.md, "Bundles"): how a trace and an event lie there, written and read in one place, with the
 * numbers and runs of bundle_bytes.c.
 * bundle_judge.c says whether a trace may travel; bundle_write.c brings traces out of a store, bundle_read.c checks a file,
 * bundle_land.c brings its traces into a store.
 */
#ifndef RN_STORE_BUNDLE_PARTS_H
#define RN_STORE_BUNDLE_PARTS_H

#include "door.h"
#include "rewrite.h"
#include "store/bundle.h"
#include "trace_pack.h"

#define RN_BUNDLE_VERSION 1u
#define RN_BUNDLE_MAGIC_BYTES 8u
#define RN_BUNDLE_FRONT_BYTES (RN_BUNDLE_MAGIC_BYTES + 4u) /* magic and version */
#define RN_BUNDLE_LEAST_BYTES (RN_BUNDLE_FRONT_BYTES + 2u + RN_SHA256_BYTES)
/* Of an event what is no stream stands in one frame, with its keys; so does the closing of a trace. */
#define RN_BUNDLE_APART_BYTES_MAX (RN_FRAME_RAW_BYTES_MAX - RN_PART_BYTES_MAX)
extern const uint8_t rn_bundle_magic[RN_BUNDLE_MAGIC_BYTES];

/* --- bundle_bytes.c: out ------------------------------------------------------------------------------------------ */

/* Where bytes go, hashed on their way. The first failure stays in `status`; what is put after it goes nowhere. */
struct rn_bundle_sink {
    int descriptor; /* -1: they are only hashed and counted */
    int cause;      /* errno of a failed write */
    enum rn_status status;
    struct rn_sha256 *hash;
    struct rn_buffer waiting;
    uint64_t bytes;
};

/* RN_NOMEM. rn_bundle_sink_free in every case. */
enum rn_status rn_bundle_sink_begin(struct rn_bundle_sink *sink, int descriptor);
void rn_bundle_sink_free(struct rn_bundle_sink *sink);

void rn_bundle_put_bytes(struct rn_bundle_sink *sink, struct rn_bytes bytes);
void rn_bundle_put_byte(struct rn_bundle_sink *sink, uint8_t byte);
void rn_bundle_put_number(struct rn_bundle_sink *sink, uint64_t number);
void rn_bundle_put_run(struct rn_bundle_sink *sink, struct rn_bytes run);
/* Writes the trailer and what waits. */
enum rn_status rn_bundle_sink_end(struct rn_bundle_sink *sink, uint8_t digest[RN_SHA256_BYTES]);

/* --- bundle_bytes.c: in ------------------------------------------------------------------------------------------- */

/*
 * Where bytes come from: a descriptor, or memory. All that is taken is hashed. Every RN_DAMAGED of a get names the source, the
 * byte and what should stand there.
 */
struct rn_bundle_source {
    const char *path; /* for sentences */
    int descriptor;   /* -1: memory */
    struct rn_bytes memory;
    uint64_t at;
    uint64_t end; /* where the trailer begins */
    struct rn_sha256 *hash;
    uint8_t *window;
    size_t window_len;
    size_t window_at;
    struct rn_error *error; /* never NULL */
};

/* Stands at the first byte. `descriptor` -1: `memory`, which is borrowed. RN_NOMEM. rn_bundle_source_free in every case. */
enum rn_status rn_bundle_source_begin(struct rn_bundle_source *source, const char *path,
                                      int descriptor, struct rn_bytes memory, uint64_t bytes,
                                      struct rn_error *error);
void rn_bundle_source_free(struct rn_bundle_source *source);

/* RN_DAMAGED with source, byte and `what`. */
enum rn_status rn_bundle_damaged(struct rn_bundle_source *source, const char *what);
/* Up to `len` bytes from offset `at` on, neither taken nor hashed; 0 at the end. */
size_t rn_bundle_read_at(struct rn_bundle_source *source, uint64_t at, void *out, size_t len);
/* The next bytes before the trailer. `what` is a noun for the sentence: "the id of a trace". */
enum rn_status rn_bundle_take(struct rn_bundle_source *source, void *out, size_t len,
                              const char *what);
enum rn_status rn_bundle_take_number(struct rn_bundle_source *source, uint64_t max, uint64_t *out,
                                     const char *what);
/* Empties `out` first, and reserves only what the file still holds. */
enum rn_status rn_bundle_take_run(struct rn_bundle_source *source, size_t max,
                                  struct rn_buffer *out, const char *what);
/* Takes what is left and ends the hash. */
enum rn_status rn_bundle_trailer_fits(struct rn_bundle_source *source, bool *fits);

/* --- bundle.c ------------------------------------------------------------------------------------------------------- */

void rn_bundle_put_front(struct rn_bundle_sink *sink, const struct rn_bundle_document *document,
                         uint64_t traces);
/* `events` is how many rn_bundle_put_event will follow. */
void rn_bundle_put_trace(struct rn_bundle_sink *sink, const struct rn_trace_opening *opening,
                         const struct rn_trace_closing *closing, uint64_t events);
void rn_bundle_put_event(struct rn_bundle_sink *sink, const struct rn_event *event, bool is_ended);

struct rn_bundle_front {
    bool has_document;
    struct rn_buffer kind;
    struct rn_buffer name;
    struct rn_buffer document;
    uint64_t traces;
};
void rn_bundle_front_free(struct rn_bundle_front *front);

/* Whether it is a bundle of ours: RN_INVALID, RN_NEWER, RN_DAMAGED. Then what stands before the traces. */
enum rn_status rn_bundle_get_front(struct rn_bundle_source *source, struct rn_bundle_front *out);

/* A trace's head; texts and the table are lent from `bytes`, which is emptied first. The owner is empty. */
struct rn_bundle_trace {
    struct rn_trace_opening opening;
    struct rn_trace_closing closing;
    uint64_t events;
};
enum rn_status rn_bundle_get_trace(struct rn_bundle_source *source, struct rn_buffer *bytes,
                                   struct rn_bundle_trace *out);
/* Likewise; without a match key. `last` holds the place of the event before (class and n), which this one must follow. */
struct rn_bundle_place {
    bool is_set;
    enum rn_event_class class;
    uint32_t n;
};
enum rn_status rn_bundle_get_event(struct rn_bundle_source *source, struct rn_buffer *bytes,
                                   struct rn_bundle_place *last, struct rn_event *out,
                                   bool *is_ended);
/* That nothing follows but the trailer, and that it fits. */
enum rn_status rn_bundle_get_end(struct rn_bundle_source *source, uint8_t digest[RN_SHA256_BYTES]);

/* --- bundle_judge.c ------------------------------------------------------------------------------------------------- */

/* A trace that passes by, event by event, in order. */
struct rn_bundle_judge {
    struct rn_trace_id id;
    const struct rn_trace_closing *closing;
    struct rn_door *door;
    struct rn_digests chain;
    const char *where; /* what the trace is read from, for sentences */
    struct rn_error *error;
    struct rn_error *refused; /* gets the first credential; untouched when there is one already */
};

/*
 * RN_DAMAGED: the digests do not follow; RN_LIMIT; RN_NOMEM. A credential stops nothing: it is kept in `refused` until it is known
 * that the bytes are those that were written. `closing` is borrowed until the end. rn_bundle_judge_free in every case.
 */
enum rn_status rn_bundle_judge_begin(struct rn_bundle_judge *judge, const char *where,
                                     const struct rn_trace_opening *opening,
                                     const struct rn_trace_closing *closing,
                                     struct rn_error *refused, struct rn_error *error);
enum rn_status rn_bundle_judge_event(struct rn_bundle_judge *judge, const struct rn_event *event,
                                     bool is_ended);
enum rn_status rn_bundle_judge_end(struct rn_bundle_judge *judge);
void rn_bundle_judge_free(struct rn_bundle_judge *judge);
/* A document that travels along. RN_REFUSED. */
enum rn_status rn_bundle_judge_document(const char *where, struct rn_bytes document,
                                        struct rn_error *error);

/* The longest fields of an event, which may come in parts; all others stand in its first frame. */
bool rn_bundle_is_stream(unsigned tag);

/* --- bundle_read.c -------------------------------------------------------------------------------------------------- */

struct rn_bundle_known {
    struct rn_bundle_item item;
    bool is_here; /* the store has it */
};

/* What a checked bundle holds. A zeroed one is empty; rn_bundle_content_free. */
struct rn_bundle_content {
    struct rn_bundle_front front;
    struct rn_bundle_known *traces;
    size_t count;
    size_t cap;
    struct rn_bundle_facts facts;
    struct rn_error refused;
};
void rn_bundle_content_free(struct rn_bundle_content *content);

/* All of it, from the first byte to the last; stores nothing. */
enum rn_status rn_bundle_check(struct rn_bundle_source *source, struct rn_bundle_content *out);

/* --- bundle_land.c -------------------------------------------------------------------------------------------------- */

/*
 * Adds the traces that are not `is_here`; the source stands at its first byte again. Every one of them is marked ("import/" and its id in
 * RN_TREE_META) before its first frame and until the commit that closes it. When it fails, what is whole stays and
 * what is not is taken out again.
 */
enum rn_status rn_bundle_land(struct rn_bundle_source *source, struct rn_store *store,
                              const struct rn_bundle_content *content);

#endif
