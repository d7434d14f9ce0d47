/*
 * Facts where something comes in between: an erasing, an import, a copy, a death, a full disk, another version, a second process. What is
 * true afterwards is the same each time: facts and postings are those that a store would have that makes them from nothing.
 */
#include "main.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "db.h"
#include "facts_parts.h"
#include "scan.h"
#include "store/bundle.h"
#include "store/copy.h"
#include "store/select.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

/* --- what the store's base is told to do ---------------------------------------------------------------------------- */

static bool is_full;               /* no commit succeeds */
static bool is_without_trees;      /* trees that came later are not added */
static void (*before_write)(void); /* runs once, before the next write transaction */

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure);
enum rn_status __real_rn_db_begin(struct rn_db *db, bool write, struct rn_db_txn **out,
                                  struct rn_error *failure);
enum rn_status __wrap_rn_db_begin(struct rn_db *db, bool write, struct rn_db_txn **out,
                                  struct rn_error *failure);
enum rn_status __real_rn_db_add_trees(struct rn_db *db, struct rn_error *failure);
enum rn_status __wrap_rn_db_add_trees(struct rn_db *db, struct rn_error *failure);

enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *failure)
{
    if (is_full) {
        rn_db_abort(txn);
        return rn_fail(failure, RN_FULL, "no room in this test");
    }
    return __real_rn_db_commit(txn, failure);
}

enum rn_status __wrap_rn_db_begin(struct rn_db *db, bool write, struct rn_db_txn **out,
                                  struct rn_error *failure)
{
    void (*hook)(void) = before_write;
    if (write && hook != NULL) {
        before_write = NULL;
        hook();
    }
    return __real_rn_db_begin(db, write, out, failure);
}

enum rn_status __wrap_rn_db_add_trees(struct rn_db *db, struct rn_error *failure)
{
    return is_without_trees ? rn_fail(failure, RN_FULL, "no room in this test")
                            : __real_rn_db_add_trees(db, failure);
}

static void setup(void)
{
    is_full = false;
    is_without_trees = false;
    before_write = NULL;
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
}

static void teardown(void)
{
    is_full = false;
    before_write = NULL;
    maker_close(&maker);
    room_close(&room);
}

/* --- what is there -------------------------------------------------------------------------------------------------- */

/* Every entry of both trees, one line each. */
static void dump_tree(struct rn_store *store, enum rn_tree tree, struct rn_buffer *out)
{
    struct rn_scan scan = {.store = store, .tree = tree, .prefix = RN_LIT("")};
    struct rn_scan_entry entries[RN_SCAN_ENTRIES_MAX];
    unsigned count = 1;
    while (count > 0) {
        struct rn_arena arena = {0};
        ck_ok(rn_scan_next(&scan, &arena, entries, &count, &error));
        for (unsigned i = 0; i < count; i++) {
            ck_assert_int_eq(rn_run_put(out, entries[i].key), RN_OK);
            ck_assert_int_eq(rn_run_put(out, entries[i].value), RN_OK);
        }
        rn_arena_free(&arena);
    }
}

static struct rn_buffer dump(struct rn_store *store)
{
    struct rn_buffer out = {0};
    dump_tree(store, RN_TREE_FACTS, &out);
    dump_tree(store, RN_TREE_POSTING, &out);
    return out;
}

/* What a store has that makes all of it from nothing is what there is. */
static void expect_as_new(struct rn_store *store)
{
    ck_ok(rn_facts_bring_up(store, NULL, NULL, &error));
    struct rn_buffer before = dump(store);
    ck_ok(rn_facts_rebuild(store, NULL, NULL, &error));
    struct rn_buffer after = dump(store);
    ck_assert_uint_gt(before.len, 0);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&before), rn_buffer_bytes(&after)));
    rn_buffer_free(&before);
    rn_buffer_free(&after);
}

static bool is_anywhere(struct rn_store *store, const char *text)
{
    struct rn_buffer all = dump(store);
    bool found = rn_bytes_find(rn_buffer_bytes(&all), rn_bytes_text(text)) != RN_NPOS;
    rn_buffer_free(&all);
    return found;
}

static size_t selected(struct rn_store *store, const struct rn_selection *selection)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    ck_ok(rn_select_traces(store, selection, &ids, &count, &error));
    rn_free(ids);
    return count;
}

/* One call to `model`, which led to `outcome`. */
static struct rn_trace_id make_trace(const char *model, const char *outcome)
{
    struct rn_trace_id id;
    struct rn_event event;
    struct rn_buffer labels = {0};
    char body[300];
    struct rn_recording *trace = maker_trace(&maker, "one", false, &id);
    maker_exchange(&maker, trace, 1, "a");
    exchange_request(&event, 2);
    (void)snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[]}", model);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_bytes_text(body));
    exchange_response(&event, 2, "a");
    ck_assert_int_eq(rn_run_put(&labels, RN_LIT("x-reenact-outcome")), RN_OK);
    ck_assert_int_eq(rn_run_put(&labels, rn_bytes_text(outcome)), RN_OK);
    rn_event_set(&event, RN_TAG_LABELS, rn_buffer_bytes(&labels));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    maker_end(&maker, trace);
    rn_buffer_free(&labels);
    return id;
}

/* --- erasing -------------------------------------------------------------------------------------------------------- */

START_TEST(what_is_erased_stands_in_no_fact)
{
    struct rn_trace_id id = make_trace("secret-model", "refunded");
    struct rn_selection by_model = {.model = "secret-model"};
    struct rn_selection by_other = {.model = "m-1"};
    struct rn_selection by_outcome = {.outcome = "refunded"};
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_assert(is_anywhere(maker.store, "secret-model"));
    ck_ok(rn_trace_erase_field(maker.store, &id, RN_CLASS_EVENT, 2, RN_TAG_REQUEST_BODY, &error));
    ck_assert(!is_anywhere(maker.store, "secret-model")); /* at once, before anybody asks */
    ck_assert_uint_eq(selected(maker.store, &by_model), 0);
    ck_assert_uint_eq(selected(maker.store, &by_other), 1);
    ck_assert_uint_eq(selected(maker.store, &by_outcome), 1);
    expect_as_new(maker.store);
    ck_ok(rn_trace_erase_field(maker.store, &id, RN_CLASS_EVENT, 2, RN_TAG_LABELS, &error));
    ck_assert(!is_anywhere(maker.store, "refunded"));
    ck_assert_uint_eq(selected(maker.store, &by_outcome), 0);
    expect_as_new(maker.store);
}
END_TEST

START_TEST(facts_of_another_version_go_with_what_is_erased)
{
    struct rn_trace_id id = make_trace("secret-model", "refunded");
    struct rn_db_txn *txn = NULL;
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_META, RN_LIT("facts"), RN_LIT("of another version"), &error));
    ck_ok(rn_db_commit(txn, &error));
    ck_ok(rn_trace_erase_field(maker.store, &id, RN_CLASS_EVENT, 2, RN_TAG_REQUEST_BODY, &error));
    ck_assert(!is_anywhere(maker.store, "secret-model"));
    expect_as_new(maker.store);
}
END_TEST

static struct rn_trace_id to_erase;

static void erase_now(void)
{
    ck_ok(rn_trace_erase_field(maker.store, &to_erase, RN_CLASS_EVENT, 2, RN_TAG_REQUEST_BODY,
                               &error));
}

/* Facts are read, then the field is erased, then they would be written. */
START_TEST(what_was_read_before_an_erasing_is_not_written)
{
    to_erase = make_trace("secret-model", "refunded");
    (void)maker_whole(&maker, "before", "b", false);
    ck_ok(rn_facts_rebuild(maker.store, NULL, NULL, &error));
    (void)maker_whole(&maker, "behind", "c", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_facts_rebuild(maker.store, NULL, NULL, &error));
    struct rn_db_txn *txn = NULL;
    struct rn_facts_mark mark;
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_facts_mark_read(txn, &mark));
    mark.row = 0; /* all of it is read once more */
    ck_ok(rn_facts_mark_put(txn, &mark, &error));
    ck_ok(rn_db_commit(txn, &error));
    before_write = erase_now;
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_assert_ptr_null(before_write);
    ck_assert(!is_anywhere(maker.store, "secret-model"));
    expect_as_new(maker.store);
}
END_TEST

/* Death between the erasing and the making again; then the trace is dropped, or asked for. */
START_TEST(a_forgotten_trace_is_made_again_or_dropped)
{
    uint64_t lag = 0;
    struct rn_trace_id id = make_trace("m-2", "open");
    struct rn_trace_id other = make_trace("m-3", "open");
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_trace_erase_field(maker.store, &id, RN_CLASS_EVENT, 2, RN_TAG_RULE, &error));
    ck_ok(rn_trace_erase_field(maker.store, &other, RN_CLASS_EVENT, 2, RN_TAG_RULE, &error));
    ck_ok(rn_facts_lag(maker.store, &lag, &error));
    ck_assert_uint_gt(lag, 0);
    ck_ok(rn_trace_drop(maker.store, &id, &error));
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_facts_lag(maker.store, &lag, &error));
    ck_assert_uint_eq(lag, 0);
    ck_assert(!is_anywhere(maker.store, "m-2"));
    ck_assert(is_anywhere(maker.store, "m-3"));
    expect_as_new(maker.store);
}
END_TEST

/* --- other ways in -------------------------------------------------------------------------------------------------- */

static struct rn_store *other_store;

/* An impatient reader: it brings facts up before every write of somebody else. */
static void bring_up_before_write(void)
{
    /* Not where the write is the indexes' own: they are one step at a time. */
    if (pthread_mutex_trylock(&other_store->index_lock) == 0) {
        pthread_mutex_unlock(&other_store->index_lock);
        ck_ok(rn_facts_bring_up(other_store, NULL, NULL, &error));
    }
    before_write = bring_up_before_write;
}

static struct rn_store *open_other(void)
{
    ck_ok(rn_store_open(room_file(&room, "other"), RN_STORE_CREATE, &other_store, &error));
    return other_store;
}

START_TEST(a_trace_that_is_imported_has_the_facts_it_had)
{
    struct rn_trace_id ids[] = {maker_whole(&maker, "one", "a", true), make_trace("m-2", "open")};
    const char *path = room_file(&room, "bundle");
    ck_ok(rn_bundle_write(maker.store, ids, 2, NULL, path, NULL, &error));
    struct rn_store *store = open_other();
    before_write = bring_up_before_write;
    ck_ok(rn_bundle_read(path, store, NULL, NULL, NULL, NULL, NULL, NULL, &error));
    before_write = NULL;
    ck_ok(rn_facts_bring_up(store, NULL, NULL, &error));
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    struct rn_buffer had = dump(maker.store);
    struct rn_buffer has = dump(store);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&had), rn_buffer_bytes(&has)));
    rn_buffer_free(&had);
    rn_buffer_free(&has);
    expect_as_new(store);
    rn_store_close(store);
}
END_TEST

START_TEST(a_copied_trace_has_the_facts_it_had)
{
    struct rn_trace_id id = maker_whole(&maker, "one", "a", true);
    struct rn_store *store = open_other();
    before_write = bring_up_before_write;
    ck_ok(rn_trace_copy(maker.store, &id, store, 1, &error));
    before_write = NULL;
    ck_ok(rn_facts_bring_up(store, NULL, NULL, &error));
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    struct rn_buffer had = dump(maker.store);
    struct rn_buffer has = dump(store);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&had), rn_buffer_bytes(&has)));
    rn_buffer_free(&had);
    rn_buffer_free(&has);
    rn_store_close(store);
}
END_TEST

static enum rn_status note_flags(void *self, const struct rn_facts *facts)
{
    uint64_t *flags = self;
    *flags |= facts->n == 3 ? facts->flags : 0;
    return RN_OK;
}

START_TEST(what_was_late_is_known_from_its_mark)
{
    struct rn_trace_id id;
    uint64_t flags = 0;
    struct rn_recording *trace = maker_trace(&maker, "late", false, &id);
    maker_exchange(&maker, trace, 3, "a");
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    maker_mark(&maker, trace, 3);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_ok(rn_facts_of(maker.store, &id, note_flags, &flags, &error));
    ck_assert_uint_eq(flags, RN_FLAG_LATE);
    maker_end(&maker, trace);
    expect_as_new(maker.store);
}
END_TEST

/* --- deaths --------------------------------------------------------------------------------------------------------- */

static void expect_death(pid_t child)
{
    int ended = 0;
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert_msg(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL, "ended with %d", ended);
}

static void fill(unsigned traces)
{
    for (unsigned i = 0; i < traces; i++) {
        (void)maker_whole(&maker, "many", "a", false);
    }
}

static bool die(void *self, uint64_t done, uint64_t of)
{
    (void)self;
    (void)done;
    (void)of;
    (void)raise(SIGKILL);
    return false;
}

static void die_before_write(void)
{
    (void)raise(SIGKILL);
}

START_TEST(a_death_while_bringing_up_costs_nothing)
{
    const char *path = room_file(&room, "st");
    fill(40); /* more than a step takes */
    for (unsigned i = 0; i < 2; i++) {
        maker_close(&maker);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            struct rn_store *store = NULL;
            if (rn_store_open(path, RN_STORE_READ, &store, NULL) == RN_OK) {
                before_write = i == 0 ? NULL : die_before_write;
                (void)rn_facts_bring_up(store, die, NULL, NULL);
            }
            _exit(1);
        }
        expect_death(child);
        maker_open(&maker, path);
    }
    uint64_t lag = 0;
    ck_ok(rn_facts_lag(maker.store, &lag, &error));
    ck_assert_uint_gt(lag, 0); /* it had not come to the end */
    expect_as_new(maker.store);
}
END_TEST

START_TEST(two_processes_bring_up_what_one_would)
{
    const char *path = room_file(&room, "st");
    pid_t children[2];
    fill(60);
    maker_close(&maker);
    for (unsigned i = 0; i < 2; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            struct rn_store *store = NULL;
            bool good = rn_store_open(path, RN_STORE_READ, &store, NULL) == RN_OK &&
                        rn_facts_bring_up(store, NULL, NULL, NULL) == RN_OK;
            rn_store_close(store);
            _exit(good ? 0 : 1);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        int ended = 1;
        ck_assert_int_eq(waitpid(children[i], &ended, 0), children[i]);
        ck_assert_int_eq(ended, 0);
    }
    maker_open(&maker, path);
    uint64_t lag = 1;
    ck_ok(rn_facts_lag(maker.store, &lag, &error));
    ck_assert_uint_eq(lag, 0);
    expect_as_new(maker.store);
}
END_TEST

/* A recorder dies within a stream; who comes next closes the trace, and its facts say so. */
START_TEST(a_lost_trace_has_facts)
{
    const char *path = room_file(&room, "lost");
    struct rn_store *store = NULL;
    maker_close(&maker); /* a child of several threads may find a lock held for ever */
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct maker own;
        struct rn_trace_id id;
        maker_open(&own, path);
        struct rn_recording *trace = maker_trace(&own, "lost", false, &id);
        maker_stream(&own, trace, 1, "a", 2, false);
        (void)rn_facts_bring_up(own.store, NULL, NULL, NULL);
        (void)raise(SIGKILL);
    }
    expect_death(child);
    ck_ok(rn_store_open(path, RN_STORE_READ, &store, &error));
    struct rn_selection all = {.kind = "model"};
    ck_assert_uint_eq(selected(store, &all), 1);
    expect_as_new(store);
    rn_store_close(store);
    maker_open(&maker, room_file(&room, "st"));
}
END_TEST

/* --- no room -------------------------------------------------------------------------------------------------------- */

static enum rn_status count_facts(void *self, const struct rn_trace_summary *trace,
                                  const struct rn_facts *facts)
{
    (void)trace;
    *(unsigned *)self += facts->n > 0;
    return RN_OK;
}

START_TEST(a_full_disk_hinders_no_reading)
{
    (void)make_trace("m-2", "refunded");
    (void)maker_whole(&maker, "two", "b", false);
    ck_ok(rn_store_catch_up(maker.store, &error));
    const struct rn_selection asked[] = {{.model = "m-2"},         {.outcome = "refunded"},
                                         {.upstream_error = true}, {.tags = NULL},
                                         {.release = "1.2.3"},     {.kind = "model", .limit = 1}};
    const size_t expected[] = {1, 1, 1, 2, 2, 1};
    is_full = true;
    ck_assert_int_eq(rn_facts_bring_up(maker.store, NULL, NULL, &error), RN_FULL);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        ck_assert_uint_eq(selected(maker.store, &asked[i]), expected[i]);
    }
    unsigned calls = 0;
    uint64_t damaged = 0;
    const struct rn_selection all = {.model = NULL};
    ck_ok(rn_select_facts(maker.store, &all, NULL, count_facts, &calls, &damaged, &error));
    ck_assert_uint_eq(calls, 5);
    is_full = false;
    expect_as_new(maker.store);
}
END_TEST

/* --- other builds --------------------------------------------------------------------------------------------------- */

START_TEST(facts_of_another_version_are_made_again)
{
    (void)maker_whole(&maker, "one", "a", false);
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value = {0};
    uint8_t mark[32];
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_get(txn, RN_TREE_META, RN_LIT("facts"), &value));
    ck_assert_uint_eq(value.len, sizeof mark);
    memcpy(mark, value.data, sizeof mark);
    mark[3] ^= 0x40; /* the version's last byte */
    ck_ok(rn_db_put(txn, RN_TREE_META, RN_LIT("facts"), rn_bytes_of(mark, sizeof mark), &error));
    ck_ok(rn_db_put(txn, RN_TREE_POSTING, RN_LIT("?of another version"), RN_LIT(""), &error));
    ck_ok(rn_db_put(txn, RN_TREE_FACTS, RN_LIT("?of another version"), RN_LIT("?"), &error));
    ck_ok(rn_db_commit(txn, &error));
    ck_ok(rn_facts_bring_up(maker.store, NULL, NULL, &error));
    ck_assert(!is_anywhere(maker.store, "?of another version"));
    expect_as_new(maker.store);
}
END_TEST

/* A store of an earlier build on a disk too full for its new trees, and then not any more. */
START_TEST(a_store_without_the_trees_is_read_and_gets_them)
{
    const char *path = room_file(&room, "old");
    struct rn_trace_id id = make_trace("m-2", "open");
    struct rn_selection by_model = {.model = "m-2"};
    struct rn_store *store = NULL;
    is_without_trees = true;
    ck_ok(rn_store_open(path, RN_STORE_CREATE, &store, &error));
    rn_store_close(store);
    ck_ok(rn_store_open(path, RN_STORE_READ, &store, &error));
    ck_ok(rn_trace_copy(maker.store, &id, store, 1, &error));
    ck_assert_uint_eq(selected(store, &by_model), 1);
    rn_store_close(store);
    is_without_trees = false;
    ck_ok(rn_store_open(path, RN_STORE_READ, &store, &error));
    ck_assert_uint_eq(selected(store, &by_model), 1);
    expect_as_new(store);
    rn_store_close(store);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/facts_edges");
    TCase *edges = tcase_create("edges");
    tcase_add_checked_fixture(edges, setup, teardown);
    tcase_add_test(edges, what_is_erased_stands_in_no_fact);
    tcase_add_test(edges, facts_of_another_version_go_with_what_is_erased);
    tcase_add_test(edges, what_was_read_before_an_erasing_is_not_written);
    tcase_add_test(edges, a_forgotten_trace_is_made_again_or_dropped);
    tcase_add_test(edges, a_trace_that_is_imported_has_the_facts_it_had);
    tcase_add_test(edges, a_copied_trace_has_the_facts_it_had);
    tcase_add_test(edges, what_was_late_is_known_from_its_mark);
    tcase_add_test(edges, a_death_while_bringing_up_costs_nothing);
    tcase_add_test(edges, two_processes_bring_up_what_one_would);
    tcase_add_test(edges, a_lost_trace_has_facts);
    tcase_add_test(edges, a_full_disk_hinders_no_reading);
    tcase_add_test(edges, facts_of_another_version_are_made_again);
    tcase_add_test(edges, a_store_without_the_trees_is_read_and_gets_them);
    suite_add_tcase(suite, edges);
    return suite;
}
