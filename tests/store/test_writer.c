/*
 * The writer's thread against a real store: what comes back as durable can be read, and what failed is said.
 *
 * The linker puts our rn_db_append and rn_db_commit in front of the store's (--wrap), so that a commit to the log can be held
 * up, counted and made to fail, and an index step cannot be mistaken for one.
 */
#include "main.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/varint.h"
#include "db.h"
#include "frame.h"
#include "store/trace.h"
#include "store/verify.h"
#include "store/writer.h"

/* --- the world under the writer ------------------------------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: commits to the log wait */
static _Atomic unsigned commits;
static _Atomic int fail_commits; /* so many of the next ones fail */
static _Atomic int fail_appends;
static _Thread_local bool appended;

enum rn_status __real_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *error);
enum rn_status __wrap_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *error);
enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error);

enum rn_status __wrap_rn_db_append(struct rn_db_txn *txn, struct rn_bytes frame, uint64_t *row,
                                   struct rn_error *error)
{
    if (fail_appends > 0) {
        fail_appends--;
        return rn_fail(error, RN_FULL, "the map of the test is full");
    }
    appended = true;
    return __real_rn_db_append(txn, frame, row, error);
}

enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *error)
{
    if (!appended) {
        return __real_rn_db_commit(txn, error);
    }
    appended = false;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    commits++;
    if (fail_commits > 0) {
        fail_commits--;
        rn_db_abort(txn);
        return rn_fail(error, RN_IO,
                       "the disk of the test is gone, key sk-proj-Zx81LmQ0aTb7RkY2Vw93");
    }
    return __real_rn_db_commit(txn, error);
}

/* --- a store and its writer ----------------------------------------------------------------------------------------- */

static char directory[64];
static struct rn_store *store;
static struct rn_writer *writer;
static pthread_mutex_t woken_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned wakes;

static void wake(void *self)
{
    (void)self;
    pthread_mutex_lock(&woken_lock);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&woken_lock);
}

static void start(void)
{
    struct rn_error error = {0};
    ck_assert_msg(rn_store_open(directory, RN_STORE_CREATE, &store, &error) == RN_OK, "%s",
                  error.text);
    ck_assert_int_eq(rn_writer_start(store, wake, NULL, RN_LIT("key"), &writer, &error), RN_OK);
}

static void setup(void)
{
    snprintf(directory, sizeof directory, "/tmp/rn-writer-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    start();
}

static void teardown(void)
{
    char command[128];
    rn_writer_free(writer);
    rn_store_close(store);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

/* The next finished entry, however long it takes. */
static struct rn_entry *collect(void)
{
    struct rn_entry *entry;
    while ((entry = rn_writer_collect(writer)) == NULL) {
        pthread_mutex_lock(&woken_lock);
        while (wakes == 0) {
            pthread_cond_wait(&woken, &woken_lock);
        }
        wakes = 0;
        pthread_mutex_unlock(&woken_lock);
    }
    return entry;
}

static struct rn_recording *open_trace(struct rn_trace_id *id)
{
    struct rn_recording_settings settings = {.name = "name", .kind = "run"};
    rn_uuid7(settings.id.bytes);
    *id = settings.id;
    struct rn_recording *recording = rn_recording_open(writer, &settings, NULL);
    ck_assert_ptr_nonnull(recording);
    return recording;
}

static struct rn_event exchange(uint32_t n)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(&event, RN_TAG_TIMES, RN_LIT("\1\2\3"));
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(&event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(&event, RN_TAG_TARGET, RN_LIT("/v1/chat"));
    rn_event_set(&event, RN_TAG_REQUEST_HEAD, RN_LIT("POST /v1/chat HTTP/1.1\r\nhost: x\r\n\r\n"));
    rn_event_set(&event, RN_TAG_REQUEST_BODY, RN_LIT("{\"model\":\"m\"}"));
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD, RN_LIT("HTTP/1.1 200 OK\r\n\r\n"));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("hello"));
    return event;
}

static void submit(struct rn_entry *entry, enum rn_entry_kind kind, struct rn_recording *trace,
                   struct rn_event event)
{
    *entry = (struct rn_entry){.kind = kind, .trace = trace, .event = event};
    rn_writer_submit(writer, entry);
}

static enum rn_status run_one(enum rn_entry_kind kind, struct rn_recording *trace,
                              struct rn_event event)
{
    struct rn_entry entry;
    submit(&entry, kind, trace, event);
    ck_assert_ptr_eq(collect(), &entry);
    return entry.status;
}

static enum rn_status close_trace(struct rn_recording *trace)
{
    return run_one(RN_ENTRY_TRACE_CLOSE, trace, (struct rn_event){0});
}

static struct rn_trace_summary summary_of(const struct rn_trace_id *id, struct rn_arena *arena)
{
    struct rn_trace_summary summary;
    struct rn_error error = {0};
    ck_assert_msg(rn_store_catch_up(store, &error) == RN_OK, "%s", error.text);
    ck_assert_msg(rn_trace_summary(store, id, arena, &summary, &error) == RN_OK, "%s", error.text);
    return summary;
}

static void expect_verified(const struct rn_trace_id *id)
{
    struct rn_error error = {0};
    ck_assert_int_eq(rn_store_catch_up(store, &error), RN_OK);
    ck_assert_msg(rn_trace_verify(store, id, &error) == RN_OK, "%s", error.text);
}

static void expect_sound_store(void)
{
    struct rn_verify_counts counts = {0};
    struct rn_error error = {0};
    ck_assert_msg(rn_store_verify(store, NULL, NULL, NULL, &counts, &error) == RN_OK, "%s",
                  error.text);
    ck_assert_uint_eq(counts.damaged, 0);
}

static void expect_field(const struct rn_trace_id *id, uint32_t n, enum rn_tag tag,
                         struct rn_bytes expected)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_error error = {0};
    ck_assert_int_eq(rn_store_catch_up(store, &error), RN_OK);
    ck_assert_msg(rn_trace_event(store, id, RN_CLASS_EVENT, n, &arena, &event, &error) == RN_OK,
                  "%s", error.text);
    ck_assert(rn_bytes_equal(rn_event_get(&event, tag), expected));
    rn_arena_free(&arena);
}

/* --- what succeeds -------------------------------------------------------------------------------------------------- */

START_TEST(event_comes_back_from_the_store)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event event = exchange(1);
    struct rn_arena arena = {0};
    struct rn_event back = {0};
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, event), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    ck_assert_int_eq(rn_store_catch_up(store, NULL), RN_OK);
    ck_assert_int_eq(rn_trace_event(store, &id, RN_CLASS_EVENT, 1, &arena, &back, NULL), RN_OK);
    ck_assert_uint_eq(back.fields, event.fields);
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        ck_assert(rn_bytes_equal(rn_event_get(&back, tag), rn_event_get(&event, tag)));
    }
    ck_assert_uint_gt(back.key.len, 0);
    struct rn_trace_summary summary = summary_of(&id, &arena);
    ck_assert_int_eq(summary.state, RN_TRACE_CLOSED);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_YES);
    ck_assert_uint_eq(summary.events, 1);
    ck_assert(rn_bytes_equal(summary.name, RN_LIT("name")));
    expect_verified(&id);
    ck_assert_uint_eq(rn_writer_backlog_bytes(writer), 0);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(pieces_become_one_event)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event first = exchange(1);
    struct rn_event part = {.class = RN_CLASS_EVENT, .n = 1};
    struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
    first.fields &= ~(UINT64_C(1) << RN_TAG_END | UINT64_C(1) << RN_TAG_TIMES);
    rn_event_set(&part, RN_TAG_RESPONSE_BODY, RN_LIT(", world"));
    rn_event_set(&last, RN_TAG_RESPONSE_BODY, RN_LIT("!"));
    rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
    rn_event_set(&last, RN_TAG_TIMES, RN_LIT("\1\2\3"));
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_OPEN, trace, first), RN_OK);
    /* Another one between the pieces. */
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(2)), RN_OK);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_PART, trace, part), RN_OK);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_CLOSE, trace, last), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_field(&id, 1, RN_TAG_RESPONSE_BODY, RN_LIT("hello, world!"));
    expect_verified(&id);
    expect_sound_store();
}
END_TEST

START_TEST(pieces_and_whole_have_the_same_digest)
{
    struct rn_digests digests[2];
    uint8_t secret[32];
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
        struct rn_trace_id id;
        struct rn_arena arena = {0};
        struct rn_event event = exchange(1);
        struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
        rn_clock_hold(1, 1, 42);
        struct rn_recording *trace = open_trace(&id);
        rn_clock_release();
        if (in_pieces == 0) {
            ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, event), RN_OK);
        } else {
            rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("hel"));
            rn_event_set(&last, RN_TAG_RESPONSE_BODY, RN_LIT("lo"));
            rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
            event.fields &= ~(UINT64_C(1) << RN_TAG_END);
            ck_assert_int_eq(run_one(RN_ENTRY_EVENT_OPEN, trace, event), RN_OK);
            ck_assert_int_eq(run_one(RN_ENTRY_EVENT_CLOSE, trace, last), RN_OK);
        }
        ck_assert_int_eq(close_trace(trace), RN_OK);
        struct rn_trace_summary summary = summary_of(&id, &arena);
        digests[in_pieces] = summary.digests;
        ck_assert(in_pieces == 0 || memcmp(secret, summary.salts.secret, 32) == 0);
        memcpy(secret, summary.salts.secret, 32);
        rn_arena_free(&arena);
        /* The same trace id again needs a store of its own. */
        teardown();
        setup();
    }
    ck_assert_mem_eq(&digests[0], &digests[1], sizeof digests[0]);
}
END_TEST

START_TEST(what_queued_during_a_commit_is_one_group)
{
    enum { COUNT = 100 };
    static struct rn_entry entries[COUNT];
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    pthread_mutex_lock(&gate);
    submit(&entries[0], RN_ENTRY_EVENT, trace, exchange(1));
    while (rn_writer_backlog_bytes(writer) == 0) {
    }
    for (uint32_t i = 1; i < COUNT; i++) {
        submit(&entries[i], RN_ENTRY_EVENT, trace, exchange(i + 1));
    }
    pthread_mutex_unlock(&gate);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct rn_entry *entry = collect();
        ck_assert_ptr_eq(entry, &entries[i]);
        ck_assert_int_eq(entry->status, RN_OK);
        ck_assert_uint_gt(entry->stored_bytes, RN_FRAME_HEADER_BYTES);
    }
    /* On a slow machine a group may end early (2 ms), but never one commit for each. */
    ck_assert_uint_lt(commits, COUNT / 2);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_verified(&id);
}
END_TEST

START_TEST(entries_of_many_traces_keep_their_order)
{
    enum { TRACES = 10, COUNT = 1000 };
    static struct rn_entry entries[COUNT];
    struct rn_trace_id ids[TRACES];
    struct rn_recording *traces[TRACES];
    for (size_t i = 0; i < TRACES; i++) {
        traces[i] = open_trace(&ids[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        submit(&entries[i], RN_ENTRY_EVENT, traces[i % TRACES], exchange(i / TRACES + 1));
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(collect(), &entries[i]);
        ck_assert_int_eq(entries[i].status, RN_OK);
    }
    for (size_t i = 0; i < TRACES; i++) {
        struct rn_arena arena = {0};
        ck_assert_int_eq(close_trace(traces[i]), RN_OK);
        ck_assert_uint_eq(summary_of(&ids[i], &arena).events, COUNT / TRACES);
        expect_verified(&ids[i]);
        rn_arena_free(&arena);
    }
}
END_TEST

static struct rn_bytes noise(struct rn_buffer *out, size_t len)
{
    uint32_t seed = 1;
    ck_assert_int_eq(rn_buffer_reserve(out, len), RN_OK);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        out->data[i] = (uint8_t)(seed >> 24);
    }
    out->len = len;
    return rn_buffer_bytes(out);
}

START_TEST(long_bodies_are_cut_into_frames_and_transactions)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event event = exchange(1);
    struct rn_event first = exchange(2);
    struct rn_event last = {.class = RN_CLASS_EVENT, .n = 2};
    struct rn_buffer body = {0};
    struct rn_bytes bytes = noise(&body, (size_t)5 << 20);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, bytes);
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, bytes);
    rn_event_set(&first, RN_TAG_REQUEST_BODY, bytes);
    first.fields &= ~(UINT64_C(1) << RN_TAG_END);
    rn_event_set(&last, RN_TAG_RESPONSE_BODY, bytes);
    rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, event), RN_OK);
    ck_assert_uint_ge(commits, 8);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_OPEN, trace, first), RN_OK);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_CLOSE, trace, last), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_field(&id, 1, RN_TAG_REQUEST_BODY, bytes);
    expect_field(&id, 1, RN_TAG_RESPONSE_BODY, bytes);
    expect_field(&id, 1, RN_TAG_END, RN_LIT("\1"));
    expect_field(&id, 2, RN_TAG_REQUEST_BODY, bytes);
    struct rn_buffer joined = {0};
    ck_assert_int_eq(rn_buffer_add(&joined, RN_LIT("hello")), RN_OK);
    ck_assert_int_eq(rn_buffer_add(&joined, bytes), RN_OK);
    expect_field(&id, 2, RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&joined));
    expect_verified(&id);
    expect_sound_store();
    rn_buffer_free(&joined);
    rn_buffer_free(&body);
}
END_TEST

START_TEST(stop_commits_a_full_queue)
{
    enum { COUNT = 500 };
    static struct rn_entry entries[COUNT];
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    for (uint32_t i = 0; i < COUNT - 1; i++) {
        submit(&entries[i], RN_ENTRY_EVENT, trace, exchange(i + 1));
    }
    submit(&entries[COUNT - 1], RN_ENTRY_TRACE_CLOSE, trace, (struct rn_event){0});
    rn_writer_stop(writer);
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(rn_writer_collect(writer), &entries[i]);
        ck_assert_int_eq(entries[i].status, RN_OK);
    }
    ck_assert_ptr_null(rn_writer_collect(writer));
    /* The indexes are up without a catch-up. */
    struct rn_trace_summary summary;
    struct rn_arena arena = {0};
    ck_assert_int_eq(rn_trace_summary(store, &id, &arena, &summary, NULL), RN_OK);
    ck_assert_uint_eq(summary.events, COUNT - 1);
    ck_assert_int_eq(summary.state, RN_TRACE_CLOSED);
    expect_verified(&id);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(credentials_are_shared_within_a_session)
{
    static const char secret[] = "wholly-ordinary-words-42";
    struct rn_trace_id id;
    struct rn_trace_id other_id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_recording_settings settings = {.name = "wholly-ordinary-words-42", .kind = "run"};
    const char *tags[] = {"k=wholly-ordinary-words-42", "plain=yes", NULL};
    settings.tags = tags;
    rn_uuid7(settings.id.bytes);
    other_id = settings.id;
    struct rn_recording *other = rn_recording_open(writer, &settings, trace);
    ck_assert_int_eq(rn_recording_learn(trace, rn_bytes_text(secret)), RN_OK);
    struct rn_event event = exchange(1);
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_text(secret));
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, other, event), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    ck_assert_int_eq(close_trace(other), RN_OK);
    struct rn_arena arena = {0};
    struct rn_trace_summary summary = summary_of(&other_id, &arena);
    ck_assert(!rn_bytes_equal(summary.name, rn_bytes_text(secret)));
    ck_assert_uint_eq(summary.name.len, sizeof secret - 1);
    rn_writer_free(writer);
    writer = NULL;
    rn_store_close(store);
    char command[200];
    snprintf(command, sizeof command, "grep -rqa '%s' '%s'", secret, directory);
    ck_assert_int_ne(system(command), 0);
    start();
    rn_arena_free(&arena);
}
END_TEST

/* --- what fails ----------------------------------------------------------------------------------------------------- */

static void expect_gap(const struct rn_trace_id *id, uint32_t n, uint64_t count)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_error error = {0};
    ck_assert_int_eq(rn_store_catch_up(store, &error), RN_OK);
    ck_assert_msg(rn_trace_event(store, id, RN_CLASS_GAP, n, &arena, &event, &error) == RN_OK, "%s",
                  error.text);
    ck_assert_int_eq(rn_event_kind_of(&event), RN_EVENT_GAP);
    ck_assert_uint_eq(rn_event_number(&event, RN_TAG_GAP, 0), count);
    struct rn_bytes rest = rn_event_get(&event, RN_TAG_GAP);
    uint64_t numbers[3];
    for (size_t i = 0; i < 3; i++) {
        ck_assert(rn_varint_get(&rest, &numbers[i]));
    }
    ck_assert_uint_le(numbers[1], numbers[2]);
    ck_assert_uint_gt(numbers[1], UINT64_C(1600000000000000000));
    ck_assert(rn_bytes_find(rest, RN_LIT("of the test")) != RN_NPOS);
    ck_assert(rn_bytes_find(rest, RN_LIT("sk-proj-Zx81")) == RN_NPOS);
    rn_arena_free(&arena);
}

START_TEST(failed_commit_fails_its_group_and_leaves_a_gap)
{
    enum { COUNT = 10 };
    static struct rn_entry entries[COUNT];
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    char sentence[RN_ERROR_BYTES_MAX];
    pthread_mutex_lock(&gate);
    for (uint32_t i = 0; i < COUNT; i++) {
        submit(&entries[i], RN_ENTRY_EVENT, trace, exchange(i + 1));
    }
    fail_commits = 1;
    pthread_mutex_unlock(&gate);
    uint64_t failed = 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(collect(), &entries[i]);
        failed += entries[i].status == RN_IO;
        ck_assert(entries[i].status == RN_IO || entries[i].status == RN_OK);
        ck_assert(entries[i].status == RN_OK || entries[i].stored_bytes == 0);
    }
    ck_assert_uint_ge(failed, 1);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(COUNT + 1)), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    rn_writer_last_error(writer, sentence, sizeof sentence);
    ck_assert_ptr_nonnull(strstr(sentence, "disk of the test"));
    expect_gap(&id, 1, failed);
    struct rn_arena arena = {0};
    struct rn_trace_summary summary = summary_of(&id, &arena);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_NO);
    ck_assert_uint_eq(summary.gaps, 1);
    ck_assert_uint_eq(summary.events, COUNT + 1);
    expect_verified(&id);
    expect_sound_store();
    rn_arena_free(&arena);
}
END_TEST

START_TEST(failed_append_is_like_a_failed_commit)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    fail_appends = 1;
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(1)), RN_FULL);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(2)), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_gap(&id, 1, 1);
    expect_verified(&id);
}
END_TEST

START_TEST(event_whose_piece_failed_has_no_more_pieces)
{
    for (int failing = 0; failing < 3; failing++) {
        struct rn_trace_id id;
        struct rn_recording *trace = open_trace(&id);
        struct rn_event first = exchange(1);
        struct rn_event part = {.class = RN_CLASS_EVENT, .n = 1};
        struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
        first.fields &= ~(UINT64_C(1) << RN_TAG_END);
        rn_event_set(&part, RN_TAG_RESPONSE_BODY, RN_LIT(" more"));
        rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
        const struct {
            enum rn_entry_kind kind;
            struct rn_event event;
        } pieces[] = {{RN_ENTRY_EVENT_OPEN, first},
                      {RN_ENTRY_EVENT_PART, part},
                      {RN_ENTRY_EVENT_PART, part},
                      {RN_ENTRY_EVENT_CLOSE, last}};
        for (int i = 0; i < 4; i++) {
            fail_commits = i == failing ? 1 : 0;
            ck_assert_int_eq(run_one(pieces[i].kind, trace, pieces[i].event),
                             i < failing ? RN_OK : RN_IO);
        }
        ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(2)), RN_OK);
        ck_assert_int_eq(close_trace(trace), RN_OK);
        expect_gap(&id, 1, 1);
        expect_verified(&id);
    }
    expect_sound_store();
}
END_TEST

static enum rn_status run_intent(struct rn_recording *trace, uint32_t n)
{
    struct rn_event first = exchange(n);
    first.fields &= ~(UINT64_C(1) << RN_TAG_END);
    struct rn_entry entry = {
        .kind = RN_ENTRY_EVENT_OPEN, .trace = trace, .is_intent = true, .event = first};
    rn_writer_submit(writer, &entry);
    ck_assert_ptr_eq(collect(), &entry);
    return entry.status;
}

START_TEST(a_failed_intent_is_no_event_and_its_ordinal_may_be_used)
{
    struct rn_trace_id id;
    struct rn_arena arena = {0};
    struct rn_recording *trace = open_trace(&id);
    fail_commits = 1;
    ck_assert_int_eq(run_intent(trace, 1), RN_IO);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(1)), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    struct rn_trace_summary summary = summary_of(&id, &arena);
    ck_assert_uint_eq(summary.gaps, 0);
    ck_assert_uint_eq(summary.events, 1);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_YES);
    expect_verified(&id);
    expect_sound_store();
    rn_arena_free(&arena);
}
END_TEST

START_TEST(pieces_behind_a_failed_intent_are_one_gap)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
    rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
    fail_commits = 1;
    ck_assert_int_eq(run_intent(trace, 1), RN_IO);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_PART, trace, last), RN_IO);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_CLOSE, trace, last), RN_IO);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_gap(&id, 1, 1);
    expect_verified(&id);
}
END_TEST

START_TEST(a_mark_is_in_no_digest_and_in_no_gap)
{
    struct rn_trace_id id;
    struct rn_arena arena = {0};
    struct rn_recording *trace = open_trace(&id);
    struct rn_event mark = {.class = RN_CLASS_MARK, .n = 1};
    rn_event_set(&mark, RN_TAG_KIND, RN_LIT("\10"));
    rn_event_set(&mark, RN_TAG_FLAGS, RN_LIT("\1"));
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(1)), RN_OK);
    fail_commits = 1;
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, mark), RN_IO);
    ck_assert_uint_eq(summary_of(&id, &arena).late, 0);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, mark), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    struct rn_trace_summary summary = summary_of(&id, &arena);
    ck_assert_uint_eq(summary.late, 1);
    ck_assert_uint_eq(summary.gaps, 0);
    ck_assert_int_eq(summary.complete, RN_COMPLETE_YES);
    ck_assert_uint_eq(rn_trace_marked_flags(store, &summary, 1), RN_FLAG_LATE);
    expect_verified(&id);
    expect_sound_store();
    rn_arena_free(&arena);
}
END_TEST

START_TEST(failed_piece_stops_the_next_one_in_the_same_group)
{
    static struct rn_entry entries[4];
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event first = exchange(1);
    struct rn_event bad = {.class = RN_CLASS_EVENT, .n = 1};
    struct rn_event last = {.class = RN_CLASS_EVENT, .n = 1};
    first.fields &= ~(UINT64_C(1) << RN_TAG_END);
    rn_event_set(&bad, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(&last, RN_TAG_END, RN_LIT("\1"));
    pthread_mutex_lock(&gate);
    submit(&entries[0], RN_ENTRY_EVENT, trace, exchange(2));
    submit(&entries[1], RN_ENTRY_EVENT_OPEN, trace, first);
    submit(&entries[2], RN_ENTRY_EVENT_PART, trace, bad);
    submit(&entries[3], RN_ENTRY_EVENT_CLOSE, trace, last);
    pthread_mutex_unlock(&gate);
    static const enum rn_status expected[4] = {RN_OK, RN_OK, RN_INVALID, RN_INVALID};
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(collect(), &entries[i]);
        ck_assert_int_eq(entries[i].status, expected[i]);
    }
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_PART, trace, last), RN_NOTFOUND);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_verified(&id);
    expect_sound_store();
}
END_TEST

START_TEST(failed_part_of_a_long_entry_fails_it)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event event = exchange(1);
    struct rn_buffer body = {0};
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, noise(&body, (size_t)5 << 20));
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(2)), RN_OK);
    struct rn_entry entry;
    pthread_mutex_lock(&gate);
    submit(&entry, RN_ENTRY_EVENT, trace, event);
    fail_commits = 1;
    pthread_mutex_unlock(&gate);
    ck_assert_ptr_eq(collect(), &entry);
    ck_assert_int_eq(entry.status, RN_IO);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_gap(&id, 1, 1);
    expect_verified(&id);
    expect_sound_store();
    rn_buffer_free(&body);
}
END_TEST

START_TEST(gaps_of_failed_gaps_are_joined)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    fail_commits = 3;
    for (uint32_t n = 1; n <= 3; n++) {
        ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(n)), RN_IO);
    }
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(4)), RN_OK);
    fail_commits = 1;
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(5)), RN_IO);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_gap(&id, 1, 3);
    expect_gap(&id, 2, 1);
    expect_verified(&id);
    expect_sound_store();
}
END_TEST

START_TEST(what_was_missed_is_in_the_next_gap)
{
    struct rn_trace_id id;
    struct rn_trace_id other_id;
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_recording *trace = open_trace(&id);
    struct rn_recording *other = open_trace(&other_id);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(1)), RN_OK);
    rn_writer_miss(writer, trace, "more than 256 MiB waited for the disk");
    rn_writer_miss(writer, other, "more than 256 MiB waited for the disk");
    rn_writer_miss(writer, trace, "more than 256 MiB waited for the disk");
    ck_assert_int_eq(close_trace(trace), RN_OK);
    ck_assert_int_eq(close_trace(other), RN_OK);
    uint64_t missing = 0;
    struct rn_trace_summary summary = summary_of(&id, &arena);
    for (uint32_t n = 1; n <= summary.gaps; n++) { /* the thread may look between the two */
        ck_assert_int_eq(rn_trace_event(store, &id, RN_CLASS_GAP, n, &arena, &event, NULL), RN_OK);
        missing += rn_event_number(&event, RN_TAG_GAP, 0);
    }
    ck_assert_uint_eq(missing, 2);
    ck_assert_uint_eq(summary_of(&other_id, &arena).gaps, 1);
    expect_verified(&id);
    expect_verified(&other_id);
    expect_sound_store();
    rn_arena_free(&arena);
}
END_TEST

START_TEST(last_failure_is_said_at_the_stop)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(1)), RN_OK);
    fail_commits = 1;
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, exchange(2)), RN_IO);
    rn_writer_stop(writer);
    expect_gap(&id, 1, 1);
}
END_TEST

START_TEST(submitted_gaps_are_numbered_by_the_writer)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event gap = {.class = RN_CLASS_GAP, .n = 77};
    struct rn_buffer field = {0};
    ck_assert_int_eq(rn_varint_put(&field, 2), RN_OK);
    ck_assert_int_eq(rn_varint_put(&field, UINT64_C(1700000000000000000)), RN_OK);
    ck_assert_int_eq(rn_varint_put(&field, UINT64_C(1700000000000000000)), RN_OK);
    ck_assert_int_eq(rn_buffer_add(&field, RN_LIT("a find of the test")), RN_OK);
    rn_event_set(&gap, RN_TAG_KIND, RN_LIT("\6"));
    rn_event_set(&gap, RN_TAG_GAP, rn_buffer_bytes(&field));
    fail_commits = 1;
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, gap), RN_IO);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT, trace, gap), RN_OK);
    ck_assert_int_eq(close_trace(trace), RN_OK);
    expect_gap(&id, 1, 1);
    expect_gap(&id, 2, 2);
    expect_verified(&id);
    rn_buffer_free(&field);
}
END_TEST

START_TEST(unclosed_recordings_are_left_open)
{
    struct rn_trace_id id;
    struct rn_recording *trace = open_trace(&id);
    struct rn_event first = exchange(1);
    first.fields &= ~(UINT64_C(1) << RN_TAG_END);
    ck_assert_int_eq(run_one(RN_ENTRY_EVENT_OPEN, trace, first), RN_OK);
    rn_writer_free(writer);
    writer = NULL;
    rn_store_close(store);
    start();
    struct rn_arena arena = {0};
    ck_assert_int_eq(summary_of(&id, &arena).state, RN_TRACE_LOST);
    expect_verified(&id);
    expect_sound_store();
    rn_arena_free(&arena);
}
END_TEST

START_TEST(writing_survives_each_failed_allocation)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_trace_id id;
        struct rn_recording_settings settings = {.kind = "run"};
        struct rn_entry event;
        rn_uuid7(settings.id.bytes);
        id = settings.id;
        rn_memory_fail_from(nth);
        struct rn_recording *trace = rn_recording_open(writer, &settings, NULL);
        if (trace != NULL) {
            submit(&event, RN_ENTRY_EVENT, trace, exchange(1));
            ck_assert_ptr_eq(collect(), &event);
        }
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (trace == NULL) {
            continue;
        }
        ck_assert(event.status == RN_OK || (failed && event.status == RN_NOMEM));
        ck_assert_int_eq(close_trace(trace), RN_OK);
        expect_verified(&id);
    }
    expect_sound_store();
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        event_comes_back_from_the_store,
        pieces_become_one_event,
        pieces_and_whole_have_the_same_digest,
        what_queued_during_a_commit_is_one_group,
        entries_of_many_traces_keep_their_order,
        long_bodies_are_cut_into_frames_and_transactions,
        stop_commits_a_full_queue,
        credentials_are_shared_within_a_session,
        failed_commit_fails_its_group_and_leaves_a_gap,
        failed_append_is_like_a_failed_commit,
        event_whose_piece_failed_has_no_more_pieces,
        failed_piece_stops_the_next_one_in_the_same_group,
        a_failed_intent_is_no_event_and_its_ordinal_may_be_used,
        pieces_behind_a_failed_intent_are_one_gap,
        a_mark_is_in_no_digest_and_in_no_gap,
        failed_part_of_a_long_entry_fails_it,
        gaps_of_failed_gaps_are_joined,
        what_was_missed_is_in_the_next_gap,
        last_failure_is_said_at_the_stop,
        submitted_gaps_are_numbered_by_the_writer,
        unclosed_recordings_are_left_open,
        writing_survives_each_failed_allocation,
    };
    Suite *suite = suite_create("store/writer");
    TCase *cases = tcase_create("writer");
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
