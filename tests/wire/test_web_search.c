/* Claims about searches of the web: recognised by body, or by upstream where only that tells, and read page by page. */
#include "main.h"

#include "described.h"

static const struct exchange tavily_search = {
    .target = "/search",
    .upstream = "tavily",
    .request = "{\"query\":\"refund law\"}",
    .answer = "{\"query\":\"refund law\",\"answer\":\"14 days.\",\"results\":[{\"title\":\"EU\","
              "\"url\":\"https://eu/1\",\"content\":\"two weeks\",\"score\":0.99,\"raw_content\":"
              "null},{\"title\":\"UK\",\"url\":\"https://uk/2\",\"content\":\"a month\",\"score\":"
              "0.5}],\"response_time\":1.2,\"request_id\":\"r-1\"}"};

START_TEST(tavily_is_known_by_upstream_or_by_its_own_members)
{
    const char *documents = "> text query: refund law\n< text answer: 14 days.\n"
                            "0.1 https://eu/1 0.99 relevance | EU : two weeks\n"
                            "0.2 https://uk/2 0.5 relevance | UK : a month\n";
    char expected[400];
    struct exchange other = tavily_search;
    (void)snprintf(expected, sizeof expected, "retrieval tavily search\n%s", documents);
    check_exchange(&tavily_search, expected);
    other.upstream = "api";
    other.request = "{\"query\":\"refund law\",\"search_depth\":\"basic\"}";
    check_exchange(&other, expected);
    other.request = tavily_search.request;
    check_nobody(&other);
    check_torn(&tavily_search);
    check_starved(&tavily_search);
}
END_TEST

START_TEST(tavily_extracts_and_maps_are_read)
{
    const struct exchange extract = {
        .target = "/extract",
        .upstream = "tavily",
        .request = "{\"urls\":[\"https://a\"]}",
        .answer = "{\"results\":[{\"url\":\"https://a\",\"raw_content\":\"text\"}],"
                  "\"failed_results\":[]}"};
    const struct exchange map = {.target = "/map",
                                 .upstream = "tavily",
                                 .request = "{\"url\":\"https://a\"}",
                                 .answer =
                                     "{\"base_url\":\"https://a\",\"results\":[\"https://a/b\"]}"};
    const struct exchange refused = {.target = "/search",
                                     .upstream = "tavily",
                                     .request = "{\"query\":\"x\"}",
                                     .status = 401,
                                     .answer = "{\"detail\":{\"error\":\"Unauthorized: no key\"}}"};
    check_exchange(&extract, "retrieval tavily extract\n> text query: https://a\n"
                             "0.1 https://a none | https://a : text\n");
    check_exchange(&map, "retrieval tavily map\n> text query: https://a\n"
                         "0.1 https://a/b none | https://a/b\n");
    check_exchange(&refused,
                   "retrieval tavily search\n> text query: x\nerror Unauthorized: no key");
}
END_TEST

static const struct exchange exa_search = {
    .target = "/search",
    .request = "{\"query\":\"q\",\"numResults\":2,\"contents\":{\"text\":true}}",
    .answer =
        "{\"requestId\":\"b5\",\"results\":[{\"id\":\"https://x/1\",\"url\":\"https://x/1\","
        "\"title\":\"One\",\"score\":0.36,\"text\":\"body\"},{\"id\":\"https://x/2\",\"title\":"
        "null,\"url\":\"https://x/2\",\"highlights\":[\"a\"]}],"
        "\"costDollars\":{\"total\":0.005}}"};

START_TEST(exa_is_read)
{
    const struct exchange answer = {
        .target = "/answer",
        .upstream = "exa",
        .request = "{\"query\":\"q\"}",
        .answer = "{\"answer\":\"forty-two\",\"citations\":[{\"id\":\"i\",\"url\":\"https://x\","
                  "\"title\":\"T\",\"text\":\"t\"}]}"};
    const struct exchange similar = {.target = "/findSimilar",
                                     .fields = "x-api-key: k\r\n",
                                     .upstream = "exa",
                                     .request = "{\"url\":\"https://x\"}",
                                     .answer = "{\"results\":[{\"url\":\"https://y\",\"summary\":"
                                               "\"s\"}]}"};
    struct rn_arena arena = {0};
    struct rn_reading reading;
    check_exchange(&exa_search, "retrieval exa search\n> text query: q\n"
                                "0.1 https://x/1 0.36 similarity | One : body\n"
                                "0.2 https://x/2 none | https://x/2 : a\n");
    ck_assert_int_eq(read_exchange(&arena, &exa_search, &reading), RN_OK);
    ck_assert(is(reading.usage, "{\"total\":0.005}") && is(reading.response_id, "b5"));
    rn_arena_free(&arena);
    check_exchange(&answer, "retrieval exa answer\n> text query: q\n< text answer: forty-two\n"
                            "0.1 i none | T : t\n");
    check_exchange(&similar, "retrieval exa findSimilar\n> text query: https://x\n"
                             "0.1 https://y none | https://y : s\n");
    check_torn(&exa_search);
    check_starved(&exa_search);
}
END_TEST

static const struct exchange brave_search = {
    .method = "GET",
    .target = "/res/v1/web/search?count=2&q=refund+law%3F&country=DE",
    .answer =
        "{\"type\":\"search\",\"query\":{\"original\":\"refund law?\"},\"web\":{\"results\":[{"
        "\"title\":\"One\",\"url\":\"https://1\",\"description\":\"d\"},{\"title\":\"Two\","
        "\"url\":\"https://2\",\"description\":\"e\",\"extra_snippets\":[\"f\"]}]}}"};

START_TEST(brave_is_asked_in_the_address)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(read_exchange(&arena, &brave_search, &reading), RN_OK);
    ck_assert(is(reading.operation, "search") && is(reading.target, "web"));
    ck_assert_int_eq(reading.kind, RN_READING_RETRIEVAL);
    check_said(reading.request, "text query: refund law?\n");
    ck_assert(is(reading.documents->next->text, "e\nf") && reading.documents->next->rank == 2);
    ck_assert(is(reading.documents->title, "One") && reading.documents->score.len == 0);
    rn_arena_free(&arena);
    check_torn(&brave_search);
    check_starved(&brave_search);
}
END_TEST

START_TEST(brave_gives_context_for_models)
{
    const struct exchange context = {
        .method = "GET",
        .target = "/res/v1/llm/context?q=x",
        .answer =
            "{\"grounding\":{\"generic\":[{\"url\":\"https://1\",\"title\":\"T\",\"snippets\":["
            "\"a\"]}],\"map\":[]},\"sources\":{}}"};
    const struct exchange posted = {.target = "/res/v1/llm/context",
                                    .request = "{\"q\":\"x\"}",
                                    .status = 422,
                                    .answer =
                                        "{\"type\":\"ErrorResponse\",\"error\":{\"status\":422,"
                                        "\"detail\":\"Unable to validate\"}}"};
    check_exchange(&context, "retrieval brave context\n> text query: x\n"
                             "0.1 https://1 none | T : a\n");
    check_exchange(&posted, "retrieval brave context\n> text query: x\nerror Unable to validate");
}
END_TEST

START_TEST(ollama_searches_and_fetches)
{
    const struct exchange search = {
        .target = "/api/experimental/web_search",
        .request = "{\"query\":\"q\",\"max_results\":1}",
        .answer = "{\"results\":[{\"title\":\"T\",\"url\":\"https://1\",\"content\":\"c\"}]}"};
    const struct exchange fetch = {.target = "/api/web_fetch",
                                   .request = "{\"url\":\"https://1\"}",
                                   .answer = "{\"title\":\"T\",\"content\":\"c\",\"links\":[]}"};
    check_exchange(&search, "retrieval ollama.search web_search\n> text query: q\n"
                            "0.1 https://1 none | T : c\n");
    check_exchange(&fetch, "retrieval ollama.search web_fetch @https://1\n> text query: https://1\n"
                           "0.1 https://1 none | T : c\n");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/web_search");
    RN_CASE(suite, "search", tavily_is_known_by_upstream_or_by_its_own_members,
            tavily_extracts_and_maps_are_read, exa_is_read, brave_is_asked_in_the_address,
            brave_gives_context_for_models, ollama_searches_and_fetches);
    return suite;
}
