/* Claims about what every request has: tools, parameters, the bound and the format of the answer. */
#include "main.h"

#include "told.h"

static void read(struct rn_arena *arena, const char *target, const char *request,
                 struct rn_reading *out)
{
    const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                           .target = rn_bytes_text(target),
                                           .request_body = rn_bytes_text(request)};
    ck_assert_int_eq(rn_reading_make(arena, &input, out, NULL), RN_OK);
    ck_assert_int_ne(out->dialect, RN_DIALECT_NONE);
}

START_TEST(parameters_are_all_but_what_is_said_and_how_it_travels)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    read(
        &arena, "/v1/chat/completions",
        "{\"top_p\": 1.0, \"model\":\"m\",\"messages\":[],\"tools\":[{\"a\" : 1}],\"stream\":true,"
        "\"stream_options\":{},\"user\":\"u\",\"metadata\":{\"k\":\"v\"},\"seed\":9007199254740993,"
        "\"a\\u0062c\":[1, 2],\"Temperature\":1e400,\"prompt\":\"\",\"system\":\"\",\"input\":0,"
        "\"instructions\":null,\"functions\":null,\"previous_response_id\":\"r\"}",
        &reading);
    ck_assert(is(reading.parameters, "{\"Temperature\":1e400,\"a\\u0062c\":[1, 2],\"seed\":"
                                     "9007199254740993,\"top_p\":1.0}"));
    ck_assert(is(reading.tools, "[{\"a\" : 1}]"));
    ck_assert(is(reading.model_asked, "m"));
    read(&arena, "/v1/embeddings", "{\"input\":\"x\",\"model\":\"m\"}", &reading);
    ck_assert(is(reading.parameters, "{}"));
    ck_assert_uint_eq(reading.tools.len, 0);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(parameters_are_equal_whatever_the_order)
{
    struct rn_arena arena = {0};
    struct rn_reading a;
    struct rn_reading b;
    read(&arena, "/v1/messages", "{\"messages\":[],\"max_tokens\":5,\"top_k\":1,\"thinking\":{}}",
         &a);
    read(&arena, "/v1/messages",
         "{ \"thinking\" : {}, \"top_k\":1 ,\"max_tokens\": 5,\"messages\":[{}] }", &b);
    ck_assert(rn_bytes_equal(a.parameters, b.parameters));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(tools_are_none_when_the_list_is_empty)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    read(&arena, "/v1/messages", "{\"messages\":[],\"tools\":[]}", &reading);
    ck_assert_uint_eq(reading.tools.len, 0);
    read(&arena, "/v1/messages", "{\"messages\":[],\"tools\":null}", &reading);
    ck_assert_uint_eq(reading.tools.len, 0);
    read(&arena, "/v1/chat/completions",
         "{\"messages\":[],\"tools\":[],\"functions\":[{\"name\":\"f\"}]}", &reading);
    ck_assert(is(reading.tools, "[{\"name\":\"f\"}]"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(bound_and_format_are_found_by_dialect)
{
    static const struct {
        const char *target;
        const char *body;
        uint64_t max_tokens;
        bool wants_json;
    } cases[] = {
        {"/chat/completions", "{\"messages\":[],\"max_tokens\":7}", 7, false},
        {"/chat/completions", "{\"messages\":[],\"max_completion_tokens\":8}", 8, false},
        {"/chat/completions", "{\"messages\":[],\"max_tokens\":7,\"max_completion_tokens\":8}", 8,
         false},
        {"/chat/completions", "{\"messages\":[],\"max_tokens\":7,\"max_completion_tokens\":null}",
         7, false},
        {"/chat/completions", "{\"messages\":[],\"max_tokens\":-1}", 0, false},
        {"/chat/completions", "{\"messages\":[],\"max_output_tokens\":7}", 0, false},
        {"/chat/completions", "{\"messages\":[],\"response_format\":{\"type\":\"json_object\"}}", 0,
         true},
        {"/chat/completions", "{\"messages\":[],\"response_format\":{\"type\":\"json_schema\"}}", 0,
         true},
        {"/chat/completions", "{\"messages\":[],\"response_format\":{\"type\":\"text\"}}", 0,
         false},
        {"/chat/completions", "{\"messages\":[],\"response_format\":null}", 0, false},
        {"/responses", "{\"input\":[],\"max_output_tokens\":9}", 9, false},
        {"/responses", "{\"input\":[],\"text\":{\"format\":{\"type\":\"json_schema\"}}}", 0, true},
        {"/responses", "{\"input\":[],\"text\":{\"format\":{\"type\":\"text\"}}}", 0, false},
        {"/responses", "{\"input\":[],\"response_format\":{\"type\":\"json_object\"}}", 0, false},
        {"/messages", "{\"messages\":[],\"max_tokens\":10}", 10, false},
        {"/messages", "{\"messages\":[],\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}",
         0, true},
        {"/embeddings", "{\"input\":\"x\",\"max_tokens\":10}", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        read(&arena, cases[i].target, cases[i].body, &reading);
        ck_assert_msg(reading.max_tokens == cases[i].max_tokens, "%s", cases[i].body);
        ck_assert_msg(reading.wants_json == cases[i].wants_json, "%s", cases[i].body);
        rn_arena_free(&arena);
    }
}
END_TEST

START_TEST(dialects_have_names)
{
    ck_assert_str_eq(rn_dialect_name(RN_DIALECT_NONE), "");
    ck_assert_str_eq(rn_dialect_name(RN_DIALECT_OPENAI_CHAT), "openai.chat");
    ck_assert_str_eq(rn_dialect_name(RN_DIALECT_ANTHROPIC_MESSAGES), "anthropic.messages");
    ck_assert_str_eq(rn_dialect_name(RN_DIALECT_OPENAI_RESPONSES), "openai.responses");
    ck_assert_str_eq(rn_dialect_name(RN_DIALECT_OPENAI_EMBEDDINGS), "openai.embeddings");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/reading_request");
    RN_CASE(suite, "request", parameters_are_all_but_what_is_said_and_how_it_travels,
            parameters_are_equal_whatever_the_order, tools_are_none_when_the_list_is_empty,
            bound_and_format_are_found_by_dialect, dialects_have_names);
    return suite;
}
