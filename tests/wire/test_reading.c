/* Claims about readings: which calls are known, who said what, and that streams give what whole answers give. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "told.h"

#define OPENAI "/v1/chat/completions"
#define ANTHROPIC "/v1/messages"

/* --- recognition --------------------------------------------------------------------------------------------------- */

START_TEST(calls_are_known_by_method_path_and_body)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        enum rn_dialect dialect;
    } cases[] = {
        {"POST", "/v1/chat/completions", "{\"messages\":[]}", RN_DIALECT_OPENAI_CHAT},
        {"POST", "/chat/completions/", "{\"messages\":[]}", RN_DIALECT_OPENAI_CHAT},
        {"POST", "/openai/deployments/x/chat/completions?api-version=1", "{\"messages\":[]}",
         RN_DIALECT_OPENAI_CHAT},
        {"POST", "/v1/messages", "{\"messages\":[]}", RN_DIALECT_ANTHROPIC_MESSAGES},
        {"POST", "/v1/messages?beta=true", "{\"messages\":[]}", RN_DIALECT_ANTHROPIC_MESSAGES},
        {"GET", "/v1/chat/completions", "{\"messages\":[]}", RN_DIALECT_NONE},
        {"POST", "/v1/responses", "{\"input\":\"x\"}", RN_DIALECT_OPENAI_RESPONSES},
        {"POST", "/v1/responses", "{\"input\":[]}", RN_DIALECT_OPENAI_RESPONSES},
        {"POST", "/v1/responses", "{\"prompt\":{\"id\":\"pmpt_1\"}}", RN_DIALECT_OPENAI_RESPONSES},
        {"POST", "/openai/responses?api-version=1", "{\"input\":\"x\"}",
         RN_DIALECT_OPENAI_RESPONSES},
        {"POST", "/v1/responses", "{\"input\":{}}", RN_DIALECT_NONE},
        {"POST", "/v1/responses", "{\"answers\":[]}", RN_DIALECT_NONE},
        {"GET", "/v1/responses", "{\"input\":\"x\"}", RN_DIALECT_NONE},
        {"POST", "/v1/embeddings", "{\"input\":\"x\"}", RN_DIALECT_OPENAI_EMBEDDINGS},
        {"POST", "/v1/embeddings?x", "{\"input\":[\"x\"]}", RN_DIALECT_OPENAI_EMBEDDINGS},
        {"POST", "/v1/messages/count_tokens", "{\"messages\":[]}", RN_DIALECT_NONE},
        {"POST", "/v1/responses/input_tokens", "{\"input\":\"x\"}", RN_DIALECT_NONE},
        {"POST", "/v1/responses/r/cancel", "", RN_DIALECT_OPENAI_RESPONSES},
        {"GET", "/v1/responses/resp_1?stream=true", "", RN_DIALECT_OPENAI_RESPONSES},
        {"GET", "/v1/responses/resp_1/input_items", "", RN_DIALECT_NONE},
        {"DELETE", "/v1/responses/resp_1", "", RN_DIALECT_NONE},
        {"POST", "/v1/completions", "{\"prompt\":\"x\"}", RN_DIALECT_OPENAI_COMPLETIONS},
        {"POST", "/v1/completions", "{\"messages\":[]}", RN_DIALECT_NONE},
        {"POST", "/v1/chat/completions", "{\"prompt\":\"x\"}", RN_DIALECT_NONE},
        {"POST", "/v1/chat", "{\"messages\":[]}", RN_DIALECT_OPENAI_CHAT},
        {"POST", "/v1/chat", "{\"message\":\"x\"}", RN_DIALECT_COHERE_CHAT},
        {"POST", "/v2/chat", "{\"messages\":[]}", RN_DIALECT_COHERE_CHAT},
        {"POST", "/api/chat", "{\"messages\":[]}", RN_DIALECT_OLLAMA_CHAT},
        {"POST", "/api/chat", "{\"message\":\"x\"}", RN_DIALECT_NONE},
        {"POST", "/api/generate", "{\"prompt\":\"\"}", RN_DIALECT_OLLAMA_GENERATE},
        {"POST", "/api/embeddings", "{\"prompt\":\"x\"}", RN_DIALECT_OLLAMA_EMBED},
        {"POST", "/api/embed", "{\"input\":[\"x\"]}", RN_DIALECT_OLLAMA_EMBED},
        {"POST", "/v2/embed", "{\"texts\":[]}", RN_DIALECT_COHERE_EMBED},
        {"POST", "/v1beta/models/g:generateContent", "{\"contents\":[]}",
         RN_DIALECT_GEMINI_GENERATE},
        {"POST", "/v1beta/models/g:countTokens", "{\"contents\":[]}", RN_DIALECT_NONE},
        {"POST", "/v1/models/g:predict", "{\"instances\":[{\"prompt\":\"a cat\"}]}",
         RN_DIALECT_NONE},
        {"POST", "/v1/models/g:predict", "{\"instances\":[{\"content\":\"a\"}]}",
         RN_DIALECT_GEMINI_EMBED},
        {"POST", "/v1/projects/p/publishers/anthropic/models/c:rawPredict", "{\"messages\":[]}",
         RN_DIALECT_ANTHROPIC_MESSAGES},
        {"POST", "/v1/projects/p/publishers/other/models/c:rawPredict", "{\"messages\":[]}",
         RN_DIALECT_NONE},
        {"POST", "/model/m/converse", "{\"messages\":[]}", RN_DIALECT_BEDROCK_CONVERSE},
        {"POST", "/model/m/invoke", "{\"prompt\":\"x\"}", RN_DIALECT_BEDROCK_INVOKE},
        {"POST", "/model/m/count-tokens", "{\"input\":{}}", RN_DIALECT_NONE},
        {"POST", "/converse", "{\"messages\":[]}", RN_DIALECT_NONE},
        {"POST", "/v1/threads/t/messages", "{\"role\":\"user\",\"content\":\"x\"}",
         RN_DIALECT_NONE},
        {"POST", "/v1/chat/completions", "{\"messages\":\"x\"}", RN_DIALECT_NONE},
        {"POST", "/v1/chat/completions", "[]", RN_DIALECT_NONE},
        {"POST", "/?x=/v1/chat/completions", "{\"messages\":[]}", RN_DIALECT_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        const struct rn_reading_input input = {.method = rn_bytes_text(cases[i].method),
                                               .target = rn_bytes_text(cases[i].target),
                                               .request_body = rn_bytes_text(cases[i].body)};
        ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
        ck_assert_msg(reading.dialect == cases[i].dialect, "%s %s", cases[i].target, cases[i].body);
        rn_arena_free(&arena);
    }
}
END_TEST

START_TEST(a_known_call_that_cannot_be_read_is_invalid)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, OPENAI, "{\"messages\":[", "{}", &reading), RN_INVALID);
    ck_assert_int_eq(reading.dialect, RN_DIALECT_OPENAI_CHAT);
    ck_assert_int_eq(make(&arena, OPENAI,
                          "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}]}",
                          "{\"cho", &reading),
                     RN_INVALID);
    ck_assert(is(reading.model_asked, "m"));
    ck_assert(reading.unread);
    check_said(reading.request, "text user: q\n");
    ck_assert_int_eq(make(&arena, OPENAI, "{\"model\":\"m\",\"messages\":[]}", "", &reading),
                     RN_OK);
    ck_assert(!reading.unread);
    rn_arena_free(&arena);
}
END_TEST

/* --- OpenAI -------------------------------------------------------------------------------------------------------- */

static const char openai_request[] =
    "{\"model\":\"gpt-5\",\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"what\\u0020is "
    "this\"},{\"type\":\"image_url\",\"image_url\":{}}]},"
    "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_1\",\"type\":"
    "\"function\",\"function\":"
    "{\"name\":\"look\",\"arguments\":\"{\\\"x\\\":1}\"}},{\"id\":\"call_2\",\"type\":\"custom\","
    "\"custom\":{\"name\":\"run\",\"input\":\"ls\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"a cat\"},"
    "{\"role\":\"tool\",\"tool_call_id\":\"call_2\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}"
    ",{\"type\":\"text\",\"text\":\"b\"}]},"
    "{\"role\":\"assistant\",\"function_call\":{\"name\":\"old\",\"arguments\":\"{}\"}}]}";

START_TEST(openai_request_and_whole_answer_are_read)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, OPENAI, openai_request,
                          "{\"model\":\"gpt-5-2026\",\"choices\":[{\"index\":0,\"message\":{"
                          "\"role\":\"assistant\",\"content\":\"A \\\"cat\\\".\","
                          "\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"c\",\"function\":"
                          "{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                          "\"finish_reason\":\"tool_calls\"},{\"index\":1,\"message\":{\"role\":"
                          "\"assistant\",\"content\":null,\"refusal\":\"no\"},"
                          "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
                          "\"completion_tokens\":3,\"total_tokens\":15}}",
                          &reading),
                     RN_OK);
    ck_assert_int_eq(reading.dialect, RN_DIALECT_OPENAI_CHAT);
    ck_assert(is(reading.model_asked, "gpt-5") && is(reading.model_answered, "gpt-5-2026"));
    check_said(reading.request,
               "text system: be kind\ntext user: what is this\nother user image_url#: \n"
               "call assistant look#call_1: {\"x\":1}\ncall assistant run#call_2: ls\n"
               "result tool #call_1: a cat\nresult tool #call_2: a\nresult tool #call_2: b\n"
               "call assistant old#: {}\n");
    check_said(reading.response, "thinking assistant: hm\ntext assistant: A \"cat\".\ncall "
                                 "assistant f#c: {}\nrefusal assistant: no\n");
    ck_assert(is(reading.finish, "tool_calls"));
    ck_assert(reading.has_usage && reading.tokens_in == 12 && reading.tokens_out == 3);
    ck_assert(!reading.streamed && reading.error.len == 0);
    rn_arena_free(&arena);
}
END_TEST

static const char openai_stream[] =
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"
    ",\"finish_reason\":null}]}\n\n"
    ": keep-alive\n\n"
    "data: "
    "{\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}],\"obfuscation\":"
    "\"xyz\"}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Other\"}}]}\n\n"
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo "
    "\\u00e9\"}}]}\r\n\r\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c0\",\"function\":"
    "{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c1\",\"function\":"
    "{\"name\":\"g\",\"arguments\":\"[\"}}]}}]}\n\n"
    "data: "
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{"
    "\"arguments\":\"{}\"}},"
    "{\"index\":1,\"function\":{\"arguments\":\"]\"}}]}}]}\n\n"
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n"
    "data: [DONE]\n\n";

START_TEST(openai_stream_is_put_together)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, OPENAI, openai_request, openai_stream, &reading), RN_OK);
    check_said(reading.response, "text assistant: Hello \xc3\xa9\ncall assistant f#c0: {}\n"
                                 "call assistant g#c1: []\ntext assistant: Other\n");
    ck_assert(reading.streamed && reading.complete && reading.has_usage);
    ck_assert_uint_eq(reading.tokens_in, 7);
    ck_assert_uint_eq(reading.tokens_out, 9);
    ck_assert(is(reading.finish, "tool_calls") && is(reading.model_answered, "m"));
    rn_arena_free(&arena);
}
END_TEST

/* Only the last line's end may be missing. */
START_TEST(openai_stream_cut_anywhere_is_not_complete)
{
    check_cuts(OPENAI, "{\"messages\":[]}", openai_stream, 2);
}
END_TEST

START_TEST(openai_stream_says_what_the_whole_answer_says)
{
    struct rn_arena arena = {0};
    struct rn_reading whole;
    struct rn_reading streamed;
    ck_assert_int_eq(
        make(&arena, OPENAI, openai_request,
             "{\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"Hello \xc3\xa9\",\"tool_calls\":[{\"id\":\"c0\",\"function\":{"
             "\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"c1\",\"function\":{\"name\":\"g\","
             "\"arguments\":\"[]\"}}]},\"finish_reason\":\"tool_calls\"},{\"index\":1,\"message\":{"
             "\"role\":\"assistant\",\"content\":\"Other\"}}],\"usage\":{\"prompt_tokens\":7,"
             "\"completion_tokens\":9}}",
             &whole),
        RN_OK);
    ck_assert_int_eq(make(&arena, OPENAI, openai_request, openai_stream, &streamed), RN_OK);
    check_same_answer(&whole, &streamed);
    rn_arena_free(&arena);
}
END_TEST

/* Mistral's content in parts; reasoning that comes behind the text it led to. */
START_TEST(openai_content_in_parts_is_the_same_in_a_stream)
{
    struct rn_arena arena = {0};
    struct rn_reading whole;
    struct rn_reading streamed;
    ck_assert_int_eq(
        make(&arena, OPENAI, openai_request,
             "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":[{\"type\":"
             "\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]},{\"type\":\"text\","
             "\"text\":\"four\"}]},\"finish_reason\":\"stop\"}]}",
             &whole),
        RN_OK);
    ck_assert_int_eq(
        make(&arena, OPENAI, openai_request,
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fo\"}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\","
             "\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]}]}}]}\n\n"
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"text\","
             "\"text\":\"ur\"}]},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
             &streamed),
        RN_OK);
    check_said(whole.response, "thinking assistant: hm\ntext assistant: four\n");
    check_same_answer(&whole, &streamed);
    rn_arena_free(&arena);
}
END_TEST

/* Arguments that are an object where a text should be (Ollama's habit). */
START_TEST(openai_arguments_may_be_an_object)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, OPENAI, openai_request,
                          "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"tool_calls\":[{"
                          "\"function\":{\"name\":\"f\",\"arguments\":{\"x\": 1}}}]}}]}",
                          &reading),
                     RN_OK);
    check_said(reading.response, "call assistant f#: {\"x\": 1}\n");
    ck_assert_int_eq(make(&arena, OPENAI, openai_request,
                          "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{"
                          "\"name\":\"f\",\"arguments\":{\"x\": 1}}}]}}]}\n\n",
                          &reading),
                     RN_OK);
    check_said(reading.response, "call assistant f#: {\"x\": 1}\n");
    rn_arena_free(&arena);
}
END_TEST

START_TEST(openai_counts_of_a_cache_are_told_in_four_places)
{
    static const char *const usages[] = {"\"prompt_tokens_details\":{\"cached_tokens\":64}",
                                         "\"num_cached_tokens\":64", "\"cached_tokens\":64",
                                         "\"prompt_cache_hit_tokens\":64"};
    for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        char answer[256];
        snprintf(answer, sizeof answer,
                 "{\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":1,%s}}",
                 usages[i]);
        ck_assert_int_eq(make(&arena, OPENAI, openai_request, answer, &reading), RN_OK);
        ck_assert_uint_eq(reading.tokens_in, 100);
        ck_assert_uint_eq(reading.tokens_cached, 64);
        rn_arena_free(&arena);
    }
}
END_TEST

START_TEST(errors_are_read_whole_and_in_streams)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_reading_input input = {
        .method = RN_LIT("POST"),
        .target = RN_LIT(OPENAI),
        .status = 429,
        .request_body = RN_LIT("{\"messages\":[]}"),
        .response_type = RN_LIT("application/json"),
        .response_body = RN_LIT("{\"error\":{\"message\":\"slow down\",\"type\":\"x\"}}")};
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert(is(reading.error, "slow down"));
    input.response_body = RN_LIT("{\"error\":\"plain\"}");
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert(is(reading.error, "plain"));
    input.response_body = RN_LIT("<html>502</html>");
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert_uint_eq(reading.error.len, 0);
    ck_assert_int_eq(
        make(&arena, OPENAI, "{\"messages\":[]}",
             "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: "
             "{\"error\":{\"message\":\"broke\"}}\n\n",
             &reading),
        RN_OK);
    ck_assert(is(reading.error, "broke") && !reading.complete);
    check_said(reading.response, "text assistant: a\n");
    ck_assert_int_eq(make(&arena, ANTHROPIC, "{\"messages\":[]}",
                          "event: error\ndata: "
                          "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                          "\"message\":\"busy\"}}\n\n",
                          &reading),
                     RN_OK);
    ck_assert(is(reading.error, "busy") && !reading.complete);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_bad_event_does_not_hide_the_others)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(
        make(
            &arena, OPENAI, "{\"messages\":[]}",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: {broken\n\n"
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"}}]}\n\ndata: [DONE]\n\n",
            &reading),
        RN_INVALID);
    check_said(reading.response, "text assistant: ab\n");
    ck_assert(reading.complete);
    rn_arena_free(&arena);
}
END_TEST

/* --- Anthropic ----------------------------------------------------------------------------------------------------- */

static const char anthropic_request[] =
    "{\"model\":\"claude\",\"max_tokens\":10,\"system\":[{\"type\":\"text\",\"text\":\"be "
    "brief\"}],\"messages\":["
    "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
    "\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},"
    "{\"type\":\"text\",\"text\":\"let me "
    "see\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{\"x\": 1}}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\","
    "\"content\":\"a cat\"},"
    "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"content\":[{\"type\":\"text\","
    "\"text\":\"b\"}]},"
    "{\"type\":\"image\",\"source\":{}}]}]}";

START_TEST(anthropic_request_and_whole_answer_are_read)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, ANTHROPIC, anthropic_request,
                          "{\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\","
                          "\"content\":[{\"type\":\"text\",\"text\":\"A cat.\"},"
                          "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}},{"
                          "\"type\":\"web_search_tool_result\",\"tool_use_id\":\"w\","
                          "\"content\":{\"e\":1}},{\"type\":\"redacted_thinking\",\"data\":\"x\"}],"
                          "\"stop_reason\":\"end_turn\",\"usage\":"
                          "{\"input_tokens\":5,\"cache_read_input_tokens\":100,\"cache_creation_"
                          "input_tokens\":20,\"output_tokens\":7}}",
                          &reading),
                     RN_OK);
    check_said(
        reading.request,
        "text system: be brief\ntext user: hi\nthinking assistant: hm\ntext assistant: let me see\n"
        "call assistant look#toolu_1: {\"x\": 1}\nresult user #toolu_1: a cat\nresult user "
        "#toolu_2: b\n"
        "other user image#: \n");
    check_said(reading.response,
               "text assistant: A cat.\ncall assistant f#t: {}\nresult assistant #w: {\"e\":1}\n"
               "other assistant redacted_thinking#: \n");
    ck_assert(is(reading.finish, "end_turn") && is(reading.model_answered, "claude-x"));
    ck_assert(reading.has_usage && reading.tokens_in == 125 && reading.tokens_out == 7);
    rn_arena_free(&arena);
}
END_TEST

static const char anthropic_stream[] =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"role\":\"assistant\",\"model\":\"claude-x\","
    "\"content\":[],"
    "\"stop_reason\":null,\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2,\"output_"
    "tokens\":1}}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
    "\"thinking\":\"\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\","
    "\"thinking\":\"hm\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
    "\"signature\":\"s\"}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":"
    "\"\"}}\n\n"
    "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"A "
    "\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":"
    "\"cat.\"}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":"
    "\"t\",\"name\":\"f\",\"input\":{}}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"{\\\"a\\\":\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\","
    "\"partial_json\":\"1}\"}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":"
    "\"u\",\"name\":\"g\",\"input\":{}}}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_"
    "tokens\":42}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

START_TEST(anthropic_stream_is_put_together)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, ANTHROPIC, anthropic_request, anthropic_stream, &reading), RN_OK);
    check_said(reading.response, "thinking assistant: hm\ntext assistant: A cat.\ncall assistant "
                                 "f#t: {\"a\":1}\ncall assistant g#u: {}\n");
    ck_assert(reading.streamed && reading.complete && reading.has_usage);
    ck_assert_uint_eq(reading.tokens_in, 7);
    ck_assert_uint_eq(reading.tokens_out, 42);
    ck_assert(is(reading.finish, "tool_use") && is(reading.model_answered, "claude-x"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(anthropic_stream_cut_anywhere_is_not_complete)
{
    check_cuts(ANTHROPIC, "{\"messages\":[]}", anthropic_stream, 2);
}
END_TEST

/* A tool of theirs answers in a block that comes whole; an unknown block has an id that nobody asks for. */
START_TEST(anthropic_blocks_that_come_whole_are_the_same_in_a_stream)
{
    struct rn_arena arena = {0};
    struct rn_reading whole;
    struct rn_reading streamed;
    static const char found[] =
        "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"w\","
        "\"content\":[{\"url\": \"a\"},{\"type\":\"text\",\"text\":\"b\"}]}";
    static const char failed[] = "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"v\","
                                 "\"content\":{\"error_code\":\"x\"}}";
    static const char other[] = "{\"type\":\"fallback\",\"id\":\"f\"}";
    struct rn_buffer answer = {0};
    struct rn_buffer stream = {0};
    rn_buffer_addf(&answer,
                   "{\"role\":\"assistant\",\"model\":\"c\",\"content\":[%s,%s,%s],"
                   "\"stop_reason\":\"pause_turn\",\"usage\":{\"output_tokens\":3}}%c",
                   found, failed, other, 0);
    rn_buffer_addf(&stream,
                   "data: {\"type\":\"message_start\",\"message\":{\"model\":\"c\"}}\n\n"
                   "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":%s}\n\n"
                   "data: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":%s}\n\n"
                   "data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":%s}\n\n"
                   "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\"},"
                   "\"usage\":{\"output_tokens\":3}}\n\n"
                   "data: {\"type\":\"message_stop\"}\n\n%c",
                   found, other, failed, 0);
    ck_assert_int_eq(make(&arena, ANTHROPIC, anthropic_request, (const char *)answer.data, &whole),
                     RN_OK);
    ck_assert_int_eq(
        make(&arena, ANTHROPIC, anthropic_request, (const char *)stream.data, &streamed), RN_OK);
    check_said(whole.response, "result assistant #w: {\"url\": \"a\"}\nresult assistant #w: b\n"
                               "result assistant #v: {\"error_code\":\"x\"}\n"
                               "other assistant fallback#: \n");
    check_same_answer(&whole, &streamed);
    ck_assert(streamed.complete);
    rn_buffer_free(&answer);
    rn_buffer_free(&stream);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(anthropic_counts_of_a_cache_are_part_of_the_prompt)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(
        make(&arena, ANTHROPIC, anthropic_request,
             "{\"content\":[],\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\""
             ":100,\"cache_creation_input_tokens\":20,\"output_tokens\":7}}",
             &reading),
        RN_OK);
    ck_assert_uint_eq(reading.tokens_in, 125);
    ck_assert_uint_eq(reading.tokens_cached, 100);
    ck_assert_uint_eq(reading.tokens_out, 7);
    ck_assert_uint_eq(reading.max_tokens, 10);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(readings_survive_every_failing_allocation)
{
    check_memory(OPENAI, openai_request, openai_stream);
    check_memory(ANTHROPIC, anthropic_request, anthropic_stream);
}
END_TEST

START_TEST(a_stream_of_countless_blocks_is_refused_and_not_slow)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_buffer stream = {0};
    for (unsigned i = 0; i < 3000; i++) {
        rn_buffer_addf(&stream,
                       "data: {\"choices\":[{\"index\":%u,\"delta\":{\"content\":\"a\"}}]}\n\n", i);
    }
    rn_buffer_add_byte(&stream, 0);
    ck_assert_int_eq(make(&arena, OPENAI, "{\"messages\":[]}", (const char *)stream.data, &reading),
                     RN_INVALID);
    ck_assert_ptr_nonnull(reading.response);
    rn_buffer_free(&stream);
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/reading");
    RN_CASE(suite, "calls", calls_are_known_by_method_path_and_body,
            a_known_call_that_cannot_be_read_is_invalid);
    RN_CASE(suite, "openai", openai_request_and_whole_answer_are_read,
            openai_stream_is_put_together, openai_stream_cut_anywhere_is_not_complete,
            openai_stream_says_what_the_whole_answer_says,
            openai_content_in_parts_is_the_same_in_a_stream, openai_arguments_may_be_an_object,
            openai_counts_of_a_cache_are_told_in_four_places, errors_are_read_whole_and_in_streams,
            a_bad_event_does_not_hide_the_others);
    RN_CASE(suite, "anthropic", anthropic_request_and_whole_answer_are_read,
            anthropic_stream_is_put_together, anthropic_stream_cut_anywhere_is_not_complete,
            anthropic_blocks_that_come_whole_are_the_same_in_a_stream,
            anthropic_counts_of_a_cache_are_part_of_the_prompt);
    RN_CASE(suite, "trouble", readings_survive_every_failing_allocation,
            a_stream_of_countless_blocks_is_refused_and_not_slow);
    return suite;
}
