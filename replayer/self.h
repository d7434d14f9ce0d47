/*
 * Replaying a trace against itself: every recorded request is sent to our own gateway over a socket, one after the other, and
 * every byte of the raw answer is compared with what was sent when recording (DESIGN 6.1). Private to replayer/.
 */
#ifndef RN_REPLAYER_SELF_H
#define RN_REPLAYER_SELF_H

#include "replayer.h"
#include "venue.h"

struct rn_self_settings {
    struct rn_loop *loop;
    const struct rn_catalog *catalog;
    const struct rn_venue *venue;
    struct rn_replayer *replayer; /* is told which trace comes */
    uint64_t patience_ns;         /* for one answer without a byte; 0: 30 s */
    void (*on_done)(void *self);
    void *self;
};

struct rn_self;

struct rn_self *rn_self_new(const struct rn_self_settings *settings);
void rn_self_free(struct rn_self *self);
/* Sends the first request; on_done is called when all are compared or the first byte differs. */
void rn_self_start(struct rn_self *self);

/* Bytes that were equal. */
uint64_t rn_self_compared(const struct rn_self *self);
/* The first difference, or NULL. Lives as long as `self`. */
const struct rn_finding *rn_self_difference(const struct rn_self *self);
/* RN_OK, or why the comparison itself failed. */
enum rn_status rn_self_status(const struct rn_self *self, struct rn_error *error);

/* What was sent to the client of a recorded exchange, framing included; appended to `out`. */
enum rn_status rn_self_expected(const struct rn_event *event, struct rn_buffer *out);
/* The recorded request as it goes over the wire. */
enum rn_status rn_self_request(const struct rn_event *event, struct rn_buffer *out);

#endif
