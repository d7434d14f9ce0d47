/* Claims about embeddings: what was put in is read, and each vector is given as it is written. */
#include "main.h"

#include "told.h"

#define EMBEDDINGS "/v1/embeddings"

static void check_input(const char *request, const char *expected)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, EMBEDDINGS, request, "{\"data\":[]}", &reading), RN_OK);
    ck_assert_int_eq(reading.dialect, RN_DIALECT_OPENAI_EMBEDDINGS);
    check_said(reading.request, expected);
    rn_arena_free(&arena);
}

START_TEST(inputs_are_texts_tokens_or_objects)
{
    check_input("{\"input\":\"a cat\"}", "text input: a cat\n");
    check_input("{\"input\":[\"a\",\"\\u00e9\"]}", "text input: a\ntext input: \xc3\xa9\n");
    check_input("{\"input\":[1, 2]}", "other input tokens#: [1, 2]\n");
    check_input("{\"input\":[[1, 2],[3]]}",
                "other input tokens#: [1, 2]\nother input tokens#: [3]\n");
    check_input("{\"input\":[{\"text\":\"a\"},{\"image\":\"b\"}]}",
                "text input: a\nother input: \n");
    check_input("{\"input\":[]}", "");
}
END_TEST

static const char answer[] =
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5, "
    "-1e-3]},{\"embedding\":\"AACAPw==\",\"index\":1},{\"index\":2},7,"
    "{\"embeddin\\u0067\":[]}],\"model\":\"m-2\",\"usage\":{\"prompt_tokens\":5,"
    "\"total_tokens\":5}}";

START_TEST(vectors_are_given_as_they_are_written)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(
        make(&arena, EMBEDDINGS, "{\"input\":\"x\",\"model\":\"m\"}", answer, &reading), RN_OK);
    check_said(reading.response, "other  embedding#: [0.5, -1e-3]\n"
                                 "other  embedding#: \"AACAPw==\"\nother  embedding#: []\n");
    ck_assert(is(reading.model_asked, "m") && is(reading.model_answered, "m-2"));
    ck_assert(reading.has_usage && reading.tokens_in == 5 && reading.tokens_out == 0);
    ck_assert(reading.finish.len == 0 && reading.error.len == 0);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_total_stands_for_the_prompt)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, EMBEDDINGS, "{\"input\":\"x\"}",
                          "{\"data\":[],\"usage\":{\"total_tokens\":3}}", &reading),
                     RN_OK);
    ck_assert(reading.has_usage && reading.tokens_in == 3);
    ck_assert_int_eq(make(&arena, EMBEDDINGS, "{\"input\":\"x\"}", "{\"data\":{}}", &reading),
                     RN_OK);
    ck_assert(!reading.has_usage && reading.response == NULL);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(errors_are_read)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_reading_input input = {.method = RN_LIT("POST"),
                                     .target = RN_LIT(EMBEDDINGS),
                                     .request_body = RN_LIT("{\"input\":\"x\"}"),
                                     .status = 401,
                                     .response_type = RN_LIT("application/json"),
                                     .response_body = RN_LIT("{\"detail\":\"no key\"}")};
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert(is(reading.error, "no key"));
    input.status = 200;
    input.response_body = RN_LIT("{\"error\":{\"message\":\"late\"}}");
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert(is(reading.error, "late"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(an_answer_cut_anywhere_is_invalid_and_says_nothing)
{
    for (size_t len = 1; len + 1 < sizeof answer; len++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        struct rn_error error = {.text = ""};
        char *exact = malloc(len);
        memcpy(exact, answer, len);
        const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                               .target = RN_LIT(EMBEDDINGS),
                                               .request_body = RN_LIT("{\"input\":\"x\"}"),
                                               .status = 200,
                                               .response_body = rn_bytes_of(exact, len)};
        ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, &error), RN_INVALID);
        ck_assert(reading.response == NULL && error.text[0] != '\0');
        free(exact);
        rn_arena_free(&arena);
    }
}
END_TEST

START_TEST(embeddings_survive_every_failing_allocation)
{
    check_memory(EMBEDDINGS, "{\"input\":[\"a\",[1]],\"dimensions\":2}", answer);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/openai_embeddings");
    RN_CASE(suite, "embeddings", inputs_are_texts_tokens_or_objects,
            vectors_are_given_as_they_are_written, a_total_stands_for_the_prompt, errors_are_read,
            an_answer_cut_anywhere_is_invalid_and_says_nothing,
            embeddings_survive_every_failing_allocation);
    return suite;
}
