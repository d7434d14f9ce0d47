/* A recorded call made into the request that is sent: only what must change does, and no placeholder leaves. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "calls.h"
#include "plan_body.h"
#include "wire/redact.h"

static struct rn_plan_move moves[RN_PLAN_EDITS_MAX];
static struct made_call made;
static struct rn_plan_request request;
static struct rn_arena arena;
static enum rn_left_out why;

static void teardown(void)
{
    call_free(&made);
    rn_arena_free(&arena);
    arena = (struct rn_arena){0};
}

static enum rn_status attempt(const struct rn_plan *plan, const struct call *call, const char *key)
{
    struct rn_error error = {.text = ""};
    call_free(&made);
    rn_arena_free(&arena);
    arena = (struct rn_arena){0};
    call_make(&made, call);
    return rn_plan_request_make(plan, &made.view, rn_bytes_text(key), &arena, &request, &why,
                                &error);
}

static void make(const struct rn_plan *plan, const struct call *call, const char *key)
{
    ck_assert_int_eq(attempt(plan, call, key), RN_OK);
    ck_assert_int_eq(why, RN_LEFT_COUNT);
}

static void expect_text(struct rn_bytes is, const char *should)
{
    ck_assert_msg(rn_bytes_equal(is, rn_bytes_text(should)), "is:\n%.*s\nshould be:\n%s",
                  (int)is.len, is.data, should);
}

static struct rn_plan plan_to_openai(const char *model)
{
    return plan_to("openai", "https://api.openai.com", model, moves);
}

/* --- body ----------------------------------------------------------------------------------------------------------- */

START_TEST(only_the_model_changes)
{
    struct rn_plan plan = plan_to_openai("gpt-4.1");
    const struct call call = {
        .body = "{ \"messages\" : [{\"role\":\"user\",\"content\":\"h\\u00e9 \\/\"}],\n"
                "  \"model\":\"old\" , \"seed\": 1.0e1, \"temperature\":0.30 }"};
    make(&plan, &call, "");
    expect_text(request.body,
                "{ \"messages\" : [{\"role\":\"user\",\"content\":\"h\\u00e9 \\/\"}],\n"
                "  \"model\":\"gpt-4.1\" , \"seed\": 1.0e1, \"temperature\":0.30 }");
    expect_text(request.target, "/v1/chat/completions");
    expect_text(request.method, "POST");
    ck_assert_uint_eq(request.changed, 0);
    ck_assert_uint_eq(request.moves.len, 0);
    ck_assert(!request.streamed);
}
END_TEST

START_TEST(a_model_is_written_as_json)
{
    struct rn_plan plan = plan_to("router", "http://127.0.0.1:1", "a/b\"c\\", moves);
    make(&plan, &(struct call){0}, "");
    expect_text(request.body, "{\"model\": \"a/b\\\"c\\\\\",\"messages\":[{\"role\":\"user\","
                              "\"content\":\"hi\"}]}");
}
END_TEST

START_TEST(edits_come_before_moves)
{
    struct rn_plan plan = plan_to_openai("o4-mini");
    struct rn_edit edits[] = {
        {.kind = RN_EDIT_SET, .place = RN_LIT("temperature"), .value = RN_LIT("1")},
        {.kind = RN_EDIT_UNSET, .place = RN_LIT("nothing")},
        {.kind = RN_EDIT_RENAME, .place = RN_LIT("bound"), .value = RN_LIT("max_tokens")},
    };
    plan.edits = edits;
    plan.edit_count = 3;
    make(&plan,
         &(struct call){.body = "{\"model\":\"old\",\"messages\":[],\"bound\":77,"
                                "\"stream\":true}"},
         "");
    expect_text(request.body, "{\"model\":\"o4-mini\",\"messages\":[],"
                              "\"max_completion_tokens\":77,\"stream\":true}");
    ck_assert_uint_eq(request.changed & 7, 5);
    ck_assert(request.streamed);
    ck_assert_uint_eq(request.max_tokens, 77);
    expect_text(request.moves, "\x0ftemperature = 1\x13"
                               "bound -> max_tokens\x23max_tokens -> max_completion_tokens"
                               "\x13temperature dropped");
}
END_TEST

START_TEST(a_move_is_not_made_over_what_is_there)
{
    struct rn_plan plan = plan_to_openai("o3");
    make(&plan,
         &(struct call){.body = "{\"model\":\"old\",\"messages\":[],\"max_tokens\":1,"
                                "\"max_completion_tokens\":2}"},
         "");
    expect_text(request.body, "{\"model\":\"o3\",\"messages\":[],\"max_tokens\":1,"
                              "\"max_completion_tokens\":2}");
    ck_assert_uint_eq(request.changed, 0);
}
END_TEST

START_TEST(a_move_may_need_another_member)
{
    struct rn_plan plan =
        plan_to("anthropic", "https://api.anthropic.com", "claude-opus-4-1-20250805", moves);
    const char *both = "{\"model\":\"old\",\"max_tokens\":9,\"messages\":[],\"top_p\":1,"
                       "\"temperature\":0}";
    const char *one = "{\"model\":\"old\",\"max_tokens\":9,\"messages\":[],\"top_p\":1}";
    make(&plan, &(struct call){.upstream = "anthropic", .target = "/v1/messages", .body = both},
         "");
    expect_text(request.body, "{\"model\":\"claude-opus-4-1-20250805\",\"max_tokens\":9,"
                              "\"messages\":[],\"temperature\":0}");
    make(&plan, &(struct call){.upstream = "anthropic", .target = "/v1/messages", .body = one}, "");
    ck_assert_uint_eq(request.changed, 0);
}
END_TEST

START_TEST(a_coded_body_goes_out_plain)
{
    /* gzip of {"model":"old","messages":[]} */
    static const uint8_t coded[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                    0xab, 0x56, 0xca, 0xcd, 0x4f, 0x49, 0xcd, 0x51, 0xb2, 0x52,
                                    0xca, 0xcf, 0x49, 0x51, 0xd2, 0x51, 0xca, 0x4d, 0x2d, 0x2e,
                                    0x4e, 0x4c, 0x4f, 0x2d, 0x56, 0xb2, 0x8a, 0x8e, 0xad, 0x05,
                                    0x00, 0x74, 0x2a, 0xbf, 0x2b, 0x1d, 0x00, 0x00, 0x00};
    struct rn_plan plan = plan_to_openai("gpt-4.1");
    struct rn_error error = {.text = ""};
    memset(&made, 0, sizeof made);
    call_event(&made, &(struct call){.fields = "Content-Encoding: gzip\r\n"}, 1);
    rn_event_set(&made.event, RN_TAG_REQUEST_BODY, rn_bytes_of(coded, sizeof coded));
    ck_assert_int_eq(rn_view_make(&made.arena, &made.event, &made.view), RN_OK);
    if (made.view.request.fault.status != RN_OK) {
        ck_abort_msg("%s", made.view.request.fault.text);
    }
    ck_assert_int_eq(
        rn_plan_request_make(&plan, &made.view, RN_LIT(""), &arena, &request, &why, &error), RN_OK);
    expect_text(request.body, "{\"model\":\"gpt-4.1\",\"messages\":[]}");
    expect_text(request.head, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
                              "Content-Type: application/json\r\nContent-Length: 33\r\n\r\n");
}
END_TEST

/* --- head ----------------------------------------------------------------------------------------------------------- */

START_TEST(what_belongs_to_that_run_stays_there)
{
    struct rn_plan plan = plan_to_openai("m");
    const struct call call = {
        .fields =
            "User-Agent: a/1\r\nAuthorization: Bearer RN-REDACTED-xxxxxxxx\r\n"
            "OpenAI-Organization: org-1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
            "Keep-Alive: 5\r\nTE: trailers\r\nContent-Length: 7\r\nExpect: 100-continue\r\n"
            "Accept: */*\r\naccept-encoding: gzip, deflate\r\nX-Reenact-Tag: a=b\r\n"
            "traceparent: 00-1\r\nTraceState: x\r\nIdempotency-Key: k\r\n"
            "x-stainless-retry-count: 1\r\nx-stainless-lang: python\r\nCookie: a=RN-REDACTED-x\r\n"
            "X-Dup: 1\r\nx-dup:  2\r\n"};
    make(&plan, &call, "KEY");
    expect_text(request.head,
                "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nUser-Agent: a/1\r\n"
                "Authorization: Bearer KEY\r\nOpenAI-Organization: org-1\r\nAccept: */*\r\n"
                "accept-encoding: gzip, deflate\r\nx-stainless-lang: python\r\nX-Dup: 1\r\n"
                "x-dup:  2\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\r\n");
    ck_assert_uint_eq(request.body.len, 58);
}
END_TEST

START_TEST(the_head_parses_with_its_body)
{
    struct rn_plan plan = plan_to("mine", "http://127.0.0.1:8080/base", "m", moves);
    struct rn_http_head *head = rn_alloc(sizeof *head);
    size_t skipped = 0;
    make(&plan, &(struct call){.fields = "Transfer-Encoding: chunked\r\n"}, "K");
    ck_assert_int_eq(rn_http_request_parse(request.head, head, &skipped, NULL), RN_HTTP_DONE);
    ck_assert_uint_eq(head->raw.len, request.head.len);
    ck_assert_uint_eq(head->content_length, request.body.len);
    expect_text(rn_http_find(head, RN_LIT("host"))->value, "127.0.0.1:8080");
    rn_free(head);
}
END_TEST

START_TEST(names_of_accounts_do_not_go_to_others)
{
    struct rn_plan plan = plan_to("groq", "https://api.groq.com", "m", moves);
    make(&plan, &(struct call){.fields = "OpenAI-Organization: org-1\r\nOpenAI-Project: p\r\n"},
         "");
    ck_assert_uint_eq(rn_bytes_find_nocase(request.head, RN_LIT("openai-")), RN_NPOS);
}
END_TEST

START_TEST(codings_we_cannot_read_are_not_asked_for)
{
    struct rn_plan plan = plan_to_openai("m");
    make(&plan, &(struct call){.fields = "Accept-Encoding: gzip;q=0.5, compress, *, BR\r\n"}, "");
    ck_assert_uint_ne(
        rn_bytes_find(request.head, RN_LIT("\r\nAccept-Encoding: gzip;q=0.5, BR\r\n")), RN_NPOS);
    make(&plan, &(struct call){.fields = "Accept-Encoding: compress\r\n"}, "");
    ck_assert_uint_eq(rn_bytes_find_nocase(request.head, RN_LIT("accept-encoding")), RN_NPOS);
}
END_TEST

static void expect_key(const struct rn_plan *plan, const struct call *call, const char *line)
{
    make(plan, call, "KEY");
    char wanted[200];
    snprintf(wanted, sizeof wanted, "\r\n%s\r\n", line);
    ck_assert_msg(rn_bytes_find(request.head, rn_bytes_text(wanted)) != RN_NPOS, "no '%s' in\n%.*s",
                  line, (int)request.head.len, request.head.data);
    size_t first = rn_bytes_find(request.head, RN_LIT("KEY"));
    ck_assert_uint_eq(rn_bytes_find(rn_bytes_from(request.head, first + 3), RN_LIT("KEY")),
                      RN_NPOS);
    ck_assert_uint_eq(rn_bytes_find(request.head, RN_LIT("REDACTED")), RN_NPOS);
}

#define MESSAGES_BODY "{\"model\":\"old\",\"max_tokens\":9,\"messages\":[]}"

START_TEST(a_key_has_the_form_it_had)
{
    struct rn_plan openai = plan_to_openai("m");
    struct rn_plan anthropic = plan_to("anthropic", "https://api.anthropic.com", "m", moves);
    struct rn_plan mine = plan_to("mine", "http://127.0.0.1:1", "m", moves);
    struct rn_plan azure = plan_to("az", "https://x.openai.azure.com/openai", "m", moves);
    struct call messages = {
        .upstream = "anthropic", .target = "/v1/messages", .body = MESSAGES_BODY};
    expect_key(&openai, &(struct call){0}, "Authorization: Bearer KEY");
    expect_key(&openai, &(struct call){.fields = "authorization: bearer RN-REDACTED-x\r\n"},
               "authorization: bearer KEY");
    expect_key(&openai, &(struct call){.fields = "authorization: Basic RN-REDACTED-x\r\n"},
               "authorization: Bearer KEY");
    expect_key(&openai, &(struct call){.fields = "authorization: RN-REDACTED-x\r\n"},
               "authorization: KEY");
    expect_key(&anthropic, &messages, "x-api-key: KEY");
    messages.fields = "X-Api-Key: RN-REDACTED-xxx\r\nanthropic-version: 2023-06-01\r\n";
    expect_key(&anthropic, &messages, "X-Api-Key: KEY");
    messages.fields = "Authorization: Bearer RN-REDACTED-xxx\r\n";
    expect_key(&anthropic, &messages, "Authorization: Bearer KEY");
    expect_key(&mine, &(struct call){.fields = "api-key: RN-REDACTED-x\r\n"}, "api-key: KEY");
    expect_key(&openai, &(struct call){.upstream = "az", .fields = "api-key: RN-REDACTED-x\r\n"},
               "Authorization: Bearer KEY");
    expect_key(&azure, &(struct call){.fields = "Authorization: Bearer RN-REDACTED-x\r\n"},
               "api-key: KEY");
}
END_TEST

START_TEST(without_a_key_none_is_sent)
{
    struct rn_plan plan = plan_to_openai("m");
    make(&plan, &(struct call){.fields = "Authorization: Bearer RN-REDACTED-x\r\n"}, "");
    ck_assert_uint_eq(rn_bytes_find_nocase(request.head, RN_LIT("authorization")), RN_NPOS);
}
END_TEST

START_TEST(a_key_with_a_line_in_it_is_refused)
{
    struct rn_plan plan = plan_to_openai("m");
    ck_assert_int_eq(attempt(&plan, &(struct call){0}, "KEY\n"), RN_INVALID);
    ck_assert_int_eq(attempt(&plan, &(struct call){0}, "KEY\r\nX: y"), RN_INVALID);
    ck_assert_int_eq(attempt(&plan, &(struct call){0}, "K EY"), RN_INVALID);
}
END_TEST

START_TEST(a_redacted_field_is_not_sent)
{
    struct rn_plan plan = plan_to_openai("m");
    static const char before[] = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n";
    const struct call call = {.fields = "X-Odd: abcdefgh\r\nX-Even: 1\r\n",
                              .redacted = RN_TAG_REQUEST_HEAD,
                              .redacted_at = sizeof before - 1 + 10};
    make(&plan, &call, "");
    ck_assert_uint_eq(rn_bytes_find(request.head, RN_LIT("X-Odd")), RN_NPOS);
    ck_assert_uint_ne(rn_bytes_find(request.head, RN_LIT("X-Even")), RN_NPOS);
}
END_TEST

START_TEST(keys_are_kept_where_people_keep_them)
{
    static const char *const known[][2] = {
        {"openai", "OPENAI_API_KEY"},
        {"anthropic", "ANTHROPIC_API_KEY"},
        {"gemini", "GEMINI_API_KEY"},
        {"cohere", "CO_API_KEY"},
        {"mistral", "MISTRAL_API_KEY"},
        {"groq", "GROQ_API_KEY"},
        {"deepseek", "DEEPSEEK_API_KEY"},
        {"openrouter", "OPENROUTER_API_KEY"},
        {"xai", "XAI_API_KEY"},
        {"together", "TOGETHER_API_KEY"},
        {"fireworks", "FIREWORKS_API_KEY"},
        {"voyage", "VOYAGE_API_KEY"},
        {"jina", "JINA_API_KEY"},
        {"my-own-2", "MY_OWN_2_API_KEY"},
        {"abcdefghijklmnopqrstuvwxyz-01234", "ABCDEFGHIJKLMNOPQRSTUVWXYZ_01234_API_KEY"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char variable[RN_KEY_VARIABLE_BYTES_MAX];
        rn_plan_key_variable(rn_bytes_text(known[i][0]), variable);
        ck_assert_str_eq(variable, known[i][1]);
    }
}
END_TEST

/* --- target --------------------------------------------------------------------------------------------------------- */

START_TEST(the_path_is_where_the_upstream_has_it)
{
    static const struct {
        const char *from, *target, *to, *url, *sent;
        bool is_seen; /* the server sees the recorded path, with what its URL has of it */
    } rows[] = {
        {"openai", "/v1/chat/completions", "groq", "https://api.groq.com",
         "/openai/v1/chat/completions", false},
        {"openai", "/v1/chat/completions?x=1", "openrouter", "https://openrouter.ai",
         "/api/v1/chat/completions?x=1", false},
        {"openai", "/chat/completions", "openai", "https://api.openai.com", "/v1/chat/completions",
         false},
        {"az", "/openai/deployments/d/chat/completions", "openai", "https://api.openai.com",
         "/v1/chat/completions", false},
        {"openai", "/v1/chat/completions", "mine", "http://h", "/v1/chat/completions", false},
        {"openai", "/v1/chat/completions", "mine", "http://h/v1", "/chat/completions", true},
        {"openai", "/v1/chat/completions", "mine", "http://h/api/v1", "/chat/completions", false},
        {"openai", "/v1/chat/completions", "mine", "http://h/v2", "/v1/chat/completions", false},
        {"openai", "/v1/chat/completions", "mine", "http://h/av1", "/v1/chat/completions", false},
        {"openai", "/chat/completions", "openai", "http://h/v1", "/chat/completions", false},
        {"mine", "/v1/chat/completions", "mine", "http://h/v1", "/v1/chat/completions", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rn_plan plan = plan_to(rows[i].to, rows[i].url, "m", moves);
        make(&plan, &(struct call){.upstream = rows[i].from, .target = rows[i].target}, "");
        expect_text(request.target, rows[i].sent);
        bool is_same = rows[i].is_seen || strcmp(rows[i].target, rows[i].sent) == 0;
        ck_assert_int_eq(request.retargeted, !is_same);
        ck_assert_int_eq(request.moves.len == 0, is_same);
    }
}
END_TEST

/* --- left out ------------------------------------------------------------------------------------------------------- */

static void expect_left(const struct call *call, enum rn_left_out expected)
{
    struct rn_plan plan = plan_to_openai("m");
    enum rn_status status = attempt(&plan, call, "");
    ck_assert_msg(why == expected, "%s, not %s: %s", rn_left_out_name(why),
                  rn_left_out_name(expected), call->body != NULL ? call->body : "");
    ck_assert_int_eq(status, expected == RN_LEFT_COUNT ? RN_OK : RN_REFUSED);
}

START_TEST(what_cannot_be_sent_again_says_why)
{
    expect_left(&(struct call){.target = "/v1/models"}, RN_LEFT_NO_MODEL_CALL);
    expect_left(
        &(struct call){.target = "/v1/responses/compact", .body = "{\"model\":\"m\",\"input\":[]}"},
        RN_LEFT_NO_MODEL_CALL);
    expect_left(
        &(struct call){.target = "/v1beta/models/g:generateContent", .body = "{\"contents\":[]}"},
        RN_LEFT_DIALECT);
    expect_left(&(struct call){.target = "/v1/publishers/anthropic/models/c:rawPredict",
                               .body = "{\"messages\":[]}"},
                RN_LEFT_DIALECT);
    expect_left(&(struct call){.target = "/v1/chat", .body = "{\"messages\":[]}"}, RN_LEFT_DIALECT);
    expect_left(&(struct call){.flags = RN_FLAG_TRUNCATED}, RN_LEFT_TRUNCATED);
    expect_left(&(struct call){.flags = RN_FLAG_TRUNCATED, .body = "{\"model\":"},
                RN_LEFT_TRUNCATED);
    expect_left(&(struct call){.flags = RN_FLAG_WITHHELD}, RN_LEFT_TRUNCATED);
    expect_left(&(struct call){.flags = RN_FLAG_LATE}, RN_LEFT_COUNT);
    expect_left(&(struct call){.fields = "Content-Encoding: br\r\n"}, RN_LEFT_UNREADABLE);
    expect_left(&(struct call){.redacted = RN_TAG_REQUEST_BODY}, RN_LEFT_REDACTED);
    expect_left(&(struct call){.redacted = RN_TAG_TARGET}, RN_LEFT_REDACTED);
    expect_left(&(struct call){.redacted = RN_TAG_RESPONSE_BODY}, RN_LEFT_COUNT);
    expect_left(&(struct call){.end = RN_END_ABORTED}, RN_LEFT_UNENDED);
    expect_left(&(struct call){.end = RN_END_CUT}, RN_LEFT_UNENDED);
    expect_left(&(struct call){.end = RN_END_REFUSED}, RN_LEFT_UNENDED);
    expect_left(&(struct call){.end = RN_END_LOST}, RN_LEFT_UNENDED);
    expect_left(&(struct call){.status = 500, .answer = "oops"}, RN_LEFT_COUNT);
    expect_left(&(struct call){.body = "{\"model\":\"a\",\"messages\":[],\"model\":\"b\"}"},
                RN_LEFT_UNREADABLE);
}
END_TEST

static enum rn_left_out of_response(const char *rest)
{
    char body[600];
    struct rn_plan plan = plan_to_openai("m");
    snprintf(body, sizeof body, "{\"model\":\"old\",\"input\":\"hi\"%s}", rest);
    (void)attempt(&plan, &(struct call){.target = "/v1/responses", .body = body}, "");
    return why;
}

static enum rn_left_out of_chat(const char *rest)
{
    char body[600];
    struct rn_plan plan = plan_to_openai("m");
    snprintf(body, sizeof body, "{\"model\":\"old\",\"messages\":[%s]}", rest);
    (void)attempt(&plan, &(struct call){.body = body}, "");
    return why;
}

START_TEST(what_only_the_provider_knows_is_left_out)
{
    ck_assert_int_eq(of_response(""), RN_LEFT_COUNT);
    ck_assert_int_eq(of_response(",\"previous_response_id\":\"resp_1\""), RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_response(",\"previous_response_id\":null"), RN_LEFT_COUNT);
    ck_assert_int_eq(of_response(",\"conversation\":{\"id\":\"c\"}"), RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_response(",\"prompt\":{\"id\":\"pmpt\"}"), RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_response(",\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":"
                                 "[\"v\"]}]"),
                     RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_response(",\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[]}]"),
                     RN_LEFT_COUNT);
    ck_assert_int_eq(of_response(",\"metadata\":{\"file_id\":\"mine\"}"), RN_LEFT_COUNT);
    ck_assert_int_eq(of_response(",\"tools\":[{\"parameters\":{\"properties\":{\"file_id\":"
                                 "{\"type\":\"string\"}},\"default\":{\"file_id\":\"x\"}},"
                                 "\"file_id\":\"f\"}]"),
                     RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_chat("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":"
                             "{\"file_id\":\"file-1\"}}]}"),
                     RN_LEFT_STATEFUL);
    ck_assert_int_eq(of_chat("{\"role\":\"user\",\"content\":\"file_id\"}"), RN_LEFT_COUNT);
    ck_assert_int_eq(of_chat("{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
                             "\"input\":{\"file_id\":\"mine\"}}]},{\"role\":\"user\"}"),
                     RN_LEFT_COUNT);
    ck_assert_int_eq(of_chat("{\"role\":\"assistant\",\"x\":{\"parameters\":{\"a\":[1]}},"
                             "\"file_id\":\"theirs\"}"),
                     RN_LEFT_STATEFUL);
}
END_TEST

START_TEST(sealed_thoughts_go_to_who_sealed_them)
{
    static const char sealed[] =
        "{\"model\":\"old\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\","
        "\"summary\":[],\"encrypted_content\":\"gAAA\"},{\"role\":\"user\","
        "\"content\":\"hi\"}]}";
    static const char bare[] =
        "{\"model\":\"old\",\"input\":[{\"encrypted_content\":\"gAAA\",\"type\":"
        "\"message\"},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{"
        "\"text\":\"t\"}],\"encrypted_content\":null}]}";
    static const char none[] =
        "{\"model\":\"old\",\"input\":[{\"type\":\"message\"}],\"reasoning\":"
        "{\"effort\":\"low\"},\"tools\":[{\"type\":\"reasoning\"}]}";
    struct rn_plan openai = plan_to_openai("gpt-5");
    struct rn_plan groq = plan_to("groq", "https://api.groq.com", "m", moves);
    (void)attempt(&openai, &(struct call){.target = "/v1/responses", .body = sealed}, "");
    ck_assert_int_eq(why, RN_LEFT_COUNT);
    (void)attempt(&groq, &(struct call){.target = "/v1/responses", .body = sealed}, "");
    ck_assert_int_eq(why, RN_LEFT_STATEFUL);
    (void)attempt(&openai, &(struct call){.target = "/v1/responses", .body = bare}, "");
    ck_assert_int_eq(why, RN_LEFT_STATEFUL);
    (void)attempt(&groq, &(struct call){.target = "/v1/responses", .body = none}, "");
    ck_assert_int_eq(why, RN_LEFT_COUNT);
}
END_TEST

START_TEST(an_edit_may_take_the_state_away)
{
    struct rn_plan plan = plan_to_openai("m");
    struct rn_edit edit = {.kind = RN_EDIT_UNSET, .place = RN_LIT("previous_response_id")};
    const struct call call = {
        .target = "/v1/responses",
        .body = "{\"model\":\"old\",\"input\":\"hi\",\"previous_response_id\":\"resp_1\"}"};
    plan.edits = &edit;
    plan.edit_count = 1;
    make(&plan, &call, "");
    expect_text(request.body, "{\"model\":\"m\",\"input\":\"hi\"}");
}
END_TEST

START_TEST(each_reason_has_its_words)
{
    for (int i = 0; i < RN_LEFT_COUNT; i++) {
        ck_assert_uint_gt(strlen(rn_left_out_name((enum rn_left_out)i)), 0);
        ck_assert_uint_gt(strlen(rn_left_out_sentence((enum rn_left_out)i)), 0);
    }
    ck_assert_str_eq(rn_left_out_name(RN_LEFT_COUNT), "");
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    struct rn_plan plan = plan_to_openai("o4-mini");
    enum rn_status status = RN_NOMEM;
    call_free(&made);
    call_make(&made, &(struct call){.body = "{\"model\":\"old\",\"messages\":[],\"max_tokens\":1,"
                                            "\"top_p\":1}"});
    for (unsigned long nth = 1; status != RN_OK; nth++) {
        struct rn_arena own = {0};
        struct rn_error error = {.text = ""};
        rn_memory_fail_from(nth);
        status =
            rn_plan_request_make(&plan, &made.view, RN_LIT("KEY"), &own, &request, &why, &error);
        rn_memory_fail_from(0);
        ck_assert_msg(status == RN_OK || status == RN_NOMEM, "%s", error.text);
        rn_arena_free(&own);
    }
}
END_TEST

/* --- moves ---------------------------------------------------------------------------------------------------------- */

static bool has_move(const char *upstream, const char *model, enum rn_dialect dialect,
                     const char *place)
{
    struct rn_plan_move found[RN_PLAN_EDITS_MAX];
    size_t count = rn_moves_for(rn_bytes_text(upstream), rn_bytes_text(model), found);
    for (size_t i = 0; i < count; i++) {
        if (found[i].dialect == dialect &&
            rn_bytes_equal(found[i].edit.place, rn_bytes_text(place))) {
            return true;
        }
    }
    return false;
}

START_TEST(moves_go_by_the_model_that_is_asked_now)
{
    const enum rn_dialect chat = RN_DIALECT_OPENAI_CHAT;
    const enum rn_dialect messages = RN_DIALECT_ANTHROPIC_MESSAGES;
    ck_assert(has_move("openai", "o3-mini", chat, "max_tokens"));
    ck_assert(has_move("openrouter", "openai/o3-mini", chat, "temperature"));
    ck_assert(has_move("openai", "gpt-5", chat, "temperature"));
    ck_assert(has_move("openai", "gpt-5-mini-2025-08-07", chat, "top_p"));
    ck_assert(!has_move("openai", "gpt-5-chat-latest", chat, "temperature"));
    ck_assert(has_move("openai", "gpt-5-chat-latest", chat, "max_tokens"));
    ck_assert(!has_move("openai", "gpt-5.1", chat, "temperature"));
    ck_assert(!has_move("openai", "gpt-4.1", chat, "max_tokens"));
    ck_assert(has_move("openai", "gpt-4.1", chat, "reasoning_effort"));
    ck_assert(has_move("openai", "gpt-4o", RN_DIALECT_OPENAI_RESPONSES, "reasoning"));
    ck_assert(!has_move("openai", "o3", chat, "reasoning_effort"));
    ck_assert(has_move("anthropic", "claude-3-5-haiku-latest", messages, "thinking"));
    ck_assert(!has_move("anthropic", "claude-opus-4-20250514", messages, "top_p"));
    ck_assert(has_move("anthropic", "claude-sonnet-4-5", messages, "top_p"));
    ck_assert(has_move("mistral", "mistral-small-latest", chat, "seed"));
    ck_assert(!has_move("openai", "mistral-small-latest", chat, "seed"));
    ck_assert(
        has_move("openai", "text-embedding-ada-002", RN_DIALECT_OPENAI_EMBEDDINGS, "dimensions"));
    ck_assert(!has_move("openai", "", chat, "max_tokens"));
}
END_TEST

START_TEST(long_values_are_cut_in_words)
{
    struct rn_buffer words = {0};
    static const char value[] =
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9zzzzzz\"";
    const struct rn_edit edit = {
        .kind = RN_EDIT_SET, .place = RN_LIT("p"), .value = rn_bytes_text(value)};
    ck_assert_int_eq(rn_edit_words(&edit, &words), RN_OK);
    expect_text(rn_buffer_bytes(&words),
                "p = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
    rn_buffer_free(&words);
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        only_the_model_changes,
        a_model_is_written_as_json,
        edits_come_before_moves,
        a_move_is_not_made_over_what_is_there,
        a_move_may_need_another_member,
        a_coded_body_goes_out_plain,
        what_belongs_to_that_run_stays_there,
        the_head_parses_with_its_body,
        names_of_accounts_do_not_go_to_others,
        codings_we_cannot_read_are_not_asked_for,
        a_key_has_the_form_it_had,
        without_a_key_none_is_sent,
        a_key_with_a_line_in_it_is_refused,
        a_redacted_field_is_not_sent,
        keys_are_kept_where_people_keep_them,
        the_path_is_where_the_upstream_has_it,
        what_cannot_be_sent_again_says_why,
        what_only_the_provider_knows_is_left_out,
        sealed_thoughts_go_to_who_sealed_them,
        an_edit_may_take_the_state_away,
        each_reason_has_its_words,
        memory_may_fail_anywhere,
        moves_go_by_the_model_that_is_asked_now,
        long_values_are_cut_in_words,
    };
    Suite *suite = suite_create("plan_request");
    TCase *requests = tcase_create("request");
    tcase_add_checked_fixture(requests, NULL, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(requests, tests[i]);
    }
    suite_add_tcase(suite, requests);
    return suite;
}
