/* Claims about pointer rules: read strictly, asked first, and a call reads as its rule says. */
#include "main.h"

#include <unistd.h>

#include "base/file.h"

#include "described.h"
#include "reading_rules.h"

#define RULES(rules) "{\"schema\":\"reenact.rules/1\",\"rules\":[" rules "]}"

static struct rn_reading_rules *rules_of(const char *text)
{
    struct rn_reading_rules *rules = NULL;
    struct rn_error error = {.status = RN_OK, .text = ""};
    enum rn_status status =
        rn_reading_rules_parse(rn_bytes_text(text), "rules.json", &rules, &error);
    ck_assert_msg(status == RN_OK, "%s", error.text);
    return rules;
}

static void check_refused(const char *text, const char *sentence)
{
    struct rn_reading_rules *rules = NULL;
    struct rn_error error = {.status = RN_OK, .text = ""};
    ck_assert_int_eq(rn_reading_rules_parse(rn_bytes_text(text), "rules.json", &rules, &error),
                     RN_INVALID);
    ck_assert_ptr_null(rules);
    ck_assert_str_eq(error.text, sentence);
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

#define LOOKUP                                                                                     \
    "{\"name\":\"policies\",\"match\":{\"upstream\":\"rag\",\"method\":\"POST\",\"path\":"         \
    "\"/v1/{}/lookup\"},\"kind\":\"retrieval\",\"operation\":\"lookup\",\"model\":\"/embedder\","  \
    "\"query\":\"/question\",\"items\":\"/hits\",\"id\":\"/id\",\"score\":\"/rank/score\","        \
    "\"score_kind\":\"similarity\",\"title\":\"/meta/title\",\"text\":\"/body\",\"answer\":"       \
    "\"/summary\"}"

static const struct exchange lookup = {
    .target = "/v1/returns%20eu/lookup?x=1",
    .upstream = "rag",
    .request = "{\"question\":\"refund?\",\"embedder\":\"e5\"}",
    .answer = "{\"summary\":\"30 days\",\"hits\":[{\"id\":\"refund-v3\",\"rank\":{\"score\":0.83},"
              "\"meta\":{\"title\":\"Refunds\"},\"body\":\"... 30 days ...\"},{\"id\":7,\"rank\":{"
              "\"score\":\"0.82\"},\"body\":{\"a\":1}},{}]}"};

START_TEST(a_private_service_reads_as_its_rule_says)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct exchange exchange = lookup;
    struct rn_reading_rules *rules = rules_of(RULES(LOOKUP));
    exchange.rules = rules;
    check_exchange(&exchange, "retrieval rule policies lookup @returns eu\n"
                              "> text query: refund?\n< text answer: 30 days\n"
                              "0.1 refund-v3 0.83 similarity | Refunds : ... 30 days ...\n"
                              "0.2 7 0.82 similarity : {\"a\":1}\n0.3 none\n");
    ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_OK);
    ck_assert(is(reading.model_asked, "e5"));
    check_torn(&exchange);
    check_starved(&exchange);
    exchange.upstream = "other";
    check_nobody(&exchange);
    exchange = lookup;
    exchange.rules = rules;
    exchange.method = "PUT";
    check_nobody(&exchange);
    rn_reading_rules_free(rules);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(rules_are_asked_before_the_dialects)
{
    struct rn_reading_rules *rules =
        rules_of(RULES("{\"name\":\"mine\",\"match\":{\"path\":\"/chat/completions\"},\"kind\":"
                       "\"other\"},{\"name\":\"never\",\"match\":{\"path\":\"/chat/completions\"},"
                       "\"kind\":\"model\"}"));
    const struct exchange exchange = {.target = "/v1/chat/completions",
                                      .request = "{\"messages\":[]}",
                                      .answer = "{}",
                                      .rules = rules};
    ck_assert_uint_eq(rn_reading_rules_count(rules), 2);
    check_exchange(&exchange, "other rule mine\n");
    rn_reading_rules_free(rules);
}
END_TEST

START_TEST(a_tool_behind_a_path_is_a_tool)
{
    struct rn_reading_rules *rules = rules_of(RULES(
        "{\"name\":\"orders\",\"match\":{\"path\":\"/tools/{}\"},\"kind\":\"tool\",\"operation\":"
        "\"call\",\"query\":\"/args\",\"answer\":\"/result\"}"));
    const struct exchange exchange = {.target = "/tools/get_order",
                                      .request = "{\"args\":{\"id\":88231}}",
                                      .answer = "{\"result\":{\"delivered\":true}}",
                                      .rules = rules};
    const struct exchange failed = {.target = "/tools/get_order",
                                    .request = "{\"args\":{}}",
                                    .status = 500,
                                    .answer = "{\"error\":\"no database\"}",
                                    .rules = rules};
    const struct exchange page = {.target = "/tools/get_order",
                                  .request = "{\"args\":{}}",
                                  .status = 502,
                                  .answer = "<html>",
                                  .rules = rules};
    check_exchange(&exchange, "tool rule orders call @get_order\n> call client get_order#: "
                              "{\"id\":88231}\n< result server get_order#: {\"delivered\":true}\n");
    check_exchange(&failed, "tool rule orders call @get_order\n> call client get_order#: {}\n"
                            "error no database");
    check_exchange(&page, "tool rule orders call @get_order\n> call client get_order#: {}\n");
    rn_reading_rules_free(rules);
}
END_TEST

START_TEST(a_star_stands_for_query_after_query)
{
    struct rn_reading_rules *rules = rules_of(RULES(
        "{\"name\":\"marqo\",\"match\":{\"path\":\"/indexes/{}/search\"},\"kind\":\"retrieval\","
        "\"items\":\"/results/*/hits\",\"id\":\"/_id\",\"score\":\"/_score\"},"
        "{\"name\":\"plain\",\"match\":{\"path\":\"/"
        "plain\"},\"kind\":\"retrieval\",\"query\":\"?q\","
        "\"items\":\"/*\",\"text\":\"\"}"));
    const struct exchange batch = {
        .target = "/indexes/i/search",
        .request = "{}",
        .answer =
            "{\"results\":[{\"hits\":[{\"_id\":\"a\",\"_score\":1},{\"_id\":\"b\"}]},{\"hits\":["
            "{\"_id\":\"c\",\"_score\":2}]},7]}",
        .rules = rules};
    const struct exchange plain = {
        .method = "GET", .target = "/plain?q=a+b", .answer = "[\"one\",{\"x\":2}]", .rules = rules};
    check_exchange(&batch, "retrieval rule marqo @i\n0.1 a 1 none\n0.2 b none\n1.1 c 2 none\n");
    check_exchange(&plain, "retrieval rule plain\n> text query: a b\n0.1 none : one\n"
                           "0.2 none : {\"x\":2}\n");
    rn_reading_rules_free(rules);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_say_so)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_reading_rules *rules = rules_of(RULES(LOOKUP));
    struct exchange exchange = lookup;
    exchange.rules = rules;
    exchange.answer = "data: {}\n\n";
    ck_assert_int_eq(read_exchange(&arena, &exchange, &reading), RN_INVALID);
    ck_assert(reading.unread && reading.kind == RN_READING_RETRIEVAL);
    rn_reading_rules_free(rules);
    rn_arena_free(&arena);
}
END_TEST

/* --- files --------------------------------------------------------------------------------------------------------- */

#define MATCH "\"match\":{\"path\":\"/x\"}"

START_TEST(what_is_wrong_in_a_file_is_said_with_its_place)
{
    check_refused("{",
                  "rules.json: The JSON text cannot be read at byte 1: the text ends too early.");
    check_refused("[]", "rules.json: /schema must be \"reenact.rules/1\"");
    check_refused("{\"schema\":\"reenact.rules/2\",\"rules\":[]}",
                  "rules.json: /schema must be \"reenact.rules/1\"");
    check_refused("{\"schema\":\"reenact.rules/1\"}",
                  "rules.json: there must be \"schema\", an array \"rules\", and nothing else");
    check_refused("{\"schema\":\"reenact.rules/1\",\"rules\":[],\"x\":1}",
                  "rules.json: there must be \"schema\", an array \"rules\", and nothing else");
    check_refused(RULES("7"), "rules.json: /rules/0 must be an object");
    check_refused(RULES("{\"name\":\"a\",\"name\":\"b\"}"),
                  "rules.json: a member stands twice in one object");
    check_refused(RULES("{\"name\":\"a\",\"kind\":\"tool\"}"),
                  "rules.json: /rules/0 has no member \"match\"");
    check_refused(RULES("{" MATCH ",\"kind\":\"tool\"}"),
                  "rules.json: /rules/0 has no member \"name\"");
    check_refused(RULES("{\"name\":\"\"," MATCH ",\"kind\":\"tool\"}"),
                  "rules.json: /rules/0/name must not be empty");
    check_refused(RULES("{\"name\":\"a\"," MATCH ",\"kind\":\"tool\"},{\"name\":5}"),
                  "rules.json: /rules/1/name must be a text");
    check_refused(RULES("{\"name\":\"a\\u0000b\"}"), "rules.json: /rules/0/name holds a zero byte");
    check_refused(RULES("{\"kind\":\"retreival\"}"),
                  "rules.json: /rules/0/kind must be one of model, embedding, rerank, retrieval, "
                  "tool, other");
    check_refused(RULES("{\"score_kind\":\"high\"}"),
                  "rules.json: /rules/0/score_kind must be one of similarity, distance, relevance, "
                  "none");
    check_refused(RULES("{\"colour\":1}"),
                  "rules.json: /rules/0 has a member \"colour\", which means nothing here; it may "
                  "have name, match, kind, operation, target, model, query, items, id, score, "
                  "score_kind, title, text and answer");
    check_refused(RULES("{\"match\":{\"host\":\"x\"}}"),
                  "rules.json: /rules/0 has a member \"host\", which means nothing here; it may "
                  "have upstream, method and path in match");
    check_refused(RULES("{\"match\":[]}"),
                  "rules.json: /rules/0/match must be an object with upstream, method or path");
    check_refused(RULES("{\"match\":{\"method\":\"POST\"}}"),
                  "rules.json: /rules/0/match must name an upstream or a path");
    check_refused(RULES("{\"match\":{\"path\":\"x\"}}"),
                  "rules.json: /rules/0/match/path must begin with '/'");
    check_refused(RULES("{\"items\":\"hits\"}"),
                  "rules.json: /rules/0/items is no JSON pointer: one is empty or begins with '/', "
                  "and has '~' only as ~0 or ~1");
    check_refused(RULES("{\"id\":\"/a~2\"}"),
                  "rules.json: /rules/0/id is no JSON pointer: one is empty or begins with '/', "
                  "and has '~' only as ~0 or ~1");
    check_refused(RULES("{\"name\":\"a\"," MATCH ",\"kind\":\"tool\",\"id\":\"/id\"}"),
                  "rules.json: /rules/0/id points into an item, and the rule has no \"items\"");
}
END_TEST

START_TEST(a_file_is_read_or_said_to_be_missing)
{
    struct rn_reading_rules *rules = NULL;
    struct rn_error error;
    char path[] = "/tmp/reenact-rules-XXXXXX";
    int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(rn_file_write_all(descriptor, RN_LIT(RULES(LOOKUP))), RN_OK);
    close(descriptor);
    ck_assert_int_eq(rn_reading_rules_load(path, &rules, &error), RN_OK);
    ck_assert_uint_eq(rn_reading_rules_count(rules), 1);
    rn_reading_rules_free(rules);
    unlink(path);
    ck_assert_int_eq(rn_reading_rules_load(path, &rules, &error), RN_NOTFOUND);
    ck_assert_ptr_null(rules);
    rn_reading_rules_free(NULL);
    ck_assert_uint_eq(rn_reading_rules_count(NULL), 0);
}
END_TEST

START_TEST(every_allocation_of_a_file_may_fail)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_reading_rules *rules = NULL;
        struct rn_error error;
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_reading_rules_parse(RN_LIT(RULES(LOOKUP)), "rules.json", &rules, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_reading_rules_free(rules);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/reading_rules");
    RN_CASE(suite, "calls", a_private_service_reads_as_its_rule_says,
            rules_are_asked_before_the_dialects, a_tool_behind_a_path_is_a_tool,
            a_star_stands_for_query_after_query, bodies_that_cannot_be_read_say_so);
    RN_CASE(suite, "files", what_is_wrong_in_a_file_is_said_with_its_place,
            a_file_is_read_or_said_to_be_missing, every_allocation_of_a_file_may_fail);
    return suite;
}
