/*
 * Which traces of a baseline are replayed, and whether they can be: nothing that was frozen is left out, whatever happened to it
 * since, and what cannot be run is told before anything is.
 */
#include "main.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog.h"
#include "check_parts.h"
#include "keys.h"
#include "pieces.h"
#include "store/copy.h"
#include "store/traces.h"
#include "store_internal.h"

static struct room room;
static struct rn_error error;
static struct maker maker;
static struct rn_check_plan plan;
static const char *path;

/* --- recordings ---------------------------------------------------------------------------------------------------- */

static void record_call(struct rn_recording *trace)
{
    struct rn_event event;
    exchange_request(&event, 1);
    exchange_response(&event, 1, "x");
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

static void record_run(struct rn_recording *trace, const char *input)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 0};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL));
    rn_event_set(&event, RN_TAG_ARGV, RN_LIT("\4true"));
    rn_event_set(&event, RN_TAG_EXIT, RN_LIT("\0"));
    if (input != NULL) {
        rn_event_set(&event, RN_TAG_INPUT, rn_bytes_text(input));
    }
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

static struct rn_trace_id record(const char *name, const char *input)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, name, false, &id);
    record_call(trace);
    record_run(trace, input);
    maker_end(&maker, trace);
    return id;
}

/* A run and a trace that it opened, in a session of their own; the trace's id in `child`. */
static struct rn_trace_id record_with_child(const char *name, struct rn_trace_id *child)
{
    struct rn_recording_settings settings = {.kind = "run", .name = name};
    rn_uuid7(settings.id.bytes);
    rn_uuid7(settings.session.bytes);
    struct rn_trace_id id = settings.id;
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace);
    rn_uuid7(settings.id.bytes);
    settings.name = "inner";
    *child = settings.id;
    struct rn_recording *inner = rn_recording_open(maker.writer, &settings, trace);
    record_call(inner);
    record_run(trace, NULL);
    maker_end(&maker, inner);
    maker_end(&maker, trace);
    return id;
}

static struct rn_trace_id record_served(const char *name, const struct rn_trace_id *parent)
{
    struct rn_recording_settings settings = {.kind = "serve", .name = name};
    rn_uuid7(settings.id.bytes);
    if (parent != NULL) {
        settings.parent = *parent;
    }
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace);
    maker_end(&maker, trace);
    return settings.id;
}

static void freeze(void)
{
    const struct rn_selection selection = {0};
    struct rn_baseline frozen;
    ck_ok(rn_baseline_freeze(maker.store, "rc", &selection, "", &frozen, &error));
    rn_baseline_free(&frozen);
}

static void flip_a_byte_of(const struct rn_trace_id *id)
{
    struct rn_pieces pieces = {0};
    struct rn_buffer frame = {0};
    struct rn_db_txn *txn = NULL;
    uint8_t key[8];
    ck_ok(rn_pieces_of_trace(maker.store, id, &pieces, &error));
    ck_ok(rn_piece_frame(maker.store, pieces.at[0].row, &frame, &error));
    frame.data[frame.len - 3] ^= 4;
    rn_put_u64(key, pieces.at[0].row);
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_buffer_bytes(&frame), &error));
    ck_ok(rn_db_commit(txn, &error));
    rn_buffer_free(&frame);
    rn_pieces_free(&pieces);
}

static void drop(const struct rn_trace_id *id)
{
    ck_ok(rn_trace_release(maker.store, "baseline/rc", &error));
    ck_ok(rn_trace_drop(maker.store, id, &error));
}

static void setup(void)
{
    room_open(&room);
    rn_clock_release();
    setenv("XDG_CONFIG_HOME", room.path, 1);
    path = room_file(&room, "st");
    maker_open(&maker, path);
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_check_plan_free(&plan);
    room_close(&room);
}

/* --- asking -------------------------------------------------------------------------------------------------------- */

static const char *const nothing[] = {"true", NULL};
static const char *const with_input[] = {"echo", "say {input}", NULL};
static char *const environment[] = {"PATH=/usr/bin:/bin", NULL};

static struct rn_check_settings settings_of(const char *const *argv)
{
    return (struct rn_check_settings){.store = path,
                                      .name = "rc",
                                      .argv = (char *const *)(uintptr_t)argv,
                                      .environment = environment};
}

/* A store is opened once in a process, so the maker's is closed before. */
static enum rn_status make(const char *const *argv)
{
    struct rn_check_settings settings = settings_of(argv);
    maker_close(&maker);
    error = (struct rn_error){.text = ""};
    rn_check_plan_free(&plan);
    return rn_check_plan_make(&settings, &plan, &error);
}

static void ck_job(size_t index, const char *name, const char *fault)
{
    ck_assert_uint_lt(index, plan.count);
    const struct rn_check_job *job = &plan.jobs[index];
    ck_assert_msg(rn_bytes_equal(job->name, rn_bytes_text(name)), "%.*s is not %s",
                  (int)job->name.len, (const char *)job->name.data, name);
    ck_assert_msg(rn_bytes_equal(job->fault, rn_bytes_text(fault)), "%s: %.*s is not %s", name,
                  (int)job->fault.len, (const char *)job->fault.data, fault);
    ck_assert_int_eq(job->finding.len > 0, fault[0] != '\0');
}

START_TEST(jobs_stand_in_the_order_in_which_people_count)
{
    record("suite/10", "ten");
    record("suite/2", "two");
    record("other", NULL);
    freeze();
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 3);
    ck_job(0, "other", "");
    ck_job(1, "suite/2", "");
    ck_job(2, "suite/10", "");
    ck_assert(plan.jobs[2].has_input);
    ck_assert(rn_bytes_equal(plan.jobs[2].input, RN_LIT("ten")));
    ck_assert(!plan.jobs[0].has_input);
}
END_TEST

START_TEST(what_a_run_opened_is_replayed_with_it)
{
    struct rn_trace_id child;
    record_with_child("root", &child);
    record("single", NULL);
    freeze();
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 2);
    ck_job(0, "root", "");
    ck_job(1, "single", "");
}
END_TEST

START_TEST(a_damaged_child_is_damage_of_the_whole)
{
    struct rn_trace_id child;
    record_with_child("root", &child);
    freeze();
    flip_a_byte_of(&child);
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 1);
    ck_job(0, "root", "damaged");
}
END_TEST

START_TEST(what_is_gone_stays_a_job)
{
    struct rn_trace_id child;
    struct rn_trace_id one = record("one", NULL);
    struct rn_trace_id two = record("two", NULL);
    record_with_child("root", &child);
    freeze();
    flip_a_byte_of(&two);
    drop(&one);
    drop(&child);
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 4);
    ck_job(0, "inner", "missing"); /* whose it was is not known any more */
    ck_job(1, "one", "missing");
    ck_job(2, "root", "");
    ck_job(3, "two", "damaged");
}
END_TEST

/* Were the rule another one in two places, a trace could be left to a run that does not serve it. */
START_TEST(a_trace_is_served_by_the_run_it_is_checked_with)
{
    struct rn_recording_settings settings = {.kind = "run"};
    struct rn_trace_id
        ids[3]; /* two runs and a trace, begun in one moment, in every order of their ids */
    struct rn_recording *traces[3];
    for (unsigned child = 0; child < 3; child++) {
        rn_uuid7(settings.session.bytes);
        rn_clock_hold(1000 + child, 1, child + 1);
        for (unsigned i = 0; i < 3; i++) {
            settings.id = (struct rn_trace_id){{(uint8_t)(0x10 * (child + 1)), (uint8_t)i}};
            ids[i] = settings.id;
            traces[i] = rn_recording_open(maker.writer, &settings, i > 0 ? traces[0] : NULL);
            record_call(traces[i]);
            if (i != child) {
                record_run(traces[i], NULL);
            }
        }
        for (unsigned i = 0; i < 3; i++) {
            maker_end(&maker, traces[i]);
        }
        unsigned serving = 0;
        for (unsigned i = 0; i < 3; i++) {
            char text[33];
            const char *const texts[] = {text, NULL};
            struct rn_catalog catalog = {0};
            rn_trace_id_text(&ids[i], text);
            ck_ok(i == child ? RN_OK : rn_catalog_choose(&catalog, maker.store, texts, &error));
            for (size_t k = 0; k < catalog.trace_count; k++) {
                serving += rn_trace_id_equal(&catalog.traces[k].summary.id, &ids[child]);
            }
            rn_catalog_free(&catalog);
        }
        ck_assert_uint_eq(serving, 1);
    }
    freeze();
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 6); /* the runs; each trace without one is checked with its own */
}
END_TEST

START_TEST(a_child_that_no_run_asks_for_is_no_pass)
{
    struct rn_trace_id parent = record("parent", NULL);
    record_served("late", &parent);
    freeze();
    ck_ok(make(nothing));
    ck_assert_uint_eq(plan.count, 2);
    ck_job(0, "late", "no command");
    ck_job(1, "parent", "");
}
END_TEST

/* --- before anything runs ------------------------------------------------------------------------------------------ */

START_TEST(what_others_recorded_is_not_run)
{
    record("one", NULL);
    record("two", NULL);
    freeze();
    ck_assert_int_eq(make(NULL), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "one was not recorded here by you"));
    ck_assert_ptr_nonnull(strstr(error.text, "(and 1 more)"));
    ck_assert_ptr_nonnull(strstr(error.text, "give the command behind --"));
}
END_TEST

START_TEST(what_was_served_needs_a_command)
{
    record_served("served", NULL);
    freeze();
    ck_assert_int_eq(make(NULL), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "served was recorded without a command"));
    maker_open(&maker, path);
    ck_ok(make(nothing));
}
END_TEST

START_TEST(an_input_that_is_none_cannot_be_filled_in)
{
    record("a", "line");
    record("b", NULL);
    freeze();
    ck_assert_int_eq(make(with_input), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "b has no line"));
    ck_assert_ptr_null(strstr(error.text, "more"));
}
END_TEST

START_TEST(settings_are_looked_at_first)
{
    struct rn_check_settings settings = settings_of(nothing);
    record("a", NULL);
    freeze();
    maker_close(&maker);
    settings.jobs = RN_JOBS_MAX + 1;
    ck_assert_int_eq(rn_check_plan_make(&settings, &plan, &error), RN_INVALID);
    settings.jobs = RN_JOBS_MAX;
    ck_ok(rn_check_plan_make(&settings, &plan, &error));
    rn_check_plan_free(&plan);
    settings.workdir = "/nowhere";
    ck_assert_int_eq(rn_check_plan_make(&settings, &plan, &error), RN_NOTFOUND);
    settings.workdir = "/dev/null";
    ck_assert_int_eq(rn_check_plan_make(&settings, &plan, &error), RN_INVALID);
    settings.workdir = NULL;
    settings.name = "nobody";
    ck_assert_int_eq(rn_check_plan_make(&settings, &plan, &error), RN_NOTFOUND);
}
END_TEST

/* --- the whole ----------------------------------------------------------------------------------------------------- */

START_TEST(what_is_damaged_is_incomparable_beside_the_others)
{
    struct rn_trace_id one = record("one", NULL);
    struct rn_check_outcome outcome;
    struct rn_check_settings settings = settings_of(nothing);
    record("two", NULL);
    freeze();
    flip_a_byte_of(&one);
    maker_close(&maker);
    settings.jobs = 2;
    ck_ok(rn_check_run(&settings, &outcome, &error));
    ck_assert_uint_eq(outcome.count, 2);
    ck_assert_uint_eq(outcome.by_result[RN_CHECK_INCOMPARABLE], 2);
    ck_assert(rn_bytes_equal(outcome.cases[0].cause, RN_LIT("damaged")));
    ck_assert_uint_eq(outcome.cases[0].verdict.len, 0);
    ck_assert(
        rn_bytes_equal(outcome.cases[1].verdict, RN_LIT("incomparable"))); /* `true` asks nothing */
    ck_assert_int_eq(rn_check_exit(&outcome), 3);
    rn_check_outcome_free(&outcome);
}
END_TEST

START_TEST(without_memory_nothing_is_left_out)
{
    struct rn_check_settings settings = settings_of(nothing);
    struct rn_trace_id child;
    struct rn_trace_id one = record("one", NULL);
    record_with_child("root", &child);
    freeze();
    flip_a_byte_of(&one);
    maker_close(&maker);
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_check_plan_make(&settings, &plan, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert(failed || status == RN_OK);
        if (status == RN_OK) {
            ck_assert_uint_ge(plan.count, 2);
            bool is_found = false;
            for (size_t i = 0; i < plan.count; i++) {
                is_found = is_found || plan.jobs[i].finding.len > 0;
            }
            ck_assert(is_found);
        }
        rn_check_plan_free(&plan);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/check_plan");
    TCase *cases = tcase_create("plan");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, jobs_stand_in_the_order_in_which_people_count);
    tcase_add_test(cases, what_a_run_opened_is_replayed_with_it);
    tcase_add_test(cases, a_damaged_child_is_damage_of_the_whole);
    tcase_add_test(cases, what_is_gone_stays_a_job);
    tcase_add_test(cases, a_trace_is_served_by_the_run_it_is_checked_with);
    tcase_add_test(cases, a_child_that_no_run_asks_for_is_no_pass);
    tcase_add_test(cases, what_others_recorded_is_not_run);
    tcase_add_test(cases, what_was_served_needs_a_command);
    tcase_add_test(cases, an_input_that_is_none_cannot_be_filled_in);
    tcase_add_test(cases, settings_are_looked_at_first);
    tcase_add_test(cases, what_is_damaged_is_incomparable_beside_the_others);
    tcase_add_test(cases, without_memory_nothing_is_left_out);
    suite_add_tcase(suite, cases);
    return suite;
}
