/* From a selection to a plan in a store, what its answers say, and away again. Nothing is sent here. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "backtest.h"
#include "base/memory.h"
#include "plan.h"
#include "plan_lock.h"
#include "store/find.h"

/* --- recording ------------------------------------------------------------------------------------------------------ */

static void record_call(struct maker *maker, struct rn_recording *trace, uint32_t n,
                        const struct call *call)
{
    struct made_call made = {0};
    call_event(&made, call, n);
    maker_must(maker, RN_ENTRY_EVENT, trace, &made.event);
    rn_arena_free(&made.arena);
}

static struct rn_trace_id record(struct maker *maker, const char *name, const struct call *calls,
                                 size_t count)
{
    struct rn_trace_id id;
    struct rn_recording *trace = maker_trace(maker, name, false, &id);
    for (uint32_t n = 1; n <= count; n++) {
        record_call(maker, trace, n, &calls[n - 1]);
    }
    maker_end(maker, trace);
    return id;
}

/* One trace, in a store of its own. */
static struct rn_trace_id record_alone(const char *name, const struct call *calls, size_t count)
{
    struct maker maker;
    maker_open(&maker, store_path);
    struct rn_trace_id id = record(&maker, name, calls, count);
    maker_close(&maker);
    return id;
}

/* So many usual calls in one trace, committed together. */
static void record_many(uint32_t count)
{
    struct made_call *made = calloc(count, sizeof *made);
    struct rn_recording_settings settings = {.name = "many", .kind = "run"};
    ck_assert_ptr_nonnull(made);
    rn_uuid7(settings.id.bytes);
    for (uint32_t i = 0; i < count; i++) {
        call_event(&made[i], &(struct call){0}, i + 1);
    }
    archive_record(&settings, made, count);
    free(made);
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* --- making --------------------------------------------------------------------------------------------------------- */

static const struct rn_selection everything = {.name = NULL};

static struct rn_backtest_settings usual(void)
{
    static char key[] = "OPENAI_API_KEY=a-key-of-some-length";
    static char *const environment[] = {key, NULL};
    return (struct rn_backtest_settings){.store = store_path,
                                         .selection = &everything,
                                         .to = "openai/gpt-4.1",
                                         .environment = environment};
}

static struct rn_backtest_facts make(const struct rn_backtest_settings *settings, bool dry_run,
                                     char **summary)
{
    struct rn_backtest_facts facts;
    char *text = NULL;
    ck_ok(rn_backtest_make(settings, dry_run, &facts, &text, &error));
    if (summary != NULL) {
        *summary = text;
    } else {
        rn_free(text);
    }
    return facts;
}

static void expect_refused(const struct rn_backtest_settings *settings, enum rn_status expected,
                           const char *said)
{
    struct rn_backtest_facts facts;
    char *summary = NULL;
    enum rn_status status = rn_backtest_make(settings, false, &facts, &summary, &error);
    ck_assert_msg(status == expected, "%s: %s", rn_status_name(status), error.text);
    ck_assert_msg(strstr(error.text, said) != NULL, "'%s' does not say '%s'", error.text, said);
    ck_assert_ptr_null(summary);
}

static bool count_one(void *self, const struct rn_backtest_facts *facts)
{
    (void)facts;
    ++*(unsigned *)self;
    return true;
}

static unsigned count_backtests(void)
{
    unsigned count = 0;
    ck_ok(rn_backtest_each(store_path, count_one, &count, &error));
    return count;
}

/* Two good calls, one for a model with an old bound, one with a credential, one cut, one that is no model call. */
static const struct call mixed[] = {
    {.body = CHAT_BODY},
    {.body = "{\"model\":\"older\",\"messages\":[],\"max_tokens\":5,\"temperature\":0}",
     .answer = "{}"},
    {.body = "{\"model\":\"old\",\"messages\":[],\"user\":\"sk-proj-"
             "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL\"}"},
    {.end = RN_END_CUT},
    {.target = "/v1/models", .body = ""},
};

START_TEST(a_plan_is_written_and_found_again)
{
    struct rn_trace_id id = record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    struct rn_plan plan;
    struct rn_store *store = NULL;
    settings.name = "next";
    settings.selection_text = "--name mixed";
    struct rn_backtest_facts facts = make(&settings, false, NULL);
    ck_assert_uint_eq(facts.calls, 2);
    ck_assert_uint_eq(facts.left_out[RN_LEFT_REDACTED], 1);
    ck_assert_uint_eq(facts.left_out[RN_LEFT_UNENDED], 1);
    ck_assert_uint_eq(facts.left_out[RN_LEFT_NO_MODEL_CALL], 1);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    static const char *const ways[] = {"next", "last", NULL, NULL, NULL};
    for (size_t i = 0; i < COUNT(ways); i++) {
        char part[33];
        snprintf(part, sizeof part, "%.*s", i == 3 ? 20 : 32, facts.id + (i == 4 ? 26 : 0));
        ck_ok(rn_plan_load(store, ways[i] != NULL ? ways[i] : part, &plan, &error));
        ck_assert_uint_eq(plan.call_count, 2);
        ck_assert(rn_trace_id_equal(&plan.calls[0].trace, &id));
        ck_assert_uint_eq(plan.calls[0].tokens_in, 12);
        ck_assert_uint_eq(plan.calls[0].tokens_out, 3);
        ck_assert_uint_eq(plan.calls[1].n, 2);
        ck_assert_uint_eq(plan.calls[1].tokens_out, 5);
        ck_assert_uint_eq(plan.left_count, 2);
        ck_assert_uint_eq(plan.left[0].n, 3);
        ck_assert_uint_eq(plan.left[0].why, RN_LEFT_REDACTED);
        ck_assert_uint_eq(plan.left[1].why, RN_LEFT_UNENDED);
        ck_assert(rn_bytes_equal(plan.selection, RN_LIT("--name mixed")));
        ck_assert(rn_bytes_equal(plan.url, RN_LIT("https://api.openai.com")));
        rn_plan_free(&plan);
    }
    ck_assert_int_eq(rn_plan_load(store, "other", &plan, &error), RN_NOTFOUND);
    ck_assert_int_eq(rn_plan_load(store, "0000", &plan, &error), RN_NOTFOUND);
    rn_store_close(store);
}
END_TEST

START_TEST(the_summary_says_what_is_changed_and_what_is_left_out)
{
    struct rn_trace_id id = record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    char text[33];
    char named[64];
    char *summary = NULL;
    rn_trace_id_text(&id, text);
    settings.to = "openai/o4-mini";
    settings.set = (const char *const[]){"seed=7", "user=me", NULL};
    settings.unset = (const char *const[]){"nothing", NULL};
    make(&settings, true, &summary);
    static const char *const said[] = {
        "asked     old 1, older 1\n",
        "changed   seed = 7  2 calls\n",
        "          user = \"me\"  2 calls\n",
        "          nothing dropped  0 calls\n",
        "          max_tokens -> max_completion_tokens  1 call\n",
        "          temperature dropped  1 call\n",
        "left out  1 no model call (",
        "          1 redacted (",
    };
    for (size_t i = 0; i < COUNT(said); i++) {
        ck_assert_msg(strstr(summary, said[i]) != NULL, "no '%s' in\n%s", said[i], summary);
    }
    snprintf(named, sizeof named, ": %s:3\n", text + 24);
    ck_assert_msg(strstr(summary, named) != NULL, "no '%s' in\n%s", named, summary);
    ck_assert_ptr_null(strstr(summary, "remark"));
    rn_free(summary);
}
END_TEST

START_TEST(a_dry_run_writes_nothing)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    make(&settings, true, NULL);
    ck_assert_uint_eq(count_backtests(), 0);
    make(&settings, false, NULL);
    ck_assert_uint_eq(count_backtests(), 1);
}
END_TEST

START_TEST(a_plan_that_could_not_be_run_is_not_written)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    struct rn_backtest_facts facts;
    char *text = NULL;
    settings.environment = NULL;
    ck_assert_int_eq(rn_backtest_make(&settings, false, &facts, &text, &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "OPENAI_API_KEY"));
    ck_assert_ptr_null(text);
    settings.environment = usual().environment;
    settings.key_variable = "NO_SUCH_KEY";
    ck_assert_int_eq(rn_backtest_make(&settings, false, &facts, &text, &error), RN_REFUSED);
    ck_assert_int_eq(rn_backtest_facts(store_path, "last", &facts, &error), RN_NOTFOUND);
}
END_TEST

START_TEST(the_environment_says_where_an_upstream_is_as_for_record)
{
    static char variable[] = "OPENAI_BASE_URL=http://127.0.0.1:9/v1";
    static char *const environment[] = {variable, NULL};
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    settings.environment = environment;
    ck_assert_str_eq(make(&settings, true, NULL).url, "http://127.0.0.1:9");
    settings.upstreams = (const char *const[]){"openai=http://127.0.0.1:8", NULL};
    ck_assert_str_eq(make(&settings, true, NULL).url, "http://127.0.0.1:8");
}
END_TEST

START_TEST(estimates_come_from_the_recording)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    struct rn_backtest_facts facts = make(&settings, true, NULL);
    uint64_t in = 12 + strlen(mixed[1].body) / 4;
    ck_assert_uint_eq(facts.tokens_in, in);
    ck_assert_uint_eq(facts.tokens_out, 3 + 5);
    ck_assert(facts.cost_known);
    ck_assert_uint_eq(facts.cost_pico, in * 2000000 + 8 * 8000000);
    ck_assert_uint_eq(facts.seconds, 1);
    ck_assert_uint_eq(facts.jobs, 8);
    settings.requests_per_minute = 1;
    ck_assert_uint_eq(make(&settings, true, NULL).seconds, 60); /* one now, one a minute later */
    settings.tokens_per_minute = 1;
    ck_assert_uint_eq(make(&settings, true, NULL).seconds, 60 * (in + 8 - 1));
    settings.to = "openai/unheard-of";
    facts = make(&settings, true, NULL);
    ck_assert(!facts.cost_known);
    ck_assert_str_eq(facts.prices_date, "");
}
END_TEST

START_TEST(what_a_client_repeated_is_asked_once)
{
    static const char other[] = "{\"model\":\"old\",\"messages\":[]}";
    const struct call calls[] = {
        {.status = 429, .answer = "{}"},
        {.body = other, .status = 500, .answer = "{}"},
        {.status = 503, .answer = "{}"},
        {.status = 200},
        {.status = 200},
        {.body = other, .status = 400, .answer = "{}"},
        {.status = 429, .answer = "{}"},
        {.body = other, .status = 500, .answer = "{}"},
        {.body = other, .end = RN_END_CUT},
    };
    record_alone("again", calls, COUNT(calls));
    struct rn_backtest_settings settings = usual();
    struct rn_store *store = NULL;
    struct rn_plan plan;
    make(&settings, false, NULL);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_load(store, "last", &plan, &error));
    static const uint32_t sent[] = {4, 5, 6, 7, 8};
    ck_assert_uint_eq(plan.call_count, COUNT(sent));
    for (size_t i = 0; i < COUNT(sent); i++) {
        ck_assert_uint_eq(plan.calls[i].n, sent[i]);
    }
    ck_assert_uint_eq(plan.left_count, 4);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(plan.left[i].n, i + 1);
        ck_assert_uint_eq(plan.left[i].why, RN_LEFT_RETRIED);
    }
    ck_assert_uint_eq(plan.left[3].why, RN_LEFT_UNENDED);
    rn_plan_free(&plan);
    rn_store_close(store);
}
END_TEST

START_TEST(edits_are_checked_before_anything_is_read)
{
    static const struct {
        const char *set, *unset, *rename;
        const char *said;
        enum rn_status status;
    } bad[] = {
        {.set = "temperature", .said = "PARAMETER=VALUE", .status = RN_INVALID},
        {.set = "=1", .said = "no parameter", .status = RN_INVALID},
        {.set = "model=x", .said = "--to", .status = RN_INVALID},
        {.set = "/model=x", .said = "--to", .status = RN_INVALID},
        {.unset = "model", .said = "--to", .status = RN_INVALID},
        {.unset = "", .said = "no parameter", .status = RN_INVALID},
        {.rename = "model=x", .said = "--to", .status = RN_INVALID},
        {.rename = "x=model", .said = "--to", .status = RN_INVALID},
        {.rename = "x", .said = "PARAMETER=NAME", .status = RN_INVALID},
        {.rename = "x=", .said = "PARAMETER=NAME", .status = RN_INVALID},
        {.set = "user=sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
         .said = "credential",
         .status = RN_REFUSED},
        {.set = "x={\"api_key\":\"0123456789abcdefghij\"}",
         .said = "credential",
         .status = RN_REFUSED},
    };
    record_alone("mixed", mixed, COUNT(mixed));
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rn_backtest_settings settings = usual();
        settings.set = (const char *const[]){bad[i].set, NULL};
        settings.unset = (const char *const[]){bad[i].unset, NULL};
        settings.rename = (const char *const[]){bad[i].rename, NULL};
        expect_refused(&settings, bad[i].status, bad[i].said);
    }
    ck_assert_uint_eq(count_backtests(), 0);
}
END_TEST

START_TEST(usual_edits_are_taken)
{
    static const char *const usual_sets[] = {
        "max_tokens=100",
        "max_completion_tokens=123456789012",
        "tool_choice=auto",
        "response_format={\"type\":\"json_object\"}",
        "/stream_options/include_usage=true",
        "stop=[\"a\",\"b=c\"]",
        "empty=",
        NULL,
    };
    record_alone("one",
                 &(struct call){.body = "{\"model\":\"m\",\"messages\":[],"
                                        "\"stream_options\":{}}"},
                 1);
    struct rn_backtest_settings settings = usual();
    char *summary = NULL;
    settings.set = usual_sets;
    make(&settings, true, &summary);
    ck_assert_msg(strstr(summary, "tool_choice = \"auto\"  1 call\n") != NULL, "%s", summary);
    ck_assert_msg(strstr(summary, "empty = \"\"  1 call\n") != NULL, "%s", summary);
    ck_assert_msg(strstr(summary, "include_usage = true  1 call\n") != NULL, "%s", summary);
    rn_free(summary);
}
END_TEST

START_TEST(the_same_change_in_two_dialects_is_one_line)
{
    const struct call calls[] = {
        {.body = "{\"model\":\"m\",\"messages\":[],\"top_p\":1}"},
        {.target = "/responses", .body = "{\"model\":\"m\",\"input\":\"x\",\"top_p\":1}"},
        {.target = "/x/responses", .body = "{\"model\":\"m\",\"input\":\"y\"}"},
    };
    record_alone("both", calls, COUNT(calls));
    struct rn_backtest_settings settings = usual();
    char *summary = NULL;
    settings.to = "openai/o3";
    make(&settings, true, &summary);
    ck_assert_msg(strstr(summary, "changed   top_p dropped  2 calls\n"
                                  "          /responses -> /v1/responses  2 calls\n") != NULL,
                  "%s", summary);
    rn_free(summary);
}
END_TEST

START_TEST(a_server_that_speaks_otherwise_is_remarked_on)
{
    record_alone("claude",
                 &(struct call){.upstream = "anthropic",
                                .target = "/v1/messages",
                                .body = "{\"model\":\"c\",\"max_tokens\":1,"
                                        "\"messages\":[]}"},
                 1);
    struct rn_backtest_settings settings = usual();
    char *summary = NULL;
    make(&settings, true, &summary);
    ck_assert_msg(
        strstr(summary, "remark    1 call in the dialect anthropic.messages, which openai") != NULL,
        "%s", summary);
    rn_free(summary);
    settings.to = "anthropic/claude-opus-4-1";
    make(&settings, true, &summary);
    ck_assert_ptr_null(strstr(summary, "remark"));
    rn_free(summary);
}
END_TEST

START_TEST(a_damaged_plan_hides_no_other)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    struct rn_store *store = NULL;
    unsigned count = 0;
    settings.name = "good";
    make(&settings, false, NULL);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_document_put(store, RN_PLAN_KIND, "00000000000000000000000000000001", RN_LIT("\1x"),
                          &error));
    rn_store_close(store);
    ck_assert_int_eq(rn_backtest_each(store_path, count_one, &count, &error), RN_DAMAGED);
    ck_assert_uint_eq(count, 1);
    struct rn_backtest_facts facts;
    ck_ok(rn_backtest_facts(store_path, "good", &facts, &error));
    ck_assert_int_eq(rn_backtest_facts(store_path, "0001", &facts, &error), RN_DAMAGED);
    ck_ok(rn_backtest_drop(store_path, "00000000000000000000000000000001", &error));
    ck_assert_uint_eq(count_backtests(), 1);
}
END_TEST

START_TEST(a_target_must_be_known)
{
    static const struct {
        const char *to, *upstream;
        const char *said;
    } bad[] = {
        {"gpt-4.1", NULL, "UPSTREAM/MODEL"},
        {"/gpt-4.1", NULL, "UPSTREAM/MODEL"},
        {"openai/", NULL, "no model"},
        {"openai/a b", NULL, "no model"},
        {"nobody/m", NULL, "Known are anthropic"},
        {"mine/m", "mine", "NAME=URL"},
        {"mine/m", "mine=ftp://x", "http://"},
        {"mine/m", "M=http://x", "no name"},
    };
    record_alone("mixed", mixed, COUNT(mixed));
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct rn_backtest_settings settings = usual();
        settings.to = bad[i].to;
        settings.upstreams = (const char *const[]){bad[i].upstream, NULL};
        expect_refused(&settings, RN_INVALID, bad[i].said);
    }
    struct rn_backtest_settings settings = usual();
    settings.to = "mine/vendor/model";
    settings.upstreams = (const char *const[]){"mine=http://u:secret@127.0.0.1:9/v1/", NULL};
    struct rn_backtest_facts facts = make(&settings, true, NULL);
    ck_assert_str_eq(facts.to, "mine/vendor/model");
    ck_assert_str_eq(facts.url, "http://127.0.0.1:9/v1");
}
END_TEST

START_TEST(a_name_is_taken_once)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    static const char *const bad[] = {
        "",
        "last",
        "-x",
        "a b",
        "0123456789abcdef0123456789abcdef",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        settings.name = bad[i];
        expect_refused(&settings, RN_INVALID, "no name");
    }
    settings.name = "a.B_1-c";
    make(&settings, false, NULL);
    expect_refused(&settings, RN_REFUSED, "already");
    settings.name = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    make(&settings, false, NULL);
    ck_assert_uint_eq(count_backtests(), 2);
}
END_TEST

START_TEST(an_empty_selection_says_what_is_missing)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    struct rn_selection selection = {.name = "nobody"};
    settings.selection = &selection;
    expect_refused(&settings, RN_NOTFOUND, "the selection is empty");
    selection = (struct rn_selection){.status = "999x"};
    expect_refused(&settings, RN_INVALID, "999x");
    struct maker maker;
    maker_open(&maker, store_path);
    record(&maker, "pages", &mixed[4], 1);
    record(&maker, "secrets", &mixed[2], 2);
    maker_close(&maker);
    selection = (struct rn_selection){.name = "pages"};
    expect_refused(&settings, RN_NOTFOUND, "none of the 1 exchanges");
    selection = (struct rn_selection){.name = "secrets"};
    expect_refused(&settings, RN_NOTFOUND, "1 redacted, 1 unended");
}
END_TEST

START_TEST(numbers_have_their_bounds)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    settings.jobs = RN_BACKTEST_JOBS_MAX;
    make(&settings, true, NULL);
    settings.jobs++;
    expect_refused(&settings, RN_INVALID, "257");
    settings.jobs = 0;
    settings.attempts = 101;
    expect_refused(&settings, RN_INVALID, "101");
}
END_TEST

START_TEST(a_budget_needs_a_price)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    char *summary = NULL;
    settings.budget_pico = 1;
    make(&settings, true, &summary);
    ck_assert_ptr_nonnull(strstr(summary, "beyond the budget"));
    rn_free(summary);
    settings.to = "openai/unheard-of";
    expect_refused(&settings, RN_INVALID, "no price is known for openai/unheard-of");
}
END_TEST

START_TEST(many_calls_need_a_bound)
{
    record_many(RN_BACKTEST_UNBOUNDED);
    struct rn_backtest_settings settings = usual();
    ck_assert_uint_eq(make(&settings, false, NULL).calls, RN_BACKTEST_UNBOUNDED);
    record_alone("one more", &(struct call){0}, 1);
    expect_refused(&settings, RN_LIMIT, "--limit");
    char *summary = NULL;
    ck_assert_uint_eq(make(&settings, true, &summary).calls, RN_BACKTEST_UNBOUNDED + 1);
    ck_assert_ptr_nonnull(strstr(summary, "only with --limit"));
    rn_free(summary);
    settings.budget_pico = RN_PICO_PER_DOLLAR;
    ck_assert_uint_eq(make(&settings, false, NULL).calls, RN_BACKTEST_UNBOUNDED + 1);
    settings.budget_pico = 0;
    struct rn_selection selection = {.limit = 7};
    settings.selection = &selection;
    ck_assert_uint_eq(make(&settings, false, NULL).calls, 7);
    selection = (struct rn_selection){.sample = 1001, .seed = 5};
    ck_assert_uint_eq(make(&settings, false, NULL).calls, 1001);
}
END_TEST

/* --- answers -------------------------------------------------------------------------------------------------------- */

/* What one attempt at call `call` of the plan got. */
struct attempt {
    size_t call;
    uint64_t attempt;
    unsigned status;
    enum rn_end end;
    const char *answer;
};

static struct rn_bytes answers_tag(struct made_call *made, const struct rn_plan_call *call,
                                   uint64_t attempt)
{
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_buffer_append(&out, call->trace.bytes, RN_TRACE_ID_BYTES), RN_OK);
    ck_assert_int_eq(rn_varint_put(&out, call->n), RN_OK);
    ck_assert_int_eq(rn_varint_put(&out, attempt), RN_OK);
    struct rn_bytes copy = rn_arena_copy(&made->arena, rn_buffer_bytes(&out));
    rn_buffer_free(&out);
    return copy;
}

/* A trace of the backtest, as a run of it would leave it. */
static struct rn_trace_id answer(const struct rn_plan *plan, const char *kind,
                                 const struct attempt *attempts, size_t count)
{
    struct maker maker;
    struct rn_recording_settings settings = {.session = plan->id, .kind = kind};
    maker_open(&maker, store_path);
    rn_uuid7(settings.id.bytes);
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    ck_assert_ptr_nonnull(trace);
    for (uint32_t n = 1; n <= count; n++) {
        const struct attempt *one = &attempts[n - 1];
        struct made_call made = {0};
        call_event(&made,
                   &(struct call){.status = one->status, .end = one->end, .answer = one->answer},
                   n);
        rn_event_set(&made.event, RN_TAG_ANSWERS,
                     answers_tag(&made, &plan->calls[one->call], one->attempt));
        maker_must(&maker, RN_ENTRY_EVENT, trace, &made.event);
        rn_arena_free(&made.arena);
    }
    maker_end(&maker, trace);
    maker_close(&maker);
    return settings.id;
}

static struct rn_plan load(void)
{
    struct rn_store *store = NULL;
    struct rn_plan plan;
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_load(store, "last", &plan, &error));
    rn_store_close(store);
    return plan;
}

static struct rn_plan make_and_load(const struct call *calls, size_t count)
{
    record_alone("calls", calls, count);
    struct rn_backtest_settings settings = usual();
    make(&settings, false, NULL);
    return load();
}

static struct rn_plan_answer *answers_of(const struct rn_plan *plan)
{
    struct rn_store *store = NULL;
    struct rn_plan_answer *answers = NULL;
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_plan_answers(store, plan, &answers, &error));
    rn_store_close(store);
    return answers;
}

START_TEST(a_plan_that_was_never_run_has_no_answers)
{
    struct rn_plan plan = make_and_load((const struct call[]){{0}, {0}}, 2);
    struct rn_plan_answer *answers = answers_of(&plan);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(!answers[i].final && !answers[i].lost);
        ck_assert_uint_eq(answers[i].attempts, 0);
    }
    struct rn_backtest_facts facts;
    ck_ok(rn_backtest_facts(store_path, "last", &facts, &error));
    ck_assert_uint_eq(facts.answered, 0);
    ck_assert_uint_eq(facts.calls, 2);
    ck_assert(!facts.complete);
    rn_free(answers);
    rn_plan_free(&plan);
}
END_TEST

START_TEST(answers_are_known_from_the_traces_alone)
{
    const struct call calls[7] = {{0}};
    struct rn_plan plan = make_and_load(calls, 7);
    const struct attempt first[] = {
        {0, 1, 429, RN_END_ENDED, "{}"}, {1, 1, 200, RN_END_ENDED, NULL},
        {2, 1, 400, RN_END_ENDED, "{}"}, {3, 1, 200, RN_END_CUT, NULL},
        {4, 1, 0, RN_END_ABORTED, NULL}, {5, 1, 502, RN_END_REFUSED, NULL},
    };
    const struct attempt second[] = {
        {0, 2, 200, RN_END_ENDED, NULL}, {3, 2, 500, RN_END_ENDED, "{}"},
        {3, 3, 500, RN_END_ENDED, "{}"}, {3, 4, 500, RN_END_ENDED, "{}"},
        {3, 5, 529, RN_END_ENDED, "{}"},
    };
    answer(&plan, "backtest", first, COUNT(first));
    struct rn_trace_id last = answer(&plan, "backtest", second, COUNT(second));
    const struct attempt foreign[] = {{6, 1, 200, RN_END_ENDED, NULL}};
    answer(&plan, "serve", foreign, 1);
    static const struct {
        uint32_t attempts;
        unsigned status;
        bool final, lost;
    } expected[7] = {
        {2, 200, true, false}, {1, 200, true, false}, {1, 400, true, false}, {5, 529, true, false},
        {0, 0, false, true},   {1, 0, false, false},  {0, 0, false, false},
    };
    struct rn_plan_answer *answers = answers_of(&plan);
    for (size_t i = 0; i < 7; i++) {
        ck_assert_msg(answers[i].attempts == expected[i].attempts, "call %zu: %u", i,
                      answers[i].attempts);
        ck_assert_msg(answers[i].status == expected[i].status, "call %zu: %u", i,
                      answers[i].status);
        ck_assert_msg(answers[i].final == expected[i].final, "call %zu", i);
        ck_assert_msg(answers[i].lost == expected[i].lost, "call %zu", i);
    }
    ck_assert(rn_trace_id_equal(&answers[0].trace, &last));
    ck_assert_uint_eq(answers[0].n, 1);
    ck_assert_uint_eq(answers[3].n, 5);
    rn_free(answers);
    struct rn_backtest_facts facts;
    ck_ok(rn_backtest_facts(store_path, "last", &facts, &error));
    ck_assert_uint_eq(facts.answered, 4);
    ck_assert_uint_eq(facts.failed, 2);
    /* Three answers with usage: calls 0 and 1, and the one that was cut. */
    ck_assert_uint_eq(facts.spent_pico, 3 * (12 * UINT64_C(2000000) + 3 * UINT64_C(8000000)));
    rn_plan_free(&plan);
}
END_TEST

START_TEST(an_intent_without_an_answer_is_lost)
{
    const struct call calls[2] = {{0}};
    struct rn_plan plan = make_and_load(calls, 2);
    struct maker maker;
    struct rn_recording_settings settings = {.session = plan.id, .kind = "backtest"};
    struct made_call made = {0};
    maker_open(&maker, store_path);
    rn_uuid7(settings.id.bytes);
    struct rn_recording *trace = rn_recording_open(maker.writer, &settings, NULL);
    call_event(&made, &(struct call){0}, 1);
    made.event.fields &= ~(UINT64_C(1) << RN_TAG_END | UINT64_C(1) << RN_TAG_RESPONSE_HEAD |
                           UINT64_C(1) << RN_TAG_RESPONSE_BODY);
    rn_event_set(&made.event, RN_TAG_ANSWERS, answers_tag(&made, &plan.calls[1], 1));
    maker_must(&maker, RN_ENTRY_EVENT_OPEN, trace, &made.event);
    rn_arena_free(&made.arena);
    struct rn_plan_answer *answers = NULL;
    ck_ok(rn_plan_answers(maker.store, &plan, &answers, &error));
    ck_assert(!answers[1].lost); /* it is under way */
    rn_free(answers);
    maker_close(&maker); /* as if killed: what is open stays open, and the next opener closes it */
    answers = answers_of(&plan);
    ck_assert(answers[1].lost && !answers[1].final && !answers[0].lost);
    ck_assert_uint_eq(answers[1].attempts, 0);
    rn_free(answers);
    rn_plan_free(&plan);
}
END_TEST

START_TEST(what_is_worth_another_attempt)
{
    static const unsigned again[] = {0, 408, 409, 425, 429, 500, 502, 503, 504, 529};
    static const unsigned never[] = {200, 201, 301, 400, 401, 403, 404, 413, 422, 501, 505};
    const struct rn_plan plan = {.attempts = 3};
    for (size_t i = 0; i < COUNT(again); i++) {
        ck_assert(rn_plan_may_retry(again[i], RN_END_ENDED));
        ck_assert(!rn_plan_is_final(&plan, again[i], RN_END_ENDED, 2));
        ck_assert(rn_plan_is_final(&plan, again[i], RN_END_ENDED, 3));
    }
    for (size_t i = 0; i < COUNT(never); i++) {
        ck_assert(!rn_plan_may_retry(never[i], RN_END_ENDED));
        ck_assert(rn_plan_is_final(&plan, never[i], RN_END_ENDED, 1));
    }
    ck_assert(rn_plan_may_retry(200, RN_END_CUT));
    ck_assert(!rn_plan_is_success(200, RN_END_CUT));
    ck_assert(!rn_plan_is_success(199, RN_END_ENDED));
    ck_assert(rn_plan_is_success(299, RN_END_ENDED));
    ck_assert(!rn_plan_is_success(300, RN_END_ENDED));
}
END_TEST

/* --- drop ----------------------------------------------------------------------------------------------------------- */

START_TEST(a_dropped_backtest_is_gone_and_nothing_else_is)
{
    struct rn_plan plan = make_and_load((const struct call[]){{0}}, 1);
    const struct attempt one[] = {{0, 1, 200, RN_END_ENDED, NULL}};
    struct rn_trace_id run = answer(&plan, "backtest", one, 1);
    struct rn_store *store = NULL;
    struct rn_arena arena = {0};
    struct rn_trace_summary summary;
    ck_ok(rn_backtest_drop(store_path, "last", &error));
    ck_assert_uint_eq(count_backtests(), 0);
    ck_assert_int_eq(rn_backtest_drop(store_path, "last", &error), RN_NOTFOUND);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_assert_int_eq(rn_trace_summary(store, &run, &arena, &summary, &error), RN_NOTFOUND);
    ck_ok(rn_trace_summary(store, &plan.calls[0].trace, &arena, &summary, &error));
    rn_arena_free(&arena);
    rn_store_close(store);
    rn_plan_free(&plan);
}
END_TEST

START_TEST(a_running_backtest_is_not_dropped)
{
    struct rn_plan plan = make_and_load((const struct call[]){{0}}, 1);
    int lock = -1;
    ck_ok(rn_plan_lock(store_path, &plan.id, &lock, &error));
    ck_assert_int_eq(rn_backtest_drop(store_path, "last", &error), RN_BUSY);
    rn_plan_unlock(store_path, &plan.id, lock);
    ck_assert_uint_eq(count_backtests(), 1);
    ck_ok(rn_backtest_drop(store_path, "last", &error));
    rn_plan_free(&plan);
}
END_TEST

START_TEST(a_held_backtest_is_not_dropped)
{
    struct rn_plan plan = make_and_load((const struct call[]){{0}}, 1);
    const struct attempt one[] = {{0, 1, 200, RN_END_ENDED, NULL}};
    answer(&plan, "backtest", one, 1);
    struct rn_trace_id run = answer(&plan, "backtest", one, 1);
    struct rn_store *store = NULL;
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_trace_hold(store, "baseline/rc", &run, 1, &error));
    rn_store_close(store);
    ck_assert_int_eq(rn_backtest_drop(store_path, "last", &error), RN_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "baseline/rc"));
    struct rn_backtest_facts facts;
    ck_ok(rn_backtest_facts(store_path, "last", &facts, &error));
    ck_assert_uint_eq(facts.answered, 1);
    rn_plan_free(&plan);
}
END_TEST

START_TEST(answers_of_a_backtest_are_no_calls_of_the_next)
{
    struct rn_plan plan = make_and_load((const struct call[]){{0}}, 1);
    const struct attempt one[] = {{0, 1, 200, RN_END_ENDED, NULL}};
    struct rn_trace_id run = answer(&plan, "backtest", one, 1);
    struct rn_backtest_settings settings = usual();
    ck_assert_uint_eq(make(&settings, true, NULL).calls, 1);
    char text[33];
    rn_trace_id_text(&run, text);
    const char *const named[] = {text, NULL};
    struct rn_selection selection = {.traces = named};
    settings.selection = &selection;
    expect_refused(&settings, RN_NOTFOUND, "empty");
    rn_plan_free(&plan);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    record_alone("mixed", mixed, COUNT(mixed));
    struct rn_backtest_settings settings = usual();
    enum rn_status status = RN_NOMEM;
    settings.name = "x";
    settings.set = (const char *const[]){"seed=7", NULL};
    for (unsigned long nth = 1; status != RN_OK; nth += nth < 200 ? 1 : 17) {
        struct rn_backtest_facts facts;
        char *summary = NULL;
        rn_memory_fail_from(nth);
        status = rn_backtest_make(&settings, true, &facts, &summary, &error);
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_OK || status == RN_NOMEM || status == RN_IO, "%s: %s",
                      rn_status_name(status), error.text);
        ck_assert_int_eq(status == RN_OK, summary != NULL);
        rn_free(summary);
    }
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        a_plan_is_written_and_found_again,
        the_summary_says_what_is_changed_and_what_is_left_out,
        a_dry_run_writes_nothing,
        a_plan_that_could_not_be_run_is_not_written,
        the_environment_says_where_an_upstream_is_as_for_record,
        estimates_come_from_the_recording,
        what_a_client_repeated_is_asked_once,
        edits_are_checked_before_anything_is_read,
        usual_edits_are_taken,
        the_same_change_in_two_dialects_is_one_line,
        a_server_that_speaks_otherwise_is_remarked_on,
        a_damaged_plan_hides_no_other,
        a_target_must_be_known,
        a_name_is_taken_once,
        an_empty_selection_says_what_is_missing,
        numbers_have_their_bounds,
        a_budget_needs_a_price,
        many_calls_need_a_bound,
        a_plan_that_was_never_run_has_no_answers,
        answers_are_known_from_the_traces_alone,
        an_intent_without_an_answer_is_lost,
        what_is_worth_another_attempt,
        a_dropped_backtest_is_gone_and_nothing_else_is,
        a_running_backtest_is_not_dropped,
        a_held_backtest_is_not_dropped,
        answers_of_a_backtest_are_no_calls_of_the_next,
        memory_may_fail_anywhere,
    };
    Suite *suite = suite_create("backtest");
    TCase *stores = tcase_create("store");
    tcase_add_checked_fixture(stores, archive_open, archive_close);
    for (size_t i = 0; i < COUNT(tests); i++) {
        tcase_add_test(stores, tests[i]);
    }
    suite_add_tcase(suite, stores);
    return suite;
}
