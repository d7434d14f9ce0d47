/*
 * A store with recorded questions and a plan to ask them again, for the tests of runs of a backtest. Header only: each test binary has its
 * own copy.
 *
 * The linker puts our rn_db_append in front of the store's (--wrap), so that it can be full.
 */
#ifndef RN_TESTS_TRIAL_H
#define RN_TESTS_TRIAL_H

#include "main.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/varint.h"
#include "db.h"
#include "oracle.h"
#include "plan.h"
#include "store/document.h"
#include "store/room.h"
#include "theatre.h"

#define KEY "sk-test-Zx81LmQ0aTb7RkY2Vw93"

static struct rn_error error;
static struct rn_backtest_outcome outcome;
static struct rn_backtest_run run;
static struct rn_plan planned; /* what make_plan writes */
static char url[64];
static char plan_id[33];
static const char *environment[] = {"FAKE_API_KEY=" KEY, NULL};

/* --- a store that fills up ------------------------------------------------------------------------------------------- */

static _Atomic int appends_left; /* below 0: any number */
enum rn_status __real_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *said);
enum rn_status __wrap_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *said);
enum rn_status __wrap_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *said)
{
    if (appends_left == 0) {
        return rn_fail(said, RN_FULL, "the disk of the test is full");
    }
    appends_left -= appends_left > 0;
    return __real_rn_db_append(txn, frame, row, said);
}

/* --- recordings and plans -------------------------------------------------------------------------------------------- */

/* Few at once, and many. */
static const unsigned jobs_of[] = {4, 32};

static char bodies[1024][160];

static inline void record(size_t count)
{
    struct scene *scenes = calloc(count, sizeof *scenes);
    struct rn_trace_id id;
    for (size_t i = 0; i < count; i++) {
        snprintf(bodies[i], sizeof bodies[i],
                 "{\"model\":\"old\",\"max_tokens\":20,\"messages\":[{\"role\":\"user\","
                 "\"content\":\"question %zu\"}]}",
                 i);
        scenes[i] = (struct scene){.target = "/v1/chat/completions",
                                   .fields = "Content-Type: application/json\r\n"
                                             "Authorization: Bearer sk-old-0123456789abcdef\r\n",
                                   .body = bodies[i],
                                   .pieces = {"{\"choices\":[]}"}};
    }
    ck_assert(rn_trace_id_parse(rn_bytes_text(theatre_record(scenes, count, NULL)), &id));
    free(scenes);
    planned.calls = calloc(count, sizeof *planned.calls);
    planned.call_count = count;
    for (size_t i = 0; i < count; i++) {
        planned.calls[i] = (struct rn_plan_call){
            .trace = id, .n = (uint32_t)i + 1, .tokens_in = 10, .tokens_out = 5};
    }
}

static inline void make_plan(void)
{
    struct rn_store *store = NULL;
    struct rn_buffer document = {0};
    ck_ok(rn_plan_encode(&planned, &document));
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    rn_trace_id_text(&planned.id, plan_id);
    ck_ok(rn_document_put(store, RN_PLAN_KIND, plan_id, rn_buffer_bytes(&document), &error));
    rn_store_close(store);
    rn_buffer_free(&document);
}

/* Records so many questions and plans to ask them all again; the plan's other fields may be set before. */
static inline void stage(size_t count)
{
    record(count);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)oracle_port());
    planned.url = rn_bytes_text(url);
    make_plan();
    run.which = plan_id;
}

static inline void setup(void)
{
    theatre_open();
    static char store[1024];
    snprintf(store, sizeof store, "%s", theatre_store());
    memset(&outcome, 0, sizeof outcome);
    planned = (struct rn_plan){.upstream = RN_LIT("fake"),
                               .model = RN_LIT("new"),
                               .jobs = 4,
                               .attempts = 3,
                               .created_wall_ns = 1};
    memset(planned.id.bytes, 0x5a, sizeof planned.id.bytes);
    run = (struct rn_backtest_run){.store = store, .environment = (char *const *)environment};
    appends_left = -1;
}

static inline void teardown(void)
{
    rn_memory_fail_from(0);
    oracle_stop();
    free(planned.calls);
    planned.calls = NULL;
    theatre_close();
}

static inline void go(void)
{
    ck_ok(rn_backtest_run(&run, &outcome, &error));
}

static inline void price(uint64_t in, uint64_t out)
{
    planned.prices_date = RN_LIT("2026-11-20");
    planned.price = (struct rn_price){.in = in, .cached = in, .out = out};
}

/* What the store says about the calls now; the caller frees it. */
static inline struct rn_plan_answer *answers_now(void)
{
    struct rn_store *store = NULL;
    struct rn_plan plan;
    struct rn_plan_answer *answers = NULL;
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_load(store, plan_id, &plan, &error));
    ck_ok(rn_plan_answers(store, &plan, &answers, &error));
    rn_plan_free(&plan);
    rn_store_close(store);
    return answers;
}

/* Every attempt as stored. */
struct attempts {
    size_t count;
    size_t of[1024];
    enum rn_end last_end[1024];
    uint64_t last_attempt[1024];
    struct rn_trace_id trace;
};

static inline enum rn_status count_attempt(void *self, const struct rn_plan_attempt *attempt)
{
    struct attempts *attempts = self;
    attempts->count++;
    attempts->of[attempt->call]++;
    attempts->last_end[attempt->call] = rn_event_end_of(attempt->event);
    attempts->last_attempt[attempt->call] = attempt->attempt;
    attempts->trace = *attempt->trace;
    return RN_OK;
}

static inline void attempts_now(struct attempts *attempts)
{
    struct rn_store *store = NULL;
    struct rn_plan plan;
    memset(attempts, 0, sizeof *attempts);
    ck_ok(rn_store_open(theatre_store(), RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_load(store, plan_id, &plan, &error));
    ck_ok(rn_plan_each_attempt(store, &plan, count_attempt, attempts, &error));
    rn_plan_free(&plan);
    rn_store_close(store);
}

/* --- another process ------------------------------------------------------------------------------------------------- */

/* A run in a process of its own, which begins when `apart_go` says so. */
static int apart_gate[2];

static inline pid_t run_apart(void)
{
    ck_assert_int_eq(pipe(apart_gate), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char byte;
        if (read(apart_gate[0], &byte, 1) != 1) {
            _exit(2);
        }
        enum rn_status status = rn_backtest_run(&run, &outcome, &error);
        fprintf(stderr, "%s", error.text);
        _exit(status == RN_OK ? 10 + (int)outcome.end : 1);
    }
    return child;
}

static inline void apart_go(void)
{
    ck_assert_int_eq(write(apart_gate[1], "x", 1), 1);
    close(apart_gate[0]);
    close(apart_gate[1]);
}

static inline int wait_for(pid_t child)
{
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

#endif
