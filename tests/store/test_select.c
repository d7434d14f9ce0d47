/* A selection takes what fits and nothing else, in order, and reads no more than it must. */
#include "main.h"

#include <sys/wait.h>

#include "base/memory.h"
#include "db.h"
#include "select_picks.h"
#include "store/document.h"
#include "store/facts.h"
#include "store/select.h"
#include "store_internal.h"
#include "traces.h"

static struct room room;
static struct rn_error error;
static struct maker maker;

static void setup(void)
{
    room_open(&room);
    maker_open(&maker, room_file(&room, "st"));
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_clock_release();
    maker_close(&maker);
    room_close(&room);
}

/* --- what is read, counted ------------------------------------------------------------------------------------------ */

static unsigned events_read;
static unsigned views_made;

enum rn_status __real_rn_trace_event_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure);
enum rn_status __wrap_rn_trace_event_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure);
enum rn_status __wrap_rn_trace_event_indexed(struct rn_store *store, const struct rn_trace_id *id,
                                             enum rn_event_class class, uint32_t n,
                                             struct rn_arena *arena, struct rn_event *out,
                                             struct rn_error *failure)
{
    events_read++;
    return __real_rn_trace_event_indexed(store, id, class, n, arena, out, failure);
}

enum rn_status __real_rn_view_make(struct rn_arena *arena, const struct rn_event *event,
                                   struct rn_view *out);
enum rn_status __wrap_rn_view_make(struct rn_arena *arena, const struct rn_event *event,
                                   struct rn_view *out);
enum rn_status __wrap_rn_view_make(struct rn_arena *arena, const struct rn_event *event,
                                   struct rn_view *out)
{
    views_made++;
    return __real_rn_view_make(arena, event, out);
}

/* --- traces to select from ------------------------------------------------------------------------------------------ */

struct call {
    const char *upstream;
    const char *model; /* NULL: no model call */
    unsigned status;   /* 0: no response */
};

static struct rn_trace_id id_of(unsigned number)
{
    struct rn_trace_id id = {{0}};
    id.bytes[0] = 0xa0;
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    id.bytes[7] = (uint8_t)(255 - number % 200); /* not in the order of their start */
    return id;
}

static struct rn_recording *begin(unsigned number, struct rn_recording_settings settings)
{
    settings.id = id_of(number);
    settings.kind = settings.kind == NULL ? "run" : settings.kind;
    rn_clock_hold((uint64_t)number * 1000, 1, number);
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    ck_assert_ptr_nonnull(trace);
    return trace;
}

static void add_call(struct rn_recording *trace, uint32_t n, const struct call *call)
{
    static char head[100];
    static char body[200];
    struct rn_event event;
    exchange_request(&event, n);
    rn_event_set(&event, RN_TAG_UPSTREAM, rn_bytes_text(call->upstream));
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[]}", call->model);
    rn_event_set(&event, RN_TAG_REQUEST_BODY,
                 call->model != NULL ? rn_bytes_text(body) : RN_LIT("nothing of a model"));
    rn_event_set(&event, RN_TAG_TARGET,
                 call->model != NULL ? RN_LIT("/v1/chat/completions") : RN_LIT("/search"));
    if (call->status > 0) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 %u X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n",
                 call->status);
        rn_event_set(&event, RN_TAG_RESPONSE_HEAD, rn_bytes_text(head));
        rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("{}"));
    }
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

static void make(unsigned number, struct rn_recording_settings settings, const struct call *calls,
                 unsigned count)
{
    struct rn_recording *trace = begin(number, settings);
    for (unsigned i = 0; i < count; i++) {
        add_call(trace, i + 1, &calls[i]);
    }
    maker_end(&maker, trace);
}

#define ONE(upstream, model, status) (const struct call[]){{upstream, model, status}}, 1

/* --- asking --------------------------------------------------------------------------------------------------------- */

/* The numbers of the traces selected, "3 5 ". */
static const char *selected(struct rn_selection selection)
{
    static char text[8192];
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    size_t at = 0;
    text[0] = '\0';
    events_read = views_made = 0;
    ck_ok(rn_select_traces(maker.store, &selection, &ids, &count, &error));
    for (size_t i = 0; i < count && at < sizeof text; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%u ",
                               (unsigned)ids[i].bytes[14] << 8 | ids[i].bytes[15]);
    }
    rn_free(ids);
    return text;
}

#define SELECTED(...) selected((struct rn_selection){__VA_ARGS__})

struct seen {
    char text[8192];
    size_t at;
    unsigned damaged;
    unsigned stop_at;
    unsigned count;
};

static enum rn_status see(void *self, const struct rn_selected *call)
{
    struct seen *seen = self;
    seen->at += (size_t)snprintf(
        seen->text + seen->at, sizeof seen->text - seen->at, "%u:%u ",
        (unsigned)call->trace->id.bytes[14] << 8 | call->trace->id.bytes[15], call->n);
    if (call->event == NULL) {
        ck_assert_ptr_nonnull(call->error);
        ck_assert_uint_gt(strlen(call->error->text), 0);
        seen->damaged++;
    } else {
        ck_assert_ptr_eq(call->view->event, call->event);
        ck_assert_uint_eq(call->event->n, call->n);
    }
    return ++seen->count == seen->stop_at ? RN_LIMIT : RN_OK;
}

static struct seen seen;

static const char *calls_of(struct rn_selection selection)
{
    seen = (struct seen){.at = 0};
    events_read = views_made = 0;
    ck_ok(rn_select_calls(maker.store, &selection, see, &seen, &error));
    return seen.text;
}

#define CALLS(...) calls_of((struct rn_selection){__VA_ARGS__})

static void assert_invalid(struct rn_selection selection, const char *sentence)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    ck_assert_int_eq(rn_selection_check(&selection, &error), RN_INVALID);
    ck_assert_msg(strstr(error.text, sentence) != NULL, "%s", error.text);
    ck_assert_int_eq(rn_select_traces(maker.store, &selection, &ids, &count, NULL), RN_INVALID);
    ck_assert_ptr_null(ids);
    ck_assert_int_eq(rn_select_calls(maker.store, &selection, see, NULL, NULL), RN_INVALID);
}

#define INVALID(sentence, ...) assert_invalid((struct rn_selection){__VA_ARGS__}, sentence)
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Overwrites the value under a key. */
static void overwrite(enum rn_tree tree, struct rn_bytes key, size_t at)
{
    struct rn_db_txn *txn = NULL;
    struct rn_bytes value;
    ck_ok(rn_store_catch_up(maker.store, &error));
    ck_ok(rn_db_begin(maker.store->db, true, &txn, &error));
    ck_ok(rn_db_get(txn, tree, key, &value));
    uint8_t *copy = malloc(value.len);
    memcpy(copy, value.data, value.len);
    copy[at] ^= 0xff;
    ck_ok(rn_db_put(txn, tree, key, rn_bytes_of(copy, value.len), &error));
    ck_ok(rn_db_commit(txn, &error));
    free(copy);
}

/* --- what is no selection ------------------------------------------------------------------------------------------- */

START_TEST(what_makes_no_sense_is_refused_with_a_sentence)
{
    static const char *const statuses[] = {"4",       "4x",      "xx",       "0xx",     "6xx",
                                           "099",     "1000",    "4xxx",     "299-200", "200-",
                                           "200-2xx", "200 299", "200-2999", "-200",    "+20"};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        INVALID("is no status", .status = statuses[i]);
    }
    INVALID("exclude each other", .limit = 1, .sample = 1);
    INVALID("has no key", .tags = LIST("a=b", "=c"));
    INVALID("has no key", .tags = LIST(""));
    INVALID("ends before it begins", .since_wall_ns = 5, .until_wall_ns = 5);
    INVALID("the name to select by is empty", .name = "");
    INVALID("the session", .session = "");
    INVALID("the release", .release = "");
    INVALID("the upstream", .upstream = "");
    INVALID("the model", .model = "");
    INVALID("the status", .status = "");
    static const char *const good[] = {"429", "4xx", "4XX", "100-999", "200-200", "999"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_ok(rn_selection_check(&(struct rn_selection){.status = good[i]}, &error));
    }
    ck_ok(
        rn_selection_check(&(struct rn_selection){.since_wall_ns = 5, .until_wall_ns = 6}, &error));
}
END_TEST

/* --- traces --------------------------------------------------------------------------------------------------------- */

#define BACKTEST "a0000000000000f90000000000000006" /* id_of(6): it has no other name */

static void make_some(void)
{
    make(1, (struct rn_recording_settings){.name = "nightly", .release = "1.0"},
         ONE("openai", "gpt-1", 200));
    make(2, (struct rn_recording_settings){.name = "nightly/b", .tags = LIST("team=blue", "x=")},
         ONE("openai", "gpt-1-mini", 429));
    make(3, (struct rn_recording_settings){.session = {{7}}, .release = "1.1"},
         (const struct call[]){{"openai", "gpt-1", 500}, {"anthropic", "claude-1", 200}}, 2);
    make(4, (struct rn_recording_settings){.name = "nightly", .session = {{7}}},
         ONE("search", NULL, 200));
    make(5, (struct rn_recording_settings){.kind = "serve", .tags = LIST("team=red", "case=7")},
         ONE("openai", "gpt-2", 0));
    make(6, (struct rn_recording_settings){.kind = "backtest", .name = "nightly"},
         ONE("openai", "gpt-2", 200));
}

START_TEST(every_condition_of_a_trace_must_hold)
{
    char session[33] = "07000000000000000000000000000000";
    make_some();
    ck_assert_str_eq(SELECTED(0), "1 2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.name = "nightly"), "1 4 ");
    ck_assert_str_eq(SELECTED(.name = "nightly*"), "1 2 4 ");
    ck_assert_str_eq(SELECTED(.name = "*"), "1 2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.name = "night"), "");
    ck_assert_str_eq(SELECTED(.release = "1.1"), "3 ");
    ck_assert_str_eq(SELECTED(.release = "1"), "");
    ck_assert_str_eq(SELECTED(.session = session), "3 4 ");
    ck_assert_str_eq(SELECTED(.session = session, .name = "nightly"), "4 ");
    ck_assert_str_eq(SELECTED(.session = session, .until_wall_ns = 4000), "3 ");
    ck_assert_str_eq(SELECTED(.session = "another"), "");
    ck_assert_str_eq(SELECTED(.tags = LIST("team")), "2 5 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("team=blue")), "2 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("team", "case=7")), "5 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("x=")), "2 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("x")), "2 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("tea")), "");
    ck_assert_str_eq(SELECTED(.name = "nightly", .release = "1.0", .tags = LIST("team")), "");
    ck_assert_uint_eq(events_read, 0);
}
END_TEST

START_TEST(conditions_of_exchanges_hold_for_one_and_the_same)
{
    make_some();
    ck_assert_str_eq(SELECTED(.upstream = "openai"), "1 2 3 5 ");
    ck_assert_uint_eq(events_read, 0);
    ck_assert_str_eq(SELECTED(.status = "200"), "1 3 4 ");
    ck_assert_uint_eq(events_read, 7); /* once, for their facts */
    ck_assert_str_eq(SELECTED(.status = "200", .upstream = "anthropic"), "3 ");
    ck_assert_uint_eq(events_read, 0);
    ck_assert_str_eq(SELECTED(.status = "5xx", .upstream = "anthropic"), "");
    ck_assert_str_eq(SELECTED(.status = "400-599"), "2 3 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1"), "1 3 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1*"), "1 2 3 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1*", .status = "4xx"), "2 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1", .status = "200"), "1 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-2"), "5 ");
    ck_assert_str_eq(SELECTED(.model = "*"), "1 2 3 5 ");
    ck_assert_str_eq(SELECTED(.model = "gpt"), "");
}
END_TEST

/* Of trace 7, asked with this system prompt; the second answers with a label. */
static void make_prompted(void)
{
    struct rn_event event;
    struct rn_buffer labels = {0};
    struct rn_recording *trace = begin(7, (struct rn_recording_settings){.name = "prompted"});
    exchange_request(&event, 1);
    rn_event_set(&event, RN_TAG_REQUEST_BODY,
                 RN_LIT("{\"model\":\"m-7\",\"messages\":[{\"role\":\"system\",\"content\":\"Be "
                        "kind.\"}]}"));
    exchange_response(&event, 1, "a");
    rn_run_put(&labels, RN_LIT("x-reenact-outcome"));
    rn_run_put(&labels, RN_LIT("refunded"));
    rn_run_put(&labels, RN_LIT("x-reenact-prompt"));
    rn_run_put(&labels, RN_LIT("support-v3"));
    rn_event_set(&event, RN_TAG_LABELS, rn_buffer_bytes(&labels));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
    maker_end(&maker, trace);
    rn_buffer_free(&labels);
}

static enum rn_status take_key(void *self, const struct rn_facts *facts)
{
    rn_prompt_key_text(&facts->prompt.system_exact, self);
    return RN_OK;
}

START_TEST(what_readings_know_is_asked_of_exchanges)
{
    char key[2 * RN_PROMPT_KEY_BYTES + 1];
    struct rn_trace_id seventh = id_of(7);
    make_some();
    make_prompted();
    ck_assert_str_eq(SELECTED(.kind = "model"), "1 2 3 5 7 ");
    ck_assert_str_eq(SELECTED(.kind = "other"), "4 ");
    ck_assert_str_eq(SELECTED(.kind = "tool"), "");
    ck_assert_str_eq(SELECTED(.kind = "decision"), "");
    ck_assert_str_eq(SELECTED(.provider = "openai"), "1 2 3 5 7 ");
    ck_assert_str_eq(SELECTED(.provider = "openai.chat"), "1 2 3 5 7 ");
    ck_assert_str_eq(SELECTED(.provider = "open"), "");
    ck_assert_str_eq(SELECTED(.upstream_error = true), "2 3 ");
    ck_assert_str_eq(SELECTED(.upstream_error = true, .upstream = "anthropic"), "");
    ck_assert_str_eq(SELECTED(.outcome = "refunded"), "7 ");
    ck_assert_str_eq(SELECTED(.outcome = "refund"), "");
    ck_assert_str_eq(SELECTED(.prompt = "support-v3"), "7 ");
    ck_ok(rn_facts_of(maker.store, &seventh, take_key, key, &error));
    ck_assert_str_eq(SELECTED(.prompt = key), "7 ");
    key[4] = '\0';
    ck_assert_str_eq(SELECTED(.prompt = key), "7 ");
    key[3] = '\0';
    ck_assert_str_eq(SELECTED(.prompt = key), "");
    ck_assert_str_eq(CALLS(.outcome = "refunded", .model = "m-7"), "7:1 ");
    INVALID("is no kind", .kind = "models");
}
END_TEST

/* Only the traces of the shortest list are looked at: a damaged summary elsewhere is not even met. */
START_TEST(the_shortest_list_is_walked)
{
    make_some();
    ck_assert_str_eq(SELECTED(.model = "claude-1"), "3 ");
    struct rn_trace_id second = id_of(2);
    overwrite(RN_TREE_TRACE, rn_bytes_of(second.bytes, RN_TRACE_ID_BYTES), 0);
    ck_assert_str_eq(SELECTED(.model = "claude-1"), "3 ");
    ck_assert_str_eq(SELECTED(.model = "claude-1", .upstream = "openai"), "");
    ck_assert_str_eq(SELECTED(.model = "claude-1", .upstream = "anthropic"), "3 ");
    ck_assert_str_eq(SELECTED(.release = "1.0"), "1 ");
    ck_assert_str_eq(SELECTED(.tags = LIST("team=red")), "5 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1-mini"), "2 "); /* its list has it, unread */
    ck_assert_str_eq(SELECTED(.model = "claude*"), "2 3 ");  /* no list: who knows */
    ck_assert_str_eq(SELECTED(.model = "claude-1", .limit = 1), "3 ");
    ck_assert_str_eq(SELECTED(.model = "claude-1", .since_wall_ns = 3001), "");
    ck_assert_str_eq(SELECTED(.model = "claude-1", .until_wall_ns = 3001), "3 ");
}
END_TEST

START_TEST(time_has_a_first_moment_and_a_last_one)
{
    make_some();
    ck_assert_str_eq(SELECTED(.since_wall_ns = 2000), "2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 2001), "3 4 5 ");
    ck_assert_str_eq(SELECTED(.until_wall_ns = 2000), "1 ");
    ck_assert_str_eq(SELECTED(.until_wall_ns = 2001), "1 2 ");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 2000, .until_wall_ns = 4000), "2 3 ");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 6001), "");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 2000, .name = "nightly"), "4 ");
    ck_assert_str_eq(SELECTED(.until_wall_ns = 2000, .name = "nightly", .limit = 3), "1 ");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 2000, .until_wall_ns = 5000, .limit = 2), "3 4 ");
}
END_TEST

START_TEST(a_limit_takes_the_newest_and_keeps_their_order)
{
    make_some();
    ck_assert_str_eq(SELECTED(.limit = 1), "5 ");
    ck_assert_str_eq(SELECTED(.limit = 3), "3 4 5 ");
    ck_assert_str_eq(SELECTED(.limit = 5), "1 2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.limit = 6), "1 2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.limit = 2, .model = "gpt-1"), "1 3 ");
    ck_assert_str_eq(SELECTED(.limit = 1, .name = "nightly*"), "4 ");
}
END_TEST

START_TEST(traces_are_named_in_any_way_and_counted_once)
{
    make_some();
    ck_assert_str_eq(SELECTED(.traces = LIST("nightly/b", "nightly", "last", "nightly/b")),
                     "2 4 5 ");
    ck_assert_str_eq(SELECTED(.traces = LIST("nightly~1", BACKTEST), .name = "nightly"), "1 6 ");
    ck_assert_str_eq(SELECTED(.traces = LIST("nightly~1", "last"), .status = "4xx"), "");
    ck_assert_str_eq(SELECTED(.traces = LIST("last", "last~3"), .until_wall_ns = 3000), "2 ");
    ck_assert_str_eq(SELECTED(.traces = LIST(BACKTEST, "last~3"), .limit = 1), "6 ");
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    struct rn_selection selection = {.traces = LIST("last", "nothing like it")};
    ck_assert_int_eq(rn_select_traces(maker.store, &selection, &ids, &count, &error), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "nothing like it"));
    selection.traces = LIST("a000");
    ck_assert_int_eq(rn_select_traces(maker.store, &selection, &ids, &count, &error), RN_AMBIGUOUS);
    selection.traces = LIST("last:1");
    ck_assert_int_eq(rn_select_traces(maker.store, &selection, &ids, &count, &error), RN_INVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "names an event"));
    ck_assert_ptr_null(ids);
    ck_assert_str_eq(SELECTED(.traces = (const char *const[]){NULL}), "1 2 3 4 5 ");
}
END_TEST

START_TEST(long_names_are_told_apart_behind_what_the_index_keeps)
{
    char name[400];
    char other[400];
    memset(name, 'n', sizeof name);
    name[300] = '\0';
    memcpy(other, name, sizeof other);
    other[299] = 'm';
    make(1, (struct rn_recording_settings){.name = name}, ONE("a", NULL, 200));
    make(2, (struct rn_recording_settings){.name = other}, ONE("a", NULL, 200));
    ck_assert_str_eq(SELECTED(.name = name), "1 ");
    ck_assert_str_eq(SELECTED(.name = other), "2 ");
    name[250] = '*';
    name[251] = '\0';
    ck_assert_str_eq(SELECTED(.name = name), "1 2 ");
}
END_TEST

START_TEST(a_trace_that_is_open_is_selected)
{
    struct rn_recording *trace = begin(9, (struct rn_recording_settings){.name = "open"});
    add_call(trace, 1, &(struct call){"openai", "gpt-1", 200});
    ck_assert_str_eq(SELECTED(.name = "open"), "9 ");
    ck_assert_str_eq(SELECTED(.model = "gpt-1"), "9 ");
    ck_assert_str_eq(CALLS(.model = "gpt-1"), "9:1 ");
    maker_end(&maker, trace);
}
END_TEST

START_TEST(an_empty_store_gives_nothing)
{
    ck_assert_str_eq(SELECTED(0), "");
    ck_assert_str_eq(SELECTED(.sample = 3), "");
    ck_assert_str_eq(SELECTED(.limit = 3, .status = "4xx"), "");
    ck_assert_str_eq(CALLS(0), "");
    ck_assert_str_eq(CALLS(.limit = 2), "");
    ck_assert_str_eq(CALLS(.sample = 2), "");
}
END_TEST

/* --- exchanges ------------------------------------------------------------------------------------------------------ */

START_TEST(exchanges_are_visited_in_order_whatever_they_are)
{
    make_some();
    ck_assert_str_eq(CALLS(0), "1:1 2:1 3:1 3:2 4:1 5:1 ");
    ck_assert_str_eq(CALLS(.upstream = "openai"), "1:1 2:1 3:1 5:1 ");
    ck_assert_str_eq(CALLS(.status = "200"), "1:1 3:2 4:1 ");
    ck_assert_str_eq(CALLS(.status = "200"), "1:1 3:2 4:1 ");
    ck_assert_uint_eq(views_made, 3); /* facts are there by now */
    ck_assert_str_eq(CALLS(.model = "gpt-1"), "1:1 3:1 ");
    ck_assert_str_eq(CALLS(.traces = LIST(BACKTEST)), "6:1 ");
    ck_assert_str_eq(CALLS(.upstream = "anthropic", .status = "5xx"), "");
    ck_assert_uint_eq(events_read, 0);
}
END_TEST

START_TEST(limit_and_sample_count_model_calls)
{
    make_some();
    ck_assert_str_eq(CALLS(.limit = 1), "5:1 ");
    ck_assert_str_eq(CALLS(.limit = 2), "3:2 5:1 ");
    ck_assert_str_eq(CALLS(.limit = 3), "3:1 3:2 5:1 ");
    ck_assert_str_eq(CALLS(.limit = 100), "1:1 2:1 3:1 3:2 5:1 ");
    ck_assert_str_eq(CALLS(.limit = 2, .model = "gpt-1*"), "2:1 3:1 ");
    ck_assert_str_eq(CALLS(.sample = 100, .seed = 3), "1:1 2:1 3:1 3:2 5:1 ");
    (void)CALLS(.sample = 2, .seed = 3);
    ck_assert_uint_eq(seen.count, 2);
}
END_TEST

START_TEST(the_visitor_may_end_it)
{
    make_some();
    struct rn_selection all = {.limit = 0};
    struct rn_selection newest = {.limit = 4};
    seen = (struct seen){.stop_at = 2};
    ck_assert_int_eq(rn_select_calls(maker.store, &all, see, &seen, &error), RN_LIMIT);
    ck_assert_str_eq(seen.text, "1:1 2:1 ");
    seen = (struct seen){.stop_at = 2};
    ck_assert_int_eq(rn_select_calls(maker.store, &newest, see, &seen, &error), RN_LIMIT);
    ck_assert_str_eq(seen.text, "2:1 3:1 ");
}
END_TEST

/* --- samples -------------------------------------------------------------------------------------------------------- */

/* The lowest SHA-256(u64 seed, id, u32 ordinal), worked out by hand: hashlib says the same. */
START_TEST(a_sample_is_the_same_on_every_machine)
{
    struct rn_picks picks = {0};
    for (uint32_t n = 1; n <= 1000; n++) {
        struct rn_pick pick = {.id = {{1, 2, 3}}, .n = n * 7919 % 1009, .started_wall_ns = 5};
        ck_assert_int_eq(rn_picks_sample(&picks, &pick, 42, 5), RN_OK);
    }
    rn_picks_sort(&picks);
    ck_assert_uint_eq(picks.count, 5);
    const uint32_t expected[5] = {111, 159, 412, 730, 935};
    for (size_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(picks.at[i].n, expected[i]);
    }
    rn_picks_free(&picks);
}
END_TEST

START_TEST(a_larger_sample_contains_the_smaller_one)
{
    char few[8192];
    for (unsigned i = 1; i <= 40; i++) {
        make(i, (struct rn_recording_settings){.kind = "run"}, ONE("openai", "m", 200));
    }
    snprintf(few, sizeof few, "%s", SELECTED(.sample = 5, .seed = 1));
    const char *many = SELECTED(.sample = 20, .seed = 1);
    unsigned found = 0;
    for (char *at = strtok(few, " "); at != NULL; at = strtok(NULL, " ")) {
        char word[20];
        snprintf(word, sizeof word, "%s ", at);
        const char *place = strstr(many, word);
        ck_assert(place != NULL && (place == many || place[-1] == ' '));
        found++;
    }
    ck_assert_uint_eq(found, 5);
    snprintf(few, sizeof few, "%s", SELECTED(.sample = 5, .seed = 1));
    ck_assert_str_eq(SELECTED(.sample = 5, .seed = 1), few);
    ck_assert_str_ne(SELECTED(.sample = 5, .seed = 2), few);
}
END_TEST

/* --- damage --------------------------------------------------------------------------------------------------------- */

/* The second frame of the log's trace number `number`, which is its first exchange. */
static void hurt_event(uint8_t row)
{
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, row};
    overwrite(RN_TREE_LOG, rn_bytes_of(key, 8), 45);
}

START_TEST(an_event_that_cannot_be_read_is_told_of)
{
    make_some();
    hurt_event(8); /* 3:1; three rows for each of the first two */
    ck_assert_str_eq(CALLS(0), "1:1 2:1 3:1 3:2 4:1 5:1 ");
    ck_assert_uint_eq(seen.damaged, 1);
    ck_assert_str_eq(SELECTED(.status = "5xx"), "3 "); /* who knows */
    ck_assert_str_eq(SELECTED(.model = "none"), "3 "); /* likewise */
    ck_assert_str_eq(SELECTED(.upstream = "search"), "4 ");
    ck_assert_str_eq(CALLS(.limit = 10), "1:1 2:1 3:2 5:1 ");
}
END_TEST

START_TEST(a_summary_that_cannot_be_read_hides_nobody)
{
    struct rn_trace_id second = id_of(2);
    make_some();
    overwrite(RN_TREE_TRACE, rn_bytes_of(second.bytes, RN_TRACE_ID_BYTES), 0);
    ck_assert_str_eq(SELECTED(0), "1 2 3 4 5 ");
    ck_assert_str_eq(SELECTED(.since_wall_ns = 3000), "3 4 5 ");
    ck_assert_str_eq(SELECTED(.name = "nightly"), "1 4 ");
    ck_assert_str_eq(CALLS(0), "1:1 2:0 3:1 3:2 4:1 5:1 ");
    ck_assert_uint_eq(seen.damaged, 1);
}
END_TEST

/* --- the world ------------------------------------------------------------------------------------------------------ */

START_TEST(failed_allocations_are_reported)
{
    static const struct rn_selection selections[] = {
        {.name = "nightly"}, {.model = "gpt-1", .limit = 2}, {.sample = 2}};
    make_some();
    rn_writer_stop(maker.writer);
    for (size_t i = 0; i < 2 * sizeof selections / sizeof selections[0]; i++) {
        for (unsigned long nth = 1;; nth++) {
            struct rn_trace_id *ids = NULL;
            size_t count = 0;
            ck_assert_uint_lt(nth, 2000);
            seen = (struct seen){.at = 0};
            error.text[0] = '\0';
            rn_memory_fail_from(nth);
            enum rn_status status =
                i % 2 == 0 ? rn_select_traces(maker.store, &selections[i / 2], &ids, &count, &error)
                           : rn_select_calls(maker.store, &selections[i / 2], see, &seen, &error);
            bool failed = rn_memory_failed();
            rn_memory_fail_from(0);
            if (!failed) {
                ck_assert_int_eq(status, RN_OK);
                rn_free(ids);
                break;
            }
            ck_assert_msg(status == RN_NOMEM, "%zu, %lu: %s", i, nth, error.text);
            ck_assert_uint_gt(strlen(error.text), 0);
            ck_assert_ptr_null(ids);
        }
    }
}
END_TEST

/* Thousands of traces of one call each, submitted at once. */
static void make_many(unsigned count)
{
    struct rn_entry *entries = calloc((size_t)2 * count, sizeof *entries);
    static char bodies[4][60];
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    ck_assert_ptr_nonnull(entries);
    for (unsigned i = 0; i < 4;
         i++) { /* the writer reads them while entries are still being made */
        snprintf(bodies[i], sizeof bodies[i], "{\"model\":\"m-%u\",\"messages\":[]}", i);
    }
    for (unsigned i = 0; i < count; i++) {
        struct rn_entry *entry = &entries[2 * i];
        const char *body = bodies[i % 4];
        *entry = (struct rn_entry){
            .kind = RN_ENTRY_EVENT,
            .trace =
                begin(i + 1, (struct rn_recording_settings){.name = i % 100 == 7 ? "rare" : NULL})};
        exchange_request(&entry->event, 1);
        rn_event_set(&entry->event, RN_TAG_TIMES, RN_LIT("\1"));
        rn_event_set(&entry->event, RN_TAG_REQUEST_BODY, rn_bytes_text(body));
        rn_event_set(&entry->event, RN_TAG_RESPONSE_HEAD, rn_bytes_of(head, sizeof head - 1));
        rn_event_set(&entry->event, RN_TAG_RESPONSE_BODY, RN_LIT("{}"));
        rn_event_set(&entry->event, RN_TAG_END, RN_LIT("\1"));
        entry[1] = (struct rn_entry){.kind = RN_ENTRY_TRACE_CLOSE, .trace = entry->trace};
        rn_writer_submit(maker.writer, &entry[0]);
        rn_writer_submit(maker.writer, &entry[1]);
    }
    rn_writer_stop(maker.writer);
    while (rn_writer_collect(maker.writer) != NULL) {
    }
    for (unsigned i = 0; i < 2 * count; i++) {
        ck_assert_int_eq(entries[i].status, RN_OK);
    }
    free(entries);
}

START_TEST(of_thousands_only_what_is_needed_is_read)
{
    make_many(4000);
    ck_assert_str_eq(SELECTED(.since_wall_ns = 3998000), "3998 3999 4000 ");
    ck_assert_str_eq(SELECTED(.limit = 2), "3999 4000 ");
    ck_assert_str_eq(SELECTED(.name = "rare", .limit = 2), "3808 3908 ");
    ck_assert_uint_eq(events_read, 0);
    ck_assert_str_eq(SELECTED(.name = "rare", .since_wall_ns = 3800000, .model = "m-3"),
                     "3808 3908 ");
    ck_assert_uint_eq(events_read, 2);
    ck_assert_str_eq(CALLS(.limit = 3), "3998:1 3999:1 4000:1 ");
    ck_assert_uint_eq(events_read, 6); /* looked at, then visited */
    ck_assert_str_eq(CALLS(.since_wall_ns = 10000, .until_wall_ns = 12000, .model = "m-1"),
                     "10:1 ");
    ck_assert_uint_eq(events_read, 3); /* two looked at, one visited */
    ck_assert_str_eq(SELECTED(.model = "none"), "");
    ck_assert_uint_eq(events_read, 4000); /* their facts, once and for all */
    ck_assert_str_eq(SELECTED(.name = "rare", .since_wall_ns = 3800000, .model = "m-3"),
                     "3808 3908 ");
    ck_assert_uint_eq(events_read, 0);
    (void)CALLS(.sample = 50, .seed = 9);
    ck_assert_uint_eq(seen.count, 50);
    (void)CALLS(.model = "m-2", .limit = 0);
    ck_assert_uint_eq(seen.count, 1000);
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
    const TTest *const traces[] = {what_makes_no_sense_is_refused_with_a_sentence,
                                   every_condition_of_a_trace_must_hold,
                                   conditions_of_exchanges_hold_for_one_and_the_same,
                                   what_readings_know_is_asked_of_exchanges,
                                   the_shortest_list_is_walked,
                                   time_has_a_first_moment_and_a_last_one,
                                   a_limit_takes_the_newest_and_keeps_their_order,
                                   traces_are_named_in_any_way_and_counted_once,
                                   long_names_are_told_apart_behind_what_the_index_keeps,
                                   a_trace_that_is_open_is_selected,
                                   an_empty_store_gives_nothing};
    const TTest *const calls[] = {exchanges_are_visited_in_order_whatever_they_are,
                                  limit_and_sample_count_model_calls, the_visitor_may_end_it,
                                  a_sample_is_the_same_on_every_machine,
                                  a_larger_sample_contains_the_smaller_one};
    const TTest *const world[] = {
        an_event_that_cannot_be_read_is_told_of, a_summary_that_cannot_be_read_hides_nobody,
        failed_allocations_are_reported, of_thousands_only_what_is_needed_is_read};
    Suite *suite = suite_create("store/select");
    add(suite, "traces", traces, sizeof traces / sizeof traces[0]);
    add(suite, "calls", calls, sizeof calls / sizeof calls[0]);
    add(suite, "world", world, sizeof world / sizeof world[0]);
    return suite;
}
