/*
 * Who said what, without saying it twice: a model call carries the whole conversation again, and of that only what is new
 * since an earlier call of the trace is worth telling. Pure.
 */
#ifndef RN_WIRE_TALK_H
#define RN_WIRE_TALK_H

#include "wire/reading.h"

/* How many earlier calls are compared with: branches of a conversation run side by side. */
#define RN_TALK_MEMORY 16

struct rn_talk_call {
    uint32_t ordinal;
    uint64_t *marks; /* one per thing said: its request's, then its response's */
    size_t count;
};

/* A zeroed struct remembers nothing. */
struct rn_talk {
    struct rn_talk_call calls[RN_TALK_MEMORY];
    size_t next;
};
void rn_talk_free(struct rn_talk *talk);

/* What of a request is known. */
struct rn_talk_news {
    const struct rn_said *first_new; /* NULL when everything was said before */
    size_t known;                    /* things said before it */
    uint32_t as_in;                  /* ordinal of the call they are known from; 0 when none are */
};
/* Compares with the calls before and remembers this one. RN_NOMEM. */
enum rn_status rn_talk_hear(struct rn_talk *talk, uint32_t ordinal,
                            const struct rn_reading *reading, struct rn_talk_news *news);

/* Whether it is compared at all: SDKs drop or invent empty texts and leave out thinking when they send an answer back. */
bool rn_talk_counts(const struct rn_said *said);
/* The tool a result is of: it often names its call by id only, and the call itself stands earlier in the same request. */
struct rn_bytes rn_talk_tool_name(const struct rn_said *said, const struct rn_said *request);

#endif
