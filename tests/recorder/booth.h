/*
 * A recording booth: a whole station (gateway, recorder, writer, store) on a thread of its own between raw clients and a toy
 * upstream, with a disk that can be held up and made to fail. For the tests of recorder/. One booth at a time.
 *
 * The linker puts our rn_db_append, rn_db_commit, rn_writer_backlog_bytes, rn_part_add and rn_exchange_write in front of the
 * real ones (--wrap).
 */
#ifndef RN_TESTS_BOOTH_H
#define RN_TESTS_BOOTH_H

#include <check.h>

#include "base/arena.h"
#include "gateway/house.h" /* the client's half */
#include "gateway/toy_server.h"
#include "station.h"
#include "store/trace.h"

/* The trace most tests send their requests to, by the header IN_TRACE. */
#define TRACE_TEXT "0190aaaabbbb7ccc8dddeeeeffff0001"
#define IN_TRACE "x-reenact-trace: " TRACE_TEXT "\r\n"

struct booth_settings {
    enum rn_durability durability;
    uint64_t late_after_ns;  /* 0: never */
    uint64_t intent_wait_ns; /* 0: ten seconds */
    bool with_run;           /* as under `record`: there is a run's trace */
    uint64_t trace_idle_ns;
};

/* Fixture: a directory for the store and the user's key; nothing is open yet. */
void booth_set_up(void);
void booth_tear_down(void);

/* Starts the toy upstream "toy". Before booth_open. */
void booth_serve(const struct toy_step *const *scripts, size_t count);
struct toy_server *booth_toy(void);
/* Zeroed settings: sync, serve. Also there are the upstreams "nobody" (nothing listens) and "own" (on a port of its own). */
void booth_open(const struct booth_settings *settings);
uint16_t booth_port(void);
/* Ends what is open and waits until all of it is in the store, which stays readable. */
void booth_finish(void);
/* The run's trace, as text (static). */
const char *booth_run_id(void);

/* Runs `call` on the loop's thread and waits for it. */
void booth_do(void (*call)(struct rn_station *station));
/* Returns when the turn of the loop that runs now has ended and another one, too: what could be sent was sent. */
void booth_settle(void);
/* Waits until `question` says yes on the loop's thread; it is asked at the end of every turn. */
void booth_await(bool (*question)(struct rn_station *station));
struct rn_recorder_counts booth_counts(void);

/* A connection's next chunk, its bytes dropped: its length, 0 for the last one (whose end is read, too). */
uint64_t client_skip_chunk(int client);

/* A suite's case with the fixture. */
void booth_case(Suite *suite, const char *name, const TTest *const *tests);
#define BOOTH_CASE(suite, name, ...)                                                               \
    booth_case(suite, name, (const TTest *const[]){__VA_ARGS__, NULL})

/* --- the disk ------------------------------------------------------------------------------------------------------ */

/* From now on commits to the log wait, and go on. */
void booth_hold_commits(void);
void booth_let_commits(void);
/* Waits until one is waiting. */
void booth_await_held(void);
void booth_await_commits(unsigned count);
unsigned booth_commits(void);
void booth_fail_commits(bool fail);
/* The nth commit from the beginning fails, and no other (0: none). Failed ones are counted. */
void booth_fail_commit(unsigned nth);
/* Commits that were made to fail. */
unsigned booth_failed_commits(void);
/* What the recorder is told that waits for the writer, 0: the truth. */
void booth_pretend_backlog(uint64_t bytes);
/* Most bytes of answers that were kept in memory and not yet given to the gateway. */
uint64_t booth_unsent_max(void);
/* Bytes of answers given to the gateway. */
uint64_t booth_written(void);
/* Whether the gateway has said that its queue is full. */
bool booth_was_full(void);

/* --- reading back -------------------------------------------------------------------------------------------------- */

/* Closes the station, opens its store anew for reading, as the next command would, and gives this trace's summary. */
struct rn_trace_summary booth_reopen(const char *trace);
/* Event n of the trace with this id; what is lent lives until booth_tear_down. */
const struct rn_event *booth_event(const char *trace, uint32_t n);
const struct rn_event *booth_gap(const char *trace, uint32_t n);
const struct rn_event *booth_mark(const char *trace, uint32_t n);
bool booth_has_mark(const char *trace, uint32_t n);
bool booth_has_event(const char *trace, uint32_t n);
struct rn_trace_summary booth_summary(const char *trace);
/* Ids of all traces of the store, oldest first; the count. */
size_t booth_traces(char (*ids)[33], size_t max);
void ck_field(const struct rn_event *event, enum rn_tag tag, const char *expected);
/* The lengths of an event's pieces, ended by 0. */
#define ck_cuts(event, ...)                                                                        \
    ck_numbers(event, RN_TAG_RESPONSE_CUTS, (const uint64_t[]){__VA_ARGS__, 0})
void ck_numbers(const struct rn_event *event, enum rn_tag tag, const uint64_t *expected);

/* --- the client ---------------------------------------------------------------------------------------------------- */

/* Connects and sends a request; the format takes nothing. */
int client_ask(const char *request);
/* No byte has come and the connection is open. */
void client_expect_nothing(int client);
/* Asks, reads one answer, leaves. Freed by free(). */
char *client_exchange(const char *request);

#endif
