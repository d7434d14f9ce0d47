/* Claims about OpenAI Responses: items in, items out, and streams that say what the last event says. */
#include "main.h"

#include "told.h"

#define RESPONSES "/v1/responses"

static const char request[] =
    "{\"model\":\"gpt-5\",\"instructions\":\"be kind\",\"input\":["
    "{\"role\":\"developer\",\"content\":\"short\"},"
    "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"what "
    "is this\"},{\"type\":\"input_image\",\"image_url\":\"data:\"}]},"
    "{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}"
    "],\"content\":[{\"type\":\"reasoning_text\",\"text\":\"well\"}],\"encrypted_content\":\"x\"},"
    "{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"call_1\",\"name\":\"look\","
    "\"arguments\":\"{\\\"x\\\":1}\"},"
    "{\"type\":\"function_call_output\",\"call_id\":\"call_1\",\"output\":\"a cat\"},"
    "{\"type\":\"custom_tool_call\",\"call_id\":\"call_2\",\"name\":\"run\",\"input\":\"ls\"},"
    "{\"type\":\"custom_tool_call_output\",\"call_id\":\"call_2\",\"output\":[{\"type\":"
    "\"input_text\",\"text\":\"a\"},{\"type\":\"input_file\",\"file_id\":\"f\"}]},"
    "{\"type\":\"web_search_call\",\"id\":\"ws\",\"status\":\"completed\"},"
    "{\"type\":\"item_reference\",\"id\":\"msg\"}]}";

static const char response[] =
    "{\"id\":\"resp\",\"object\":\"response\",\"status\":\"completed\",\"error\":null,"
    "\"incomplete_details\":null,\"model\":\"gpt-5-2026\",\"output\":["
    "{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"let "
    "me\"},{\"type\":\"summary_text\",\"text\":\"see\"}]},"
    "{\"type\":\"message\",\"id\":\"msg\",\"role\":\"assistant\",\"content\":[{\"type\":"
    "\"output_text\",\"text\":\"A \\u00e9.\",\"annotations\":[]},{\"type\":\"refusal\",\"refusal\":"
    "\"no\"}]},"
    "{\"type\":\"function_call\",\"id\":\"fc\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":"
    "\"{\\\"a\\\":1}\"},"
    "{\"type\":\"mcp_call\",\"id\":\"mcp\",\"name\":\"ask\",\"arguments\":\"{}\",\"output\":\"y\"},"
    "{\"type\":\"web_search_call\",\"id\":\"ws\",\"status\":\"completed\"}],"
    "\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":64},"
    "\"output_tokens\":20,\"output_tokens_details\":{\"reasoning_tokens\":8},"
    "\"total_tokens\":120}}";

static const char said[] = "thinking assistant: let me\nthinking assistant: see\n"
                           "text assistant: A \xc3\xa9.\nrefusal assistant: no\n"
                           "call assistant f#c: {\"a\":1}\ncall assistant ask#mcp: {}\n"
                           "other assistant web_search_call#: \n";

START_TEST(request_and_whole_answer_are_read)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, RESPONSES, request, response, &reading), RN_OK);
    ck_assert_int_eq(reading.dialect, RN_DIALECT_OPENAI_RESPONSES);
    ck_assert(is(reading.model_asked, "gpt-5") && is(reading.model_answered, "gpt-5-2026"));
    check_said(reading.request,
               "text system: be kind\ntext developer: short\ntext user: what is this\n"
               "other user input_image#: \nthinking assistant: hm\nthinking assistant: well\n"
               "call assistant look#call_1: {\"x\":1}\nresult tool #call_1: a cat\n"
               "call assistant run#call_2: ls\nresult tool #call_2: a\n"
               "result tool #call_2: {\"type\":\"input_file\",\"file_id\":\"f\"}\n"
               "other assistant web_search_call#: \nother assistant item_reference#: \n");
    check_said(reading.response, said);
    ck_assert(is(reading.finish, "completed") && reading.error.len == 0);
    ck_assert(reading.has_usage && !reading.streamed && !reading.complete);
    ck_assert_uint_eq(reading.tokens_in, 100);
    ck_assert_uint_eq(reading.tokens_cached, 64);
    ck_assert_uint_eq(reading.tokens_out, 20);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(input_may_be_a_text)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, RESPONSES, "{\"input\":\"hi\"}", response, &reading), RN_OK);
    check_said(reading.request, "text user: hi\n");
    ck_assert_int_eq(make(&arena, RESPONSES, "{\"prompt\":{\"id\":\"p\"}}", response, &reading),
                     RN_OK);
    check_said(reading.request, "");
    rn_arena_free(&arena);
}
END_TEST

START_TEST(what_made_it_incomplete_or_failed_is_told)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, RESPONSES, request,
                          "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
                          "\"max_output_tokens\"},\"output\":[]}",
                          &reading),
                     RN_OK);
    ck_assert(is(reading.finish, "max_output_tokens") && !reading.has_usage);
    ck_assert_int_eq(make(&arena, RESPONSES, request,
                          "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\","
                          "\"message\":\"broke\"},\"output\":[],\"usage\":null}",
                          &reading),
                     RN_OK);
    ck_assert(is(reading.finish, "failed") && is(reading.error, "broke"));
    ck_assert_int_eq(make(&arena, RESPONSES, request, "{\"status\":\"queued\"}", &reading), RN_OK);
    ck_assert(is(reading.finish, "queued") && reading.response == NULL);
    rn_arena_free(&arena);
}
END_TEST

/* --- streams ------------------------------------------------------------------------------------------------------- */

#define EVENT(type, rest)                                                                          \
    "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":1" rest "}\n\n"

/* All that comes in front of the last event. The items are not in order: that is what their index is for. */
#define DELTAS                                                                                     \
    EVENT("response.created", ",\"response\":{\"status\":\"in_progress\",\"model\":"               \
                              "\"gpt-5-2026\",\"output\":[],\"usage\":null,\"error\":null}")       \
    EVENT("response.output_item.added", ",\"output_index\":0,\"item\":{\"type\":\"reasoning\","    \
                                        "\"summary\":[]}")                                         \
    EVENT("response.reasoning_summary_part.added", ",\"output_index\":0,\"summary_index\":0,"      \
                                                   "\"part\":{\"type\":\"summary_text\"}")         \
    EVENT("response.reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":0,"      \
                                                   "\"delta\":\"let \"")                           \
    EVENT("response.reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":0,"      \
                                                   "\"delta\":\"me\"")                             \
    EVENT("response.reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":1,"      \
                                                   "\"delta\":\"see\"")                            \
    EVENT("response.output_item.added", ",\"output_index\":2,\"item\":{\"type\":"                  \
                                        "\"function_call\",\"id\":\"fc\",\"call_id\":\"c\","       \
                                        "\"name\":\"f\",\"arguments\":\"\"}")                      \
    EVENT("response.function_call_arguments.delta",                                                \
          ",\"output_index\":2,\"delta\":\"{\\\"a\\\"\",\"obfuscation\":\"xyz\"")                  \
    EVENT("response.output_item.added", ",\"output_index\":1,\"item\":{\"type\":\"message\","      \
                                        "\"role\":\"assistant\",\"content\":[]}")                  \
    EVENT("response.content_part.added", ",\"output_index\":1,\"content_index\":0,\"part\":{"      \
                                         "\"type\":\"output_text\",\"text\":\"\"}")                \
    EVENT("response.output_text.delta",                                                            \
          ",\"output_index\":1,\"content_index\":0,\"delta\":\"A \"")                              \
    EVENT("response.output_text.delta",                                                            \
          ",\"output_index\":1,\"content_index\":0,\"delta\":\"\\u00e9.\"")                        \
    EVENT("response.output_text.done",                                                             \
          ",\"output_index\":1,\"content_index\":0,\"text\":\"A \\u00e9.\"")                       \
    EVENT("response.refusal.delta", ",\"output_index\":1,\"content_index\":1,\"delta\":\"no\"")    \
    EVENT("response.function_call_arguments.delta", ",\"output_index\":2,\"delta\":\":1}\"")       \
    EVENT("response.output_item.done", ",\"output_index\":3,\"item\":{\"type\":\"mcp_call\","      \
                                       "\"id\":\"mcp\",\"name\":\"ask\",\"arguments\":\"{}\","     \
                                       "\"output\":\"y\"}")                                        \
    EVENT("response.output_item.added", ",\"output_index\":4,\"item\":{\"type\":"                  \
                                        "\"web_search_call\",\"id\":\"ws\"}")                      \
    EVENT("response.web_search_call.completed", ",\"output_index\":4,\"item_id\":\"ws\"")

static char *stream_of(const char *last, const char *body)
{
    struct rn_buffer stream = {0};
    rn_buffer_add(&stream, rn_bytes_text(DELTAS));
    rn_buffer_addf(&stream,
                   "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":9,\"response\":%s}\n\n",
                   last, last, body);
    rn_buffer_add_byte(&stream, 0);
    return (char *)stream.data;
}

START_TEST(a_stream_says_what_the_whole_answer_says)
{
    struct rn_arena arena = {0};
    struct rn_reading whole;
    struct rn_reading streamed;
    char *stream = stream_of("response.completed", response);
    ck_assert_int_eq(make(&arena, RESPONSES, request, response, &whole), RN_OK);
    ck_assert_int_eq(make(&arena, RESPONSES, request, stream, &streamed), RN_OK);
    ck_assert(streamed.streamed && streamed.complete);
    check_same_answer(&whole, &streamed);
    rn_free(stream);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(deltas_alone_say_the_same_and_are_not_complete)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(make(&arena, RESPONSES, request, DELTAS, &reading), RN_OK);
    check_said(reading.response, said);
    ck_assert(reading.streamed && !reading.complete && !reading.has_usage);
    ck_assert(reading.finish.len == 0 && is(reading.model_answered, "gpt-5-2026"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_last_event_without_output_leaves_the_deltas)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    char *stream = stream_of("response.incomplete",
                             "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
                             "\"content_filter\"},\"output\":[],\"usage\":{\"input_tokens\":1,"
                             "\"output_tokens\":2}}");
    ck_assert_int_eq(make(&arena, RESPONSES, request, stream, &reading), RN_OK);
    check_said(reading.response, said);
    ck_assert(reading.complete && reading.has_usage && is(reading.finish, "content_filter"));
    rn_free(stream);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(items_that_come_whole_need_no_deltas)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(
        make(&arena, RESPONSES, request,
             EVENT("response.output_item.done",
                   ",\"output_index\":1,\"item\":{\"type\":\"custom_tool_call\",\"call_id\":\"c\","
                   "\"name\":\"run\",\"input\":\"ls\"}")
                 EVENT("response.output_item.done",
                       ",\"output_index\":0,\"item\":{\"type\":\"message\",\"role\":\"assistant\","
                       "\"content\":[{\"type\":\"output_text\",\"text\":\"hi\"},"
                       "{\"type\":\"output_audio\"},{\"type\":\"refusal\",\"refusal\":\"no\"}]}")
                     EVENT("response.output_item.done",
                           ",\"output_index\":2,\"item\":{\"type\":\"reasoning\",\"content\":[{"
                           "\"type\":\"reasoning_text\",\"text\":\"hm\"}],\"summary\":[{"
                           "\"type\":\"summary_text\",\"text\":\"h\"}]}"),
             &reading),
        RN_OK);
    check_said(reading.response, "text assistant: hi\nrefusal assistant: no\n"
                                 "other assistant output_audio#: \n"
                                 "call assistant run#c: ls\nthinking assistant: h\n"
                                 "thinking assistant: hm\n");
    rn_arena_free(&arena);
}
END_TEST

START_TEST(streams_that_fail_say_why)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    char *stream =
        stream_of("response.failed", "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\","
                                     "\"message\":\"broke\"},\"output\":[]}");
    ck_assert_int_eq(make(&arena, RESPONSES, request, stream, &reading), RN_OK);
    ck_assert(reading.complete && is(reading.error, "broke") && is(reading.finish, "failed"));
    rn_free(stream);
    ck_assert_int_eq(make(&arena, RESPONSES, request,
                          EVENT("error", ",\"code\":\"rate_limit\",\"message\":\"slow down\""),
                          &reading),
                     RN_OK);
    ck_assert(!reading.complete && is(reading.error, "slow down"));
    ck_assert_int_eq(make(&arena, RESPONSES, request,
                          EVENT("error", ",\"error\":{\"message\":\"slow down\"}"), &reading),
                     RN_OK);
    ck_assert(!reading.complete && is(reading.error, "slow down"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(what_follows_the_last_event_is_not_heard)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_buffer twice = {0};
    char *stream = stream_of("response.completed", response);
    rn_buffer_addf(&twice, "%s%sdata: [DONE]\n\n%c", stream, stream, 0);
    ck_assert_int_eq(make(&arena, RESPONSES, request, (const char *)twice.data, &reading), RN_OK);
    check_said(reading.response, said);
    rn_buffer_free(&twice);
    rn_free(stream);
    rn_arena_free(&arena);
}
END_TEST

/* Only the ends of the last two lines may be missing. */
START_TEST(a_stream_cut_anywhere_is_not_complete)
{
    char *stream = stream_of("response.completed", response);
    check_cuts(RESPONSES, "{\"input\":\"x\"}", stream, 2);
    rn_free(stream);
}
END_TEST

START_TEST(responses_survive_every_failing_allocation)
{
    char *stream = stream_of("response.completed", response);
    check_memory(RESPONSES, request, response);
    check_memory(RESPONSES, request, stream);
    check_memory(RESPONSES, request, DELTAS);
    rn_free(stream);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/openai_responses");
    RN_CASE(suite, "whole", request_and_whole_answer_are_read, input_may_be_a_text,
            what_made_it_incomplete_or_failed_is_told);
    RN_CASE(suite, "streams", a_stream_says_what_the_whole_answer_says,
            deltas_alone_say_the_same_and_are_not_complete,
            a_last_event_without_output_leaves_the_deltas, items_that_come_whole_need_no_deltas,
            streams_that_fail_say_why, what_follows_the_last_event_is_not_heard,
            a_stream_cut_anywhere_is_not_complete);
    RN_CASE(suite, "trouble", responses_survive_every_failing_allocation);
    return suite;
}
