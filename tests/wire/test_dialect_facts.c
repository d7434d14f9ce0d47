/* Claims about what dialects say to whoever matches their requests. */
#include "main.h"

#include "told.h"

static const struct rn_dialect_facts *facts_of(enum rn_dialect dialect)
{
    return rn_dialect_facts(dialect);
}

static bool lists(const char *const *list, const char *name)
{
    while (*list != NULL && strcmp(*list, name) != 0) {
        list++;
    }
    return *list != NULL;
}

static bool is_empty(const struct rn_dialect_facts *facts)
{
    return *facts->volatile_pointers == NULL && *facts->significant_headers == NULL &&
           *facts->correlation_pointers == NULL;
}

static bool is_pointer(const char *text)
{
    return text[0] == '/' && text[1] != '\0' && strstr(text, "//") == NULL;
}

START_TEST(every_dialect_has_a_name_and_lists_with_a_version)
{
    for (int i = RN_DIALECT_NONE; i < RN_DIALECT_COUNT; i++) {
        const struct rn_dialect_facts *facts = facts_of((enum rn_dialect)i);
        ck_assert_ptr_nonnull(facts);
        ck_assert_msg(is_empty(facts) || facts->version > 0, "%s",
                      rn_dialect_name((enum rn_dialect)i));
        for (const char *const *each = facts->volatile_pointers; *each != NULL; each++) {
            ck_assert_msg(is_pointer(*each), "%s", *each);
        }
        for (const char *const *each = facts->correlation_pointers; *each != NULL; each++) {
            ck_assert_msg(is_pointer(*each), "%s", *each);
        }
        for (const char *const *each = facts->significant_headers; *each != NULL; each++) {
            ck_assert_msg(strspn(*each, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(*each),
                          "%s", *each);
        }
    }
    ck_assert(is_empty(facts_of(RN_DIALECT_NONE)) && is_empty(facts_of(RN_DIALECT_COUNT)));
}
END_TEST

/* wire.md 4.3 */
START_TEST(who_asks_is_volatile_and_what_is_asked_is_not)
{
    static const enum rn_dialect openai[] = {RN_DIALECT_OPENAI_CHAT, RN_DIALECT_OPENAI_RESPONSES,
                                             RN_DIALECT_OPENAI_EMBEDDINGS,
                                             RN_DIALECT_OPENAI_COMPLETIONS};
    static const char *const who[] = {"/metadata",
                                      "/user",
                                      "/safety_identifier",
                                      "/prompt_cache_key",
                                      "/prompt_cache_retention",
                                      "/client_metadata",
                                      "/stream_options/include_obfuscation"};
    for (size_t i = 0; i < sizeof openai / sizeof openai[0]; i++) {
        const struct rn_dialect_facts *facts = facts_of(openai[i]);
        for (size_t j = 0; j < sizeof who / sizeof who[0]; j++) {
            ck_assert(lists(facts->volatile_pointers, who[j]));
        }
        ck_assert(!lists(facts->volatile_pointers, "/service_tier"));
        ck_assert(!lists(facts->volatile_pointers, "/tools"));
        ck_assert(lists(facts->significant_headers, "openai-beta"));
    }
    ck_assert(lists(facts_of(RN_DIALECT_ANTHROPIC_MESSAGES)->volatile_pointers, "/metadata"));
    ck_assert(lists(facts_of(RN_DIALECT_GEMINI_GENERATE)->volatile_pointers, "/labels"));
    ck_assert(lists(facts_of(RN_DIALECT_BEDROCK_CONVERSE)->volatile_pointers, "/requestMetadata"));
}
END_TEST

START_TEST(a_header_that_changes_the_answer_is_significant)
{
    const struct rn_dialect_facts *anthropic = facts_of(RN_DIALECT_ANTHROPIC_MESSAGES);
    ck_assert(lists(anthropic->significant_headers, "anthropic-beta"));
    ck_assert(lists(anthropic->significant_headers, "anthropic-version"));
    ck_assert(lists(facts_of(RN_DIALECT_GEMINI_GENERATE)->significant_headers, "api-revision"));
    ck_assert(lists(facts_of(RN_DIALECT_BEDROCK_INVOKE)->significant_headers,
                    "x-amzn-bedrock-guardrailidentifier"));
    for (int i = RN_DIALECT_NONE; i < RN_DIALECT_COUNT; i++) {
        const struct rn_dialect_facts *facts = facts_of((enum rn_dialect)i);
        ck_assert(!lists(facts->significant_headers, "authorization"));
        ck_assert(!lists(facts->significant_headers, "user-agent"));
        ck_assert(!lists(facts->significant_headers, "x-stainless-retry-count"));
    }
}
END_TEST

START_TEST(the_dialect_of_a_request_is_known_before_its_answer)
{
    struct rn_reading_input input = {.method = RN_LIT("POST"),
                                     .target = RN_LIT("/v1beta/models/g:generateContent"),
                                     .request_body = RN_LIT("{\"contents\":[]}")};
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_GEMINI_GENERATE);
    input.request_body = RN_LIT("{\"contents\":[");
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_GEMINI_GENERATE);
    input.request_body = RN_LIT("{\"other\":[]}");
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_NONE);
    input.target = RN_LIT("/index.html");
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_NONE);
    input.target = RN_LIT("/v1/chat/completions");
    input.request_body = RN_LIT("{\"messages\":[]}");
    rn_memory_fail_from(1);
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_NONE);
    rn_memory_fail_from(0);
    ck_assert_int_eq(rn_dialect_of(&input), RN_DIALECT_OPENAI_CHAT);
}
END_TEST

/* A request that somebody took away is not one that asks nothing. */
START_TEST(a_call_without_a_body_cannot_be_read)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_error error = {.status = RN_OK};
    const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                           .target = RN_LIT("/v1/messages")};
    ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, &error), RN_INVALID);
    ck_assert_int_eq(reading.dialect, RN_DIALECT_ANTHROPIC_MESSAGES);
    ck_assert(reading.unread && error.text[0] != '\0');
    rn_arena_free(&arena);
}
END_TEST

START_TEST(an_attempt_is_counted_where_the_client_counts)
{
    static const struct {
        const char *name;
        const char *value;
        unsigned attempt;
    } cases[] = {
        {"x-stainless-retry-count", "0", 1},
        {"X-Stainless-Retry-Count", "2", 3},
        {"x-stainless-retry-count", "-1", 0},
        {"x-stainless-retry-count", "99999999999999999999", 0},
        {"amz-sdk-request", "attempt=1", 1},
        {"amz-sdk-request", "ttl=20261121T000000Z; attempt=2; max=3", 2},
        {"amz-sdk-request", "attempt=", 0},
        {"amz-sdk-request", "max=3", 0},
        {"retry-count", "2", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        struct rn_http_head *head = rn_arena_alloc(&arena, sizeof *head);
        head->fields[0] = (struct rn_http_field){.name = rn_bytes_text(cases[i].name),
                                                 .value = rn_bytes_text(cases[i].value)};
        head->field_count = 1;
        const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                               .target = RN_LIT("/v1/messages"),
                                               .request_head = head,
                                               .request_body = RN_LIT("{\"messages\":[]}")};
        ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
        ck_assert_msg(reading.attempt == cases[i].attempt, "%s: %s", cases[i].name, cases[i].value);
        rn_arena_free(&arena);
    }
}
END_TEST

/* A Content-Type that is missing, or says JSON of what is more than one value. */
START_TEST(how_an_answer_is_cut_is_seen_where_its_type_does_not_say)
{
    static const struct {
        const char *target;
        const char *request;
        const char *type;
        const char *body;
        const char *told;
    } cases[] = {
        {"/v1/chat/completions", "{\"messages\":[]}", "",
         "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
         "text assistant: a\n"},
        {"/api/chat", "{\"messages\":[]}", "application/json",
         "{\"message\":{\"content\":\"a\"},\"done\":false}\r\n{\"message\":{\"content\":\"b\"},"
         "\"done\":true}\n",
         "text assistant: ab\n"},
        {"/api/chat", "{\"messages\":[]}", "application/json",
         "{\"message\":\n{\"content\":\"a\"},\"done\":true}\n", "text assistant: a\n"},
        {"/v1/models/g:streamGenerateContent", "{\"contents\":[]}", "application/json",
         "\n [{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n,{\"candidates\":[{"
         "\"content\":{\"parts\":[{\"text\":\"b\"}]}}]}]",
         "text model: ab\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                               .target = rn_bytes_text(cases[i].target),
                                               .request_body = rn_bytes_text(cases[i].request),
                                               .status = 200,
                                               .response_type = rn_bytes_text(cases[i].type),
                                               .response_body = rn_bytes_text(cases[i].body)};
        ck_assert_int_eq(rn_reading_make(&arena, &input, &reading, NULL), RN_OK);
        check_said(reading.response, cases[i].told);
        rn_arena_free(&arena);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/dialect_facts");
    RN_CASE(suite, "facts", every_dialect_has_a_name_and_lists_with_a_version,
            who_asks_is_volatile_and_what_is_asked_is_not,
            a_header_that_changes_the_answer_is_significant);
    RN_CASE(suite, "requests", the_dialect_of_a_request_is_known_before_its_answer,
            a_call_without_a_body_cannot_be_read, an_attempt_is_counted_where_the_client_counts,
            how_an_answer_is_cut_is_seen_where_its_type_does_not_say);
    return suite;
}
