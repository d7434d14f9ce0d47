/* A dropped trace leaves nothing behind, whenever its dropper dies, and nobody else notices. */
#include "main.h"

#include <sched.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "db.h"
#include "drop.h"
#include "keys.h"
#include "scan.h"
#include "store/copy.h"
#include "store/document.h"
#include "store/find.h"
#include "store/verify.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

/* --- commits, counted ----------------------------------------------------------------------------------------------- */

static int commits;
static int die_at;
static int fail_at;

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure);

/* Dies before commit number `die_at`, or right behind it when that is negative; from `fail_at` on none succeeds. */
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure)
{
    commits++;
    if (commits == die_at) {
        _exit(9);
    }
    if (fail_at > 0 && commits >= fail_at) {
        rn_db_abort(txn);
        return rn_fail(failure, RN_FULL, "no room in this test");
    }
    enum rn_status status = __real_rn_db_commit(txn, failure);
    if (commits == -die_at) {
        _exit(9);
    }
    return status;
}

/* --- rooms ---------------------------------------------------------------------------------------------------------- */

static void setup(void)
{
    commits = die_at = fail_at = 0;
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
}

static void teardown(void)
{
    fail_at = 0;
    rn_memory_fail_from(0);
    maker_close(&maker);
    room_close(&room);
}

static void open_again(void)
{
    maker_close(&maker);
    maker_open(&maker, room_file(&room, "st"));
}

/* How many keys and values of all trees hold the id, as it is or with its digits reversed. */
static unsigned mentions(const struct rn_trace_id *id)
{
    struct rn_trace_id turned = *id;
    struct rn_db_txn *txn = NULL;
    unsigned count = 0;
    rn_key_suffix(id, turned.bytes);
    ck_ok(rn_db_begin(maker.store->db, false, &txn, &error));
    for (unsigned tree = 0; tree < RN_TREE_COUNT; tree++) {
        struct rn_bytes key;
        struct rn_bytes value;
        static const uint8_t least[1] = {0};
        struct rn_db_cursor *cursor = rn_db_cursor_new(txn, (enum rn_tree)tree);
        enum rn_status status = rn_db_seek(cursor, rn_bytes_of(least, 1), &key, &value);
        for (; status == RN_OK; status = rn_db_next(cursor, &key, &value)) {
            const struct rn_bytes forms[] = {rn_bytes_of(id->bytes, 16),
                                             rn_bytes_of(turned.bytes, 16)};
            for (unsigned i = 0; i < 2; i++) {
                count += rn_bytes_find(key, forms[i]) != RN_NPOS;
                count += rn_bytes_find(value, forms[i]) != RN_NPOS;
            }
        }
        rn_db_cursor_free(cursor);
    }
    rn_db_abort(txn);
    return count;
}

static void note(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    (void)trace;
    snprintf(self, 600, "%s", sentence);
}

static void assert_sound(void)
{
    char finding[600] = "";
    struct rn_verify_counts counts;
    ck_ok(rn_store_verify(maker.store, note, NULL, finding, &counts, &error));
    ck_assert_msg(counts.damaged == 0, "%s", finding);
}

static enum rn_status find(const char *text)
{
    struct rn_trace_id id;
    uint32_t event;
    return rn_find_trace(maker.store, text, &id, &event, &error);
}

/* No way in leads to the trace "gone", recorded with the text "zzz". */
static void assert_out_of_every_index(const struct rn_trace_id *id)
{
    char hex[33];
    rn_trace_id_text(id, hex);
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    struct rn_event event;
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    ck_assert_int_eq(find(hex), RN_NOTFOUND);
    ck_assert_int_eq(find(hex + 20), RN_NOTFOUND);
    ck_assert_int_eq(find("gone"), RN_NOTFOUND);
    ck_assert_int_eq(find("req_zzz_1"), RN_NOTFOUND);
    ck_assert_int_eq(find("call_zzz_3"), RN_NOTFOUND);
    ck_assert_int_eq(rn_find_session(maker.store, id, &ids, &count, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_summary(maker.store, id, &arena, &summary, &error), RN_NOTFOUND);
    enum rn_status status =
        rn_trace_event(maker.store, id, RN_CLASS_EVENT, 77, &arena, &event, &error);
    ck_assert_int_eq(status, RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_verify(maker.store, id, &error), RN_NOTFOUND);
    rn_arena_free(&arena);
}

#define PARTS 20u

static struct rn_event part_of(uint32_t n, unsigned part)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = n};
    if (part == 0) {
        rn_event_set(&event, RN_TAG_KIND, RN_LIT("\2"));
        rn_event_set(&event, RN_TAG_TIMES, RN_LIT("\1"));
        rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
        rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                     RN_LIT("HTTP/1.1 200 OK\r\nx-request-id: req_zzz_1\r\n\r\n"));
    } else if (part == PARTS) {
        rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    } else {
        rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("data: {\"id\":\"call_zzz_3\"}\n\n"));
    }
    return event;
}

/* A trace called "gone", of exchanges in parts: rows enough for several commits. Submitted at once, so that few are made. */
static struct rn_trace_id make_long(unsigned events)
{
    struct rn_trace_id id;
    size_t count = (size_t)events * (PARTS + 1);
    struct rn_entry *entries = calloc(count, sizeof *entries);
    struct rn_recording *trace = maker_trace(&maker, "gone", false, &id);
    ck_assert_ptr_nonnull(entries);
    for (size_t i = 0; i < count; i++) {
        unsigned part = (unsigned)(i % (PARTS + 1));
        entries[i] = (struct rn_entry){.kind = part == 0       ? RN_ENTRY_EVENT_OPEN
                                               : part == PARTS ? RN_ENTRY_EVENT_CLOSE
                                                               : RN_ENTRY_EVENT_PART,
                                       .trace = trace,
                                       .event = part_of((uint32_t)(i / (PARTS + 1)) + 1, part)};
        rn_writer_submit(maker.writer, &entries[i]);
    }
    for (size_t collected = 0; collected < count;) {
        const struct rn_entry *entry = rn_writer_collect(maker.writer);
        ck_assert(entry == NULL || entry->status == RN_OK);
        collected += entry != NULL;
        if (entry == NULL) {
            sched_yield();
        }
    }
    free(entries);
    maker_end(&maker, trace);
    return id;
}

/* --- a drop --------------------------------------------------------------------------------------------------------- */

START_TEST(a_dropped_trace_leaves_nothing_and_the_others_stay)
{
    struct rn_trace_id before = maker_whole(&maker, "stays", "abc", true);
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", true);
    struct rn_trace_id behind = maker_whole(&maker, "stays", "def", true);
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_assert_uint_gt(mentions(&id), 10);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(mentions(&id), 0);
    assert_out_of_every_index(&id);
    ck_assert(!rn_trace_is_taken(maker.store, &id));
    ck_ok(rn_trace_verify(maker.store, &before, &error));
    ck_ok(rn_trace_verify(maker.store, &behind, &error));
    assert_sound();
    ck_assert_int_eq(rn_trace_drop(maker.store, &id, &error), RN_NOTFOUND);
}
END_TEST

START_TEST(no_row_number_is_given_twice)
{
    struct rn_store_facts facts;
    struct rn_db_txn *txn = NULL;
    uint64_t before = 0;
    uint64_t last = 0;
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_db_begin(maker.store->db, false, &txn, &error));
    ck_ok(rn_db_last_row(txn, &before));
    rn_db_abort(txn);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_ok(rn_store_facts(maker.store, &facts, &error));
    ck_assert_uint_eq(facts.traces, 0);
    ck_assert_uint_eq(facts.rows, 1); /* the number of the last one */
    assert_sound();
    open_again();
    ck_ok(rn_db_begin(maker.store->db, false, &txn, &error));
    ck_ok(rn_db_last_row(txn, &last));
    rn_db_abort(txn);
    ck_assert_uint_eq(last, before);
    struct rn_trace_id next = maker_whole(&maker, "next", "abc", false);
    ck_ok(rn_trace_verify(maker.store, &next, &error));
    ck_ok(rn_trace_drop(maker.store, &next, &error));
    next = maker_whole(&maker, "next", "abc", false);
    ck_ok(rn_trace_verify(maker.store, &next, &error));
    assert_sound();
}
END_TEST

START_TEST(open_held_and_absent_traces_stay_as_they_are)
{
    struct rn_trace_id open;
    struct rn_trace_id absent = {{1}};
    struct rn_trace_id held = maker_whole(&maker, NULL, "abc", false);
    struct rn_recording *trace = maker_trace(&maker, NULL, false, &open);
    maker_exchange(&maker, trace, 1, "def");
    ck_ok(rn_trace_hold(maker.store, "baseline/x", &held, 1, &error));
    ck_assert_int_eq(rn_trace_drop(maker.store, &open, &error), RN_BUSY);
    ck_assert_int_eq(rn_trace_drop(maker.store, &absent, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_trace_drop(maker.store, &held, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "baseline/x"));
    maker_end(&maker, trace);
    ck_ok(rn_trace_verify(maker.store, &open, &error));
    ck_ok(rn_trace_verify(maker.store, &held, &error));
    ck_ok(rn_trace_release(maker.store, "baseline/x", &error));
    ck_ok(rn_trace_drop(maker.store, &held, &error));
    ck_ok(rn_trace_drop(maker.store, &open, &error));
    ck_assert_uint_eq(mentions(&held) + mentions(&open), 0);
    assert_sound();
}
END_TEST

START_TEST(notes_and_erasures_go_with_their_trace)
{
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_trace_add_note(maker.store, &id, RN_LIT("look at this"), &error));
    ck_ok(rn_trace_erase_field(maker.store, &id, RN_CLASS_EVENT, 1, RN_TAG_RESPONSE_BODY, &error));
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(mentions(&id), 0);
    assert_sound();
}
END_TEST

START_TEST(a_trace_that_lost_its_recorder_can_be_dropped)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "gone", false, &id);
    maker_stream(&maker, trace, 1, "zzz", 3, false);
    open_again();
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(mentions(&id), 0);
    assert_sound();
}
END_TEST

START_TEST(a_trace_may_come_back)
{
    struct rn_store *other = NULL;
    ck_ok(rn_store_open(room_file(&room, "other"), RN_STORE_CREATE, &other, &error));
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_trace_copy(maker.store, &id, other, 1, &error));
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_ok(rn_trace_copy(other, &id, maker.store, 1, &error));
    ck_ok(find("req_zzz_1"));
    commits = 0;
    fail_at = 3;
    ck_assert_int_eq(rn_trace_drop(maker.store, &id, &error), RN_FULL);
    fail_at = 0;
    ck_assert(rn_trace_is_taken(maker.store, &id));
    ck_ok(rn_trace_copy(other, &id, maker.store, 1, &error));
    ck_ok(find("req_zzz_1"));
    assert_sound();
    rn_store_close(other);
}
END_TEST

/* --- halfway -------------------------------------------------------------------------------------------------------- */

START_TEST(half_a_drop_is_out_of_every_index_and_goes_on)
{
    struct rn_trace_id stays = maker_whole(&maker, "stays", "abc", false);
    unsigned halves = 0;
    for (int at = 2;; at++) {
        struct rn_trace_id id = make_long(20);
        ck_ok(rn_store_catch_up(maker.store, &error));
        commits = 0;
        fail_at = at;
        enum rn_status status = rn_trace_drop(maker.store, &id, &error);
        fail_at = 0;
        assert_out_of_every_index(&id);
        assert_sound();
        if (status == RN_OK) {
            ck_assert_uint_eq(mentions(&id), 0);
            break;
        }
        halves++;
        ck_assert_int_eq(status, RN_FULL);
        ck_assert_uint_gt(mentions(&id), 0);
        ck_assert(rn_trace_is_taken(maker.store, &id));
        ck_ok(rn_trace_drop(maker.store, &id, &error));
        ck_assert_uint_eq(mentions(&id), 0);
        ck_ok(rn_trace_verify(maker.store, &stays, &error));
    }
    ck_assert_uint_ge(halves, 4); /* ids, and 440 rows */
}
END_TEST

START_TEST(a_drop_that_fails_at_once_changes_nothing)
{
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    unsigned before = mentions(&id);
    commits = 0;
    fail_at = 1;
    ck_assert_int_eq(rn_trace_drop(maker.store, &id, &error), RN_FULL);
    fail_at = 0;
    ck_assert_uint_eq(mentions(&id), before);
    ck_ok(rn_trace_verify(maker.store, &id, &error));
    assert_sound();
}
END_TEST

/* In a child: opens the store and drops `id` until it dies at that commit. Returns whether it died. */
static bool dies_dropping(const struct rn_trace_id *id, int at)
{
    maker_close(&maker);
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct rn_store *store = NULL;
        if (rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) != RN_OK) {
            _exit(1);
        }
        commits = 0;
        die_at = at;
        _exit(rn_trace_drop(store, id, &error) == RN_OK ? 0 : 1);
    }
    int state = 0;
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert(WIFEXITED(state) && WEXITSTATUS(state) != 1);
    maker_open(&maker, room_file(&room, "st"));
    return WEXITSTATUS(state) == 9;
}

START_TEST(a_drop_that_dies_at_any_commit_is_finished_by_the_next_opener)
{
    bool died = true;
    struct rn_trace_id stays = maker_whole(&maker, "stays", "abc", false);
    for (int at = 1; died; at = at > 0 ? -at : 1 - at) {
        struct rn_trace_id id = make_long(20);
        died = dies_dropping(&id, at);
        if (at == 1) {
            ck_ok(rn_trace_verify(maker.store, &id, &error));
            ck_ok(rn_trace_drop(maker.store, &id, &error));
        }
        ck_assert_msg(mentions(&id) == 0, "commit %d", at);
        ck_ok(rn_trace_verify(maker.store, &stays, &error));
        assert_sound();
    }
}
END_TEST

START_TEST(a_full_store_opens_with_half_a_drop_in_it)
{
    struct rn_trace_id id = make_long(20);
    ck_assert(dies_dropping(&id, 3));
    id = make_long(20);
    maker_close(&maker);
    pid_t child = fork();
    if (child == 0) {
        struct rn_store *store = NULL;
        die_at = 3;
        commits = 0;
        (void)rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error);
        (void)rn_trace_drop(store, &id, &error);
        _exit(1);
    }
    int state = 0;
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert_int_eq(WEXITSTATUS(state), 9);
    struct rn_store *store = NULL;
    commits = 0;
    fail_at = 1;
    ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_READ, &store, &error));
    fail_at = 0;
    rn_store_close(store);
    maker_open(&maker, room_file(&room, "st"));
    ck_assert_uint_eq(mentions(&id), 0);
}
END_TEST

/* --- damage --------------------------------------------------------------------------------------------------------- */

/* Changes a byte of each frame of the log that stands for this event. */
static void hurt_event(const struct rn_trace_id *id, uint32_t n)
{
    uint8_t key[RN_EVENT_KEY_BYTES];
    struct rn_db_txn *txn = NULL;
    struct rn_bytes row;
    struct rn_bytes frame;
    uint8_t copy[4096];
    uint8_t name[8];
    rn_key_event(id, RN_CLASS_EVENT, n, 0, RN_FRAME_EVENT, key);
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_get(txn, RN_TREE_EVENT, rn_bytes_of(key, sizeof key), &row));
    memcpy(name, row.data, 8);
    ck_ok(rn_db_get(txn, RN_TREE_LOG, rn_bytes_of(name, 8), &frame));
    ck_assert_uint_lt(frame.len, sizeof copy);
    memcpy(copy, frame.data, frame.len);
    copy[frame.len - 1] ^= 1;
    ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(name, 8), rn_bytes_of(copy, frame.len), &error));
    ck_ok(rn_db_commit(txn, &error));
}

START_TEST(a_damaged_trace_takes_its_foreign_ids_along)
{
    struct rn_trace_id stays = maker_whole(&maker, "stays", "abc", false);
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    hurt_event(&id, 3);
    ck_assert_int_eq(rn_trace_verify(maker.store, &id, &error), RN_DAMAGED);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(mentions(&id), 0);
    assert_out_of_every_index(&id);
    ck_ok(rn_trace_verify(maker.store, &stays, &error));
    ck_ok(find("req_abc_1"));
    assert_sound();
}
END_TEST

START_TEST(a_trace_with_a_damaged_summary_can_be_dropped)
{
    struct rn_db_txn *txn = NULL;
    struct rn_trace_id stays = maker_whole(&maker, "stays", "abc", false);
    struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_TRACE, rn_bytes_of(id.bytes, 16), RN_LIT("nonsense"), &error));
    ck_ok(rn_db_commit(txn, &error));
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_assert_uint_eq(mentions(&id), 0);
    ck_ok(rn_trace_verify(maker.store, &stays, &error));
    assert_sound();
}
END_TEST

/* --- together ------------------------------------------------------------------------------------------------------- */

START_TEST(failed_allocations_leave_a_trace_or_none)
{
    for (unsigned long nth = 1;; nth++) {
        ck_assert_uint_lt(nth, 2000);
        struct rn_trace_id id = maker_whole(&maker, "gone", "zzz", false);
        ck_ok(rn_store_catch_up(maker.store, &error));
        maker_close(&maker);
        struct rn_store *store = NULL;
        ck_ok(rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error));
        rn_memory_fail_from(nth);
        enum rn_status status = rn_trace_drop(store, &id, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_store_close(store);
        maker_open(&maker, room_file(&room, "st"));
        status = rn_trace_verify(maker.store, &id, &error);
        ck_assert_msg(status == RN_OK || mentions(&id) == 0, "%lu", nth);
        if (status == RN_OK) {
            ck_ok(rn_trace_drop(maker.store, &id, &error));
        }
        if (!failed) {
            break;
        }
    }
    assert_sound();
}
END_TEST

/* Reads all events of all traces and verifies, over and over, until told to end: nothing may look damaged. */
static int read_on(int go)
{
    struct rn_store *store = NULL;
    char finding[600] = "";
    struct rn_verify_counts counts;
    char byte;
    if (rn_store_open(room_file(&room, "st"), RN_STORE_READ, &store, &error) != RN_OK) {
        return 1;
    }
    unsigned rounds = 0;
    for (bool ended = false; !ended; rounds++) {
        fd_set ready;
        struct timeval none = {0};
        FD_ZERO(&ready);
        FD_SET(go, &ready);
        ended = select(go + 1, &ready, NULL, NULL, &none) > 0 && read(go, &byte, 1) == 0;
        if (rn_store_verify(store, note, NULL, finding, &counts, &error) != RN_OK ||
            counts.damaged > 0) {
            fprintf(stderr, "round %u: %s %s\n", rounds, finding, error.text);
            return 2;
        }
    }
    rn_store_close(store);
    return 0;
}

START_TEST(readers_and_other_droppers_see_no_damage)
{
    enum { TRACES = 24, DROPPERS = 2, READERS = 2 };
    struct rn_trace_id ids[TRACES];
    pid_t children[DROPPERS + READERS];
    int go[2];
    for (unsigned i = 0; i < TRACES; i++) {
        ids[i] = i % 3 == 0 ? maker_whole(&maker, "stays", "abc", true) : make_long(5);
    }
    maker_close(&maker);
    fflush(NULL);
    ck_assert_int_eq(rn_test_pipe(go), 0);
    for (unsigned i = 0; i < DROPPERS + READERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            (void)close(go[1]);
            if (i >= DROPPERS) {
                _exit(read_on(go[0]));
            }
            struct rn_store *store = NULL;
            bool good =
                rn_store_open(room_file(&room, "st"), RN_STORE_CREATE, &store, &error) == RN_OK;
            for (unsigned j = 0; good && j < TRACES; j++) {
                enum rn_status status = j % 3 == 0 ? RN_OK : rn_trace_drop(store, &ids[j], &error);
                good = status == RN_OK || status == RN_NOTFOUND;
            }
            _exit(good ? 0 : 1);
        }
    }
    (void)close(go[0]);
    for (unsigned i = 0; i < DROPPERS + READERS; i++) {
        int state = 0;
        if (i == DROPPERS) {
            (void)close(go[1]);
        }
        ck_assert_int_eq(waitpid(children[i], &state, 0), children[i]);
        ck_assert_msg(state == 0, "child %u ended with %d", i, WEXITSTATUS(state));
    }
    maker_open(&maker, room_file(&room, "st"));
    for (unsigned i = 0; i < TRACES; i++) {
        if (i % 3 == 0) {
            ck_ok(rn_trace_verify(maker.store, &ids[i], &error));
        } else {
            ck_assert_uint_eq(mentions(&ids[i]), 0);
        }
    }
    assert_sound();
}
END_TEST

/* One process records, this one drops whatever is closed, as soon as it is: the end of the log is where they meet. */
START_TEST(a_recorder_beside_a_dropper_loses_nothing)
{
    enum { TRACES = 40 };
    struct rn_trace_id id;
    int ids[2];
    unsigned kept = 0;
    struct rn_trace_id stays[TRACES];
    maker_close(&maker);
    fflush(NULL);
    ck_assert_int_eq(rn_test_pipe(ids), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(ids[0]);
        maker_open(&maker, room_file(&room, "st"));
        for (unsigned i = 0; i < TRACES; i++) {
            id = maker_whole(&maker, i % 4 == 0 ? "stays" : "gone", "zzz", i % 2 == 0);
            if (write(ids[1], id.bytes, sizeof id.bytes) != (ssize_t)sizeof id.bytes) {
                _exit(1);
            }
        }
        maker_close(&maker);
        _exit(0);
    }
    (void)close(ids[1]);
    maker_open(&maker, room_file(&room, "st"));
    for (unsigned i = 0; read(ids[0], id.bytes, sizeof id.bytes) == sizeof id.bytes; i++) {
        if (i % 4 == 0) {
            stays[kept++] = id;
        } else {
            ck_ok(rn_trace_drop(maker.store, &id, &error));
            ck_assert_uint_eq(mentions(&id), 0);
        }
    }
    int state = 0;
    ck_assert_int_eq(waitpid(child, &state, 0), child);
    ck_assert_int_eq(state, 0);
    ck_assert_uint_eq(kept, TRACES / 4);
    for (unsigned i = 0; i < kept; i++) {
        ck_ok(rn_trace_verify(maker.store, &stays[i], &error));
    }
    assert_sound();
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
    TCase *cases = tcase_create(name);
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
}

Suite *rn_suite(void)
{
    const TTest *const drops[] = {
        a_dropped_trace_leaves_nothing_and_the_others_stay, no_row_number_is_given_twice,
        open_held_and_absent_traces_stay_as_they_are,       notes_and_erasures_go_with_their_trace,
        a_trace_that_lost_its_recorder_can_be_dropped,      a_trace_may_come_back};
    const TTest *const halfway[] = {half_a_drop_is_out_of_every_index_and_goes_on,
                                    a_drop_that_fails_at_once_changes_nothing,
                                    a_drop_that_dies_at_any_commit_is_finished_by_the_next_opener,
                                    a_full_store_opens_with_half_a_drop_in_it};
    const TTest *const damage[] = {a_damaged_trace_takes_its_foreign_ids_along,
                                   a_trace_with_a_damaged_summary_can_be_dropped};
    const TTest *const together[] = {failed_allocations_leave_a_trace_or_none,
                                     readers_and_other_droppers_see_no_damage,
                                     a_recorder_beside_a_dropper_loses_nothing};
    Suite *suite = suite_create("store/drop");
    add(suite, "drops", drops, sizeof drops / sizeof drops[0]);
    add(suite, "halfway", halfway, sizeof halfway / sizeof halfway[0]);
    add(suite, "damage", damage, sizeof damage / sizeof damage[0]);
    add(suite, "together", together, sizeof together / sizeof together[0]);
    return suite;
}
