/*
 * Why do two requests differ? A guess in words for a person, never a reason to match them. Pure. Private to replayer/.
 */
#ifndef RN_REPLAYER_CAUSE_H
#define RN_REPLAYER_CAUSE_H

#include "base/bytes.h"

struct rn_cause {
    const char *cause;  /* "an id that is made anew"; static */
    const char *advice; /* what to try; static */
};

/* Who says the text in which two requests differ, as far as the request tells. */
enum rn_speaker {
    RN_SPEAKER_UNKNOWN,
    RN_SPEAKER_SYSTEM, /* what the application's author wrote: system, developer */
    RN_SPEAKER_USER,   /* what it was asked */
    RN_SPEAKER_COURSE  /* what came of it: assistant, tools */
};
/* From the value of "role". */
enum rn_speaker rn_cause_speaker(struct rn_bytes role);

/*
 * The likely cause of a difference at `pointer` (RFC 6901; empty for bodies that are no JSON) between two values, either of
 * which may be empty when it is missing. `speaker` is whose message it lies in. `now_wall_ns` tells what today is.
 */
struct rn_cause rn_cause_of(struct rn_bytes pointer, enum rn_speaker speaker,
                            struct rn_bytes recorded, struct rn_bytes live, uint64_t now_wall_ns);
/* Of two targets that differ: some providers put the model into the path. */
struct rn_cause rn_cause_target(struct rn_bytes recorded, struct rn_bytes live);
/* Causes that no value tells. */
struct rn_cause rn_cause_header(void);
struct rn_cause rn_cause_spelling(void);
struct rn_cause rn_cause_extra(void);
struct rn_cause rn_cause_missing(void);
struct rn_cause rn_cause_trace(void);
struct rn_cause rn_cause_left(void);
struct rn_cause rn_cause_stayed(void);
struct rn_cause rn_cause_output(void);
struct rn_cause rn_cause_exit(void);

/* Where two runs of bytes differ first; the shorter length when one begins the other. */
size_t rn_difference_offset(struct rn_bytes a, struct rn_bytes b);

#endif
