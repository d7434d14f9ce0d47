/* A report of what a store holds: a plan, its calls, and the answers they got. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "base/memory.h"
#include "report.h"
#include "store/document.h"

static struct rn_report report;

static void teardown(void)
{
    rn_report_free(&report);
    archive_close();
}

/* --- recording ------------------------------------------------------------------------------------------------------ */

#define SAYS(text, finish)                                                                         \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text           \
    "\"},\"finish_reason\":\"" finish                                                              \
    "\"}],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}"
#define CALLS(name, arguments)                                                                     \
    "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"             \
    "\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"" name      \
    "\",\"arguments\":\"" arguments "\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{"        \
    "\"prompt_tokens\":1000,\"completion_tokens\":100}}"
#define LIMITED(number)                                                                            \
    "{\"error\":{\"message\":\"Rate limit: " number " per minute\",\"type\":\"requests\","         \
    "\"code\":\"rate_limit_exceeded\"}}"

static struct rn_trace_id record_questions(const char *const *answers, uint32_t count)
{
    struct made_call *made = calloc(count, sizeof *made);
    struct rn_recording_settings settings = {.name = "week", .kind = "run"};
    rn_uuid7(settings.id.bytes);
    for (uint32_t i = 0; i < count; i++) {
        char body[128];
        snprintf(body, sizeof body,
                 "{\"model\":\"gpt-4.1\",\"messages\":[{\"role\":\"user\",\"content\":\"question "
                 "%u\"}]}",
                 (unsigned)i);
        call_event(&made[i], &(struct call){.body = body, .answer = answers[i]}, i + 1);
    }
    archive_record(&settings, made, count);
    free(made);
    return settings.id;
}

/* Plans all there is. */
static struct rn_backtest_facts plan(const char *name)
{
    static const struct rn_selection everything = {.name = NULL};
    static char key[] = "OPENAI_API_KEY=nobody's";
    char *const environment[] = {key, NULL};
    const struct rn_backtest_settings settings = {.store = store_path,
                                                  .selection = &everything,
                                                  .name = name,
                                                  .to = "openai/gpt-4.1",
                                                  .environment = environment,
                                                  .budget_pico = UINT64_MAX / 2};
    struct rn_backtest_facts facts;
    char *summary = NULL;
    ck_ok(rn_backtest_make(&settings, false, &facts, &summary, &error));
    rn_free(summary);
    return facts;
}

/* What came to question `n` of the recording on that attempt. */
struct came {
    uint32_t n;
    uint64_t attempt; /* 1 */
    const char *answer;
    unsigned status; /* 200 */
    enum rn_end end; /* ended */
};

static struct rn_trace_id answer_all(const struct rn_backtest_facts *facts,
                                     const struct rn_trace_id *questions, const struct came *came,
                                     uint32_t count)
{
    struct made_call *made = calloc(count, sizeof *made);
    struct rn_recording_settings settings = {.kind = "backtest"};
    rn_uuid7(settings.id.bytes);
    ck_assert(rn_trace_id_parse(rn_bytes_text(facts->id), &settings.session));
    for (uint32_t i = 0; i < count; i++) {
        struct rn_buffer tag = {0};
        call_event(
            &made[i],
            &(struct call){.answer = came[i].answer, .status = came[i].status, .end = came[i].end},
            i + 1);
        rn_buffer_append(&tag, questions->bytes, RN_TRACE_ID_BYTES);
        rn_varint_put(&tag, came[i].n);
        rn_varint_put(&tag, came[i].attempt == 0 ? 1 : came[i].attempt);
        rn_event_set(&made[i].event, RN_TAG_ANSWERS,
                     rn_arena_copy(&made[i].arena, rn_buffer_bytes(&tag)));
        rn_buffer_free(&tag);
    }
    archive_record(&settings, made, count);
    free(made);
    return settings.id;
}

static void make(const char *which, unsigned worst)
{
    ck_ok(rn_report_make(store_path, which, NULL, worst, &report, &error));
}

static bool is(struct rn_bytes bytes, const char *text)
{
    return rn_bytes_equal(bytes, rn_bytes_text(text));
}

/* --- reports -------------------------------------------------------------------------------------------------------- */

static const char *const recorded[] = {
    SAYS("yes", "stop"), SAYS("yes", "stop"),   SAYS("yes", "stop"), CALLS("find", "{\\\"q\\\":1}"),
    SAYS("{}", "stop"),  SAYS("maybe", "stop"), SAYS("no", "stop"),  SAYS("later", "stop"),
};

START_TEST(what_came_is_held_beside_what_was_recorded)
{
    struct rn_trace_id questions = record_questions(recorded, 8);
    struct rn_backtest_facts facts = plan("switch");
    const struct came came[] = {
        {.n = 1, .answer = SAYS("yes", "stop")},
        {.n = 2, .answer = SAYS("Yes.", "stop")},
        {.n = 3, .answer = LIMITED("30000"), .status = 400},
        {.n = 4, .answer = CALLS("look", "{\\\"q\\\":1}")},
        {.n = 5, .answer = SAYS("{", "stop")},
        {.n = 6, .answer = LIMITED("29500"), .status = 429},
        {.n = 6, .attempt = 2, .answer = SAYS("maybe not", "stop")},
        {.n = 7, .answer = LIMITED("12"), .status = 400},
    };
    struct rn_trace_id answers = answer_all(&facts, &questions, came, 8);
    make("switch", 10);
    ck_assert_uint_eq(report.pairs[RN_PAIR_COMPARED], 5);
    ck_assert_uint_eq(report.pairs[RN_PAIR_NEW_FAILED], 2);
    ck_assert_uint_eq(report.pairs[RN_PAIR_UNANSWERED], 1);
    ck_assert_uint_eq(report.same, 2);
    ck_assert_uint_eq(report.shares[RN_ASPECT_TEXT].judged, 4);
    ck_assert_uint_eq(report.shares[RN_ASPECT_TEXT].same, 1);
    ck_assert_uint_eq(report.shares[RN_ASPECT_NORMALISED].same, 2);
    ck_assert_uint_eq(report.shares[RN_ASPECT_TOOLS].judged, 1);
    ck_assert_uint_eq(report.shares[RN_ASPECT_JSON].judged, 1);
    ck_assert_uint_eq(report.with_usage, 5);
    ck_assert_uint_eq(report.fresh_tokens_in, 5000);
    ck_assert_uint_eq(report.fresh_latency.count, 5);
    ck_assert_uint_eq(report.fresh_latency.p50, 500000000);
    ck_assert(report.fresh_cost_known && report.recorded_cost_known);
    ck_assert_uint_eq(report.fresh_cost_pico, 5 * (UINT64_C(1000) * 2000000 + 100 * 8000000));
    ck_assert_uint_eq(report.failure_count, 1);
    ck_assert(is(report.failures[0].what, "400 rate_limit_exceeded: Rate limit: N per minute"));
    ck_assert_uint_eq(report.failures[0].count, 2);
    ck_assert_uint_eq(report.failures[0].n, 3);
    ck_assert(rn_trace_id_equal(&report.failures[0].trace, &questions));
    ck_assert_uint_eq(report.worst_count, 3);
    ck_assert_uint_eq(report.worst[0].n, 4);
    ck_assert_uint_eq(report.worst[0].answer_n, 4);
    ck_assert(rn_trace_id_equal(&report.worst[0].answer_trace, &answers));
    ck_assert(is(report.worst[0].asked, "question 3"));
    ck_assert(is(report.worst[0].recorded, "find({\"q\":1})\n"));
    ck_assert(is(report.worst[0].fresh, "look({\"q\":1})\n"));
    ck_assert_uint_eq(report.worst[1].n, 5);
    ck_assert_uint_eq(report.worst[2].n, 6);
    ck_assert_uint_eq(report.worst[2].answer_n, 7); /* the attempt that counts */
    ck_assert(is(report.worst[2].fresh, "maybe not"));
    ck_assert_ptr_nonnull(strstr(report.headline, "2 calls failed: 400 rate_limit_exceeded"));
    ck_assert_ptr_nonnull(strstr(report.headline, "; 1 of 8 calls have no answer yet"));
}
END_TEST

/* By what the readers of wire/ make of real bodies: which aspects are judged, and which of them are the same. */
START_TEST(each_dialect_is_compared)
{
    static const struct {
        const char *target, *body, *old, *new;
        uint32_t judged, same;
    } cases[] = {
        {"/v1/messages", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[]}",
         "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"Hm.\"},"
         "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"x\":1}}],\"stop_reason\":"
         "\"tool_use\"}",
         "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"hm\"},"
         "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"f\",\"input\":{\"x\": "
         "1.0}}],\"stop_reason\":\"tool_use\"}",
         1 << RN_ASPECT_TEXT | 1 << RN_ASPECT_NORMALISED | 1 << RN_ASPECT_TOOLS |
             1 << RN_ASPECT_TOOL_NAMES | 1 << RN_ASPECT_FINISH | 1 << RN_ASPECT_REFUSAL,
         1 << RN_ASPECT_NORMALISED | 1 << RN_ASPECT_TOOLS | 1 << RN_ASPECT_TOOL_NAMES |
             1 << RN_ASPECT_FINISH | 1 << RN_ASPECT_REFUSAL},
        {"/v1/responses",
         "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_object\"}}}",
         "{\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":\"message\","
         "\"role\":\"assistant\","
         "\"content\":[{\"type\":\"output_text\",\"text\":\"{}\"}]}]}",
         "{\"object\":\"response\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
         "\"max_output_tokens\"},\"output\":[{\"type\":\"message\",\"role\":\"assistant\","
         "\"content\":[{\"type\":\"output_text\",\"text\":\"{\"}]}]}",
         1 << RN_ASPECT_TEXT | 1 << RN_ASPECT_NORMALISED | 1 << RN_ASPECT_JSON |
             1 << RN_ASPECT_FINISH | 1 << RN_ASPECT_REFUSAL,
         1 << RN_ASPECT_REFUSAL},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}",
         "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5,"
         "1]}]}",
         "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.50,"
         " 1.0]}]}",
         1 << RN_ASPECT_VECTORS, 1 << RN_ASPECT_VECTORS},
        {"/v1/chat/completions", CHAT_BODY, SAYS("yes", "stop"),
         "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
         "\"refusal\":\"No.\"},\"finish_reason\":\"stop\"}]}",
         1 << RN_ASPECT_TEXT | 1 << RN_ASPECT_NORMALISED | 1 << RN_ASPECT_FINISH |
             1 << RN_ASPECT_REFUSAL,
         1 << RN_ASPECT_FINISH},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made_call made[2];
        struct rn_pair pair;
        call_make(&made[0], &(struct call){.target = cases[i].target,
                                           .body = cases[i].body,
                                           .answer = cases[i].old});
        call_make(&made[1], &(struct call){.target = cases[i].target,
                                           .body = cases[i].body,
                                           .answer = cases[i].new});
        ck_assert_int_eq(rn_pair_make(&made[0].view, &made[1].view, &pair), RN_OK);
        ck_assert_int_eq(pair.kind, RN_PAIR_COMPARED);
        ck_assert_msg(pair.judged == cases[i].judged && pair.same == cases[i].same,
                      "%s: judged %x, same %x", cases[i].target, pair.judged, pair.same);
        call_free(&made[0]);
        call_free(&made[1]);
    }
}
END_TEST

START_TEST(equal_answers_make_no_difference)
{
    struct rn_trace_id questions = record_questions(recorded, 8);
    struct rn_backtest_facts facts = plan("same");
    struct came came[8];
    for (uint32_t i = 0; i < 8; i++) {
        came[i] = (struct came){.n = i + 1, .answer = recorded[i]};
    }
    answer_all(&facts, &questions, came, 8);
    make("last", 10);
    ck_assert_str_eq(report.headline, "nothing changed in 8 answers");
    ck_assert_uint_eq(report.same, 8);
    ck_assert_uint_eq(report.worst_count, 0);
    ck_assert_uint_eq(report.failure_count, 0);
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        ck_assert_uint_eq(report.shares[i].same, report.shares[i].judged);
    }
}
END_TEST

START_TEST(a_plan_that_was_never_run_has_a_report)
{
    record_questions(recorded, 3);
    plan("early");
    make("early", 10);
    ck_assert_uint_eq(report.pairs[RN_PAIR_UNANSWERED], 3);
    ck_assert_str_eq(report.headline, "nothing was answered; 3 of 3 calls have no answer yet");
    double value;
    ck_assert(!rn_report_metric(&report, "failed", &value));
}
END_TEST

START_TEST(a_recording_that_went_away_leaves_its_pairs_unanswered)
{
    struct rn_store *store = NULL;
    struct rn_trace_id questions = record_questions(recorded, 2);
    struct rn_backtest_facts facts = plan("orphan");
    const struct came came[] = {{.n = 1, .answer = recorded[0]}, {.n = 2, .answer = recorded[1]}};
    answer_all(&facts, &questions, came, 2);
    ck_ok(rn_store_open(store_path, RN_STORE_READ, &store, &error));
    ck_ok(rn_trace_drop(store, &questions, &error));
    rn_store_close(store);
    make("orphan", 10);
    ck_assert_uint_eq(report.pairs[RN_PAIR_UNANSWERED], 2);
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
    struct rn_buffer old = {0};
    struct rn_buffer new = {0};
    rn_buffer_add(&old, RN_LIT("{\"choices\":[{\"message\":{\"content\":\""));
    for (int i = 0; i < 3000; i++) {
        rn_buffer_add(&old, RN_LIT("\xe2\x82\xac"));
    }
    rn_buffer_addf(&old, "\"},\"finish_reason\":\"stop\"}]}%c", 0);
    rn_buffer_addf(&new, SAYS("short", "stop") "%c", 0);
    const char *const answers[] = {(const char *)old.data};
    struct rn_trace_id questions = record_questions(answers, 1);
    struct rn_backtest_facts facts = plan("long");
    const struct came came[] = {{.n = 1, .answer = (const char *)new.data}};
    answer_all(&facts, &questions, came, 1);
    make("long", 10);
    ck_assert_uint_eq(report.worst_count, 1);
    struct rn_bytes text = report.worst[0].recorded;
    ck_assert_uint_le(text.len, RN_REPORT_TEXT_BYTES_MAX);
    ck_assert_uint_gt(text.len, RN_REPORT_TEXT_BYTES_MAX - 4);
    ck_assert(rn_bytes_ends_with(text, RN_LIT("\xe2\x82\xac\xe2\x80\xa6")));
    ck_assert_uint_eq(report.unpriced, 1);
    rn_buffer_free(&old);
    rn_buffer_free(&new);
}
END_TEST

START_TEST(trouble_has_a_sentence_and_leaves_nothing)
{
    record_questions(recorded, 2);
    plan("there");
    ck_assert_int_eq(rn_report_make(store_path, "elsewhere", NULL, 3, &report, &error),
                     RN_NOTFOUND);
    ck_assert_str_ne(error.text, "");
    ck_assert_int_eq(
        rn_report_make(store_path, "there", room_file(&room, "none.json"), 3, &report, &error),
        RN_NOTFOUND);
    ck_assert_str_ne(error.text, "");
    ck_assert_int_eq(rn_report_make(room_file(&room, "nowhere"), "there", NULL, 3, &report, &error),
                     RN_NOTFOUND);
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    struct rn_trace_id questions = record_questions(recorded, 4);
    struct rn_backtest_facts facts = plan("poor");
    const struct came came[] = {{.n = 1, .answer = recorded[0]},
                                {.n = 2, .answer = SAYS("no", "length")},
                                {.n = 3, .answer = LIMITED("3"), .status = 400}};
    answer_all(&facts, &questions, came, 3);
    unsigned long step = 1;
    for (unsigned long nth = 1;; nth += step) {
        rn_memory_fail_from(nth);
        enum rn_status status = rn_report_make(store_path, "poor", NULL, 3, &report, &error);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        rn_report_free(&report);
        if (!failed) {
            ck_assert_int_eq(status, RN_OK);
            break;
        }
        ck_assert_int_ne(status, RN_OK);
        ck_assert_str_ne(error.text, "");
        step = nth < 400 ? 1 : 7; /* what comes later is the same again for the next pair */
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/reporting");
    TCase *reports = tcase_create("reports");
    tcase_add_checked_fixture(reports, archive_open, teardown);
    tcase_add_test(reports, what_came_is_held_beside_what_was_recorded);
    tcase_add_test(reports, each_dialect_is_compared);
    tcase_add_test(reports, equal_answers_make_no_difference);
    tcase_add_test(reports, a_plan_that_was_never_run_has_a_report);
    tcase_add_test(reports, a_recording_that_went_away_leaves_its_pairs_unanswered);
    tcase_add_test(reports, long_texts_are_cut_between_characters);
    tcase_add_test(reports, trouble_has_a_sentence_and_leaves_nothing);
    tcase_add_test(reports, memory_that_runs_out_is_reported);
    suite_add_tcase(suite, reports);
    return suite;
}
