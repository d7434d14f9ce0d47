/*
 * A baseline is what was frozen, here and on any other machine: the same root, the same traces, or a sentence that names what is
 * missing, changed or damaged.
 */
#include "main.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "keys.h"
#include "pieces.h"
#include "store/bundle.h"
#include "store/copy.h"
#include "store/traces.h"
#include "store/verify.h"
#include "store_internal.h"
#include "trace_difference.h"

static struct room room;
static struct rn_error error;
static struct maker maker;
static struct rn_store *store; /* the maker's */

static unsigned commits_left; /* 0: no end; else the process ends with that commit */

enum rn_status __real_rn_db_commit(struct rn_db_txn *txn, struct rn_error *said);
enum rn_status __wrap_rn_db_commit(struct rn_db_txn *txn, struct rn_error *said)
{
    if (commits_left > 0 && --commits_left == 0) {
        _exit(77);
    }
    return __real_rn_db_commit(txn, said);
}

/* --- recordings --- */

/* One call of a model. What is NULL is the usual. */
struct call {
    const char *model;
    const char *prompt;
    const char *question;
    const char *tools;
    const char *answer;
    const char *temperature;
};

static void record_call(struct rn_recording *trace, uint32_t n, const struct call *call)
{
    static char body[2000];
    static char answer[800];
    struct rn_event event;
    exchange_request(&event, n);
    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"temperature\":%s,\"messages\":[{\"role\":\"system\",\"content\":"
             "\"%s\"},{\"role\":\"user\",\"content\":\"%s\"}]%s%s}",
             call->model == NULL ? "m-1" : call->model,
             call->temperature == NULL ? "0.5" : call->temperature,
             call->prompt == NULL ? "Be kind." : call->prompt,
             call->question == NULL ? "How are you?" : call->question,
             call->tools == NULL ? "" : ",\"tools\":", call->tools == NULL ? "" : call->tools);
    snprintf(
        answer, sizeof answer,
        "{\"id\":\"chatcmpl-%08x%u\",\"model\":\"m-1-2026\",\"choices\":[{\"index\":0,\"message\":{"
        "\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}]}",
        (unsigned)rn_clock_mono_ns(), n, call->answer == NULL ? "Fine." : call->answer);
    rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_bytes_text(body));
    exchange_response(&event, n, "x");
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_text(answer));
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

static void record_run(struct rn_recording *trace, const char *input, const char *output)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 0};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\1"));
    rn_event_set(&event, RN_TAG_TIMES, some_times(EXCHANGE_ARRIVAL));
    rn_event_set(&event, RN_TAG_ARGV, RN_LIT("\3app\4--go"));
    rn_event_set(&event, RN_TAG_COMMIT, RN_LIT("0123456789abcdef0123456789abcdef01234567"));
    rn_event_set(&event, RN_TAG_STDOUT, rn_bytes_text(output));
    rn_event_set(&event, RN_TAG_EXIT, RN_LIT("\0"));
    if (input != NULL) {
        rn_event_set(&event, RN_TAG_INPUT, rn_bytes_text(input));
    }
    maker_must(&maker, RN_ENTRY_EVENT, trace, &event);
}

/* A run of one case that makes the given calls. */
static struct rn_trace_id record(const char *name, const char *input, const struct call *calls,
                                 size_t count)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, name, false, &id);
    for (size_t i = 0; i < count; i++) {
        record_call(trace, (uint32_t)i + 1, &calls[i]);
    }
    record_run(trace, input, "done\n");
    maker_end(&maker, trace);
    return id;
}

static const struct call usual[] = {
    {.tools = "[{\"type\":\"function\",\"function\":{\"name\":\"search\"}}]"},
    {.question = "And now?"}};

static void setup(void)
{
    room_open(&room);
    rn_clock_release();
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
}

static void teardown(void)
{
    rn_memory_fail_from(0);
    rn_clock_release();
    maker_close(&maker);
    room_close(&room);
}

/* --- asking --- */

static enum rn_status freeze(const char *name, const char *fits, struct rn_baseline *out)
{
    const struct rn_selection selection = {.name = fits};
    struct rn_baseline own;
    error = (struct rn_error){.text = ""};
    enum rn_status status = rn_baseline_freeze(store, name, &selection, "--name something",
                                               out != NULL ? out : &own, &error);
    if (status == RN_OK && out == NULL) {
        rn_baseline_free(&own);
    }
    return status;
}

static void must_freeze(const char *name, const char *fits)
{
    ck_ok(freeze(name, fits, NULL));
}

static bool count_one(void *self, const struct rn_baseline *baseline)
{
    (void)baseline;
    ++*(unsigned *)self;
    return true;
}

static unsigned baselines(struct rn_store *in)
{
    unsigned count = 0;
    ck_ok(rn_baseline_each(in, count_one, &count, &error));
    return count;
}

static bool is_held(struct rn_store *in, const struct rn_trace_id *id)
{
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16];
    return rn_trace_is_held(in, id, holder);
}

static size_t findings_of(struct rn_store *in, const char *name, enum rn_baseline_fault *fault,
                          char *sentence)
{
    struct rn_arena arena = {0};
    struct rn_baseline_finding *findings = NULL;
    size_t count = 0;
    ck_ok(rn_baseline_verify(in, name, &arena, &findings, &count, &error));
    if (count > 0 && fault != NULL) {
        *fault = findings[0].fault;
        snprintf(sentence, 400, "%.*s", (int)findings[0].sentence.len,
                 (const char *)findings[0].sentence.data);
    }
    rn_arena_free(&arena);
    return count;
}

static const struct rn_baseline_fact *fact_of(const struct rn_baseline *baseline,
                                              enum rn_baseline_list list, size_t i)
{
    ck_assert_uint_lt(i, baseline->list_counts[list]);
    return &baseline->lists[list][i];
}

static void assert_text(struct rn_bytes found, const char *expected)
{
    ck_assert_msg(rn_bytes_equal(found, rn_bytes_text(expected)), "'%.*s' is not '%s'",
                  (int)found.len, (const char *)found.data, expected);
}

/* --- freezing --- */

START_TEST(a_manifest_says_what_traces_are_made_of)
{
    static const struct call other = {.model = "m-2", .temperature = "1"};
    struct rn_baseline frozen;
    struct rn_baseline loaded;
    struct rn_trace_id first = record("suite/1", "one", usual, 2);
    (void)record("suite/2", NULL, &other, 1);
    ck_ok(freeze("golden", "suite/*", &frozen));
    ck_ok(rn_baseline_load(store, "golden", &loaded, &error));
    ck_assert(rn_bytes_equal(frozen.json, loaded.json));
    ck_assert_int_eq(memcmp(frozen.root, loaded.root, sizeof frozen.root), 0);
    ck_assert_uint_eq(loaded.count, 2);
    ck_assert_uint_eq(loaded.calls, 3);
    ck_assert_uint_eq(loaded.frozen_wall_ns, frozen.frozen_wall_ns);
    assert_text(loaded.name, "golden");
    assert_text(loaded.selection, "--name something");
    ck_assert(rn_trace_id_equal(&loaded.traces[0].id, &first));
    assert_text(loaded.traces[0].name, "suite/1");
    ck_assert(loaded.traces[0].has_input && loaded.traces[0].has_run);
    assert_text(loaded.traces[0].input, "one");
    ck_assert(!loaded.traces[1].has_input);
    assert_text(fact_of(&loaded, RN_BASELINE_MODELS, 0)->what, "openai m-1");
    assert_text(fact_of(&loaded, RN_BASELINE_MODELS, 0)->note, "m-1-2026");
    ck_assert_uint_eq(fact_of(&loaded, RN_BASELINE_MODELS, 0)->calls, 2);
    assert_text(fact_of(&loaded, RN_BASELINE_MODELS, 1)->what, "openai m-2");
    ck_assert_uint_eq(loaded.list_counts[RN_BASELINE_PARAMETERS], 2);
    ck_assert_uint_eq(loaded.list_counts[RN_BASELINE_PROMPTS], 1);
    assert_text(fact_of(&loaded, RN_BASELINE_PROMPTS, 0)->note, "Be kind.");
    /* printf 'Be kind.' | sha256sum */
    uint8_t digest[RN_SHA256_BYTES];
    char hex[65];
    const struct rn_bytes prompt = RN_LIT("Be kind.");
    ck_assert(rn_sha256_of(&prompt, 1, digest));
    rn_hex(rn_bytes_of(digest, sizeof digest), hex);
    assert_text(fact_of(&loaded, RN_BASELINE_PROMPTS, 0)->what, hex);
    ck_assert_uint_eq(fact_of(&loaded, RN_BASELINE_PROMPTS, 0)->calls, 3);
    assert_text(fact_of(&loaded, RN_BASELINE_TOOLS, 0)->note, "search");
    assert_text(fact_of(&loaded, RN_BASELINE_COMMITS, 0)->what,
                "0123456789abcdef0123456789abcdef01234567");
    assert_text(fact_of(&loaded, RN_BASELINE_RELEASES, 0)->what, "1.2.3");
    ck_assert_uint_eq(fact_of(&loaded, RN_BASELINE_RELEASES, 0)->calls, 2);
    ck_assert_uint_eq(loaded.list_counts[RN_BASELINE_VERSIONS], 4);
    ck_assert_uint_eq(findings_of(store, "golden", NULL, NULL), 0);
    rn_baseline_free(&frozen);
    rn_baseline_free(&loaded);
}
END_TEST

START_TEST(tools_and_parameters_that_are_equal_as_json_are_one)
{
    static const struct call calls[] = {
        {.tools = "[{\"name\":\"a\",\"x\":1.0}]", .temperature = "0.5"},
        {.tools = "[ {\"x\":1, \"name\":\"\\u0061\"} ]", .temperature = "5e-1"},
        {.tools = "[{\"name\":\"b\"}]", .temperature = "0.5"}};
    struct rn_baseline frozen;
    (void)record("t", NULL, calls, 3);
    ck_ok(freeze("g", NULL, &frozen));
    ck_assert_uint_eq(frozen.list_counts[RN_BASELINE_TOOLS], 2);
    ck_assert_uint_eq(frozen.list_counts[RN_BASELINE_PARAMETERS], 1);
    ck_assert_uint_eq(fact_of(&frozen, RN_BASELINE_PARAMETERS, 0)->calls, 3);
    rn_baseline_free(&frozen);
}
END_TEST

START_TEST(equal_selections_have_equal_manifests_whatever_the_order)
{
    struct rn_store *other = NULL;
    struct rn_trace_id ids[5];
    struct rn_baseline here;
    struct rn_baseline there;
    const struct rn_selection all = {0};
    for (unsigned i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "case/%u", i % 3);
        ids[i] = record(name, name, usual, 2);
    }
    ck_ok(rn_store_open(room_file(&room, "other"), RN_STORE_CREATE, &other, &error));
    for (unsigned i = 5; i > 0; i--) {
        ck_ok(rn_trace_copy(store, &ids[(i * 2) % 5], other, i % 2, &error));
    }
    rn_clock_hold(UINT64_C(1800000000000000000), 1, 1);
    ck_ok(rn_baseline_freeze(store, "g", &all, "", &here, &error));
    ck_ok(rn_baseline_freeze(other, "g", &all, "", &there, &error));
    ck_assert_int_eq(memcmp(here.root, there.root, sizeof here.root), 0);
    ck_assert(rn_bytes_equal(here.json, there.json));
    rn_baseline_free(&there);
    rn_clock_hold(UINT64_C(1800000001000000000), 1, 1);
    ck_ok(rn_baseline_drop(store, "g", &error));
    ck_ok(rn_baseline_freeze(store, "g", &all, "", &there, &error));
    ck_assert(!rn_bytes_equal(here.json, there.json));
    ck_assert_uint_eq(here.json.len, there.json.len);
    ck_assert_int_eq(memcmp(here.root, there.root, sizeof here.root), 0);
    rn_baseline_free(&here);
    rn_baseline_free(&there);
    rn_store_close(other);
}
END_TEST

START_TEST(the_root_is_the_documented_one)
{
    struct rn_baseline frozen;
    uint8_t number[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    uint8_t root[RN_SHA256_BYTES];
    (void)record("t", NULL, usual, 1);
    ck_ok(freeze("g", NULL, &frozen));
    const struct rn_bytes runs[] = {RN_LIT("reenact baseline 1"), rn_bytes_of(number, 8),
                                    rn_bytes_of(frozen.traces[0].id.bytes, RN_TRACE_ID_BYTES),
                                    rn_bytes_of(frozen.traces[0].evidence, RN_SHA256_BYTES)};
    ck_assert(rn_sha256_of(runs, 4, root));
    ck_assert_int_eq(memcmp(root, frozen.root, sizeof root), 0);
    rn_baseline_free(&frozen);
}
END_TEST

static void assert_refused(const char *fits, const char *says)
{
    enum rn_status status = freeze("g", fits, NULL);
    ck_assert_msg(status == RN_REFUSED, "%s: %s: %s", fits, rn_status_name(status), error.text);
    ck_assert_msg(strstr(error.text, says) != NULL, "%s", error.text);
    ck_assert_uint_eq(baselines(store), 0);
}

START_TEST(what_cannot_be_judged_later_is_refused_now)
{
    struct rn_trace_id id;
    struct rn_trace_id good = record("good", NULL, usual, 1);
    (void)maker_whole(&maker, "gap", "a", true);
    assert_refused("gap", "('gap') cannot be frozen: it is incomplete: gaps 1");
    assert_refused("g*", "select without it");
    ck_assert(!is_held(store, &good));
    (void)maker_whole(&maker, "gap", "a", true);
    assert_refused("g*", "nor can 1 more of the 3");
    struct rn_recording *trace = maker_trace(&maker, "open", false, &id);
    record_call(trace, 1, &usual[0]);
    assert_refused("open", "still being recorded");
    maker_end(&maker, trace);
    must_freeze("later", "open");
    const struct rn_recording_settings settings = {.name = "answers", .kind = "backtest"};
    struct rn_recording_settings own = settings;
    rn_uuid7(own.id.bytes);
    trace = rn_recording_open(maker.writer, &own, NULL);
    record_call(trace, 1, &usual[0]);
    maker_end(&maker, trace);
    ck_ok(rn_baseline_drop(store, "later", &error));
    char text[33]; /* a name would not find it */
    rn_trace_id_text(&own.id, text);
    const char *const answers[] = {text, NULL};
    const struct rn_selection named = {.traces = answers};
    struct rn_baseline none;
    ck_assert_int_eq(rn_baseline_freeze(store, "g", &named, "", &none, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "of kind 'backtest'"));
    ck_assert_int_eq(freeze("g", "nobody", NULL), RN_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "nothing to freeze"));
}
END_TEST

START_TEST(a_lost_recording_is_refused)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(&maker, "lost", false, &id);
    record_call(trace, 1, &usual[0]);
    maker_close(&maker); /* its recorder goes without closing it */
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
    assert_refused("lost", "its recorder died");
}
END_TEST

START_TEST(a_name_is_taken_once_and_has_a_form)
{
    static const char *const bad[] = {
        "",    "A",   ".a",  "-a",
        "a b", "a/b", "a\n", "0123456789012345678901234567890123456789012345678901234567890123x"};
    (void)record("t", NULL, usual, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(freeze(bad[i], NULL, NULL), RN_INVALID);
    }
    must_freeze("0123456789012345678901234567890123456789012345678901234567890123", NULL);
    must_freeze("release-1.2_rc", NULL);
    ck_assert_int_eq(freeze("release-1.2_rc", NULL, NULL), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "already"));
    ck_assert_uint_eq(baselines(store), 2);
}
END_TEST

START_TEST(what_a_run_opened_and_children_are_frozen_with_it)
{
    struct rn_trace_id run;
    struct rn_trace_id alias;
    struct rn_trace_id child = {{0}};
    struct rn_trace_id grandchild = {{0}};
    struct rn_trace_id stranger = record("stranger", NULL, usual, 1);
    struct rn_recording_settings settings = {.kind = "run", .name = "root"};
    rn_uuid7(settings.id.bytes);
    rn_uuid7(settings.session.bytes);
    run = settings.id;
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace, 1, &usual[0]);
    rn_uuid7(settings.id.bytes);
    alias = settings.id;
    settings.name = "inner";
    struct rn_recording *inner = rn_recording_open(maker.writer, &settings, trace);
    record_call(inner, 1, &usual[1]);
    record_run(trace, NULL, "done\n");
    maker_end(&maker, inner);
    maker_end(&maker, trace);
    settings = (struct rn_recording_settings){.kind = "serve", .name = "child", .parent = alias};
    rn_uuid7(settings.id.bytes);
    child = settings.id;
    trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace, 1, &usual[0]);
    maker_end(&maker, trace);
    settings.parent = child;
    rn_uuid7(settings.id.bytes);
    grandchild = settings.id;
    trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace, 1, &usual[0]);
    maker_end(&maker, trace);
    struct rn_baseline frozen;
    ck_ok(freeze("g", "root", &frozen));
    ck_assert_uint_eq(frozen.count, 4);
    ck_assert(is_held(store, &run) && is_held(store, &alias) && is_held(store, &child) &&
              is_held(store, &grandchild));
    ck_assert(!is_held(store, &stranger));
    rn_baseline_free(&frozen);
}
END_TEST

/* --- keeping --- */

START_TEST(frozen_traces_stay_until_every_baseline_of_theirs_is_dropped)
{
    struct rn_trace_id id = record("t", NULL, usual, 2);
    must_freeze("one", NULL);
    must_freeze("two", NULL);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(rn_trace_drop(store, &id, &error), RN_REFUSED);
        ck_assert_ptr_nonnull(strstr(error.text, i == 0 ? "baseline/one" : "baseline/two"));
        ck_assert_int_eq(
            rn_trace_erase_field(store, &id, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error),
            RN_REFUSED);
        ck_ok(rn_baseline_drop(store, i == 0 ? "one" : "two", &error));
    }
    ck_assert_int_eq(rn_baseline_drop(store, "two", &error), RN_NOTFOUND);
    ck_ok(rn_trace_erase_field(store, &id, RN_CLASS_EVENT, 1, RN_TAG_REQUEST_BODY, &error));
    ck_ok(rn_trace_drop(store, &id, &error));
    ck_assert_uint_eq(baselines(store), 0);
}
END_TEST

/* What a look at the altered baseline found. */
static size_t altered_findings;
static enum rn_baseline_fault altered_fault;
static char altered_text[400];

/* The manifest of `name` with one text in place of another, under a second name. */
static enum rn_status load_altered(const char *name, const char *was, const char *is)
{
    struct rn_buffer json = {0};
    struct rn_buffer altered = {0};
    struct rn_baseline loaded;
    ck_ok(rn_document_get(store, RN_BASELINE_KIND, name, &json, &error));
    size_t at = rn_bytes_find(rn_buffer_bytes(&json), rn_bytes_text(was));
    ck_assert_uint_ne(at, RN_NPOS);
    ck_assert_int_eq(rn_buffer_append(&altered, json.data, at), RN_OK);
    ck_assert_int_eq(rn_buffer_add(&altered, rn_bytes_text(is)), RN_OK);
    ck_assert_int_eq(
        rn_buffer_add(&altered, rn_bytes_from(rn_buffer_bytes(&json), at + strlen(was))), RN_OK);
    ck_ok(rn_document_put(store, RN_BASELINE_KIND, "altered", rn_buffer_bytes(&altered), &error));
    enum rn_status status = rn_baseline_load(store, "altered", &loaded, &error);
    rn_baseline_free(&loaded);
    altered_findings =
        status == RN_OK ? findings_of(store, "altered", &altered_fault, altered_text) : 0;
    struct rn_error kept = error;
    ck_ok(rn_document_drop(store, RN_BASELINE_KIND, "altered", &error));
    error = kept;
    rn_buffer_free(&json);
    rn_buffer_free(&altered);
    return status;
}

START_TEST(a_manifest_that_was_changed_is_damage)
{
    char id[33];
    struct rn_trace_id trace = record("t", "in", usual, 1);
    must_freeze("g", NULL);
    rn_trace_id_text(&trace, id);
    ck_assert_int_eq(load_altered("g", "\"calls\":\"1\"", "\"calls\":\"1\""), RN_OK);
    ck_assert_int_eq(load_altered("g", id, "00000000000000000000000000000000"), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "root does not follow"));
    ck_assert_int_eq(load_altered("g", "\"calls\":\"1\"", "\"calls\":1"), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "\"calls\""));
    ck_assert_int_eq(load_altered("g", "\"traces\"", "\"trades\""), RN_DAMAGED);
    ck_assert_int_eq(load_altered("g", "\"evidence\":\"", "\"evidence\":\"0"), RN_DAMAGED);
    ck_assert_int_eq(load_altered("g", "{", "["), RN_DAMAGED);
    ck_assert_int_eq(load_altered("g", "baseline/1", "baseline/2"), RN_NEWER);
    ck_assert_int_eq(load_altered("g", "reenact.baseline/1", "reenact.receipt/1"), RN_DAMAGED);
}
END_TEST

START_TEST(a_manifest_that_contradicts_its_traces_is_found)
{
    record("t", "in", usual, 1);
    must_freeze("g", NULL);
    ck_assert_int_eq(load_altered("g", "\"input\":\"in\"", "\"input\":\"in\""), RN_OK);
    ck_assert_uint_eq(altered_findings, 0);
    static const char *const lies[][3] = {
        {"\"input\":\"in\"", "\"input\":\"on\"", "its input"},
        {"\"input\":\"in\",", "", "its input"},
        {"\"name\":\"t\"", "\"name\":\"u\"", "its name"},
        {"\"run\":true", "\"run\":false", "whether a command ran"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        ck_assert_int_eq(load_altered("g", lies[i][0], lies[i][1]), RN_OK);
        ck_assert_uint_eq(altered_findings, 1);
        ck_assert_int_eq(altered_fault, RN_BASELINE_CHANGED);
        ck_assert_ptr_nonnull(strstr(altered_text, lies[i][2]));
    }
}
END_TEST

START_TEST(one_damaged_manifest_does_not_hide_the_others)
{
    unsigned count = 0;
    (void)record("t", NULL, usual, 1);
    must_freeze("a", NULL);
    ck_ok(rn_document_put(store, RN_BASELINE_KIND, "b", RN_LIT("{}"), &error));
    must_freeze("c", NULL);
    ck_assert_int_eq(rn_baseline_each(store, count_one, &count, &error), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "'b'"));
    ck_assert_uint_eq(count, 2);
    ck_ok(rn_baseline_drop(store, "b", &error));
    ck_assert_uint_eq(baselines(store), 2);
}
END_TEST

START_TEST(texts_that_are_no_utf8_come_back_as_they_were)
{
    static const char name[] = "na\xff\xfeme\x01";
    struct rn_baseline frozen;
    struct rn_baseline loaded;
    (void)record(name, "in\xc3(put", usual, 1);
    ck_ok(freeze("g", NULL, &frozen));
    ck_ok(rn_baseline_load(store, "g", &loaded, &error));
    assert_text(loaded.traces[0].name, name);
    assert_text(loaded.traces[0].input, "in\xc3(put");
    rn_baseline_free(&frozen);
    rn_baseline_free(&loaded);
}
END_TEST

/* --- verifying --- */

static void flip_a_byte_of(const struct rn_trace_id *id)
{
    struct rn_pieces pieces = {0};
    struct rn_buffer frame = {0};
    struct rn_db_txn *txn = NULL;
    uint8_t key[8];
    ck_ok(rn_pieces_of_trace(store, id, &pieces, &error));
    ck_ok(rn_piece_frame(store, pieces.at[1].row, &frame, &error));
    frame.data[frame.len - 3] ^= 4;
    rn_put_u64(key, pieces.at[1].row);
    ck_ok(rn_db_begin(store->db, true, &txn, &error));
    ck_ok(rn_db_put(txn, RN_TREE_LOG, rn_bytes_of(key, 8), rn_buffer_bytes(&frame), &error));
    ck_ok(rn_db_commit(txn, &error));
    rn_buffer_free(&frame);
    rn_pieces_free(&pieces);
}

START_TEST(verify_names_what_is_missing_changed_or_damaged)
{
    char sentence[400];
    enum rn_baseline_fault fault = RN_BASELINE_MISSING;
    struct rn_trace_id one = record("one", NULL, usual, 1);
    struct rn_trace_id two = record("two", NULL, usual, 1);
    must_freeze("g", NULL);
    ck_assert_uint_eq(findings_of(store, "g", NULL, NULL), 0);
    flip_a_byte_of(&two);
    ck_assert_uint_eq(findings_of(store, "g", &fault, sentence), 1);
    ck_assert_int_eq(fault, RN_BASELINE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(sentence, "event 1"));
    ck_assert_int_eq(freeze("h", "two", NULL), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot be frozen"));
    ck_ok(rn_trace_release(store, "baseline/g", &error));
    ck_ok(rn_trace_drop(store, &one, &error));
    ck_assert_uint_eq(findings_of(store, "g", &fault, sentence), 2);
    ck_assert_int_eq(fault, RN_BASELINE_MISSING);
    ck_assert_ptr_nonnull(strstr(sentence, "one ("));
    struct rn_recording_settings settings = {.id = one, .kind = "run", .name = "one"};
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    record_call(trace, 1, &usual[0]);
    maker_end(&maker, trace);
    ck_assert_uint_eq(findings_of(store, "g", &fault, sentence), 2);
    ck_assert_int_eq(fault, RN_BASELINE_CHANGED);
    ck_assert_ptr_nonnull(strstr(sentence, "evidence is"));
}
END_TEST

START_TEST(verify_makes_lost_holds_again)
{
    struct rn_trace_id id = record("t", NULL, usual, 1);
    must_freeze("g", NULL);
    ck_ok(rn_trace_release(store, "baseline/g", &error));
    ck_assert(!is_held(store, &id));
    ck_assert_uint_eq(findings_of(store, "g", NULL, NULL), 0);
    ck_assert(is_held(store, &id));
}
END_TEST

/* --- comparing --- */

static char told[4000];

/* One line per change in `told`. */
static size_t diff(const char *first, const char *second)
{
    struct rn_arena arena = {0};
    struct rn_baseline_change *changes = NULL;
    size_t count = 0;
    size_t len = 0;
    ck_ok(rn_baseline_diff(store, first, second, &arena, &changes, &count, &error));
    told[0] = '\0';
    for (size_t i = 0; i < count && len < sizeof told; i++) {
        len += (size_t)snprintf(told + len, sizeof told - len, "%c %s %.*s: %.*s\n",
                                changes[i].sign, changes[i].list, (int)changes[i].what.len,
                                (const char *)changes[i].what.data, (int)changes[i].detail.len,
                                (const char *)changes[i].detail.data);
    }
    rn_arena_free(&arena);
    return count;
}

static void assert_told(const char *text)
{
    ck_assert_msg(strstr(told, text) != NULL, "'%s' is not in:\n%s", text, told);
}

START_TEST(a_baseline_does_not_differ_from_itself_nor_from_a_recording_that_says_the_same)
{
    (void)record("a/1", "x", usual, 2);
    (void)record("a/2", "y", usual, 2);
    must_freeze("first", NULL);
    ck_assert_uint_eq(diff("first", "first"), 0);
    ck_ok(rn_baseline_drop(store, "first", &error));
    must_freeze("first", "a/1");
    struct rn_trace_id again = record("a/1", "x", usual, 2);
    char text[33];
    rn_trace_id_text(&again, text);
    const char *const traces[] = {text, NULL};
    const struct rn_selection selection = {.traces = traces};
    struct rn_baseline frozen;
    ck_ok(rn_baseline_freeze(store, "second", &selection, "", &frozen, &error));
    rn_baseline_free(&frozen);
    ck_assert_msg(diff("first", "second") == 0, "%s", told);
    ck_assert_int_eq(rn_baseline_diff(store, "first", "none", &(struct rn_arena){0},
                                      &(struct rn_baseline_change *){0}, &(size_t){0}, &error),
                     RN_NOTFOUND);
}
END_TEST

START_TEST(a_diff_names_the_first_difference_of_each_pair)
{
    static const struct call plain = {0};
    static const struct call reworded = {.prompt = "Be very kind."};
    static const struct call tools[2] = {{.tools = "[{\"name\":\"a\"}]"},
                                         {.tools = "[{\"name\":\"b\"}]"}};
    static const struct call answers[2] = {{.answer = "Yes"}, {.answer = "No"}};
    static const struct call model = {.model = "m-9"};
    static const struct call broken[2] = {{.answer = "no \" JSON"}, {.answer = "no \" json"}};
    static const struct call two[2] = {{0}, {.question = "More?"}};
    static const struct call three[3] = {{.question = "Which queue?"}, {0}, {.question = "More?"}};
    const struct {
        const char *name;
        const struct call *before;
        const struct call *after;
        size_t calls_before;
        size_t calls_after;
        const char *says;
    } cases[] = {
        {"prompt", &plain, &reworded, 1, 1,
         "~ traces prompt: first at event 1, request body, /messages/0/content: \"Be kind.\" in "
         "the "
         "first, \"Be very kind.\" in the second"},
        {"tools", &tools[0], &tools[1], 1, 1, "event 1, request body, /tools/0/name: \"a\" in"},
        {"answer", &answers[0], &answers[1], 1, 1,
         "event 1, answer, text: Yes in the first, No in"},
        {"broken", &broken[0], &broken[1], 1, 1, "event 1, answer body, byte"},
        {"model", &plain, &model, 1, 1, "event 1, request body, /model"},
        {"less", two, two, 2, 1,
         "first at event 2: POST /v1/chat/completions stands only in the first"},
        {"dropped", three, three + 1, 3, 2,
         "traces dropped: first at event 1: POST /v1/chat/completions stands only in the first"},
        {"added", three + 1, three, 2, 3,
         "traces added: first at event 1: POST /v1/chat/completions stands only in the second"},
        {"same", two, two, 2, 2, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", cases[i].name);
        (void)record(name, NULL, cases[i].before, cases[i].calls_before);
    }
    (void)record("gone", NULL, usual, 1);
    must_freeze("before", NULL);
    uint64_t now = rn_clock_wall_ns();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)record(cases[i].name, NULL, cases[i].after, cases[i].calls_after);
    }
    (void)record("new", NULL, usual, 1);
    (void)now;
    const struct rn_selection selection = {.limit = 10};
    struct rn_baseline frozen;
    ck_ok(rn_baseline_freeze(store, "after", &selection, "", &frozen, &error));
    rn_baseline_free(&frozen);
    (void)diff("before", "after");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].says != NULL) {
            assert_told(cases[i].says);
        }
    }
    ck_assert_ptr_null(strstr(told, "traces same"));
    assert_told("- traces gone: ");
    assert_told("+ traces new: ");
    assert_told("+ models openai m-9: m-1-2026");
    assert_told(": Be very kind.");
}
END_TEST

START_TEST(without_a_name_the_input_pairs)
{
    static const struct call yes = {.answer = "Yes"};
    static const struct call no = {.answer = "No"};
    (void)record(NULL, "one", &yes, 1);
    (void)record(NULL, "two", &yes, 1);
    must_freeze("before", NULL);
    (void)record(NULL, "two", &no, 1);
    (void)record(NULL, "one", &yes, 1);
    const struct rn_selection selection = {.limit = 2};
    struct rn_baseline frozen;
    ck_ok(rn_baseline_freeze(store, "after", &selection, "", &frozen, &error));
    rn_baseline_free(&frozen);
    ck_assert_msg(diff("before", "after") == 1, "%s", told);
    assert_told("answer, text: Yes in the first, No in the second");
}
END_TEST

/* --- travelling --- */

static enum rn_status import(struct rn_store *into, const char *file, const char *name)
{
    struct rn_baseline arrived;
    error = (struct rn_error){.text = ""};
    enum rn_status status =
        rn_baseline_import(into, room_file(&room, file), name, &arrived, &error);
    if (status == RN_OK) {
        rn_baseline_free(&arrived);
    }
    return status;
}

static struct rn_store *other_store(const char *name)
{
    struct rn_store *opened = NULL;
    ck_ok(rn_store_open(room_file(&room, name), RN_STORE_CREATE, &opened, &error));
    return opened;
}

START_TEST(an_exported_baseline_is_the_same_elsewhere)
{
    struct rn_trace_id id = record("suite/1", "one", usual, 2);
    struct rn_store *other = other_store("other");
    struct rn_baseline here;
    struct rn_baseline there;
    uint64_t bytes = 0;
    (void)record("suite/2", "two", usual, 2);
    must_freeze("golden", NULL);
    ck_ok(rn_baseline_export(store, "golden", room_file(&room, "g"), &bytes, &error));
    struct stat about;
    ck_assert_int_eq(stat(room_file(&room, "g"), &about), 0);
    ck_assert_uint_eq((uint64_t)about.st_size, bytes);
    ck_ok(rn_baseline_import(other, room_file(&room, "g"), NULL, &there, &error));
    ck_ok(rn_baseline_load(store, "golden", &here, &error));
    ck_assert(rn_bytes_equal(here.json, there.json));
    rn_baseline_free(&here);
    rn_baseline_free(&there);
    ck_assert_uint_eq(findings_of(other, "golden", NULL, NULL), 0);
    ck_assert(is_held(other, &id));
    ck_ok(rn_baseline_export(other, "golden", room_file(&room, "g2"), NULL, &error));
    size_t a_len = 0;
    size_t b_len = 0;
    uint8_t *a = room_read(room_file(&room, "g"), &a_len);
    uint8_t *b = room_read(room_file(&room, "g2"), &b_len);
    ck_assert_uint_eq(a_len, b_len);
    ck_assert_int_eq(memcmp(a, b, a_len), 0);
    free(a);
    free(b);
    ck_ok(import(other, "g", NULL)); /* the same once more */
    ck_ok(import(other, "g", "copy"));
    ck_assert_uint_eq(baselines(other), 2);
    ck_ok(rn_baseline_load(other, "copy", &there, &error));
    assert_text(there.name, "copy");
    ck_assert(rn_bytes_find(there.json, RN_LIT("\"name\":\"copy\"")) != RN_NPOS);
    rn_baseline_free(&there);
    ck_ok(rn_baseline_drop(other, "golden", &error));
    ck_assert_int_eq(rn_trace_drop(other, &id, &error), RN_REFUSED);
    rn_store_close(other);
}
END_TEST

START_TEST(another_baseline_of_the_name_is_not_replaced)
{
    struct rn_store *other = other_store("other");
    (void)record("one", NULL, usual, 1);
    must_freeze("golden", NULL);
    ck_ok(rn_baseline_export(store, "golden", room_file(&room, "g"), NULL, &error));
    ck_assert_int_eq(rn_baseline_export(store, "golden", room_file(&room, "g"), NULL, &error),
                     RN_REFUSED);
    (void)record("two", NULL, usual, 1);
    ck_ok(rn_baseline_drop(store, "golden", &error));
    must_freeze("golden", NULL);
    ck_assert_int_eq(import(store, "g", NULL), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "another baseline 'golden'"));
    ck_assert_int_eq(import(other, "g", "No Name"), RN_INVALID);
    struct rn_store_facts facts;
    ck_ok(rn_store_facts(other, &facts, &error));
    ck_assert_uint_eq(facts.traces, 0);
    rn_store_close(other);
}
END_TEST

START_TEST(a_missing_trace_is_not_exported_and_comes_back_by_an_import)
{
    struct rn_trace_id id = record("one", NULL, usual, 1);
    must_freeze("golden", NULL);
    ck_ok(rn_baseline_export(store, "golden", room_file(&room, "g"), NULL, &error));
    ck_ok(rn_trace_release(store, "baseline/golden", &error));
    ck_ok(rn_trace_drop(store, &id, &error));
    ck_assert_int_eq(rn_baseline_export(store, "golden", room_file(&room, "h"), NULL, &error),
                     RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "missing"));
    ck_ok(import(store, "g", NULL));
    ck_assert_uint_eq(findings_of(store, "golden", NULL, NULL), 0);
    ck_assert(is_held(store, &id));
}
END_TEST

START_TEST(a_bundle_whose_manifest_speaks_of_other_traces_is_damaged)
{
    struct rn_store *other = other_store("other");
    struct rn_trace_id one = record("one", NULL, usual, 1);
    struct rn_trace_id two = record("two", NULL, usual, 1);
    struct rn_buffer json = {0};
    must_freeze("golden", NULL);
    ck_ok(rn_document_get(store, RN_BASELINE_KIND, "golden", &json, &error));
    struct rn_bundle_document document = {RN_BASELINE_KIND, "golden", rn_buffer_bytes(&json)};
    ck_ok(rn_bundle_write(store, &one, 1, &document, room_file(&room, "less"), NULL, &error));
    ck_assert_int_eq(import(other, "less", NULL), RN_DAMAGED);
    ck_assert_ptr_nonnull(strstr(error.text, "other traces"));
    document.kind = "plan";
    ck_ok(rn_bundle_write(store, &two, 1, &document, room_file(&room, "plan"), NULL, &error));
    ck_assert_int_eq(import(other, "plan", NULL), RN_INVALID);
    ck_ok(rn_bundle_write(store, &two, 1, NULL, room_file(&room, "bare"), NULL, &error));
    ck_assert_int_eq(import(other, "bare", NULL), RN_INVALID);
    struct rn_store_facts facts;
    ck_ok(rn_store_facts(other, &facts, &error));
    ck_assert_uint_eq(facts.traces, 0);
    rn_buffer_free(&json);
    rn_store_close(other);
}
END_TEST

START_TEST(every_flipped_byte_of_an_exported_baseline_is_caught)
{
    struct rn_store *other = other_store("other");
    struct rn_store_facts facts;
    size_t len = 0;
    (void)record("one", "in", usual, 1);
    must_freeze("golden", NULL);
    ck_ok(rn_baseline_export(store, "golden", room_file(&room, "g"), NULL, &error));
    uint8_t *data = room_read(room_file(&room, "g"), &len);
    int file = open(room_file(&room, "g"), O_WRONLY);
    ck_assert_int_ge(file, 0);
    for (size_t at = 0; at < len; at++) {
        uint8_t flipped = (uint8_t)(data[at] ^ (1u << at % 8));
        ck_assert_int_eq(pwrite(file, &flipped, 1, (off_t)at), 1);
        enum rn_status status = import(other, "g", NULL);
        ck_assert_msg(status == RN_DAMAGED, "byte %zu: %s: %s", at, rn_status_name(status),
                      error.text);
        ck_assert_int_eq(pwrite(file, &data[at], 1, (off_t)at), 1);
    }
    close(file);
    free(data);
    ck_assert_uint_eq(baselines(other), 0);
    ck_ok(rn_store_facts(other, &facts, &error));
    ck_assert_uint_eq(facts.rows, 0);
    ck_ok(import(other, "g", NULL));
    rn_store_close(other);
}
END_TEST

/* --- failing under it --- */

static void assert_sound(struct rn_store *in)
{
    struct rn_verify_counts counts;
    ck_ok(rn_store_verify(in, NULL, NULL, NULL, &counts, &error));
    ck_assert_uint_eq(counts.damaged, 0);
}

START_TEST(failed_allocations_freeze_all_or_nothing)
{
    struct rn_trace_id id = record("suite/1", "one", usual, 2);
    for (unsigned long nth = 1; nth < 200000; nth += nth < 100 ? 3 : 41) {
        rn_memory_fail_from(nth);
        enum rn_status status = freeze("g", NULL, NULL);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        if (!failed) {
            ck_ok(status);
            ck_assert_uint_eq(findings_of(store, "g", NULL, NULL), 0);
            assert_sound(store);
            return;
        }
        ck_assert_msg(status == RN_NOMEM, "%lu: %s: %s", nth, rn_status_name(status), error.text);
        ck_assert_uint_eq(baselines(store), 0);
    }
    (void)id;
    ck_abort_msg("it never succeeded");
}
END_TEST

START_TEST(failed_allocations_verify_compare_and_import_or_say_so)
{
    struct rn_store *other = other_store("other");
    static const struct call reworded = {.prompt = "Be very kind."};
    unsigned done = 0;
    (void)record("t", "x", usual, 1);
    must_freeze("a", NULL);
    (void)record("t", "x", &reworded, 1);
    const struct rn_selection selection = {.limit = 1};
    struct rn_baseline frozen;
    ck_ok(rn_baseline_freeze(store, "b", &selection, "", &frozen, &error));
    rn_baseline_free(&frozen);
    ck_ok(rn_baseline_export(store, "a", room_file(&room, "g"), NULL, &error));
    for (unsigned long nth = 1; nth < 200000 && done != 7; nth += nth < 100 ? 3 : 37) {
        struct rn_arena arena = {0};
        struct rn_baseline_finding *findings = NULL;
        struct rn_baseline_change *changes = NULL;
        size_t count = 0;
        rn_memory_fail_from(nth);
        enum rn_status status = rn_baseline_verify(store, "a", &arena, &findings, &count, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_NOMEM || (status == RN_OK && count == 0), "%lu: %s", nth,
                      error.text);
        done |= failed ? 0 : 1;
        rn_memory_fail_from(nth);
        status = rn_baseline_diff(store, "a", "b", &arena, &changes, &count, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_NOMEM || (status == RN_OK && count == 4), "%lu: %s %zu", nth,
                      error.text, count);
        done |= failed ? 0 : 2;
        rn_memory_fail_from(nth);
        status = import(other, "g", NULL);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_NOMEM || status == RN_OK, "%lu: %s", nth, error.text);
        done |= failed ? 0 : 4;
        rn_arena_free(&arena);
    }
    ck_assert_uint_eq(done, 7);
    ck_assert_uint_eq(findings_of(other, "a", NULL, NULL), 0);
    assert_sound(other);
    rn_store_close(other);
}
END_TEST

/* Runs one step in a process that ends with its nth commit. */
static bool die_at(unsigned nth, const char *path, void (*step)(void))
{
    int ended = 0;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        store = NULL;
        if (rn_store_open(path, RN_STORE_CREATE, &store, &error) != RN_OK) {
            _exit(1);
        }
        commits_left = nth;
        step();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &ended, 0), child);
    ck_assert(WIFEXITED(ended));
    ck_assert_int_ne(WEXITSTATUS(ended), 1);
    return WEXITSTATUS(ended) == 77;
}

static void step_freeze(void)
{
    (void)freeze("g", NULL, NULL);
}

static void step_import(void)
{
    (void)import(store, "g", NULL);
}

START_TEST(a_freeze_that_dies_leaves_no_baseline_and_holds_that_go_with_the_name)
{
    unsigned deaths = 0;
    struct rn_trace_id id = record("t", NULL, usual, 1);
    maker_close(&maker);
    while (die_at(deaths + 1, room_file(&room, "st"), step_freeze)) {
        maker_open(&maker, room_file(&room, "st"));
        store = maker.store;
        ck_assert_uint_eq(baselines(store), 0);
        if (deaths % 2 == 0) {
            ck_assert_int_eq(rn_baseline_drop(store, "g", &error), RN_NOTFOUND);
            ck_assert(!is_held(store, &id));
        } else {
            must_freeze("g", NULL);
            ck_assert_uint_eq(findings_of(store, "g", NULL, NULL), 0);
            ck_ok(rn_baseline_drop(store, "g", &error));
            ck_assert(!is_held(store, &id));
        }
        maker_close(&maker);
        deaths++;
    }
    ck_assert_uint_ge(deaths, 2);
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
    ck_assert_uint_eq(baselines(store), 1);
}
END_TEST

START_TEST(an_import_that_dies_can_be_repeated)
{
    unsigned deaths = 0;
    bool died = true;
    (void)record("one", NULL, usual, 1);
    (void)record("two", NULL, usual, 2);
    must_freeze("g", NULL);
    ck_ok(rn_baseline_export(store, "g", room_file(&room, "g"), NULL, &error));
    maker_close(&maker);
    while (died) {
        char path[PATH_MAX];
        char name[16];
        snprintf(name, sizeof name, "to-%u", deaths);
        snprintf(path, sizeof path, "%s", room_file(&room, name));
        died = die_at(deaths + 3, path, step_import); /* the first two make the store */
        struct rn_store *to = other_store(name);
        ck_ok(import(to, "g", NULL));
        ck_assert_uint_eq(findings_of(to, "g", NULL, NULL), 0);
        assert_sound(to);
        rn_store_close(to);
        deaths++;
        ck_assert_uint_lt(deaths, 100);
    }
    ck_assert_uint_ge(deaths, 4);
    maker_open(&maker, room_file(&room, "st"));
    store = maker.store;
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/baseline");
    TCase *cases = tcase_create("baseline");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_set_timeout(cases, 200);
    tcase_add_test(cases, a_manifest_says_what_traces_are_made_of);
    tcase_add_test(cases, tools_and_parameters_that_are_equal_as_json_are_one);
    tcase_add_test(cases, equal_selections_have_equal_manifests_whatever_the_order);
    tcase_add_test(cases, the_root_is_the_documented_one);
    tcase_add_test(cases, what_cannot_be_judged_later_is_refused_now);
    tcase_add_test(cases, a_lost_recording_is_refused);
    tcase_add_test(cases, a_name_is_taken_once_and_has_a_form);
    tcase_add_test(cases, what_a_run_opened_and_children_are_frozen_with_it);
    tcase_add_test(cases, frozen_traces_stay_until_every_baseline_of_theirs_is_dropped);
    tcase_add_test(cases, a_manifest_that_was_changed_is_damage);
    tcase_add_test(cases, a_manifest_that_contradicts_its_traces_is_found);
    tcase_add_test(cases, one_damaged_manifest_does_not_hide_the_others);
    tcase_add_test(cases, texts_that_are_no_utf8_come_back_as_they_were);
    tcase_add_test(cases, verify_names_what_is_missing_changed_or_damaged);
    tcase_add_test(cases, verify_makes_lost_holds_again);
    tcase_add_test(cases,
                   a_baseline_does_not_differ_from_itself_nor_from_a_recording_that_says_the_same);
    tcase_add_test(cases, a_diff_names_the_first_difference_of_each_pair);
    tcase_add_test(cases, without_a_name_the_input_pairs);
    tcase_add_test(cases, an_exported_baseline_is_the_same_elsewhere);
    tcase_add_test(cases, another_baseline_of_the_name_is_not_replaced);
    tcase_add_test(cases, a_missing_trace_is_not_exported_and_comes_back_by_an_import);
    tcase_add_test(cases, a_bundle_whose_manifest_speaks_of_other_traces_is_damaged);
    tcase_add_test(cases, every_flipped_byte_of_an_exported_baseline_is_caught);
    tcase_add_test(cases, failed_allocations_freeze_all_or_nothing);
    tcase_add_test(cases, failed_allocations_verify_compare_and_import_or_say_so);
    tcase_add_test(cases, a_freeze_that_dies_leaves_no_baseline_and_holds_that_go_with_the_name);
    tcase_add_test(cases, an_import_that_dies_can_be_repeated);
    suite_add_tcase(suite, cases);
    return suite;
}
