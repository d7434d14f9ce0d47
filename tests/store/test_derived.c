/* Claims about derived tool readings: each result once, where it was told first, beside the call that asked. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "derived.h"

#define CHAT "/v1/chat/completions"
#define RESPONSES "/v1/responses"
#define ANTHROPIC "/v1/messages"

/* One trace being told, and all that was derived of it: "told.t <- asked name#id arguments = result" per line. */
struct tale {
    struct rn_derivation *derivation;
    struct rn_buffer text;
    uint32_t n;
};

static enum rn_status write_line(void *self, const struct rn_derived *derived)
{
    struct tale *tale = self;
    char name[RN_DERIVED_NAME_BYTES];
    rn_buffer_addf(&tale->text, "%s <- %u %.*s#%.*s %.*s = %.*s%s%s\n",
                   rn_derived_name(derived, name), derived->asked_n, (int)derived->name.len,
                   (const char *)derived->name.data, (int)derived->id.len,
                   (const char *)derived->id.data, (int)derived->arguments.len,
                   (const char *)derived->arguments.data, (int)derived->result.len,
                   (const char *)derived->result.data, derived->by_order ? " (by order)" : "",
                   derived->is_error ? " (failed)" : "");
    return RN_OK;
}

static struct tale begin(void)
{
    struct tale tale = {.derivation = rn_derivation_begin()};
    ck_assert_ptr_nonnull(tale.derivation);
    return tale;
}

static void call(struct tale *tale, const char *target, const char *request, const char *answer)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                           .target = rn_bytes_text(target),
                                           .request_body = rn_bytes_text(request),
                                           .status = 200,
                                           .response_type = RN_LIT("application/json"),
                                           .response_body = rn_bytes_text(answer)};
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
    ck_assert_int_ne(reading.dialect, RN_DIALECT_NONE);
    ck_assert_int_eq(rn_derivation_add(tale->derivation, ++tale->n, &reading, write_line, tale),
                     RN_OK);
    rn_arena_free(&arena);
}

static void end(struct tale *tale, const char *expected)
{
    rn_buffer_add_byte(&tale->text, 0);
    ck_assert_str_eq((const char *)tale->text.data, expected);
    rn_buffer_free(&tale->text);
    rn_derivation_free(tale->derivation);
}

/* --- OpenAI chat --------------------------------------------------------------------------------------------------- */

#define ASKS(calls)                                                                                \
    "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"tool_calls\":[" calls "]}}]}"
#define SAYS "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":\"done\"}}]}"
#define TOOL(id, name, arguments)                                                                  \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" arguments "\"}}"
#define ASKED(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define RESULT(id, text) "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define USER "{\"role\":\"user\",\"content\":\"refund 88231\"}"
#define TURN(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"

START_TEST(a_result_is_given_once_where_it_was_told_first)
{
    struct tale tale = begin();
    call(&tale, CHAT, TURN(USER), ASKS(TOOL("c1", "get_order", "{\\\"id\\\":88231}")));
    call(&tale, CHAT,
         TURN(USER "," ASKED(TOOL("c1", "get_order", "{\\\"id\\\": 88231}")) "," RESULT(
             "c1", "delivered")),
         ASKS(TOOL("c2", "refund", "{}")));
    call(&tale, CHAT,
         TURN(USER "," ASKED(TOOL("c1", "get_order", "{\\\"id\\\": 88231}")) "," RESULT(
             "c1", "delivered") "," ASKED(TOOL("c2", "refund", "{}")) "," RESULT("c2", "refused")),
         SAYS);
    end(&tale, "2.t1 <- 1 get_order#c1 {\"id\":88231} = delivered\n"
               "3.t1 <- 2 refund#c2 {} = refused\n");
}
END_TEST

START_TEST(parallel_tools_are_told_together_in_any_order)
{
    struct tale tale = begin();
#define BOTH TOOL("a", "f", "{\\\"x\\\":1}") "," TOOL("b", "f", "{\\\"x\\\":2}")
    call(&tale, CHAT, TURN(USER), ASKS(BOTH));
    call(&tale, CHAT, TURN(USER "," ASKED(BOTH) "," RESULT("b", "two") "," RESULT("a", "one")),
         SAYS);
    end(&tale, "2.t1 <- 1 f#b {\"x\":2} = two\n2.t2 <- 1 f#a {\"x\":1} = one\n");
}
END_TEST

START_TEST(a_request_sent_again_tells_nothing_new)
{
    struct tale tale = begin();
#define TOLD TURN(USER "," ASKED(TOOL("c", "f", "{}")) "," RESULT("c", "r"))
    call(&tale, CHAT, TURN(USER), ASKS(TOOL("c", "f", "{}")));
    call(&tale, CHAT, TOLD, "{\"error\":{\"message\":\"overloaded\"}}");
    call(&tale, CHAT, TOLD, SAYS);
    end(&tale, "2.t1 <- 1 f#c {} = r\n");
}
END_TEST

START_TEST(a_result_told_otherwise_later_is_history)
{
    struct tale tale = begin();
    call(&tale, CHAT, TURN(USER), ASKS(TOOL("c", "f", "{}")));
    call(&tale, CHAT, TURN(USER "," ASKED(TOOL("c", "f", "{}")) "," RESULT("c", "a long text")),
         ASKS(TOOL("d", "g", "{}")));
    call(&tale, CHAT,
         TURN(USER "," ASKED(TOOL("c", "f", "{}")) "," RESULT("c", "[cut]") "," ASKED(
             TOOL("d", "g", "{}")) "," RESULT("d", "new")),
         SAYS);
    end(&tale, "2.t1 <- 1 f#c {} = a long text\n3.t1 <- 2 g#d {} = new\n");
}
END_TEST

START_TEST(ids_that_begin_anew_in_every_answer_are_told_apart)
{
    struct tale tale = begin();
#define FIRST TOOL("call_0", "status", "{}")
    call(&tale, CHAT, TURN(USER), ASKS(FIRST));
    call(&tale, CHAT, TURN(USER "," ASKED(FIRST) "," RESULT("call_0", "waiting")), ASKS(FIRST));
    /* the same call again, with another result, then with the same one */
    call(&tale, CHAT,
         TURN(USER "," ASKED(FIRST) "," RESULT("call_0", "waiting") "," ASKED(FIRST) "," RESULT(
             "call_0", "ready")),
         ASKS(FIRST));
    call(&tale, CHAT,
         TURN(USER "," ASKED(FIRST) "," RESULT("call_0", "waiting") "," ASKED(FIRST) "," RESULT(
             "call_0", "ready") "," ASKED(FIRST) "," RESULT("call_0", "ready")),
         SAYS);
    end(&tale, "2.t1 <- 1 status#call_0 {} = waiting\n3.t1 <- 2 status#call_0 {} = ready\n"
               "4.t1 <- 3 status#call_0 {} = ready\n");
}
END_TEST

START_TEST(two_conversations_with_the_same_ids_are_told_apart_by_arguments)
{
    struct tale tale = begin();
#define ONE TOOL("call_0", "f", "{\\\"x\\\":1}")
#define TWO TOOL("call_0", "f", "{\\\"x\\\":2}")
    call(&tale, CHAT, TURN(USER), ASKS(ONE));
    call(&tale, CHAT, TURN("{\"role\":\"user\",\"content\":\"other\"}"), ASKS(TWO));
    call(&tale, CHAT,
         TURN("{\"role\":\"user\",\"content\":\"other\"}," ASKED(TWO) "," RESULT("call_0", "b")),
         SAYS);
    call(&tale, CHAT, TURN(USER "," ASKED(ONE) "," RESULT("call_0", "a")), SAYS);
    end(&tale, "3.t1 <- 2 f#call_0 {\"x\":2} = b\n4.t1 <- 1 f#call_0 {\"x\":1} = a\n");
}
END_TEST

START_TEST(a_server_that_gives_parallel_calls_one_id_is_read_by_order)
{
    struct tale tale = begin();
#define PAIR TOOL("x", "f", "{\\\"n\\\":1}") "," TOOL("x", "g", "{\\\"n\\\":2}")
    call(&tale, CHAT, TURN(USER), ASKS(PAIR));
    call(&tale, CHAT, TURN(USER "," ASKED(PAIR) "," RESULT("x", "one") "," RESULT("x", "two")),
         SAYS);
    end(&tale, "2.t1 <- 1 f#x {\"n\":1} = one\n2.t2 <- 1 g#x {\"n\":2} = two\n");
}
END_TEST

START_TEST(a_result_of_a_call_that_is_not_in_the_trace_is_linked_to_nobody)
{
    struct tale tale = begin();
    call(&tale, CHAT,
         TURN(USER "," ASKED(TOOL("old", "f", "{\\\"x\\\":1}")) "," RESULT("old", "r")), SAYS);
    call(&tale, CHAT, TURN(USER "," RESULT("lost", "s")), SAYS);
    call(&tale, CHAT, TURN(USER "," RESULT("lost", "s")), SAYS);
    end(&tale, "1.t1 <- 0 f#old {\"x\":1} = r\n2.t1 <- 0 #lost  = s\n");
}
END_TEST

START_TEST(a_tool_may_answer_with_nothing)
{
    struct tale tale = begin();
    call(&tale, CHAT, TURN(USER), ASKS(TOOL("c", "think", "{}")));
    call(&tale, CHAT, TURN(USER "," ASKED(TOOL("c", "think", "{}")) "," RESULT("c", "")), SAYS);
    end(&tale, "2.t1 <- 1 think#c {} = \n");
}
END_TEST

START_TEST(parts_of_one_result_are_one)
{
    struct tale tale = begin();
    call(&tale, CHAT, TURN(USER), ASKS(TOOL("c", "f", "{}")));
    call(&tale, CHAT,
         TURN(USER ",{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":[{\"type\":\"text\","
                   "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]}"),
         SAYS);
    end(&tale, "2.t1 <- 1 f#c {} = a\nb\n");
}
END_TEST

START_TEST(without_ids_name_arguments_and_order_decide)
{
    struct tale tale = begin();
#define OLD(name, arguments)                                                                       \
    "{\"role\":\"assistant\",\"function_call\":{\"name\":\"" name "\",\"arguments\":\"" arguments  \
    "\"}}"
#define OLD_RESULT(name, text)                                                                     \
    "{\"role\":\"function\",\"name\":\"" name "\",\"content\":\"" text "\"}"
#define OLD_ASKS(name, arguments) "{\"choices\":[{\"message\":" OLD(name, arguments) "}]}"
    call(&tale, CHAT, TURN(USER), OLD_ASKS("f", "{\\\"x\\\":1}"));
    call(&tale, CHAT, TURN(USER "," OLD("f", "{\\\"x\\\":1}") "," OLD_RESULT("f", "one")),
         OLD_ASKS("f", "{\\\"x\\\":2}"));
    call(&tale, CHAT,
         TURN(USER "," OLD("f", "{\\\"x\\\":1}") "," OLD_RESULT("f", "one") "," OLD(
             "f", "{\\\"x\\\":2}") "," OLD_RESULT("f", "two")),
         SAYS);
    end(&tale, "2.t1 <- 1 f# {\"x\":1} = one (by order)\n"
               "3.t1 <- 2 f# {\"x\":2} = two (by order)\n");
}
END_TEST

/* --- Responses ----------------------------------------------------------------------------------------------------- */

#define CALLS(id, name, arguments)                                                                 \
    "{\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name                          \
    "\",\"arguments\":\"" arguments "\"}"
#define OUTPUT(id, text)                                                                           \
    "{\"type\":\"function_call_output\",\"call_id\":\"" id "\",\"output\":\"" text "\"}"

START_TEST(responses_are_linked_with_and_without_the_history)
{
    struct tale tale = begin();
    call(&tale, RESPONSES, "{\"input\":\"x\"}",
         "{\"id\":\"r1\",\"output\":[" CALLS("k1", "f", "{\\\"a\\\":1}") "," CALLS("k2", "g",
                                                                                   "{}") "]}");
    /* only what is new, the rest is the server's */
    call(&tale, RESPONSES,
         "{\"previous_response_id\":\"r1\",\"input\":[" OUTPUT("k1", "one") "," OUTPUT("k2",
                                                                                       "two") "]}",
         "{\"id\":\"r2\",\"output\":[" CALLS("k3", "f", "{}") "]}");
    /* all of it */
    call(
        &tale, RESPONSES,
        "{\"input\":[{\"role\":\"user\",\"content\":\"x\"}," CALLS(
            "k1", "f",
            "{\\\"a\\\":1}") "," OUTPUT("k1", "one") "," CALLS("k3", "f",
                                                               "{}") "," OUTPUT("k3", "three") "]}",
        "{\"id\":\"r3\",\"output\":[]}");
    end(&tale, "2.t1 <- 1 f#k1 {\"a\":1} = one\n2.t2 <- 1 g#k2 {} = two\n"
               "3.t1 <- 2 f#k3 {} = three\n");
}
END_TEST

/* --- Anthropic ----------------------------------------------------------------------------------------------------- */

#define USE(id, name, input)                                                                       \
    "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"" name "\",\"input\":" input "}"
#define CLAUDE_ASKS(blocks) "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" blocks "]}"

START_TEST(anthropic_results_may_fail_and_may_come_in_blocks)
{
    struct tale tale = begin();
    call(&tale, ANTHROPIC, TURN(USER),
         CLAUDE_ASKS(USE("t1", "f", "{\"q\": [1]}") "," USE("t2", "g", "{}")));
    call(&tale, ANTHROPIC,
         TURN(USER ",{\"role\":\"assistant\",\"content\":[" USE("t1", "f", "{\"q\":[1]}") "," USE(
             "t2", "g", "{}") "]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                              "\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\","
                              "\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
                              "{\"type\":\"tool_result\",\"tool_use_id\":\"t2\","
                              "\"content\":\"no such thing\",\"is_error\":true}]}"),
         CLAUDE_ASKS("{\"type\":\"text\",\"text\":\"sorry\"}"));
    end(&tale, "2.t1 <- 1 f#t1 {\"q\": [1]} = a\nb\n2.t2 <- 1 g#t2 {} = no such thing (failed)\n");
}
END_TEST

START_TEST(tools_of_the_server_are_not_the_applications)
{
    struct tale tale = begin();
#define SEARCH                                                                                     \
    "{\"type\":\"server_tool_use\",\"id\":\"s1\",\"name\":\"web_search\",\"input\":{}},"           \
    "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s1\",\"content\":\"found\"}"
    call(&tale, ANTHROPIC, TURN(USER), CLAUDE_ASKS(SEARCH));
    call(&tale, ANTHROPIC, TURN(USER ",{\"role\":\"assistant\",\"content\":[" SEARCH "]}," USER),
         CLAUDE_ASKS("{\"type\":\"text\",\"text\":\"x\"}"));
    end(&tale, "");
}
END_TEST

/* --- without ids --------------------------------------------------------------------------------------------------- */

START_TEST(gemini_is_linked_by_order)
{
#define GEMINI "/v1beta/models/gemini-2.5-flash:generateContent"
#define ORDERS                                                                                     \
    "{\"functionCall\":{\"name\":\"get_order\",\"args\":{\"id\":1}}},"                             \
    "{\"functionCall\":{\"name\":\"get_order\",\"args\":{\"id\":2}}}"
    struct tale tale = begin();
    call(&tale, GEMINI, "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]}]}",
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[" ORDERS "]}}]}");
    call(&tale, GEMINI,
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\"}]},{\"role\":\"model\","
         "\"parts\":[" ORDERS "]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":"
         "\"get_order\",\"response\":{\"r\":\"one\"}}},{\"functionResponse\":{\"name\":"
         "\"get_order\",\"response\":{\"r\":\"two\"}}}]}]}",
         "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"y\"}]}}]}");
    end(&tale, "2.t1 <- 1 get_order# {\"id\":1} = {\"r\":\"one\"} (by order)\n"
               "2.t2 <- 1 get_order# {\"id\":2} = {\"r\":\"two\"} (by order)\n");
}
END_TEST

START_TEST(ollama_is_linked_by_order)
{
#define OLLAMA "/api/chat"
#define WEATHER                                                                                    \
    "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":"            \
    "\"weather\","                                                                                 \
    "\"arguments\":{\"city\":\"Bern\"}}}]}"
    struct tale tale = begin();
    call(&tale, OLLAMA, "{\"model\":\"m\",\"stream\":false,\"messages\":[" USER "]}",
         "{\"model\":\"m\",\"message\":" WEATHER ",\"done\":true}");
    call(&tale, OLLAMA,
         "{\"model\":\"m\",\"stream\":false,\"messages\":[" USER "," WEATHER
         ",{\"role\":\"tool\",\"tool_name\":\"weather\",\"content\":\"rain\"}]}",
         "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"y\"},\"done\":true}");
    end(&tale, "2.t1 <- 1 weather# {\"city\":\"Bern\"} = rain (by order)\n");
}
END_TEST

/* --- all of them --------------------------------------------------------------------------------------------------- */

START_TEST(other_readings_are_passed_over)
{
    struct tale tale = begin();
    call(&tale, "/v1/embeddings", "{\"input\":\"x\"}", "{\"data\":[]}");
    end(&tale, "");
}
END_TEST

START_TEST(hundreds_of_turns_are_read)
{
    struct tale tale = begin();
    struct rn_buffer history = {0};
    struct rn_buffer expected = {0};
    for (unsigned turn = 1; turn <= 200; turn++) {
        struct rn_buffer request = {0};
        struct rn_buffer answer = {0};
        rn_buffer_addf(&request, "{\"messages\":[" USER "%.*s]}", (int)history.len,
                       (const char *)history.data);
        rn_buffer_addf(&answer, ASKS(TOOL("c%u", "f", "{\\\"n\\\":%u}")), turn, turn);
        rn_buffer_add_byte(&request, 0);
        rn_buffer_add_byte(&answer, 0);
        call(&tale, CHAT, (const char *)request.data, (const char *)answer.data);
        rn_buffer_addf(&history,
                       "," ASKED(TOOL("c%u", "f", "{\\\"n\\\":%u}")) "," RESULT("c%u", "r%u"), turn,
                       turn, turn, turn);
        if (turn > 1) {
            rn_buffer_addf(&expected, "%u.t1 <- %u f#c%u {\"n\":%u} = r%u\n", turn, turn - 1,
                           turn - 1, turn - 1, turn - 1);
        }
        rn_buffer_free(&request);
        rn_buffer_free(&answer);
    }
    rn_buffer_add_byte(&expected, 0);
    end(&tale, (const char *)expected.data);
    rn_buffer_free(&expected);
    rn_buffer_free(&history);
}
END_TEST

static enum rn_status refuse(void *self, const struct rn_derived *derived)
{
    (void)self;
    (void)derived;
    return RN_REFUSED;
}

/* A reading of a request with one result; the arena is the caller's. */
static void read_told(struct rn_arena *arena, struct rn_reading *reading)
{
    const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                           .target = RN_LIT(CHAT),
                                           .request_body = RN_LIT(TOLD),
                                           .status = 200,
                                           .response_type = RN_LIT("application/json"),
                                           .response_body = RN_LIT(ASKS(TOOL("c", "f", "{}")))};
    ck_assert_int_eq(rn_reading_make(arena, &input, reading, NULL), RN_OK);
}

START_TEST(what_the_visitor_answers_comes_back)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    read_told(&arena, &reading);
    struct rn_derivation *derivation = rn_derivation_begin();
    ck_assert_int_eq(rn_derivation_add(derivation, 1, &reading, refuse, NULL), RN_REFUSED);
    rn_derivation_free(derivation);
    rn_derivation_free(NULL);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    read_told(&arena, &reading);
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct tale tale = {.n = 0};
        rn_memory_fail_from(nth);
        struct rn_derivation *derivation = rn_derivation_begin();
        enum rn_status status = RN_NOMEM;
        if (derivation != NULL) {
            status = rn_derivation_add(derivation, 1, &reading, write_line, &tale);
        }
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || failed);
        rn_derivation_free(derivation);
        rn_buffer_free(&tale.text);
    }
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("store/derived");
    RN_CASE(suite, "chat", a_result_is_given_once_where_it_was_told_first,
            parallel_tools_are_told_together_in_any_order, a_request_sent_again_tells_nothing_new,
            a_result_told_otherwise_later_is_history,
            ids_that_begin_anew_in_every_answer_are_told_apart,
            two_conversations_with_the_same_ids_are_told_apart_by_arguments,
            a_server_that_gives_parallel_calls_one_id_is_read_by_order,
            a_result_of_a_call_that_is_not_in_the_trace_is_linked_to_nobody,
            a_tool_may_answer_with_nothing, parts_of_one_result_are_one,
            without_ids_name_arguments_and_order_decide);
    RN_CASE(suite, "ids", gemini_is_linked_by_order, ollama_is_linked_by_order);
    RN_CASE(suite, "others", responses_are_linked_with_and_without_the_history,
            anthropic_results_may_fail_and_may_come_in_blocks,
            tools_of_the_server_are_not_the_applications, other_readings_are_passed_over);
    RN_CASE(suite, "world", hundreds_of_turns_are_read, what_the_visitor_answers_comes_back,
            every_allocation_may_fail);
    return suite;
}
