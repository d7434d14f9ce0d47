/*
 * The client of an application that runs against our gateway: sends the recorded inbound requests, one after the other, and compares
 * each answer with the recorded one: status, fields but those that differ from day to day, body bytes, how it ended (DESIGN 6.1).
 * Where its chunks were cut is not compared. Private to replayer/. One thread, the loop's.
 */
#ifndef RN_REPLAYER_DRIVE_H
#define RN_REPLAYER_DRIVE_H

#include "catalog.h"
#include "divergence.h"
#include "gateway/loop.h"

struct rn_drive_settings {
    struct rn_loop *loop;
    const struct rn_catalog *catalog;
    struct rn_redactor *redactor; /* credentials in answers are compared by presence; lent */
    const char *url;              /* of the application */
    uint64_t wait_ns; /* how long nothing may listen there before the first request; 0: for ever */
    void (*on_done)(
        void *
            self); /* all were sent, or no more are; from within rn_drive_start where nothing could be sent */
    void *self;
};

struct rn_drive;

/* RN_INVALID: the URL cannot be used; RN_NOMEM. */
enum rn_status rn_drive_new(const struct rn_drive_settings *settings, struct rn_drive **out,
                            struct rn_error *error);
void rn_drive_free(struct rn_drive *drive);
/* Sends the first one as soon as somebody listens. */
void rn_drive_start(struct rn_drive *drive);
/* Sends no more: the application is gone. on_done is not called any more. */
void rn_drive_stop(struct rn_drive *drive);

bool rn_drive_is_done(const struct rn_drive *drive);
/* How many answers were as recorded. */
uint32_t rn_drive_same(const struct rn_drive *drive);
/* The first one that was not, or that did not come; NULL: none. Lives as long as the drive. */
const struct rn_finding *rn_drive_difference(const struct rn_drive *drive);
/* RN_OK, or why driving itself failed. */
enum rn_status rn_drive_status(const struct rn_drive *drive, struct rn_error *error);

#endif
