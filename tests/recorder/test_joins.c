/* Whose is a call that names no trace? Tokens of bodies, and the joins that stand on them; no store, no sockets. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "joins.h"

#define S UINT64_C(1000000000)

static struct rn_joins *joins;

static void set_up(void)
{
    joins = rn_joins_new();
    ck_assert_ptr_nonnull(joins);
}

static void tear_down(void)
{
    rn_memory_fail_from(0);
    rn_joins_free(joins);
}

/* A request with these lines of its head and this body. Lent until the next one. */
static const struct rn_request *asking(const char *target, const char *fields, struct rn_bytes body)
{
    static char text[1024];
    static struct rn_http_head head;
    static struct rn_request request;
    size_t skipped;
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n", target, fields);
    ck_assert_int_eq(rn_http_request_parse(rn_bytes_text(text), &head, &skipped, NULL),
                     RN_HTTP_DONE);
    request = (struct rn_request){.head = &head,
                                  .route.target = rn_bytes_text(target),
                                  .body = body,
                                  .body_bytes = body.len,
                                  .spill = -1};
    return &request;
}

static struct rn_trace_id trace(unsigned number)
{
    struct rn_trace_id id = {{1}};
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

static struct rn_inbound *comes_with(unsigned number, const char *fields, const char *body)
{
    struct rn_trace_id id = trace(number);
    struct rn_inbound *inbound =
        rn_joins_begin(joins, &id, asking("/refunds", fields, rn_bytes_text(body)));
    ck_assert_ptr_nonnull(inbound);
    return inbound;
}

static struct rn_inbound *comes(unsigned number, const char *body)
{
    return comes_with(number, "", body);
}

static void answered(struct rn_inbound *inbound)
{
    rn_joins_end(joins, inbound, false, 0);
}

/* "content 7": the rule and the number of the trace; "alone". */
static const char *whose_at(uint64_t now_ns, const char *target, const char *fields,
                            struct rn_bytes body)
{
    static char text[64];
    struct rn_trace_id id;
    const char *rule = rn_joins_choose(joins, asking(target, fields, body), now_ns, &id);
    if (rule == NULL) {
        return "alone";
    }
    snprintf(text, sizeof text, "%s %u", rule, id.bytes[14] * 256U + id.bytes[15]);
    return text;
}

static const char *whose(const char *body)
{
    return whose_at(0, "/v1/chat/completions", "", rn_bytes_text(body));
}

static void mint(unsigned number, const char *piece)
{
    struct rn_id_finder finder = {.in_string = false};
    struct rn_trace_id id = trace(number);
    uint64_t of = rn_joins_number(joins, &id);
    ck_assert_uint_ne(of, 0);
    for (size_t i = 0; piece[i] != '\0'; i++) { /* byte by byte, as the worst upstream sends it */
        rn_joins_mint(joins, of, &finder, rn_bytes_of(piece + i, 1));
    }
}

/* --- tokens -------------------------------------------------------------------------------------------------------- */

static char found[1024];

static enum rn_status list(void *self, enum rn_token_kind kind, struct rn_bytes text)
{
    size_t len = strlen(found);
    (void)self;
    snprintf(found + len, sizeof found - len, "%s%s:%.*s", len > 0 ? "|" : "",
             kind == RN_TOKEN_TEXT ? "t" : "n", (int)text.len, (const char *)text.data);
    return RN_OK;
}

static const char *tokens(const char *body)
{
    struct rn_buffer scratch = {0};
    found[0] = '\0';
    ck_assert_int_eq(rn_tokens_find(rn_bytes_text(body), &scratch, list, NULL), RN_OK);
    rn_buffer_free(&scratch);
    return found;
}

START_TEST(sixteen_characters_of_text_tell_and_fifteen_do_not)
{
    ck_assert_str_eq(tokens("{\"a\":\"0123456789abcdef\"}"), "t:0123456789abcdef");
    ck_assert_str_eq(tokens("{\"a\":\"0123456789abcde\"}"), "");
    ck_assert_str_eq(tokens("{\"a\":\"  0123456789abcde  \"}"), "");
    ck_assert_str_eq(tokens("[\"\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\"]"), "");
    ck_assert_str_eq(tokens("{\"a\":\"line one\\nline \\\"two\\\" \\ud83d\\ude00\"}"),
                     "t:line one\nline \"two\" \xf0\x9f\x98\x80");
}
END_TEST

START_TEST(five_digits_tell_and_four_do_not)
{
    ck_assert_str_eq(tokens("{\"order\":88231}"), "n:88231");
    ck_assert_str_eq(tokens("{\"order\":8823}"), "");
    ck_assert_str_eq(tokens("[-88231,19.99,199.99]"), "n:88231|n:19.99|n:199.99");
    ck_assert_str_eq(tokens("[1e10,88231e5,1.2.3.4.5]"), "");
}
END_TEST

START_TEST(names_times_and_parameters_tell_nothing)
{
    ck_assert_str_eq(tokens("{\"a_name_that_is_long_enough\":1}"), "");
    ck_assert_str_eq(tokens("{\"since\":\"2026-11-21T02:00:00Z\",\"t\":1795226776,\"u\":20261121}"),
                     "");
    ck_assert_str_eq(tokens("{\"model\":\"gpt-4.1-mini-2025-04-14\",\"max_tokens\" : 10000}"), "");
    ck_assert_str_eq(tokens("{\"text\":\"gpt-4.1-mini-2025-04-14\"}"), "t:gpt-4.1-mini-2025-04-14");
}
END_TEST

START_TEST(text_that_is_no_json_ends_where_it_ends)
{
    ck_assert_str_eq(tokens("{\"a\":\"an end that never comes"), "");
    ck_assert_str_eq(tokens("{\"a\":\"\\"), "");
    ck_assert_str_eq(tokens("\"\\u12"), "");
    ck_assert_str_eq(tokens("12345"), "n:12345");
    ck_assert_str_eq(tokens(""), "");
}
END_TEST

/* --- the rules ------------------------------------------------------------------------------------------------------ */

START_TEST(without_an_inbound_request_nobody_is_named)
{
    ck_assert_str_eq(whose("{\"order\":88231}"), "alone");
    struct rn_inbound *one = comes(1, "{\"order\":88231}");
    ck_assert_uint_eq(rn_joins_in_flight(joins), 1);
    answered(one);
    ck_assert_str_eq(whose("{\"order\":88231}"),
                     "alone"); /* it is answered: a call now is not its */
}
END_TEST

START_TEST(the_only_one_in_flight_contains_a_call_that_says_nothing)
{
    struct rn_inbound *one = comes(1, "{\"order\":88231}");
    ck_assert_str_eq(whose("{\"hello\":1}"), "containment 1");
    ck_assert_str_eq(whose("{\"order\":88231}"), "content 1");
    comes(2, "{\"order\":88232}");
    ck_assert_str_eq(whose("{\"hello\":1}"), "alone");
    answered(one);
    ck_assert_str_eq(whose("{\"hello\":1}"), "containment 2");
}
END_TEST

START_TEST(a_value_of_exactly_one_body_in_flight_decides)
{
    comes(1, "{\"order\":88231,\"text\":\"It came broken, what now?\"}");
    comes(2, "{\"order\":88232,\"text\":\"It came broken, what now?\"}");
    ck_assert_str_eq(whose("{\"p\":\"order 88231: It came broken, what now?\"}"), "content 1");
    ck_assert_str_eq(whose("{\"p\":\"look at #88232.\"}"), "content 2");
    ck_assert_str_eq(whose("{\"p\":\"It came broken, what now?\"}"), "alone");
    ck_assert_str_eq(whose_at(0, "/orders/88232", "", rn_bytes_of(NULL, 0)), "content 2");
    ck_assert_str_eq(whose("{\"p\":\"882312 x88231 88231.5 1.88231 88231_\"}"), "alone");
    ck_assert_str_eq(whose("{\"p\":\"88231 or 88232\"}"), "alone");
}
END_TEST

START_TEST(what_spoke_for_two_speaks_for_nobody_afterwards)
{
    comes(1, "{\"reason\":\"not as described by us\"}");
    comes(2, "{\"order\":88232}");
    comes(3, "{\"order\":88233}");
    /* The application lists all reasons in each of its prompts. */
    ck_assert_str_eq(whose("{\"p\":\"reasons: not as described by us; 88232\"}"), "alone");
    ck_assert_str_eq(whose("{\"p\":\"reasons: not as described by us; hm\"}"), "alone");
    ck_assert_str_eq(whose("{\"p\":\"reasons: not as described by us; 88233\"}"), "content 3");
}
END_TEST

START_TEST(a_part_of_what_another_says_is_not_said_by_whoever_says_the_part)
{
    comes(1, "{\"text\":\"It came broken, what\",\"order\":88231}");
    struct rn_inbound *two = comes(2, "{\"text\":\"It came broken, what now? 88231: my order\"}");
    comes(3, "{\"text\":\"yes\"}");
    ck_assert_str_eq(whose("[88231]"), "content 1");
    const char *quote = "{\"m\":[\"It came broken, what now? 88231: my order\",\"yes\"]}";
    ck_assert_str_eq(whose(quote), "content 2");
    answered(two);
    ck_assert_str_eq(whose(quote),
                     "alone"); /* 3 quotes a turn before it: 1 has nothing to do with it */
    ck_assert_str_eq(
        whose("{\"m\":[\"It came broken, what now? 88231: my order\",\"It came broken, what\"]}"),
        "content 1");
}
END_TEST

START_TEST(escapes_are_no_difference)
{
    comes(1, "{\"text\":\"caf\\u00e9 \\u2014 it \\\"came\\\" late\\/broken\"}");
    comes(2, "{\"text\":\"something else entirely\"}");
    ck_assert_str_eq(
        whose("{\"p\":\"he says: caf\xc3\xa9 \xe2\x80\x94 it \\\"came\\\" late/broken.\"}"),
        "content 1");
}
END_TEST

START_TEST(parameters_of_a_call_are_no_content)
{
    comes(1, "{\"limit\":10000,\"template\":\"gpt-4.1-mini-2025-04-14\"}");
    comes(2, "{\"order\":88232}");
    ck_assert_str_eq(whose("{\"max_tokens\":10000,\"model\": \"gpt-4.1-mini-2025-04-14\"}"),
                     "alone");
    ck_assert_str_eq(whose("{\"max_tokens\":10000,\"p\":\"10000\"}"), "content 1");
}
END_TEST

START_TEST(what_one_that_was_answered_said_belongs_to_nobody_else)
{
    struct rn_inbound *first = comes(1, "{\"text\":\"the first and only text\"}");
    answered(first);
    comes(2, "{\"order\":88232}");
    /* Something the application does about the first one after it answered: no containment. */
    ck_assert_str_eq(whose("{\"p\":\"a title for: the first and only text\"}"), "alone");
    ck_assert_str_eq(whose("{\"p\":\"hello\"}"), "containment 2");
    comes(3, "{\"text\":\"the first and only text\"}");
    ck_assert_str_eq(whose("{\"p\":\"the first and only text\"}"), "alone"); /* 1 or 3 */
}
END_TEST

START_TEST(turns_of_one_conversation_may_quote_each_other)
{
    struct rn_inbound *first =
        comes(1, "{\"session\":\"session-0123456789\",\"text\":\"I would like a refund\"}");
    answered(first);
    comes(2, "{\"session\":\"session-0123456789\",\"text\":\"yes\"}");
    ck_assert_str_eq(whose("{\"m\":[\"I would like a refund\",\"which order?\",\"yes\"]}"),
                     "containment 2");
    comes(3, "{\"session\":\"session-9999999999\",\"text\":\"no, thank you all the same\"}");
    ck_assert_str_eq(whose("{\"m\":[\"I would like a refund\",\"which order?\",\"yes\"]}"),
                     "alone");
    ck_assert_str_eq(whose("{\"m\":[\"no, thank you all the same\"]}"), "content 3");
}
END_TEST

START_TEST(an_id_minted_for_one_in_flight_links_and_for_an_answered_one_does_not)
{
    struct rn_inbound *one = comes(1, "{\"a\":1}");
    comes(2, "{\"b\":2}");
    mint(1,
         "data: {\"id\":\"chatcmpl-1\",\"tool_calls\":[{\"id\":\"call_0123456789abcdef\"}]}\n\n");
    mint(2, "{\"id\":\"resp_fedcba9876543210\"}");
    ck_assert_str_eq(whose("{\"tool_call_id\":\"call_0123456789abcdef\"}"), "link 1");
    ck_assert_str_eq(whose("{\"previous_response_id\": \"resp_fedcba9876543210\"}"), "link 2");
    ck_assert_str_eq(whose("{\"p\":\"quoted call_0123456789abcdef in a text\"}"), "alone");
    ck_assert_str_eq(whose("[\"call_0123456789abcdef\",\"resp_fedcba9876543210\"]"), "alone");
    answered(one);
    comes(3, "{\"c\":3}");
    ck_assert_str_eq(whose("{\"tool_call_id\":\"call_0123456789abcdef\"}"), "alone");
}
END_TEST

START_TEST(an_id_that_two_were_given_or_that_is_counted_links_nobody)
{
    comes(1, "{\"a\":1}");
    comes(2, "{\"b\":2}");
    mint(1, "{\"id\":\"call_0123456789abcdef\"}");
    mint(2, "{\"id\":\"call_0123456789abcdef\"}");
    mint(2, "{\"id\":\"call_1\"}");
    mint(1, "{\"id\":\"policy-refund-version-3\"}");
    ck_assert_str_eq(whose("{\"id\":\"call_0123456789abcdef\"}"), "alone");
    ck_assert_str_eq(whose("{\"id\":\"call_1\"}"), "alone");
    ck_assert_str_eq(whose("{\"id\":\"policy-refund-version-3\"}"), "alone");
}
END_TEST

START_TEST(a_link_that_content_contradicts_decides_nothing)
{
    comes(1, "{\"order\":88231}");
    comes(2, "{\"order\":88232}");
    mint(1, "{\"id\":\"call_0123456789abcdef\"}");
    ck_assert_str_eq(whose("{\"id\":\"call_0123456789abcdef\",\"p\":\"88232\"}"), "alone");
    ck_assert_str_eq(whose("{\"id\":\"call_0123456789abcdef\",\"p\":\"88231\"}"), "link 1");
}
END_TEST

#define PARENT(hex) "traceparent: 00-" hex "-cdcdcdcdcdcdcdcd-01\r\n"
#define ONE "0123456789abcdef0123456789abcdef"
#define TWO "fedcba9876543210fedcba9876543210"

START_TEST(a_traceparent_of_exactly_one_in_flight_comes_first)
{
    comes_with(1, PARENT(ONE), "{\"order\":88231}");
    comes_with(2, PARENT(TWO), "{\"order\":88232}");
    struct rn_bytes other = RN_LIT("{\"p\":\"88232\"}");
    ck_assert_str_eq(whose_at(0, "/x", PARENT(ONE), other), "traceparent 1");
    ck_assert_str_eq(whose_at(0, "/x", "traceparent: 00-" ONE "\r\n", other), "content 2");
    ck_assert_str_eq(whose_at(0, "/x", PARENT("00000000000000000000000000000000"), other),
                     "content 2");
    comes_with(3, PARENT(ONE), "{}");
    ck_assert_str_eq(whose_at(0, "/x", PARENT(ONE), other), "content 2");
}
END_TEST

START_TEST(one_whose_client_left_counts_for_a_while)
{
    struct rn_inbound *one = comes(1, "{\"order\":88231}");
    rn_joins_end(joins, one, true, 10 * S);
    comes(2, "{\"order\":88232}");
    struct rn_bytes hello = RN_LIT("{\"hello\":1}");
    ck_assert_str_eq(whose_at(11 * S, "/x", "", hello), "alone");
    ck_assert_str_eq(whose_at(11 * S, "/x", "", RN_LIT("[88231]")), "content 1");
    ck_assert_str_eq(whose_at(10 * S + RN_JOIN_LEFT_NS - 1, "/x", "", hello), "alone");
    ck_assert_str_eq(whose_at(10 * S + RN_JOIN_LEFT_NS, "/x", "", hello), "containment 2");
}
END_TEST

/* --- limits -------------------------------------------------------------------------------------------------------- */

START_TEST(a_body_that_is_not_known_whole_decides_nothing_by_content)
{
    static char body[RN_JOIN_BODY_BYTES_MAX + 64];
    memset(body, ' ', sizeof body - 1);
    memcpy(body, "{\"p\":\"88231\",\"q\":\"", 18);
    comes(1, "{\"order\":88231}");
    struct rn_inbound *two = comes(2, "{\"order\":88232}");
    ck_assert_str_eq(whose_at(0, "/x", "", rn_bytes_of(body, RN_JOIN_BODY_BYTES_MAX)), "content 1");
    ck_assert_str_eq(whose_at(0, "/x", "", rn_bytes_of(body, RN_JOIN_BODY_BYTES_MAX + 1)), "alone");
    ck_assert_str_eq(whose_at(0, "/x", "content-encoding: gzip\r\n", RN_LIT("88231")), "alone");
    answered(two);
    ck_assert_str_eq(whose_at(0, "/x", "", rn_bytes_of(body, sizeof body)), "containment 1");
    /* An inbound body that is a form may say what it likes. */
    comes(3, "order=88231&reason=broken");
    ck_assert_str_eq(whose("{\"p\":\"88231\"}"), "alone");
}
END_TEST

START_TEST(more_values_than_are_kept_make_content_decide_nothing)
{
    struct rn_buffer body = {0};
    ck_assert_int_eq(rn_buffer_addf(&body, "[1"), RN_OK);
    for (unsigned i = 0; i < RN_JOIN_TOKENS_MAX + 1; i++) {
        ck_assert_int_eq(rn_buffer_addf(&body, ",%u", 300000 + i), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_addf(&body, "]%c", 0), RN_OK);
    ck_assert_uint_lt(body.len, RN_JOIN_BODY_BYTES_MAX);
    comes(1, "{\"order\":88231}");
    struct rn_inbound *much = comes(2, (const char *)body.data);
    ck_assert_str_eq(whose("{\"p\":\"88231\"}"), "alone");
    answered(much);
    ck_assert_str_eq(whose("{\"p\":\"88231\"}"), "content 1");
    rn_buffer_free(&body);
}
END_TEST

START_TEST(who_was_answered_long_ago_is_forgotten_but_not_what_was_said)
{
    char body[64];
    for (unsigned i = 0; i <= RN_JOIN_ANSWERED_MAX; i++) {
        snprintf(body, sizeof body, "{\"order\":%u}", 600000 + i);
        answered(comes(i, body));
    }
    struct rn_inbound *one = comes(1000, "{\"a\":1}");
    ck_assert_str_eq(whose("{\"p\":\"600000\"}"), "containment 1000");
    ck_assert_str_eq(whose("{\"p\":\"600001\"}"), "alone");
    /* That it was said once is known for longer: any history may quote it. */
    comes(1001, "{\"order\":600000}");
    ck_assert_str_eq(whose("{\"p\":\"600000\"}"), "alone");
    answered(one);
    ck_assert_str_eq(whose("{\"p\":\"600000\"}"), "containment 1001");
}
END_TEST

/* Many in flight, each call with its number in a text that all share: nobody else's. */
START_TEST(among_many_each_call_finds_its_own)
{
    static struct rn_inbound *inbound[1024];
    char body[128];
    char expected[32];
    for (unsigned i = 0; i < 1024; i++) {
        snprintf(body, sizeof body, "{\"order\":%u,\"text\":\"It came broken, what now?\"}",
                 70000 + i);
        inbound[i] = comes(i, body);
    }
    for (unsigned i = 0; i < 1024; i++) {
        snprintf(body, sizeof body, "{\"p\":\"order %u: It came broken, what now?\"}", 70000 + i);
        snprintf(expected, sizeof expected, "content %u", i);
        ck_assert_str_eq(whose(body), expected);
    }
    for (unsigned i = 0; i < 1024; i++) {
        answered(inbound[i]);
    }
    ck_assert_uint_eq(rn_joins_in_flight(joins), 0);
}
END_TEST

START_TEST(without_memory_nothing_is_guessed)
{
    comes(1, "{\"order\":88231}");
    for (size_t allowed = 1; allowed < 32; allowed++) {
        struct rn_trace_id id = trace(2);
        rn_memory_fail_from(allowed);
        struct rn_inbound *inbound = rn_joins_begin(
            joins, &id,
            asking("/refunds", "",
                   RN_LIT("{\"order\":88232,\"text\":\"It came broken, what now?\"}")));
        rn_memory_fail_from(0);
        if (inbound != NULL) {
            const char *answer = whose("{\"p\":\"88231\"}");
            ck_assert(strcmp(answer, "alone") == 0 || strcmp(answer, "content 1") == 0);
            ck_assert_str_ne(whose("{\"p\":\"88232\"}"), "content 1");
            answered(inbound);
        }
    }
}
END_TEST

/*
 * A small world whose customers all use the same few sentences, come back, quote each other's words without knowing it, and
 * leave. Its applications quote what they like of a request and of the turns before it. No call may be joined wrongly.
 */
#define CUSTOMERS 40u
#define FLIGHT 64u
#define TURNS_KEPT 6u

static const char *const sentences[] = {"It came broken, what",
                                        "It came broken, what now?",
                                        "Where is my parcel?",
                                        "I would like my money back",
                                        "yes",
                                        "no",
                                        "Please send it once more",
                                        "It came broken, what now? Where is my parcel?"};

struct world {
    uint64_t seed;
    unsigned made;
    struct request {
        struct rn_inbound *inbound;
        unsigned number, order, customer, calls;
        const char *said;
        char id[32];
    } flying[FLIGHT];
    unsigned count;
    const char *history[CUSTOMERS][TURNS_KEPT];
    char ids[CUSTOMERS][32]; /* of the turn before */
    unsigned right, alone;
};

static unsigned chance(struct world *world, unsigned of)
{
    world->seed = world->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(world->seed >> 33) % of;
}

static void world_asks(struct world *world)
{
    char body[256];
    struct request *request = &world->flying[world->count];
    *request = (struct request){.number = ++world->made,
                                .order = 70000 + chance(world, 300),
                                .customer = chance(world, CUSTOMERS),
                                .calls = 1 + chance(world, 4),
                                .said = sentences[chance(world, 8)]};
    snprintf(body, sizeof body, "{\"order\":%u,\"text\":\"%s\"%s%.2u\"}", request->order,
             request->said,
             chance(world, 2) == 0 ? ",\"session\":\"session-of-customer-" : ",\"c\":\"",
             request->customer);
    request->inbound = comes(request->number, body);
    world->count++;
}

static void world_calls(struct world *world, struct request *request)
{
    char body[2048];
    size_t len = (size_t)snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[\"hello\"");
    for (unsigned i = 0; i < TURNS_KEPT && chance(world, 2) == 0; i++) {
        const char *said = world->history[request->customer][i];
        len += (size_t)snprintf(body + len, sizeof body - len, ",\"he said: %s\"",
                                said == NULL ? "" : said);
    }
    if (chance(world, 3) != 0) {
        len += (size_t)snprintf(body + len, sizeof body - len, ",\"order %u: %s\"", request->order,
                                request->said);
    }
    if (chance(world, 2) == 0) {
        len += (size_t)snprintf(body + len, sizeof body - len,
                                ",{\"tool_call_id\":\"%s\"},{\"id\":\"%s\"}", request->id,
                                world->ids[request->customer]);
    }
    snprintf(body + len, sizeof body - len, "]}");
    const char *answer = whose(body);
    const char *named = strrchr(answer, ' ');
    ck_assert_msg(named == NULL || strtoul(named + 1, NULL, 10) == request->number % 65536,
                  "%s for %u: %s", answer, request->number, body);
    world->right += named != NULL;
    world->alone += named == NULL;
    if (named != NULL) {
        snprintf(request->id, sizeof request->id, "call_%08x%08x", chance(world, 1U << 30),
                 request->number);
        snprintf(body, sizeof body, "{\"id\":\"%s\"}", request->id);
        mint(request->number, body);
    }
}

static void world_answers(struct world *world, unsigned index)
{
    struct request *request = &world->flying[index];
    const char **history = world->history[request->customer];
    memmove(history + 1, history, (TURNS_KEPT - 1) * sizeof *history);
    history[0] = request->said;
    memcpy(world->ids[request->customer], request->id, sizeof request->id);
    answered(request->inbound);
    world->flying[index] = world->flying[--world->count];
}

START_TEST(in_a_world_of_few_words_no_call_is_joined_wrongly)
{
    static struct world world;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rn_joins_free(joins);
        joins = rn_joins_new();
        world = (struct world){.seed = seed};
        for (unsigned step = 0; step < 4000; step++) {
            unsigned most = 1 + step / 50 % FLIGHT;
            unsigned index = world.count == 0 ? 0 : chance(&world, world.count);
            if (world.count < most && (world.count == 0 || chance(&world, 3) == 0)) {
                world_asks(&world);
            } else if (world.flying[index].calls-- > 0) {
                world_calls(&world, &world.flying[index]);
            } else {
                world_answers(&world, index);
            }
        }
        ck_assert_uint_gt(world.right, 100);
        ck_assert_uint_gt(world.alone, 100);
    }
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        sixteen_characters_of_text_tell_and_fifteen_do_not,
        five_digits_tell_and_four_do_not,
        names_times_and_parameters_tell_nothing,
        text_that_is_no_json_ends_where_it_ends,
        without_an_inbound_request_nobody_is_named,
        the_only_one_in_flight_contains_a_call_that_says_nothing,
        a_value_of_exactly_one_body_in_flight_decides,
        what_spoke_for_two_speaks_for_nobody_afterwards,
        a_part_of_what_another_says_is_not_said_by_whoever_says_the_part,
        escapes_are_no_difference,
        parameters_of_a_call_are_no_content,
        what_one_that_was_answered_said_belongs_to_nobody_else,
        turns_of_one_conversation_may_quote_each_other,
        an_id_minted_for_one_in_flight_links_and_for_an_answered_one_does_not,
        an_id_that_two_were_given_or_that_is_counted_links_nobody,
        a_link_that_content_contradicts_decides_nothing,
        a_traceparent_of_exactly_one_in_flight_comes_first,
        one_whose_client_left_counts_for_a_while,
        a_body_that_is_not_known_whole_decides_nothing_by_content,
        more_values_than_are_kept_make_content_decide_nothing,
        who_was_answered_long_ago_is_forgotten_but_not_what_was_said,
        among_many_each_call_finds_its_own,
        in_a_world_of_few_words_no_call_is_joined_wrongly,
        without_memory_nothing_is_guessed};
    Suite *suite = suite_create("joins");
    TCase *one = tcase_create("joins");
    tcase_add_checked_fixture(one, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(one, tests[i]);
    }
    suite_add_tcase(suite, one);
    return suite;
}
