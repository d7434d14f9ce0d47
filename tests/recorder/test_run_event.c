/* The event of a run: its beginning, what it read and wrote, and its exit, read back from the store. */
#include "main.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/varint.h"
#include "run_event.h"
#include "store/room.h"
#include "store/trace.h"

static struct room room;
static struct rn_error error;
static struct rn_arena arena;
static struct rn_station station;
static struct rn_recording *recording;
static struct rn_trace_id id;
static struct rn_run_event *run;
static struct rn_timer *deadline;
static size_t wanted;

static char *const argv[] = {"app", "--key", "value", NULL};
static char *const environment[] = {"ZETA=secret-value", "ALPHA=1", "EMPTY=", NULL};
static const struct rn_record_settings settings = {
    .argv = argv, .environment = environment, .input = "a line"};

static const struct rn_streams streams = {
    .kinds = {'t', 't', 'p'}, .same = {0, 0, 2}, .rows = 24, .columns = 80, .manners = 300};

static void set_up(void)
{
    const struct rn_record_settings opening = {.store = NULL, .environment = environment};
    struct rn_record_settings here = opening;
    room_open(&room);
    setenv("XDG_CONFIG_HOME", room.path, 1);
    error.text[0] = '\0';
    here.store = room_file(&room, "store");
    ck_ok(rn_station_open(&station, &here, &error));
    struct rn_recording_settings trace = {.kind = "run"};
    rn_uuid7(trace.id.bytes);
    id = trace.id;
    recording = rn_recording_open(station.writer, &trace, NULL);
    ck_assert_ptr_nonnull(recording);
    ck_ok(rn_station_listen(&station, &here, recording, &id, &error));
    run = rn_run_event_open(&station, recording, &settings, &streams);
    ck_assert_ptr_nonnull(run);
}

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_clock_release();
    rn_run_event_free(run);
    rn_timer_free(deadline);
    deadline = NULL;
    rn_station_close(&station);
    rn_arena_free(&arena);
    room_close(&room);
}

static void output(int stream, const char *text)
{
    rn_run_event_output(run, stream, rn_bytes_text(text));
}

static enum rn_status closed_with = RN_INVALID;
static unsigned closed_times;

static void on_closed(void *self, enum rn_status status)
{
    ck_assert_ptr_eq(self, &station);
    closed_with = status;
    closed_times++;
    rn_loop_stop(station.loop);
}

static void finish(int wait_status)
{
    rn_run_event_close(run, wait_status, on_closed, &station);
    ck_assert_uint_eq(closed_times, 0); /* not before it is in the store */
    rn_loop_run(station.loop);
    ck_assert_uint_eq(closed_times, 1);
}

static const struct rn_event *event_of_run(void)
{
    static struct rn_event event;
    event = (struct rn_event){0};
    ck_ok(rn_store_catch_up(station.store, &error));
    ck_ok(rn_trace_event(station.store, &id, RN_CLASS_EVENT, 0, &arena, &event, &error));
    return &event;
}

static void ck_field(const struct rn_event *event, enum rn_tag tag, struct rn_bytes expected)
{
    struct rn_bytes field = rn_event_get(event, tag);
    ck_assert_msg(rn_bytes_equal(field, expected), "%s is \"%.*s\"", rn_tag_name(tag),
                  (int)field.len, field.data == NULL ? "" : (const char *)field.data);
}

START_TEST(a_run_comes_back_with_its_streams_and_exit)
{
    output(1, "hello ");
    output(2, "warning\n");
    output(0, "typed\n");
    output(1, "world\n");
    output(1, "");
    finish(3 << 8);
    ck_assert_int_eq(closed_with, RN_OK);
    const struct rn_event *event = event_of_run();
    ck_assert_int_eq(rn_event_kind_of(event), RN_EVENT_RUN);
    ck_field(event, RN_TAG_ARGV, RN_LIT("\3app\5--key\5value"));
    ck_field(event, RN_TAG_INPUT, RN_LIT("a line"));
    ck_field(event, RN_TAG_ENVIRONMENT, RN_LIT("\5ALPHA\5EMPTY\4ZETA"));
    ck_field(event, RN_TAG_STDIN, RN_LIT("typed\n"));
    ck_field(event, RN_TAG_STDOUT, RN_LIT("hello world\n"));
    ck_field(event, RN_TAG_STDERR, RN_LIT("warning\n"));
    ck_assert_uint_eq(rn_event_number(event, RN_TAG_EXIT, 0), 3 << 8);
    struct rn_bytes times = rn_event_get(event, RN_TAG_TIMES);
    uint64_t number;
    for (int i = 0; i < 3; i++) {
        ck_assert(rn_varint_get(&times, &number));
    }
    ck_assert_uint_eq(times.len, 0);
    struct rn_trace_summary summary;
    ck_ok(rn_trace_summary(station.store, &id, &arena, &summary, &error));
    ck_assert_int_eq(summary.state, RN_TRACE_CLOSED);
    ck_assert_int_eq(summary.exit_status, 3 << 8);
    ck_assert(summary.has_run);
}
END_TEST

/* Sends bytes to the port with our paths and waits, from the loop, until they were refused. */
static void look_for_refusal(void *self)
{
    struct rn_gateway_counts counts = rn_gateway_counts(station.gateway);
    (void)self;
    if (counts.malformed + counts.misdirected == wanted) {
        rn_loop_stop(station.loop);
    } else {
        rn_timer_start(deadline, 1000000);
    }
}

static void be_refused(const char *request, size_t refusals)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(station.ports[0].port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(client, request, strlen(request), 0), (ssize_t)strlen(request));
    wanted = refusals;
    deadline = deadline == NULL ? rn_timer_new(station.loop, look_for_refusal, NULL) : deadline;
    rn_timer_start(deadline, 1);
    rn_loop_run(station.loop);
    close(client);
}

START_TEST(requests_that_were_refused_are_counted_in_the_run)
{
    be_refused("nonsense\r\n\r\n", 1);
    be_refused("GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 2);
    be_refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 3);
    finish(0);
    ck_field(event_of_run(), RN_TAG_REFUSALS, RN_LIT("\2\1"));
}
END_TEST

START_TEST(a_run_without_refusals_says_nothing_of_them)
{
    finish(0);
    ck_assert(!rn_event_has(event_of_run(), RN_TAG_REFUSALS));
}
END_TEST

START_TEST(the_users_key_marks_command_directory_and_trace)
{
    struct rn_buffer message = {0};
    uint8_t mac[RN_SHA256_BYTES];
    finish(0);
    const struct rn_event *event = event_of_run();
    rn_buffer_add(&message, rn_event_get(event, RN_TAG_ARGV));
    rn_buffer_add(&message, rn_event_get(event, RN_TAG_CWD));
    rn_buffer_append(&message, id.bytes, sizeof id.bytes);
    ck_assert(station.has_userkey);
    ck_assert(rn_hmac_sha256(rn_bytes_of(station.userkey, RN_USERKEY_BYTES),
                             rn_buffer_bytes(&message), mac));
    ck_field(event, RN_TAG_MAC, rn_bytes_of(mac, sizeof mac));
    rn_buffer_free(&message);
}
END_TEST

START_TEST(ports_and_variables_are_kept_for_the_replay)
{
    struct rn_buffer expected = {0};
    finish(0);
    const struct rn_event *event = event_of_run();
    for (size_t i = 0; i < station.port_count; i++) {
        rn_run_put(&expected, rn_bytes_text(station.ports[i].upstream));
        rn_varint_put(&expected, station.ports[i].port);
    }
    ck_assert_uint_gt(station.port_count, 1);
    ck_field(event, RN_TAG_PORTS, rn_buffer_bytes(&expected));
    rn_buffer_clear(&expected);
    ck_assert_int_eq(rn_environment_encode(&station.plan, &expected), RN_OK);
    ck_field(event, RN_TAG_VARIABLES, rn_buffer_bytes(&expected));
    rn_buffer_free(&expected);
}
END_TEST

/*
 * Looks again and again, from the loop, until the store holds so much of what was written. The end of a stream stays with the
 * writer until more comes: a credential might begin there.
 */
static void look(void *self)
{
    (void)self;
    struct rn_event event = {0};
    struct rn_arena own = {0};
    bool there =
        rn_store_catch_up(station.store, NULL) == RN_OK &&
        rn_trace_event(station.store, &id, RN_CLASS_EVENT, 0, &own, &event, NULL) == RN_OK &&
        rn_event_get(&event, RN_TAG_STDOUT).len >= wanted;
    rn_arena_free(&own);
    if (there) {
        rn_loop_stop(station.loop);
    } else {
        rn_timer_start(deadline, 1000000);
    }
}

static void await_stored(size_t bytes)
{
    wanted = bytes;
    deadline = rn_timer_new(station.loop, look, NULL);
    rn_timer_start(deadline, 1);
    rn_loop_run(station.loop);
}

START_TEST(much_output_is_stored_before_the_end)
{
    static char much[RN_PART_BYTES_MAX + 1];
    memset(much, 'x', sizeof much - 1);
    output(1, much);
    output(1, "rest");
    await_stored(sizeof much / 2);
    ck_assert(!rn_event_has(event_of_run(), RN_TAG_EXIT));
    finish(0);
    ck_assert_uint_eq(rn_event_get(event_of_run(), RN_TAG_STDOUT).len, sizeof much - 1 + 4);
}
END_TEST

START_TEST(output_is_stored_a_second_later_though_the_command_goes_on)
{
    static char some[50000];
    memset(some, 'x', sizeof some - 1);
    output(1, some);
    await_stored(1);
    output(1, "rest");
    finish(0);
    ck_assert_uint_eq(rn_event_get(event_of_run(), RN_TAG_STDOUT).len, sizeof some - 1 + 4);
}
END_TEST

START_TEST(a_signal_is_kept_as_wait_gives_it)
{
    finish(9);
    ck_assert_uint_eq(rn_event_number(event_of_run(), RN_TAG_EXIT, 0), 9);
}
END_TEST

START_TEST(memory_may_run_out_while_output_comes_and_the_end_is_told_all_the_same)
{
    await_stored(0); /* the opening */
    output(1, "before");
    rn_memory_fail_from(1);
    static char much[100000];
    memset(much, 'y', sizeof much - 1);
    output(1, much);
    output(2, "error");
    rn_memory_fail_from(0);
    output(1, "behind");
    finish(0);
    ck_assert_int_eq(closed_with, RN_NOMEM); /* the recording is not whole */
    ck_field(event_of_run(), RN_TAG_STDOUT, RN_LIT("beforebehind"));
}
END_TEST

START_TEST(memory_may_run_out_at_the_opening)
{
    rn_run_event_close(run, 0, on_closed, &station);
    rn_loop_run(station.loop);
    rn_run_event_free(run);
    run = NULL;
    /* Up to the first piece nothing has been submitted, and NULL says so. */
    for (unsigned long nth = 1; nth <= 3; nth++) {
        rn_memory_fail_from(nth);
        struct rn_run_event *other = rn_run_event_open(&station, NULL, &settings, &streams);
        rn_memory_fail_from(0);
        ck_assert_ptr_null(other);
    }
}
END_TEST

/* The kinds are ours in any case; what was one terminal is told only where COMMAND was given the same. */
START_TEST(a_run_that_got_pipes_tells_no_streams)
{
    finish(0);
    struct rn_bytes field = rn_event_get(event_of_run(), RN_TAG_STDIO);
    ck_assert(rn_bytes_equal(rn_bytes_sub(field, 0, 7), rn_bytes_of("ttp\0\30\0\120", 7)));
    ck_field(event_of_run(), RN_TAG_STREAMS, rn_bytes_of("\0\0\2\254\2", 5));
    struct rn_record_settings only_pipes = settings;
    only_pipes.only_pipes = true;
    rn_run_event_free(run);
    struct rn_recording_settings trace = {.kind = "run"};
    rn_uuid7(trace.id.bytes);
    id = trace.id;
    recording = rn_recording_open(station.writer, &trace, NULL);
    ck_assert_ptr_nonnull(recording);
    run = rn_run_event_open(&station, recording, &only_pipes, &streams);
    ck_assert_ptr_nonnull(run);
    closed_times = 0;
    finish(0);
    ck_assert(!rn_event_has(event_of_run(), RN_TAG_STREAMS));
    ck_assert_uint_ge(rn_event_get(event_of_run(), RN_TAG_STDIO).len, 7);
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        a_run_comes_back_with_its_streams_and_exit,
        requests_that_were_refused_are_counted_in_the_run,
        a_run_without_refusals_says_nothing_of_them,
        the_users_key_marks_command_directory_and_trace,
        ports_and_variables_are_kept_for_the_replay,
        much_output_is_stored_before_the_end,
        output_is_stored_a_second_later_though_the_command_goes_on,
        a_signal_is_kept_as_wait_gives_it,
        memory_may_run_out_while_output_comes_and_the_end_is_told_all_the_same,
        memory_may_run_out_at_the_opening,
        a_run_that_got_pipes_tells_no_streams};
    Suite *suite = suite_create("run event");
    TCase *one = tcase_create("run event");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
