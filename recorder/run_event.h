/*
 * The event of ordinal 0: one execution of COMMAND, from its argv to its exit. Private to recorder/.
 *
 * It goes to the store when COMMAND starts, grows by what the command reads and writes, and is closed by its exit, so that
 * a crash of the recorder keeps what there was.
 */
#ifndef RN_RECORDER_RUN_EVENT_H
#define RN_RECORDER_RUN_EVENT_H

#include "gateway/streams.h"
#include "pending.h"
#include "station.h"

struct rn_run_event;

/* Opens the event and submits its beginning. `streams` are ours as they were when COMMAND was prepared. NULL when memory ran out. */
struct rn_run_event *rn_run_event_open(struct rn_station *station, struct rn_recording *recording,
                                       const struct rn_record_settings *settings,
                                       const struct rn_streams *streams);
/* Stream 0 (what it read), 1 or 2. */
void rn_run_event_output(struct rn_run_event *run, int stream, struct rn_bytes bytes);
/* Some of what it read or wrote could not be seen: the event will say that it is not whole. */
void rn_run_event_cut(struct rn_run_event *run);
/*
 * Submits the end of the event, with what the station's gateway refused, and the closing of the run's trace; `closed` is
 * called when both came back, with the status of the worse.
 */
void rn_run_event_close(struct rn_run_event *run, int wait_status,
                        void (*closed)(void *self, enum rn_status status), void *self);
void rn_run_event_free(struct rn_run_event *run);

#endif
