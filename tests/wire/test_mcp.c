/* Claims about the Model Context Protocol over HTTP: both generations, whole and streamed. */
#include "main.h"

#include "described.h"

#define TOOL_CALL                                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"get_order\","  \
    "\"arguments\":{\"id\":88231},\"_meta\":{\"progressToken\":7}}}"
#define TOOL_RESULT                                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"          \
    "\"delivered\"}],"                                                                             \
    "\"isError\":false}}"
#define TOLD                                                                                       \
    "tool mcp tools/call @get_order\n> call client get_order#: {\"id\":88231}\n"                   \
    "< result server get_order#3: delivered\n"

static const struct exchange whole = {
    .target = "/mcp", .request = TOOL_CALL, .answer = TOOL_RESULT};

static const struct exchange streamed = {
    .target = "/mcp",
    .fields = "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\n",
    .request = TOOL_CALL,
    .type = "text/event-stream",
    .answer =
        "event: message\r\nid: 1\r\ndata: "
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
        "\"params\":{\"progressToken\":7,\"progress\":1}}\r\n\r\n"
        ": keep-alive\n\n"
        "data: "
        "{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"method\":\"sampling/createMessage\",\"params\":{"
        "\"maxTokens\":5}}\n\n"
        "data: " TOOL_RESULT "\n\n"};

START_TEST(a_tool_call_is_known_by_its_body)
{
    check_exchange(&whole, TOLD);
    check_torn(&whole);
    check_starved(&whole);
}
END_TEST

START_TEST(a_tool_call_is_known_by_its_headers)
{
    const struct exchange exchange = {
        .target = "/anything",
        .fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
                  "Mcp-Name: get_order\r\n",
        .request = TOOL_CALL,
        .answer =
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"resultType\":\"complete\",\"content\":["
            "{\"type\":\"text\",\"text\":\"delivered\"}],\"structuredContent\":{\"x\":1}}}"};
    struct exchange broken = exchange;
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&exchange, TOLD);
    ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_OK);
    ck_assert(is(reading.finish, "complete"));
    broken.request = "{\"jsonrpc\":";
    ck_assert_int_eq(read_exchange(&arena, &broken, &reading), RN_INVALID);
    ck_assert(reading.unread && reading.dialect == RN_DIALECT_MCP);
    /* by the body alone, a body that cannot be read is nobody's */
    broken.fields = NULL;
    check_nobody(&broken);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_stream_tells_what_the_server_asks_in_between)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&streamed,
                   "tool mcp tools/call @get_order\n> call client get_order#: {\"id\":88231}\n"
                   "< other server notifications/progress#: {\"progressToken\":7,\"progress\":1}\n"
                   "< other server sampling/createMessage#s1: {\"maxTokens\":5}\n"
                   "< result server get_order#3: delivered\n");
    ck_assert_int_eq(read_exchange(&arena, &streamed, &reading), RN_OK);
    ck_assert(reading.streamed && reading.complete);
    rn_arena_free(&arena);
    check_starved(&streamed);
}
END_TEST

START_TEST(a_stream_cut_anywhere_is_complete_only_with_its_answer)
{
    size_t end = strlen(streamed.answer);
    for (size_t len = 1; len <= end; len++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        struct exchange cut = streamed;
        char *piece = malloc(len + 1);
        memcpy(piece, streamed.answer, len);
        piece[len] = '\0';
        cut.answer = piece;
        enum rn_status status = read_exchange(&arena, &cut, &reading);
        ck_assert(status == RN_OK || status == RN_INVALID);
        ck_assert_msg(reading.complete == (len + 2 >= end), "%zu of %zu", len, end);
        rn_arena_free(&arena);
        free(piece);
    }
}
END_TEST

START_TEST(a_stream_of_its_own_is_asked_for_by_get)
{
    const struct exchange get = {
        .method = "GET",
        .target = "/mcp",
        .fields = "Mcp-Session-Id: 1868a90c\r\nAccept: text/event-stream\r\nLast-Event-ID: 4\r\n",
        .type = "text/event-stream",
        .answer = "id: 5\ndata:\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":"
                  "\"notifications/tools/list_changed\"}\n\ndata: " TOOL_RESULT "\n\n"};
    const struct exchange end = {.method = "DELETE",
                                 .target = "/mcp",
                                 .fields = "Mcp-Session-Id: 1868a90c\r\n",
                                 .status = 204};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&get, "other mcp stream\n< other server notifications/tools/list_changed#: \n"
                         "< result server #3: delivered\n");
    ck_assert_int_eq(read_exchange(&arena, &get, &reading), RN_OK);
    ck_assert(reading.complete); /* it has no end of its own */
    rn_arena_free(&arena);
    check_exchange(&end, "other mcp session/end\n");
}
END_TEST

START_TEST(who_listens_is_not_cut)
{
    const struct exchange listen = {
        .target = "/mcp",
        .fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n",
        .request =
            "{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"subscriptions/listen\",\"params\":{}}",
        .type = "text/event-stream",
        .answer = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/resources/updated\","
                  "\"params\":{\"uri\":\"u\"}}\n\n"};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&listen, "other mcp subscriptions/listen\n"
                            "< other server notifications/resources/updated#: {\"uri\":\"u\"}\n");
    ck_assert_int_eq(read_exchange(&arena, &listen, &reading), RN_OK);
    ck_assert(reading.complete && reading.finished == RN_FINISH_UNKNOWN);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_tool_that_failed_is_an_error)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct exchange failed = {
        .target = "/mcp",
        .request = TOOL_CALL,
        .answer =
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[{\"type\":\"text\",\"text\":"
            "\"no such order\"}],\"isError\":true}}"};
    const struct exchange refused = {
        .target = "/mcp",
        .request = TOOL_CALL,
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32602,\"message\":\"Unknown "
                  "tool\"}}"};
    struct exchange not_found = refused;
    check_exchange(&failed, "tool mcp tools/call @get_order\n> call client get_order#: "
                            "{\"id\":88231}\n< result server get_order#3: no such order\n"
                            "error no such order");
    ck_assert_int_eq(read_exchange(&arena, &failed, &reading), RN_OK);
    ck_assert(reading.response->is_error);
    rn_arena_free(&arena);
    check_exchange(&refused, "tool mcp tools/call @get_order\n> call client get_order#: "
                             "{\"id\":88231}\nerror Unknown tool");
    not_found.status = 404;
    check_exchange(&not_found, "tool mcp tools/call @get_order\n> call client get_order#: "
                               "{\"id\":88231}\nerror Unknown tool");
}
END_TEST

START_TEST(results_of_all_kinds_are_read)
{
    const struct exchange blocks = {
        .target = "/mcp",
        .request = TOOL_CALL,
        .answer =
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[{\"type\":\"resource\","
            "\"resource\":{\"uri\":\"file:///a\",\"title\":\"A\",\"text\":\"inside\"}},{\"type\":"
            "\"resource_link\",\"uri\":\"file:///b\",\"name\":\"b\"},{\"type\":\"image\",\"data\":"
            "\"AA==\",\"mimeType\":\"image/png\"}]}}"};
    const struct exchange structured = {
        .target = "/mcp",
        .request = TOOL_CALL,
        .answer =
            "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[],\"structuredContent\":[1,"
            "2]}}"};
    check_exchange(&blocks, "tool mcp tools/call @get_order\n> call client get_order#: "
                            "{\"id\":88231}\n< result server get_order#3: inside\n"
                            "< other server resource_link#3: file:///b\n"
                            "< other server image#3: \n0.1 file:///a none | A : inside\n");
    check_exchange(&structured, "tool mcp tools/call @get_order\n> call client get_order#: "
                                "{\"id\":88231}\n< result server get_order#3: [1,2]\n");
}
END_TEST

START_TEST(a_resource_that_is_read_is_a_document)
{
    const struct exchange read = {
        .target = "/mcp",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"method\":\"resources/read\",\"params\":{"
                   "\"uri\":\"policy://refunds\"}}",
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":\"r\",\"result\":{\"contents\":[{\"uri\":"
                  "\"policy://refunds\",\"mimeType\":\"text/plain\",\"text\":\"30 days\"},{\"uri\":"
                  "\"policy://logo\",\"blob\":\"AA==\"}],\"ttlMs\":5,\"cacheScope\":\"private\"}}"};
    check_exchange(&read, "retrieval mcp resources/read @policy://refunds\n"
                          "0.1 policy://refunds none : 30 days\n0.2 policy://logo none\n");
    check_torn(&read);
    check_starved(&read);
}
END_TEST

START_TEST(other_methods_are_told_by_name)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct exchange hello = {
        .target = "/",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
                   "\"protocolVersion\":\"2025-06-18\",\"clientInfo\":{\"name\":\"c\",\"version\":"
                   "\"1\"}}}",
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\"}}"};
    const struct exchange list = {
        .target = "/",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}",
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"f\"}]}}"};
    const struct exchange prompt = {
        .target = "/",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"prompts/get\",\"params\":{\"name\":"
                   "\"review\"}}",
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"messages\":[{\"role\":\"user\","
                  "\"content\":{\"type\":\"text\",\"text\":\"Look\"}}]}}"};
    const struct exchange notice = {
        .target = "/",
        .request = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        .status = 202};
    const struct exchange ethereum = {
        .target = "/",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_blockNumber\"}",
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1\"}"};
    const struct exchange old = {.target = "/", .request = "{\"id\":1,\"method\":\"a/b\"}"};
    check_exchange(&hello, "other mcp initialize\n");
    check_exchange(&list, "other mcp tools/list\n");
    ck_assert_int_eq(read_exchange(&arena, &list, &reading), RN_OK);
    ck_assert(is(reading.tools, "[{\"name\":\"f\"}]"));
    rn_arena_free(&arena);
    check_exchange(&prompt, "other mcp prompts/get @review\n< text user: Look\n");
    check_exchange(&notice, "other mcp notifications/initialized\n");
    check_nobody(&ethereum);
    check_nobody(&old);
}
END_TEST

START_TEST(the_client_answers_what_the_server_asked)
{
    const struct exchange reply = {
        .target = "/mcp",
        .request =
            "{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"result\":{\"role\":\"assistant\",\"content\":{"
            "\"type\":\"text\",\"text\":\"hi\"}}}",
        .status = 202};
    const struct exchange refusal = {
        .target = "/mcp",
        .request = "{\"jsonrpc\":\"2.0\",\"id\":\"s1\",\"error\":{\"code\":-1,\"message\":\"no\"}}",
        .status = 202};
    check_exchange(&reply, "other mcp response\n> other client response#s1: {\"role\":"
                           "\"assistant\",\"content\":{\"type\":\"text\",\"text\":\"hi\"}}\n");
    check_exchange(&refusal, "other mcp response\n> other client response#s1: {\"code\":-1,"
                             "\"message\":\"no\"}\n");
}
END_TEST

START_TEST(a_result_may_ask_for_input)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct exchange asks = {
        .target = "/mcp",
        .request = TOOL_CALL,
        .answer = "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"resultType\":\"input_required\","
                  "\"inputRequests\":{\"who\":{\"method\":\"elicitation/create\",\"params\":{"
                  "\"message\":\"Who?\"}}},\"requestState\":\"s\"}}"};
    const struct exchange answers = {
        .target = "/mcp",
        .request =
            "{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/call\",\"params\":{\"name\":\"f\","
            "\"arguments\":{},\"inputResponses\":{\"who\":{\"action\":\"accept\"}},"
            "\"requestState\":\"s\"}}",
        .answer =
            "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"resultType\":\"complete\",\"content\":["
            "]}}"};
    check_exchange(&asks, "tool mcp tools/call @get_order\n> call client get_order#: "
                          "{\"id\":88231}\n< other server elicitation/create#who: {\"message\":"
                          "\"Who?\"}\n");
    ck_assert_int_eq(read_exchange(&arena, &asks, &reading), RN_OK);
    ck_assert(is(reading.finish, "input_required") && reading.finished == RN_FINISH_PAUSED);
    rn_arena_free(&arena);
    check_exchange(&answers, "tool mcp tools/call @f\n> call client f#: {}\n"
                             "> other client who#: {\"action\":\"accept\"}\n");
}
END_TEST

START_TEST(a_batch_is_named_by_its_tool)
{
    const struct exchange batch = {
        .target = "/mcp",
        .request =
            "[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"},"
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":"
            "\"u\"}}," TOOL_CALL ",{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"tools/call\","
            "\"params\":{\"name\":\"f\"}}]",
        .answer = "[{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":{\"content\":[{\"type\":\"text\","
                  "\"text\":\"F\"}]}}," TOOL_RESULT ",{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{"
                  "\"contents\":[{\"uri\":\"u\",\"text\":\"U\"}]}}]"};
    check_exchange(&batch, "tool mcp tools/call @get_order\n> call client get_order#: "
                           "{\"id\":88231}\n> call client f#: \n< result server f#4: F\n"
                           "< result server get_order#3: delivered\n0.1 u none : U\n");
    check_torn(&batch);
}
END_TEST

START_TEST(wrong_types_break_nothing)
{
    static const char *const requests[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"tools/call\",\"params\":[]}",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"tools/call\",\"params\":{\"name\":5,"
        "\"arguments\":\"x\",\"inputResponses\":[1]}}",
        "[{\"jsonrpc\":\"2.0\"},7,null,[]]",
        "{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"resources/read\",\"params\":7}"};
    static const char *const answers[] = {
        "7",
        "[]",
        "[[],7]",
        "null",
        "{\"result\":[],\"error\":7}",
        "{\"id\":[1],\"result\":{}}",
        "{\"result\":{\"content\":{},\"contents\":[7,{}],\"messages\":[7],\"tools\":{},"
        "\"inputRequests\":[7],\"isError\":\"yes\"}}",
        "{\"result\":{\"content\":[7,{\"type\":\"resource\",\"resource\":7}],\"isError\":true}}"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++) {
            struct rn_arena arena = {0};
            struct rn_reading reading;
            const struct exchange exchange = {
                .target = "/m", .request = requests[i], .answer = answers[k]};
            ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_OK);
            ck_assert_int_eq(reading.dialect, RN_DIALECT_MCP);
            rn_arena_free(&arena);
        }
    }
}
END_TEST

START_TEST(ids_and_tokens_are_no_part_of_what_is_matched)
{
    const struct rn_dialect_facts *facts = rn_dialect_facts(RN_DIALECT_MCP);
    ck_assert_uint_ge(facts->version, 1);
    ck_assert_str_eq(facts->correlation_pointers[0], "/id");
    ck_assert_str_eq(facts->volatile_pointers[0], "/params/_meta/progressToken");
    ck_assert_str_eq(facts->significant_headers[0], "mcp-method");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/mcp");
    RN_CASE(suite, "messages", a_tool_call_is_known_by_its_body,
            a_tool_call_is_known_by_its_headers, a_tool_that_failed_is_an_error,
            results_of_all_kinds_are_read, a_resource_that_is_read_is_a_document,
            other_methods_are_told_by_name, the_client_answers_what_the_server_asked,
            a_result_may_ask_for_input, a_batch_is_named_by_its_tool, wrong_types_break_nothing,
            ids_and_tokens_are_no_part_of_what_is_matched);
    RN_CASE(suite, "streams", a_stream_tells_what_the_server_asks_in_between,
            a_stream_cut_anywhere_is_complete_only_with_its_answer,
            a_stream_of_its_own_is_asked_for_by_get, who_listens_is_not_cut);
    return suite;
}
