/* A whole station on its thread; see booth.h. */
#include "booth.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/varint.h"
#include "db.h"
#include "part.h"
#include "store/find.h"
#include "store/room.h"

static struct room room;
static struct rn_error error;
static struct rn_arena arena;
static struct toy_server *toy;
static struct rn_store *reopened; /* once the station is closed */

/* --- the world under the recorder ---------------------------------------------------------------------------------- */

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t disk_changed = PTHREAD_COND_INITIALIZER;
static bool held;
static bool waiting;
static unsigned commits;
static unsigned failed_commits;
static bool failing;
static unsigned failing_nth;
static unsigned attempts;
static _Thread_local bool appended;
static _Atomic uint64_t backlog;
static uint64_t unsent; /* the loop thread's */
static _Atomic uint64_t unsent_max;
static _Atomic uint64_t written;
static atomic_bool was_full;

enum rn_status __real_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *why);
enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *why);
uint64_t __real_rn_writer_backlog_bytes(const struct rn_writer *writer);
enum rn_status __real_rn_part_add(struct rn_part *part, struct rn_bytes piece, uint64_t since_ns,
                                  uint64_t since_stamps);
bool __real_rn_exchange_write(struct rn_exchange *exchange, struct rn_bytes piece);

enum rn_status __wrap_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *why)
{
    appended = true;
    return __real_rn_db_append(txn, frame, row, why);
}

/* Only commits to the log count, not those of indexes. */
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *why)
{
    if (!appended) {
        return __real_rn_db_commit(txn, why);
    }
    appended = false;
    pthread_mutex_lock(&disk);
    waiting = held;
    pthread_cond_broadcast(&disk_changed);
    while (held) {
        pthread_cond_wait(&disk_changed, &disk);
    }
    waiting = false;
    bool fail = failing || attempts + 1 == failing_nth;
    failed_commits += fail;
    pthread_mutex_unlock(&disk);
    enum rn_status status = RN_IO;
    if (fail) {
        rn_db_abort(txn);
        (void)rn_fail(why, RN_IO, "the disk of the test is gone");
    } else {
        status = __real_rn_db_commit(txn, why);
    }
    pthread_mutex_lock(&disk);
    commits += status == RN_OK;
    attempts++;
    pthread_cond_broadcast(&disk_changed);
    pthread_mutex_unlock(&disk);
    return status;
}

uint64_t __wrap_rn_writer_backlog_bytes(const struct rn_writer *writer)
{
    uint64_t pretended = backlog;
    return pretended != 0 ? pretended : __real_rn_writer_backlog_bytes(writer);
}

enum rn_status __wrap_rn_part_add(struct rn_part *part, struct rn_bytes piece, uint64_t since_ns,
                                  uint64_t since_stamps)
{
    unsent += piece.len;
    unsent_max = unsent > unsent_max ? unsent : unsent_max;
    return __real_rn_part_add(part, piece, since_ns, since_stamps);
}

bool __wrap_rn_exchange_write(struct rn_exchange *exchange, struct rn_bytes piece)
{
    unsent -= piece.len < unsent ? piece.len : unsent;
    written += piece.len;
    bool more = __real_rn_exchange_write(exchange, piece);
    was_full = was_full || !more;
    return more;
}

void booth_hold_commits(void)
{
    pthread_mutex_lock(&disk);
    held = true;
    pthread_mutex_unlock(&disk);
}

void booth_let_commits(void)
{
    pthread_mutex_lock(&disk);
    held = false;
    pthread_cond_broadcast(&disk_changed);
    pthread_mutex_unlock(&disk);
}

void booth_await_held(void)
{
    pthread_mutex_lock(&disk);
    while (!waiting) { /* CK_DEFAULT_TIMEOUT ends what never comes */
        pthread_cond_wait(&disk_changed, &disk);
    }
    pthread_mutex_unlock(&disk);
}

void booth_await_commits(unsigned count)
{
    pthread_mutex_lock(&disk);
    while (commits < count) {
        pthread_cond_wait(&disk_changed, &disk);
    }
    pthread_mutex_unlock(&disk);
}

unsigned booth_commits(void)
{
    pthread_mutex_lock(&disk);
    unsigned count = commits;
    pthread_mutex_unlock(&disk);
    return count;
}

void booth_fail_commits(bool fail)
{
    pthread_mutex_lock(&disk);
    failing = fail;
    pthread_mutex_unlock(&disk);
}

void booth_fail_commit(unsigned nth)
{
    pthread_mutex_lock(&disk);
    failing_nth = nth;
    pthread_mutex_unlock(&disk);
}

unsigned booth_failed_commits(void)
{
    pthread_mutex_lock(&disk);
    unsigned count = failed_commits;
    pthread_mutex_unlock(&disk);
    return count;
}

void booth_pretend_backlog(uint64_t bytes)
{
    backlog = bytes;
}

uint64_t booth_unsent_max(void)
{
    return unsent_max;
}

uint64_t booth_written(void)
{
    return written;
}

bool booth_was_full(void)
{
    return was_full;
}

/* --- the station and its thread ------------------------------------------------------------------------------------ */

static struct rn_station station;
static struct rn_recording *run_trace;
static char run_id[33];
static pthread_t thread;
static struct rn_wake *wake;
static struct rn_turn *turn;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static void (*task)(struct rn_station *);            /* under lock */
static bool (*question)(struct rn_station *station); /* under lock */
static bool is_finished;                             /* under lock */
static bool is_open;

static void on_wake(void *self)
{
    (void)self;
    pthread_mutex_lock(&lock);
    void (*call)(struct rn_station *) = task;
    pthread_mutex_unlock(&lock);
    if (call != NULL) {
        call(&station);
        pthread_mutex_lock(&lock);
        task = NULL;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
}

static void on_turn(void *self)
{
    (void)self;
    pthread_mutex_lock(&lock);
    if (question != NULL && question(&station)) {
        question = NULL;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
}

static void *run_loop(void *self)
{
    (void)self;
    rn_loop_run(station.loop);
    return NULL;
}

void booth_do(void (*call)(struct rn_station *station))
{
    pthread_mutex_lock(&lock);
    task = call;
    rn_wake_send(wake);
    while (task != NULL) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void do_nothing(struct rn_station *of)
{
    (void)of;
}

void booth_settle(void)
{
    booth_do(do_nothing);
    booth_do(do_nothing);
    booth_do(do_nothing);
}

void booth_await(bool (*asked)(struct rn_station *station))
{
    pthread_mutex_lock(&lock);
    question = asked;
    rn_wake_send(wake);
    while (question != NULL) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static struct rn_recorder_counts counts_seen;

static void see_counts(struct rn_station *of)
{
    counts_seen = rn_recorder_counts(of->recorder);
}

struct rn_recorder_counts booth_counts(void)
{
    booth_do(see_counts);
    return counts_seen;
}

void booth_set_up(void)
{
    room_open(&room);
    setenv("XDG_CONFIG_HOME", room.path, 1);
    unsetenv("REENACT_STORE");
    error.text[0] = '\0';
    toy = NULL;
    held = waiting = failing = is_finished = false;
    commits = failed_commits = failing_nth = attempts = 0;
    unsent = 0;
    backlog = 0;
    unsent_max = 0;
    written = 0;
    was_full = false;
}

void booth_serve(const struct toy_step *const *scripts, size_t count)
{
    toy = toy_start(scripts, count);
}

struct toy_server *booth_toy(void)
{
    return toy;
}

/* The number of a port where nobody listens: it was the kernel's, and is closed again. */
static unsigned dead_port(void)
{
    struct toy_server *gone =
        toy_start((const struct toy_step *const[]){STEPS({.what = TOY_CLOSE})}, 1);
    unsigned port = toy_port(gone);
    toy_stop(gone);
    return port;
}

static void open_run(void)
{
    struct rn_recording_settings settings = {.kind = "run"};
    rn_uuid7(settings.id.bytes);
    rn_trace_id_text(&settings.id, run_id);
    run_trace = rn_recording_open(station.writer, &settings, NULL);
    ck_assert_ptr_nonnull(run_trace);
}

void booth_open(const struct booth_settings *given)
{
    static char urls[3][64];
    static const char *const upstreams[] = {urls[0], urls[1], urls[2], NULL};
    static const char *const ports[] = {"own=0", NULL};
    static const char *const tags[] = {"team=blue", NULL};
    static char *const environment[] = {NULL};
    const struct rn_trace_id session = {{1, 2, 3}};
    unsigned port = toy == NULL ? dead_port() : toy_port(toy);
    snprintf(urls[0], sizeof urls[0], "toy=http://127.0.0.1:%u", port);
    snprintf(urls[1], sizeof urls[1], "own=http://127.0.0.1:%u", port);
    snprintf(urls[2], sizeof urls[2], "nobody=http://127.0.0.1:%u", dead_port());
    struct rn_record_settings settings = {.store = room_file(&room, "store"),
                                          .environment = environment,
                                          .release = "1.2.3",
                                          .tags = tags,
                                          .upstreams = upstreams,
                                          .ports = ports,
                                          .durability = given->durability,
                                          .late_after_ns = given->late_after_ns,
                                          .intent_wait_ns = given->intent_wait_ns,
                                          .trace_idle_ns = given->trace_idle_ns};
    ck_ok(rn_station_open(&station, &settings, &error));
    if (given->with_run) {
        open_run();
    }
    ck_ok(rn_station_listen(&station, &settings, run_trace, &session, &error));
    wake = rn_wake_new(station.loop, on_wake, NULL);
    turn = rn_turn_new(station.loop, on_turn, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, NULL), 0);
    is_open = true;
}

uint16_t booth_port(void)
{
    return station.ports[0].port;
}

const char *booth_run_id(void)
{
    return run_id;
}

static void on_finished(void *self)
{
    (void)self;
    pthread_mutex_lock(&lock);
    is_finished = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void finish(struct rn_station *of)
{
    rn_gateway_close_listeners(of->gateway);
    rn_recorder_finish(of->recorder, on_finished, NULL);
}

void booth_finish(void)
{
    booth_do(finish);
    pthread_mutex_lock(&lock);
    while (!is_finished) {
        pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static void stop(struct rn_station *of)
{
    rn_loop_stop(of->loop);
}

static void close_station(void)
{
    booth_let_commits();
    booth_do(stop);
    pthread_join(thread, NULL);
    rn_turn_free(turn);
    rn_wake_free(wake);
    rn_station_close(&station);
    run_trace = NULL;
    is_open = false;
}

void booth_tear_down(void)
{
    rn_clock_release();
    if (is_open) {
        close_station();
    }
    rn_store_close(reopened);
    reopened = NULL;
    if (toy != NULL) {
        toy_stop(toy);
    }
    rn_arena_free(&arena);
    room_close(&room);
}

void booth_case(Suite *suite, const char *name, const TTest *const *tests)
{
    TCase *one = tcase_create(name);
    tcase_add_checked_fixture(one, booth_set_up, booth_tear_down);
    for (size_t i = 0; tests[i] != NULL; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
}

/* --- reading back -------------------------------------------------------------------------------------------------- */

static struct rn_trace_id id_of(const char *text)
{
    struct rn_trace_id id;
    ck_assert(rn_trace_id_parse(rn_bytes_text(text), &id));
    return id;
}

static struct rn_store *store_now(void)
{
    return reopened != NULL ? reopened : station.store;
}

static enum rn_status read_event(const char *trace, enum rn_event_class class, uint32_t n,
                                 struct rn_event *out)
{
    struct rn_trace_id id = id_of(trace);
    ck_ok(rn_store_catch_up(store_now(), &error));
    *out = (struct rn_event){0};
    return rn_trace_event(store_now(), &id, class, n, &arena, out, &error);
}

const struct rn_event *booth_event(const char *trace, uint32_t n)
{
    struct rn_event *event = rn_arena_alloc(&arena, sizeof *event);
    ck_ok(read_event(trace, RN_CLASS_EVENT, n, event));
    return event;
}

const struct rn_event *booth_gap(const char *trace, uint32_t n)
{
    struct rn_event *event = rn_arena_alloc(&arena, sizeof *event);
    ck_ok(read_event(trace, RN_CLASS_GAP, n, event));
    return event;
}

const struct rn_event *booth_mark(const char *trace, uint32_t n)
{
    struct rn_event *event = rn_arena_alloc(&arena, sizeof *event);
    ck_ok(read_event(trace, RN_CLASS_MARK, n, event));
    return event;
}

bool booth_has_mark(const char *trace, uint32_t n)
{
    struct rn_event event;
    return read_event(trace, RN_CLASS_MARK, n, &event) == RN_OK;
}

bool booth_has_event(const char *trace, uint32_t n)
{
    struct rn_event event;
    return read_event(trace, RN_CLASS_EVENT, n, &event) == RN_OK;
}

struct rn_trace_summary booth_summary(const char *trace)
{
    struct rn_trace_summary summary;
    struct rn_trace_id id = id_of(trace);
    ck_ok(rn_store_catch_up(store_now(), &error));
    ck_ok(rn_trace_summary(store_now(), &id, &arena, &summary, &error));
    return summary;
}

struct rn_trace_summary booth_reopen(const char *trace)
{
    close_station();
    ck_ok(rn_store_open(room_file(&room, "store"), RN_STORE_READ, &reopened, &error));
    return booth_summary(trace);
}

struct trace_list {
    char (*ids)[33];
    size_t count;
    size_t max;
};

static bool note_trace(void *self, const struct rn_trace_summary *summary)
{
    struct trace_list *list = self;
    ck_assert_uint_lt(list->count, list->max);
    rn_trace_id_text(&summary->id, list->ids[list->count++]);
    return true;
}

size_t booth_traces(char (*ids)[33], size_t max)
{
    struct trace_list list = {ids, 0, max};
    ck_ok(rn_store_catch_up(store_now(), &error));
    ck_ok(rn_find_each(store_now(), false, note_trace, &list, &error));
    return list.count;
}

void ck_field(const struct rn_event *event, enum rn_tag tag, const char *expected)
{
    struct rn_bytes field = rn_event_get(event, tag);
    ck_assert_msg(rn_bytes_equal(field, rn_bytes_text(expected)), "%s is \"%.*s\", not \"%s\"",
                  rn_tag_name(tag), (int)field.len,
                  field.data == NULL ? "" : (const char *)field.data, expected);
}

void ck_numbers(const struct rn_event *event, enum rn_tag tag, const uint64_t *expected)
{
    struct rn_bytes field = rn_event_get(event, tag);
    uint64_t number;
    for (; *expected != 0; expected++) {
        ck_assert(rn_varint_get(&field, &number));
        ck_assert_uint_eq(number, *expected);
    }
    ck_assert_uint_eq(field.len, 0);
}

/* --- the client ---------------------------------------------------------------------------------------------------- */

int client_ask(const char *request)
{
    int client = client_open(booth_port());
    client_send(client, request);
    return client;
}

void client_expect_nothing(int client)
{
    char byte;
    ssize_t got = recv(client, &byte, 1, MSG_DONTWAIT);
    ck_assert_msg(got < 0 && errno == EAGAIN, "%s came too early",
                  got == 0 ? "the end" : "an answer's byte");
}

char *client_exchange(const char *request)
{
    int client = client_ask(request);
    char *answer = client_read_answer(client, strncmp(request, "HEAD ", 5) == 0);
    close(client);
    return answer;
}

uint64_t client_skip_chunk(int client)
{
    char line[32] = "";
    size_t at = 0;
    while (strchr(line, '\n') == NULL) {
        ck_assert_uint_lt(at, sizeof line - 1);
        ck_assert_int_eq(recv(client, line + at++, 1, 0), 1);
    }
    uint64_t len = strtoull(line, NULL, 16);
    for (uint64_t left = len + 2; left > 0;) {
        char bytes[4096];
        ssize_t got = recv(client, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes, 0);
        ck_assert_int_gt(got, 0);
        left -= (uint64_t)got;
    }
    return len;
}
