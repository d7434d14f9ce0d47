/*
 * What the three files of the write door share. Nobody else includes this.
 *
 * door.c holds doors and passages and the table of what is looked at how; door_look.c looks at regions of one field and
 * replaces what is found; door_body.c knows bodies: content codings, and streams that go on.
 */
#ifndef RN_STORE_DOOR_PARTS_H
#define RN_STORE_DOOR_PARTS_H

#include <pthread.h>

#include "door.h"

#define RN_TAG_BIT(tag) (UINT64_C(1) << (tag))

struct rn_door {
    pthread_mutex_t lock; /* over everything below */
    unsigned holders;
    struct rn_redactor *redactor;
    struct rn_buffer fingerprint_key;
    struct rn_spans spans; /* of the region looked at */
    struct rn_spans target_spans;
    struct rn_spans body_spans;
    struct rn_buffer scratch;
};

/* A field that goes on from piece to piece. */
struct rn_stream {
    enum rn_tag tag;
    uint64_t passed;        /* bytes already given out */
    struct rn_buffer carry; /* not settled yet; of a coded body: all of it */
};

#define RN_STREAM_COUNT 4u

struct rn_passage {
    uint64_t seen; /* bit per tag of earlier pieces */
    uint64_t flags;
    bool has_flags;
    bool is_request_json;
    bool is_response_json;
    bool request_withheld;
    bool response_withheld;
    struct rn_buffer request_coding; /* values of Content-Encoding, "" for none */
    struct rn_buffer response_coding;
    uint32_t listed[RN_TAG_LIMIT]; /* bytes of lists in earlier pieces */
    struct rn_stream stream[RN_STREAM_COUNT];
};

/* One piece on its way. */
struct rn_pass {
    struct rn_door *door;
    struct rn_passage *passage;
    struct rn_arena *arena;
    struct rn_event *clean;
    struct rn_buffer redactions;
    bool is_last;
};

/* --- door_look.c ---------------------------------------------------------------------------------------------------- */

/* Finds the credentials of one region; offsets count from its beginning. */
typedef enum rn_status rn_find_in(struct rn_pass *pass, struct rn_bytes region,
                                  struct rn_spans *spans);

rn_find_in rn_find_request_head;
rn_find_in rn_find_response_head;
rn_find_in rn_find_request_trailers;
rn_find_in rn_find_response_trailers;
rn_find_in rn_find_target;
rn_find_in rn_find_text;
rn_find_in rn_find_json;

/* One row of RN_TAG_REDACTIONS per span; `offset` is where `region` begins in the whole field. */
enum rn_status rn_note_spans(struct rn_pass *pass, enum rn_tag tag, uint64_t offset,
                             struct rn_bytes region, const struct rn_spans *spans);

/* Looks at a field as a whole; what was found stays in `spans`. */
enum rn_status rn_clean_whole(struct rn_pass *pass, enum rn_tag tag, rn_find_in *find,
                              struct rn_spans *spans);

enum rn_list {
    RN_LIST_RUNS,  /* runs only */
    RN_LIST_PORTS, /* run, varint */
    RN_LIST_HEADS, /* heads, each with its empty line */
    RN_LIST_GAP    /* three varints, then text */
};
/* Looks at the texts of a list one by one, so that no span covers a length between two of them. */
enum rn_status rn_clean_list(struct rn_pass *pass, enum rn_tag tag, enum rn_list list,
                             rn_find_in *find);

/* --- door_body.c ---------------------------------------------------------------------------------------------------- */

enum rn_status rn_clean_request_body(struct rn_pass *pass);
enum rn_status rn_clean_streams(struct rn_pass *pass);

#endif
