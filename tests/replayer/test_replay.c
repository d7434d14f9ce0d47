/* Whole replays, from TRACE to receipt: with a command, against themselves, and what they refuse. */
#include "main.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/varint.h"
#include "replay.h"
#include "self.h"
#include "store/room.h"
#include "theatre.h"
#include "venue.h"

static struct rn_replay_outcome outcome;
static struct rn_error error;
static char store[1024];
static char *environment[32];

static void setup(void)
{
    theatre_open();
    memset(&outcome, 0, sizeof outcome);
    snprintf(store, sizeof store, "%s", theatre_store());
    static char path[1024];
    static char config[1024];
    snprintf(path, sizeof path, "PATH=%s", getenv("PATH"));
    snprintf(config, sizeof config, "XDG_CONFIG_HOME=%s", getenv("XDG_CONFIG_HOME"));
    environment[0] = path;
    environment[1] = config;
    environment[2] = NULL;
}

static void teardown(void)
{
    rn_replay_outcome_free(&outcome);
    theatre_close();
}

/* A client in bash: sends each argument as the body of a POST and prints the answers. */
static const char client[] =
    "at=${OPENAI_BASE_URL#http://}; at=${at%%/*}\n"
    "for body in \"$@\"; do\n"
    "  exec 3<>/dev/tcp/${at%:*}/${at#*:} || exit 9\n"
    "  printf 'POST /v1/chat HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Type: "
    "application/json\\r\\n"
    "Connection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s' ${#body} \"$body\" >&3\n"
    "  while IFS= read -r line <&3 || [ -n \"$line\" ]; do last=$line; done\n"
    "  echo \"$last\"\n"
    "  exec 3>&-\n"
    "done\n";

static const char *argv_of(const char *const *bodies, const char *script, const char *out[12])
{
    size_t count = 0;
    out[count++] = "bash";
    out[count++] = "-c";
    out[count++] = script;
    out[count++] = "client";
    while (*bodies != NULL) {
        out[count++] = *bodies++;
    }
    out[count] = NULL;
    return out[0];
}

static void replay(struct rn_replay_settings settings, const char *trace)
{
    const char *const traces[] = {trace, NULL};
    settings.traces = traces;
    settings.environment = settings.environment == NULL ? environment : settings.environment;
    settings.store = store;
    settings.rules =
        settings.rules == 0 ? 1u << RN_RULE_BYTES | 1u << RN_RULE_JSON : settings.rules;
    rn_replay_outcome_free(&outcome);
    enum rn_status status = rn_replay_run(&settings, &outcome, &error);
    ck_assert_msg(status == RN_OK, "%s: %s", rn_status_name(status), error.text);
}

static void expect(enum rn_verdict verdict)
{
    ck_assert_msg(outcome.verdict == verdict, "%s: %s (%s)", rn_verdict_name(outcome.verdict),
                  outcome.sentence, outcome.place);
}

#define TWO                                                                                        \
    (const struct scene[]){{.body = "{\"n\":1}", .pieces = {"first"}, .close = true},              \
                           {.body = "{\"n\":2}", .pieces = {"second"}, .close = true}},            \
        2

static const char *record_two(const char *const *recorded_argv)
{
    struct scene_run run = {.argv = recorded_argv, .output = "first\nsecond\n"};
    return theatre_record(TWO, &run);
}

static const char *const two_bodies[] = {"{\"n\":1}", "{\"n\":2}", NULL};

START_TEST(a_run_is_reproduced_with_its_recorded_command)
{
    const char *argv[12];
    argv_of(two_bodies, client, argv);
    const char *trace = record_two(argv);
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_REPRODUCED);
    ck_assert_uint_eq(outcome.recorded, 2);
    ck_assert_uint_eq(outcome.served, 2);
    ck_assert_uint_eq(outcome.by_rule[RN_RULE_BYTES], 2);
    ck_assert_uint_eq(outcome.unconsumed, 0);
    ck_assert(outcome.ran_command);
    ck_assert_int_eq(outcome.wait_status, 0);
    ck_assert_str_eq(outcome.place, "");
}
END_TEST

START_TEST(the_receipt_tells_all_of_it)
{
    const char *argv[12];
    char path[1100];
    struct rn_buffer file = {0};
    argv_of(two_bodies, client, argv);
    const char *trace = record_two(argv);
    snprintf(path, sizeof path, "%s.receipt", store);
    replay((struct rn_replay_settings){.receipt = path}, trace);
    ck_assert_int_eq(rn_file_read(path, &file, &error), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&file), outcome.receipt));
    json_t *receipt = json_loadb((const char *)file.data, file.len, 0, NULL);
    ck_assert_ptr_nonnull(receipt);
    ck_assert_str_eq(json_string_value(json_object_get(receipt, "schema")), "reenact.receipt/1");
    ck_assert_str_eq(json_string_value(json_object_get(receipt, "verdict")), "reproduced");
    ck_assert_str_eq(json_string_value(json_object_get(receipt, "trace")), trace);
    ck_assert_str_eq(json_string_value(json_object_get(receipt, "output")), "compared");
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(receipt, "outside"), "isolation")),
        "unguarded");
    ck_assert_uint_eq(json_array_size(json_object_get(receipt, "calls")), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(receipt, "unconsumed")), 0);
    ck_assert(json_is_string(json_object_get(receipt, "started_ns")));
    ck_assert(json_is_null(json_object_get(receipt, "divergence")));
    json_decref(receipt);
    rn_buffer_free(&file);
}
END_TEST

START_TEST(json_spelled_otherwise_is_reproduced_but_not_when_strict)
{
    static const char *const spelled[] = {"{\"n\": 1}", "{\"n\":2.0}", NULL};
    const char *argv[12];
    const char *trace = record_two((const char *const[]){"true", NULL});
    argv_of(spelled, client, argv);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_REPRODUCED);
    ck_assert_uint_eq(outcome.by_rule[RN_RULE_JSON], 2);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv,
                                       .rules = 1u << RN_RULE_BYTES,
                                       .strict = true},
           trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.cause, "the same JSON in other bytes");
}
END_TEST

START_TEST(a_session_names_its_runs)
{
    struct rn_trace_id *runs = NULL;
    size_t count = 0;
    const char *trace = record_two((const char *const[]){"true", NULL});
    ck_assert_int_eq(rn_replay_runs(store, trace, &runs, &count, &error), RN_OK);
    ck_assert_uint_eq(count, 1);
    rn_free(runs);
    ck_assert_int_eq(rn_replay_runs(store, "nobody", &runs, &count, &error), RN_NOTFOUND);
    ck_assert_ptr_null(runs);
    trace = THEATRE_RECORD({.body = "{}"});
    ck_assert_int_eq(rn_replay_runs(store, trace, &runs, &count, &error), RN_OK);
    ck_assert_uint_eq(count, 0);
    rn_free(runs);
}
END_TEST

/* Allocations fail from the nth on: trouble or an honest verdict, never a green that was not earned, and nothing leaks. */
START_TEST(memory_may_run_out_anywhere)
{
    const char *const traces[] = {
        THEATRE_RECORD({.body = "{\"a\":1}"},
                       {.body = "2", .framing = RN_FRAMING_CHUNKED, .pieces = {"x", "y"}}),
        NULL};
    struct rn_replay_settings settings = {
        .traces = traces, .environment = environment, .store = store, .rules = 1u << RN_RULE_BYTES};
    for (unsigned long nth = 1;; nth++) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_replay_run(&settings, &outcome, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (status == RN_OK && outcome.verdict == RN_VERDICT_VERIFIED) {
            ck_assert_uint_eq(outcome.served, 2);
        }
        rn_replay_outcome_free(&outcome);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
    }
}
END_TEST

START_TEST(a_changed_request_diverges_at_its_place)
{
    static const char *const changed[] = {"{\"n\":1}", "{\"n\":3}", NULL};
    const char *argv[12];
    const char *trace = record_two((const char *const[]){"true", NULL});
    argv_of(changed, client, argv);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.place, "event 2, request body, /n");
    ck_assert_str_eq(outcome.expected, "2");
    ck_assert_str_eq(outcome.came, "3");
    ck_assert_uint_eq(outcome.misses, 1);
    ck_assert_uint_eq(outcome.unconsumed, 1);
}
END_TEST

START_TEST(a_swallowed_miss_still_diverges)
{
    static const char *const more[] = {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}", NULL};
    const char *argv[12];
    char script[2048];
    const char *trace = record_two((const char *const[]){"true", NULL});
    snprintf(script, sizeof script, "{ %s } | head -n 2", client);
    argv_of(more, script, argv);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_uint_eq(outcome.misses, 1);
    ck_assert_str_eq(outcome.cause, "an extra call");
}
END_TEST

START_TEST(a_missing_call_diverges_and_is_named)
{
    static const char *const fewer[] = {"{\"n\":1}", NULL};
    const char *argv[12];
    const char *trace = record_two((const char *const[]){"true", NULL});
    argv_of(fewer, client, argv);
    replay(
        (struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv, .ignore_output = true},
        trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.place, "event 2, not asked for");
}
END_TEST

START_TEST(other_output_or_exit_diverges)
{
    char script[2048];
    const char *argv[12];
    const char *trace = record_two((const char *const[]){"true", NULL});
    snprintf(script, sizeof script, "%s echo more", client);
    argv_of(two_bodies, script, argv);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.place, "run, stdout, byte 13");
    replay(
        (struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv, .ignore_output = true},
        trace);
    expect(RN_VERDICT_REPRODUCED);
    snprintf(script, sizeof script, "%s echo oops >&2", client);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.place, "run, stderr, byte 0");
    snprintf(script, sizeof script, "%s exit 7", client);
    replay(
        (struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv, .ignore_output = true},
        trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.place, "run, exit status");
    ck_assert_str_eq(outcome.came, "exit status 7");
    snprintf(script, sizeof script, "%s kill -9 $$", client);
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)argv}, trace);
    expect(RN_VERDICT_DIVERGED);
    ck_assert_str_eq(outcome.came, "signal 9");
}
END_TEST

START_TEST(an_application_that_never_comes_is_incomparable)
{
    const char *trace = record_two((const char *const[]){"echo", "first\nsecond", NULL});
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
    ck_assert(outcome.ran_command);
    ck_assert_str_eq(outcome.sentence, "nothing was served: the application never came to us, and "
                                       "ended with exit status 0");
    static const char *const crash[] = {"sh", "-c", "exit 2", NULL};
    replay((struct rn_replay_settings){.argv = (char *const *)(uintptr_t)crash}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
    ck_assert_str_eq(outcome.sentence, "nothing was served: the application never came to us, and "
                                       "ended with exit status 2");
}
END_TEST

START_TEST(nothing_is_run_for_nothing)
{
    static const char *const argv[] = {"touch", "was-run", NULL};
    struct scene_run run = {.argv = argv};
    const char *trace = theatre_record(NULL, 0, &run);
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
    ck_assert(!outcome.ran_command);
}
END_TEST

START_TEST(a_gap_makes_it_incomparable)
{
    const char *argv[12];
    argv_of(two_bodies, client, argv);
    theatre_with_gap(true);
    const char *trace = record_two(argv);
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(a_truncated_body_makes_it_incomparable)
{
    const char *trace = THEATRE_RECORD({.body = "{}", .close = true, .flags = RN_FLAG_TRUNCATED});
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(a_run_without_an_end_is_incomparable)
{
    const char *argv[12];
    argv_of(two_bodies, client, argv);
    struct scene_run run = {.argv = argv, .unfinished = true};
    const char *trace = theatre_record(TWO, &run);
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(what_others_recorded_is_not_run)
{
    static const char *const argv[] = {"touch", "was-run", NULL};
    struct scene_run run = {.argv = argv, .foreign = true};
    const char *const traces[] = {theatre_record(TWO, &run), NULL};
    struct rn_replay_settings settings = {
        .traces = traces, .environment = environment, .store = store, .rules = 1u << RN_RULE_BYTES};
    ck_assert_int_eq(rn_replay_run(&settings, &outcome, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(outcome.argv);
    ck_assert_str_eq(outcome.argv[0], "touch");
    ck_assert_str_eq(outcome.argv[1], "was-run");
    ck_assert_ptr_null(outcome.argv[2]);
    ck_assert(!outcome.ran_command);
}
END_TEST

START_TEST(a_command_that_cannot_be_executed_is_trouble)
{
    char *const argv[] = {"/nonexistent/command", NULL};
    const char *const traces[] = {record_two((const char *const[]){"true", NULL}), NULL};
    struct rn_replay_settings settings = {.traces = traces,
                                          .argv = argv,
                                          .environment = environment,
                                          .store = store,
                                          .rules = 1u << RN_RULE_BYTES};
    enum rn_status status = rn_replay_run(&settings, &outcome, &error);
    ck_assert(status != RN_OK && status != RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/command"));
}
END_TEST

START_TEST(an_unknown_trace_is_trouble)
{
    const char *const traces[] = {"ffffffffffffffffffffffffffffffff", NULL};
    record_two((const char *const[]){"true", NULL});
    struct rn_replay_settings settings = {
        .traces = traces, .environment = environment, .store = store, .rules = 1u << RN_RULE_BYTES};
    ck_assert_int_eq(rn_replay_run(&settings, &outcome, &error), RN_NOTFOUND);
    ck_assert_uint_gt(strlen(error.text), 0);
}
END_TEST

START_TEST(stdin_directory_and_placeholder_keys_are_given_back)
{
    static const char *const argv[] = {
        "bash", "-c", "read line; echo \"$line $PWD $REENACT_TRACE\"; exit 3", NULL};
    struct scene_run run = {
        .argv = argv, .input = "from the recording\n", .output = "no", .wait_status = 3 << 8};
    const char *trace = theatre_record(TWO, &run);
    replay((struct rn_replay_settings){0}, trace);
    /* It made no call, so it is incomparable, but it ran, and with exit status 3. */
    ck_assert(outcome.ran_command);
    ck_assert_int_eq(WEXITSTATUS(outcome.wait_status), 3);
    expect(RN_VERDICT_INCOMPARABLE);
}
END_TEST

START_TEST(a_directory_that_is_given_comes_before_the_recorded_one)
{
    char directory[] = "/tmp/reenact-test-XXXXXX";
    char output[64];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(output, sizeof output, "%s\n", directory);
    const char *const argv[] = {"bash", "-c", "pwd -P; : > left", NULL};
    struct scene_run run = {.argv = argv, .output = output};
    const char *trace = theatre_record(TWO, &run);
    char left[64];
    replay((struct rn_replay_settings){.workdir = directory}, trace);
    expect(RN_VERDICT_INCOMPARABLE); /* no call was made, but it ran there */
    ck_assert(outcome.ran_command);
    snprintf(left, sizeof left, "%s/left", directory);
    ck_assert_int_eq(unlink(left), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

/* Opens a venue whose recorded port is `recorded`; says whether another one had to be given. */
static bool moves(uint16_t recorded, bool fresh, uint16_t *given)
{
    struct rn_catalog catalog = {.has_run = true};
    struct rn_venue venue = {.fresh = fresh};
    struct rn_handler handler = {0};
    struct rn_buffer ports = {0};
    struct rn_loop *loop = rn_loop_new();
    struct rn_gateway *gateway = rn_gateway_new(loop, &handler);
    ck_assert_int_eq(rn_run_put(&ports, RN_LIT("")), RN_OK);
    ck_assert_int_eq(rn_varint_put(&ports, recorded), RN_OK);
    rn_event_set(&catalog.run, RN_TAG_PORTS, rn_buffer_bytes(&ports));
    ck_assert_int_eq(rn_venue_listen(&venue, gateway, &catalog, 0, &error), RN_OK);
    *given = venue.ports[0].port;
    bool moved = venue.moved;
    rn_gateway_free(gateway);
    rn_venue_free(&venue);
    rn_loop_free(loop);
    rn_buffer_free(&ports);
    return moved;
}

START_TEST(fresh_ports_do_not_ask_for_the_recorded_ones)
{
    uint16_t taken;
    uint16_t given;
    struct rn_handler handler = {0};
    struct rn_loop *loop = rn_loop_new();
    struct rn_gateway *holder = rn_gateway_new(loop, &handler);
    ck_assert_int_eq(rn_gateway_listen(holder, 0, NULL, &taken, &error), RN_OK);
    ck_assert(moves(taken, false, &given));
    ck_assert_uint_ne(given, taken);
    ck_assert(!moves(taken, true, &given));
    ck_assert_uint_ne(given, taken);
    rn_gateway_free(holder);
    ck_assert(!moves(taken, false, &given));
    ck_assert_uint_eq(given, taken);
    rn_loop_free(loop);
}
END_TEST

/* --- against itself ------------------------------------------------------------------------------------------------ */

START_TEST(a_trace_without_a_run_is_verified_against_itself)
{
    const char *trace = THEATRE_RECORD(
        {.body = "{}"}, {.body = "{}", .close = true},
        {.body = "2",
         .framing = RN_FRAMING_CHUNKED,
         .pieces = {"one", "two", "three"},
         .trailers = "X-T: 1\r\n"},
        {.body = "3", .framing = RN_FRAMING_CHUNKED, .pieces = {"da"}, .end = RN_END_CUT},
        {.body = "4", .framing = RN_FRAMING_CHUNKED, .pieces = {"data"}, .end = RN_END_ABORTED},
        {.body = "5", .end = RN_END_ABORTED, .no_answer = true},
        {.body = "6",
         .head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
         .pieces = {"short"},
         .end = RN_END_CUT},
        {.body = "7", .head = "HTTP/1.1 200 OK\r\nRetry-After: 30\r\nContent-Length: 2\r\n\r\n"},
        {.body = "8",
         .head = "HTTP/1.1 200 OK\r\n\r\n",
         .framing = RN_FRAMING_CLOSE,
         .close = true,
         .pieces = {"until", "close"}},
        {.body = "9", .interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"},
        {.body = "10", .head = "HTTP/1.1 204 No Content\r\n\r\n", .pieces = {""}},
        {.upstream = "anthropic", .body = "{\"x\":1}", .end = RN_END_REFUSED},
        {.method = "GET",
         .body = "",
         .target = "/v1/models?a=b%20c",
         .fields = "accept: */*\r\nX-Dup: 1\r\nx-dup: 2\r\n"});
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_VERIFIED);
    ck_assert_uint_eq(outcome.served, 13);
    ck_assert_uint_gt(outcome.compared_bytes, 500);
    ck_assert_int_eq(rn_verdict_exit(outcome.verdict), 0);
}
END_TEST

START_TEST(a_run_can_be_verified_too)
{
    const char *trace = record_two((const char *const[]){"false", NULL});
    replay((struct rn_replay_settings){.self = true}, trace);
    expect(RN_VERDICT_VERIFIED);
    ck_assert(!outcome.ran_command);
}
END_TEST

START_TEST(a_length_that_lies_is_not_verified)
{
    /* The recording says the answer ended, but less came than was announced: that cannot be given again as an end. */
    const char *trace = THEATRE_RECORD(
        {.body = "1", .head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", .pieces = {"short"}});
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_DIVERGED);
}
END_TEST

START_TEST(an_open_trace_is_incomparable)
{
    theatre_left_open(true);
    const char *trace = THEATRE_RECORD({.body = "{}"});
    replay((struct rn_replay_settings){0}, trace);
    expect(RN_VERDICT_INCOMPARABLE);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replay");
    TCase *cases = tcase_create("replay");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_run_is_reproduced_with_its_recorded_command);
    tcase_add_test(cases, the_receipt_tells_all_of_it);
    tcase_add_test(cases, json_spelled_otherwise_is_reproduced_but_not_when_strict);
    tcase_add_test(cases, a_session_names_its_runs);
    tcase_add_test(cases, memory_may_run_out_anywhere);
    tcase_add_test(cases, a_changed_request_diverges_at_its_place);
    tcase_add_test(cases, a_swallowed_miss_still_diverges);
    tcase_add_test(cases, a_missing_call_diverges_and_is_named);
    tcase_add_test(cases, other_output_or_exit_diverges);
    tcase_add_test(cases, an_application_that_never_comes_is_incomparable);
    tcase_add_test(cases, nothing_is_run_for_nothing);
    tcase_add_test(cases, a_gap_makes_it_incomparable);
    tcase_add_test(cases, a_truncated_body_makes_it_incomparable);
    tcase_add_test(cases, a_run_without_an_end_is_incomparable);
    tcase_add_test(cases, what_others_recorded_is_not_run);
    tcase_add_test(cases, a_command_that_cannot_be_executed_is_trouble);
    tcase_add_test(cases, an_unknown_trace_is_trouble);
    tcase_add_test(cases, stdin_directory_and_placeholder_keys_are_given_back);
    tcase_add_test(cases, a_directory_that_is_given_comes_before_the_recorded_one);
    tcase_add_test(cases, fresh_ports_do_not_ask_for_the_recorded_ones);
    tcase_add_test(cases, a_trace_without_a_run_is_verified_against_itself);
    tcase_add_test(cases, a_run_can_be_verified_too);
    tcase_add_test(cases, a_length_that_lies_is_not_verified);
    tcase_add_test(cases, an_open_trace_is_incomparable);
    suite_add_tcase(suite, cases);
    return suite;
}
