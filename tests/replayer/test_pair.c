/* Two answers to one question: what is the same, what is not, what cannot be asked. */
#include "main.h"

#include <stdlib.h>

#include "answers.h"
#include "base/memory.h"
#include "fold.h"
#include "pair.h"

static struct rn_pair make(const struct answer *recorded, const struct answer *fresh)
{
    struct stage stages[2];
    struct rn_pair pair;
    const struct rn_view *a = stage_answer(&stages[0], recorded);
    const struct rn_view *b = stage_answer(&stages[1], fresh);
    ck_assert_int_eq(rn_pair_make(a, b, &pair), RN_OK);
    stage_clear(&stages[0]);
    stage_clear(&stages[1]);
    return pair;
}

#define ANSWER(...) (&(const struct answer){__VA_ARGS__})

/* "text! normalised tools" in order of the aspects: '!' differs, what is not judged is not named. */
static const char *told(const struct rn_pair *pair)
{
    static char text[256];
    text[0] = '\0';
    for (int i = 0; i < RN_ASPECT_COUNT; i++) {
        if ((pair->judged >> i & 1) == 0) {
            ck_assert_uint_eq(pair->same >> i & 1, 0);
            continue;
        }
        strcat(text, text[0] == '\0' ? "" : " ");
        strcat(text, rn_aspect_name((enum rn_aspect)i));
        strcat(text, (pair->same >> i & 1) == 0 ? "!" : "");
    }
    return text;
}

static void expect(const struct answer *recorded, const struct answer *fresh, const char *want)
{
    struct rn_pair pair = make(recorded, fresh);
    ck_assert_int_eq(pair.kind, RN_PAIR_COMPARED);
    ck_assert_str_eq(told(&pair), want);
    ck_assert(pair.distance >= 0 && pair.distance <= 1);
    struct rn_pair other = make(fresh, recorded);
    ck_assert_msg(pair.judged != other.judged || pair.distance == other.distance,
                  "distance is not symmetric");
}

/* --- aspects ------------------------------------------------------------------------------------------------------- */

START_TEST(text_is_compared_by_bytes_and_as_it_reads)
{
    expect(ANSWER(.text = "Yes."), ANSWER(.text = "Yes."), "text normalised finish refusal");
    expect(ANSWER(.text = "Yes."), ANSWER(.text = "yes"), "text! normalised finish refusal");
    expect(ANSWER(.text = "It\xe2\x80\x99s  *fine*\n"), ANSWER(.text = "\"It's *fine\""),
           "text! normalised finish refusal");
    expect(ANSWER(.text = "Yes."), ANSWER(.text = "No."), "text! normalised! finish refusal");
    expect(ANSWER(.text = ""), ANSWER(.text = ""), "finish refusal");
    expect(ANSWER(.text = "x"), ANSWER(.text = NULL), "text! normalised! finish refusal");
}
END_TEST

START_TEST(tool_calls_are_equal_as_json)
{
    const struct answer *recorded =
        ANSWER(.calls = {"find", "{\"q\":\"x\",\"n\":1}", "open", "{}"}, .finish = "tool_calls");
    expect(recorded,
           ANSWER(.calls = {"find", "{ \"n\": 1.0, \"q\": \"\\u0078\" }", "open", ""},
                  .finish = "tool_use"),
           "tools tool_names finish refusal");
    expect(recorded,
           ANSWER(.calls = {"find", "{\"q\":\"y\",\"n\":1}", "open", "{}"}, .finish = "tool_calls"),
           "tools! tool_names finish refusal");
    expect(recorded,
           ANSWER(.calls = {"open", "{}", "find", "{\"q\":\"x\",\"n\":1}"}, .finish = "tool_calls"),
           "tools! tool_names! finish refusal");
    expect(recorded, ANSWER(.calls = {"find", "{\"q\":\"x\",\"n\":1}"}, .finish = "tool_calls"),
           "tools! tool_names! finish refusal");
    expect(recorded, ANSWER(.text = "Let me see."),
           "text! normalised! tools! tool_names! finish! refusal");
}
END_TEST

START_TEST(arguments_that_are_no_json_compare_by_bytes)
{
    expect(ANSWER(.calls = {"run", "ls -l"}), ANSWER(.calls = {"run", "ls -l"}),
           "tools tool_names finish refusal");
    expect(ANSWER(.calls = {"run", "ls -l"}), ANSWER(.calls = {"run", "ls  -l"}),
           "tools! tool_names finish refusal");
    expect(ANSWER(.calls = {"run", "{\"a\":1"}), ANSWER(.calls = {"run", "{\"a\":1}"}),
           "tools! tool_names finish refusal");
    expect(ANSWER(.calls = {"n", "9007199254740993"}), ANSWER(.calls = {"n", "9007199254740992"}),
           "tools! tool_names finish refusal");
}
END_TEST

START_TEST(json_is_judged_where_json_was_meant)
{
    expect(ANSWER(.text = "{\"a\":1}"), ANSWER(.text = "{\n \"a\": 1.0}\n"),
           "text! normalised json finish refusal");
    expect(ANSWER(.text = "{\"a\":1}"), ANSWER(.text = "```json\n{\"a\":1}\n```"),
           "text! normalised! json! finish refusal");
    expect(ANSWER(.text = "well", .wants_json = true), ANSWER(.text = "{\"a\":1}"),
           "text! normalised! json! finish refusal");
    expect(ANSWER(.text = "well", .wants_json = true), ANSWER(.text = "hm"),
           "text! normalised! json finish refusal");
    expect(ANSWER(.text = "42"), ANSWER(.text = "forty-two"),
           "text! normalised! finish refusal"); /* a number is no document */
    expect(ANSWER(.calls = {"f", "{}"}, .wants_json = true), ANSWER(.calls = {"f", "{}"}),
           "tools tool_names finish refusal"); /* nothing was said */
}
END_TEST

START_TEST(finish_reasons_are_compared_by_meaning)
{
    static const char *const meanings[][6] = {
        {"stop", "end_turn", "completed", "stop_sequence", "STOP"},
        {"length", "max_tokens", "incomplete:max_output_tokens", "model_length"},
        {"tool_calls", "tool_use", "function_call"},
        {"content_filter", "refusal", "incomplete:content_filter"},
        {"pause_turn"},
        {"model_context_window_exceeded"},
    };
    size_t count = sizeof meanings / sizeof meanings[0];
    for (size_t i = 0; i < count * 6; i++) {
        for (size_t j = 0; j < count * 6; j++) {
            const char *a = meanings[i / 6][i % 6];
            const char *b = meanings[j / 6][j % 6];
            if (a == NULL || b == NULL) {
                continue;
            }
            struct rn_pair pair =
                make(ANSWER(.text = "x", .finish = a), ANSWER(.text = "x", .finish = b));
            bool same = (pair.same >> RN_ASPECT_FINISH & 1) != 0;
            ck_assert_msg(same == (i / 6 == j / 6), "%s, %s", a, b);
        }
    }
    expect(ANSWER(.text = "x", .finish = ""), ANSWER(.text = "x", .finish = ""),
           "text normalised refusal");
    expect(ANSWER(.calls = {"f", "{}"}, .finish = "completed"),
           ANSWER(.calls = {"f", "{}"}, .finish = "tool_calls"), "tools tool_names finish refusal");
}
END_TEST

START_TEST(refusals_are_known_by_field_reason_and_opening)
{
    const struct answer *fine = ANSWER(.text = "Here you are: I'm sorry, but I can't.");
    const struct answer *const refusals[] = {
        ANSWER(.refusal = "No."),
        ANSWER(.text = "Hm", .finish = "refusal"),
        ANSWER(.text = "", .finish = "content_filter"),
        ANSWER(.text = "I\xe2\x80\x99m sorry, but I can\xe2\x80\x99t do that."),
        ANSWER(.text = "**I cannot help with** this"),
        ANSWER(.text = "Sorry, I'm not able to."),
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct rn_pair pair = make(fine, refusals[i]);
        ck_assert_msg(pair.fresh.refuses && !pair.recorded.refuses, "%zu", i);
        ck_assert_uint_eq(pair.same >> RN_ASPECT_REFUSAL & 1, 0);
        pair = make(refusals[i], refusals[0]);
        ck_assert_uint_eq(pair.same >> RN_ASPECT_REFUSAL & 1, 1);
    }
    struct rn_pair looks =
        make(fine, ANSWER(.text = "I'm sorry, I can't see it yet.", .calls = {"look", "{}"}));
    ck_assert(!looks.fresh.refuses);
}
END_TEST

START_TEST(phrases_end_at_the_end_of_a_word)
{
    static const char *const no[] = {"i can't believe it",
                                     "i cannot helpfully",
                                     "sorry",
                                     "i'm sorry, but the file is empty",
                                     "",
                                     "i can't"};
    static const char *const yes[] = {"i can't assist with that", "i am unable to provide",
                                      "i can't help", "sorry, but i won't",
                                      "i apologize, but i cannot"};
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ck_assert_msg(!rn_fold_refuses(rn_bytes_text(no[i])), "%s", no[i]);
    }
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ck_assert_msg(rn_fold_refuses(rn_bytes_text(yes[i])), "%s", yes[i]);
    }
}
END_TEST

START_TEST(embeddings_are_compared_as_numbers_and_nothing_else)
{
    const struct answer *recorded = ANSWER(.vectors = {"[0.5,-1]", "[1,2]"}, .finish = "");
    expect(recorded, ANSWER(.vectors = {"[0.50, -1.0]", "[1, 2]"}, .finish = ""), "vectors");
    expect(recorded, ANSWER(.vectors = {"[0.5,-1]", "[1,3]"}, .finish = ""), "vectors!");
    expect(recorded, ANSWER(.vectors = {"[0.5,-1]"}, .finish = ""), "vectors!");
    struct rn_pair near = make(recorded, ANSWER(.vectors = {"[0.5,-1]", "[1,3]"}));
    struct rn_pair far = make(recorded, ANSWER(.vectors = {"[0.5,-1]", "[1,3,4]"}));
    ck_assert(near.distance > 0 && near.distance < far.distance);
    expect(ANSWER(.vectors = {"\"AACAPw==\""}), ANSWER(.vectors = {"\"AACAPw==\""}), "vectors");
}
END_TEST

/* --- kinds --------------------------------------------------------------------------------------------------------- */

START_TEST(only_a_success_read_to_its_end_is_an_answer)
{
    const struct answer *good = ANSWER(.text = "x");
    const struct answer *const bad[] = {
        ANSWER(.status = 429, .error = "slow down"),
        ANSWER(.status = 500, .text = "x"),
        ANSWER(.text = "x", .end = RN_END_CUT),
        ANSWER(.text = "x", .end = RN_END_ABORTED),
        ANSWER(.text = "x", .error = "overloaded"),
        ANSWER(.unread = true),
        ANSWER(.text = "x", .streamed = true, .incomplete = true, .finish = ""),
        ANSWER(.text = "x", .flags = RN_FLAG_TRUNCATED),
        ANSWER(.finish = ""), /* `[]`, `{"choices":[]}`: it says nothing, not even why */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(make(good, bad[i]).kind, RN_PAIR_NEW_FAILED);
        ck_assert_int_eq(make(bad[i], good).kind, RN_PAIR_RECORDED_FAILED);
        struct rn_pair pair = make(bad[i], bad[i]);
        ck_assert_int_eq(pair.kind, RN_PAIR_BOTH_FAILED);
        ck_assert_uint_eq(pair.judged, 0);
        ck_assert(pair.distance == 0);
        ck_assert(!pair.fresh.has_latency);
    }
    struct rn_pair ended = make(good, ANSWER(.text = "x", .streamed = true, .incomplete = true));
    ck_assert_int_eq(ended.kind, RN_PAIR_COMPARED); /* it said why it ended */
    struct stage stage;
    struct rn_pair pair;
    ck_assert_int_eq(rn_pair_make(stage_answer(&stage, good), NULL, &pair), RN_OK);
    ck_assert_int_eq(pair.kind, RN_PAIR_UNANSWERED);
    ck_assert(pair.recorded.answered && !pair.fresh.answered);
    stage_clear(&stage);
}
END_TEST

START_TEST(an_answer_differs_from_itself_in_nothing)
{
    const struct answer *const answers[] = {
        ANSWER(.text = "x"),
        ANSWER(.text = "\xff\xfe broken \xed\xa0\x80"),
        ANSWER(.text = "{\"a\":1,\"a\":2}"),
        ANSWER(.calls = {"f", "{\"a\":1,\"a\":2}"}),
        ANSWER(.calls = {"f", "not json"}, .text = "both"),
        ANSWER(.refusal = "no", .finish = "refusal"),
        ANSWER(.vectors = {"[1,2]", "oops"}),
        ANSWER(.text = "", .finish = ""),
        ANSWER(.text = "x", .wants_json = true, .finish = "strange"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct rn_pair pair = make(answers[i], answers[i]);
        ck_assert_int_eq(pair.kind, RN_PAIR_COMPARED);
        ck_assert_uint_eq(pair.judged & ~pair.same, 0);
        ck_assert(pair.distance == 0);
    }
}
END_TEST

/* --- distance ------------------------------------------------------------------------------------------------------ */

START_TEST(worse_is_further)
{
    const struct answer *recorded =
        ANSWER(.text = "{\"a\": \"the cat sat\"}", .calls = {"f", "{}"});
    const struct answer *const worse[] = {
        ANSWER(.text = "{\"a\": \"the cat SAT\"}", .calls = {"f", "{}"}),
        ANSWER(.text = "{\"a\": \"the cat sits\"}", .calls = {"f", "{}"}),
        ANSWER(.text = "{\"b\": \"a dog stood\"}", .calls = {"f", "{}"}),
        ANSWER(.text = "{\"a\": \"the cat sat\"}", .calls = {"f", "{}"}, .finish = "length"),
        ANSWER(.text = "{\"a\": \"the cat sat", .calls = {"f", "{}"}),
        ANSWER(.text = "{\"a\": \"the cat sat\"}", .calls = {"f", "{}"}, .refusal = ""),
        ANSWER(.text = "{\"a\": \"the cat sat\"}", .calls = {"f", "{\"x\":1}"}),
        ANSWER(.text = "{\"a\": \"the cat sat\"}", .calls = {"g", "{}"}),
        ANSWER(.text = "no", .refusal = "no", .finish = "length"),
    };
    double last = -1;
    for (size_t i = 0; i < sizeof worse / sizeof worse[0]; i++) {
        struct rn_pair pair = make(recorded, worse[i]);
        ck_assert_msg(pair.distance > last, "%zu: %g after %g", i, pair.distance, last);
        last = pair.distance;
    }
    ck_assert(last <= 1);
}
END_TEST

/* --- numbers and trouble ------------------------------------------------------------------------------------------- */

START_TEST(sides_carry_tokens_and_times)
{
    struct rn_pair pair = make(
        ANSWER(.text = "x", .tokens_in = 7, .tokens_out = 3, .complete_ns = 9, .first_byte_ns = 5),
        ANSWER(.text = "x"));
    ck_assert(pair.recorded.has_usage && pair.recorded.has_latency && pair.recorded.has_first_byte);
    ck_assert_uint_eq(pair.recorded.tokens_in, 7);
    ck_assert_uint_eq(pair.recorded.tokens_out, 3);
    ck_assert_uint_eq(pair.recorded.latency_ns, 9);
    ck_assert_uint_eq(pair.recorded.first_byte_ns, 5);
    ck_assert(!pair.fresh.has_usage && !pair.fresh.has_latency && !pair.fresh.has_first_byte);
}
END_TEST

START_TEST(memory_that_runs_out_is_reported)
{
    struct stage stages[2];
    const struct rn_view *a = stage_answer(
        &stages[0], ANSWER(.text = "{\"a\": 1, \"b\": 2}", .calls = {"f", "{\"x\": 1}"}));
    const struct rn_view *b = stage_answer(
        &stages[1], ANSWER(.text = "{\"b\": 2, \"a\": 3}", .calls = {"f", "{\"x\": 1.0}"}));
    for (unsigned long nth = 1;; nth++) {
        struct rn_pair pair;
        rn_memory_fail_from(nth);
        enum rn_status status = rn_pair_make(a, b, &pair);
        bool failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        if (!failed) {
            ck_assert_str_eq(told(&pair), "text! normalised! tools tool_names json finish refusal");
            break;
        }
    }
    stage_clear(&stages[0]);
    stage_clear(&stages[1]);
}
END_TEST

START_TEST(people_read_text_and_calls)
{
    struct stage stage;
    struct rn_bytes text;
    const struct rn_view *view = stage_answer(
        &stage, ANSWER(.text = "Let me see.", .calls = {"find", "{\"q\":1}", "open", "{}"}));
    ck_assert_int_eq(rn_pair_text(view, &stage.arena, &text), RN_OK);
    ck_assert_str_eq((const char *)text.data, "Let me see.\nfind({\"q\":1})\nopen({})\n");
    stage_clear(&stage);
}
END_TEST

/* --- folding ------------------------------------------------------------------------------------------------------- */

START_TEST(folding_takes_away_what_only_looks_different)
{
    static const char *const cases[][2] = {
        {"", ""},
        {" \n", ""},
        {"...", ""},
        {"Hello,\t World!", "hello, world"},
        {"\xe2\x80\x9cquoted\xe2\x80\x9d", "quoted"},
        {"a\xe2\x80\x94"
         "b \xe2\x80\x93 c",
         "a-b - c"},
        {"wait\xe2\x80\xa6 what", "wait... what"},
        {"a\xc2\xa0"
         "b\xe2\x80\xaf"
         "c\xe3\x80\x80"
         "d",
         "a b c d"},
        {"zero\xe2\x80\x8bwidth\xc2\xad", "zerowidth"},
        {"-5", "-5"},
        {".5", ".5"},
        {"`x`", "x"},
        {"\xc3\x84rger \xff", "\xc3\x84rger \xff"},
        {"why?", "why?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_bytes folded = rn_fold(&arena, rn_bytes_text(cases[i][0]));
        ck_assert_msg(rn_bytes_equal(folded, rn_bytes_text(cases[i][1])), "%s: %.*s", cases[i][1],
                      (int)folded.len, (const char *)folded.data);
        struct rn_bytes again = rn_fold(&arena, folded);
        ck_assert(rn_bytes_equal(again, folded));
        rn_arena_free(&arena);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/pair");
    RN_CASE(suite, "aspects", text_is_compared_by_bytes_and_as_it_reads,
            tool_calls_are_equal_as_json, arguments_that_are_no_json_compare_by_bytes,
            json_is_judged_where_json_was_meant, finish_reasons_are_compared_by_meaning,
            refusals_are_known_by_field_reason_and_opening, phrases_end_at_the_end_of_a_word,
            embeddings_are_compared_as_numbers_and_nothing_else);
    RN_CASE(suite, "kinds", only_a_success_read_to_its_end_is_an_answer,
            an_answer_differs_from_itself_in_nothing, worse_is_further);
    RN_CASE(suite, "sides", sides_carry_tokens_and_times, memory_that_runs_out_is_reported,
            people_read_text_and_calls, folding_takes_away_what_only_looks_different);
    return suite;
}
