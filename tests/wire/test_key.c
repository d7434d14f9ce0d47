/* Claims about match keys: what they see, what they do not, and that credentials count by presence only. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "key.h"
#include "redact.h"
#include "base/memory.h"

#define OLD_KEY "sk-proj-Zt8aQ2mV5rXw9LkP3nDsB7cYhJ4fGe6U"
#define NEW_KEY "sk-ant-api03-AnotherKeyOfQuiteAnotherLength0123456789-abcdefghijklmnop"

/* One request as text; redacted by a redactor of its own, as recorder and replayer have. */
struct request {
    const char *upstream;
    const char *method;
    const char *target;
    const char *body;
    const char *shown; /* a credential this side has seen in a header */
};

struct side {
    struct rn_spans target_spans;
    struct rn_spans body_spans;
    struct rn_key_input input;
};

static void prepare(struct side *side, const struct request *request, struct rn_bytes target,
                    struct rn_bytes body)
{
    struct rn_redactor *redactor = rn_redactor_new();
    *side = (struct side){.input = {.method = rn_bytes_text(request->method)}};
    if (request->shown != NULL) {
        rn_redactor_learn(redactor, rn_bytes_text(request->shown));
    }
    ck_assert_int_eq(rn_redact_target(redactor, target, &side->target_spans), RN_OK);
    ck_assert_int_eq(rn_redact_body(redactor, body, true, true, &side->body_spans, NULL), RN_OK);
    side->input.upstream = rn_bytes_text(request->upstream);
    side->input.target = target;
    side->input.target_spans = &side->target_spans;
    side->input.body = body;
    side->input.body_spans = &side->body_spans;
    rn_redactor_free(redactor);
}

static void drop(struct side *side)
{
    rn_spans_free(&side->target_spans);
    rn_spans_free(&side->body_spans);
}

struct keys {
    uint8_t bytes[RN_KEY_BYTES];
    uint8_t json[RN_KEY_BYTES];
    enum rn_status json_status;
};

static struct keys keys_of(const struct rn_key_input *input)
{
    struct keys keys = {{0}, {0}, RN_OK};
    ck_assert(rn_key_bytes(input, keys.bytes));
    keys.json_status = rn_key_json(input, keys.json);
    return keys;
}

static struct keys live_keys(const struct request *request)
{
    struct side side;
    prepare(&side, request, rn_bytes_text(request->target), rn_bytes_text(request->body));
    struct keys keys = keys_of(&side.input);
    drop(&side);
    return keys;
}

/* The keys of what is stored: redacted once, then read back and redacted again without having seen anything. */
static struct keys stored_keys(const struct request *request)
{
    struct side side;
    struct rn_buffer target = {0};
    struct rn_buffer body = {0};
    prepare(&side, request, rn_bytes_text(request->target), rn_bytes_text(request->body));
    rn_buffer_add(&target, side.input.target);
    rn_buffer_add(&body, side.input.body);
    rn_redact_apply(target.data, &side.target_spans);
    rn_redact_apply(body.data, &side.body_spans);
    ck_assert_uint_eq(rn_bytes_find(rn_buffer_bytes(&body), rn_bytes_text(OLD_KEY)), RN_NPOS);
    drop(&side);
    const struct request blind = {.upstream = request->upstream, .method = request->method};
    prepare(&side, &blind, rn_buffer_bytes(&target), rn_buffer_bytes(&body));
    struct keys keys = keys_of(&side.input);
    drop(&side);
    rn_buffer_free(&target);
    rn_buffer_free(&body);
    return keys;
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, RN_KEY_BYTES) == 0;
}

static const struct request plain = {"openai", "POST", "/v1/chat/completions?x=1",
                                     "{\"model\":\"m\",\"n\":1}", NULL};

/* --- what a key sees ----------------------------------------------------------------------------------------------- */

START_TEST(key_sees_every_part_of_a_request)
{
    const struct request others[] = {
        {"openaj", "POST", "/v1/chat/completions?x=1", "{\"model\":\"m\",\"n\":1}", NULL},
        {"openai", "PUT", "/v1/chat/completions?x=1", "{\"model\":\"m\",\"n\":1}", NULL},
        {"openai", "POST", "/v1/chat/completions?x=2", "{\"model\":\"m\",\"n\":1}", NULL},
        {"openai", "POST", "/v1/chat/completions?x=1", "{\"model\":\"m\",\"n\":2}", NULL},
        {"openaiP", "OST", "/v1/chat/completions?x=1", "{\"model\":\"m\",\"n\":1}", NULL},
        {"openai", "POST/", "v1/chat/completions?x=1", "{\"model\":\"m\",\"n\":1}", NULL},
    };
    struct keys first = live_keys(&plain);
    ck_assert(same(first.bytes, live_keys(&plain).bytes));
    ck_assert(!same(first.bytes, first.json));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct keys other = live_keys(&others[i]);
        ck_assert(!same(first.bytes, other.bytes));
        ck_assert(!same(first.json, other.json));
    }
}
END_TEST

START_TEST(key_of_a_known_request_stays_what_it_is)
{
    /* Computed apart from this code. Stored keys are compared with keys made later: another layout needs another
       RN_KEY_VERSION. */
    char hex[2 * RN_KEY_BYTES + 1];
    struct keys keys = live_keys(&plain);
    rn_hex(rn_bytes_of(keys.bytes, RN_KEY_BYTES), hex);
    ck_assert_str_eq(hex, "c5fe4b4993ffe3ee0948bf4a26d1a9d6");
    rn_hex(rn_bytes_of(keys.json, RN_KEY_BYTES), hex);
    ck_assert_str_eq(hex, "18fc9d2cf6755c0ec270d35442721f5f");
}
END_TEST

START_TEST(json_key_sees_meaning_and_bytes_key_sees_bytes)
{
    struct request other = plain;
    other.body = " { \"n\" : 1.0, \"\\u006dodel\":\"m\" }";
    ck_assert(same(live_keys(&plain).json, live_keys(&other).json));
    ck_assert(!same(live_keys(&plain).bytes, live_keys(&other).bytes));
}
END_TEST

START_TEST(json_key_refuses_what_has_no_single_meaning)
{
    static const char *const bodies[] = {"", "{", "{\"a\":1,\"a\":1}", "[{\"a\":1,\"\\u0061\":2}]",
                                         "not json"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct request request = plain;
        request.body = bodies[i];
        ck_assert_int_eq(live_keys(&request).json_status, RN_INVALID);
    }
}
END_TEST

/* --- credentials --------------------------------------------------------------------------------------------------- */

static void check_same(const struct request *recorded, const struct request *live)
{
    struct keys stored = stored_keys(recorded);
    struct keys now = live_keys(live);
    ck_assert_msg(same(stored.bytes, now.bytes), "%s %s", live->target, live->body);
    ck_assert_int_eq(stored.json_status, now.json_status);
    ck_assert(same(stored.json, now.json));
    ck_assert(same(live_keys(recorded).bytes, now.bytes));
}

START_TEST(stored_placeholder_and_live_key_of_another_length_are_one)
{
    static const struct {
        const char *target;
        const char *body;
    } frames[] = {
        {"/v1/models?key=%s", "{}"},
        {"/v1/x?alt=sse&api_key=%s&z=1", "{\"a\":[1,2]}"},
        {"http://u:%s@host/path", "{}"},
        {"/", "{\"api_key\":\"%s\",\"query\":\"q\"}"},
        {"/", "{\"text\":\"call it with %s, please\"}"},
        {"/", "{\"text\":\"\\n%s\\n\",\"n\":1}"},
        {"/", "{\"url\":\"https://x/?a=%s&b=1\"}"},
        {"/v1/%s/x?key=%s", "[\"%s\",\"%s\"]"},
        {"/", "{\"arguments\":\"{\\\"password\\\":\\\"%s\\\"}\"}"},
        {"/", "no json, but %s"},
    };
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        char targets[2][1024];
        char bodies[2][1024];
        static const char *const keys[] = {OLD_KEY, NEW_KEY};
        for (int side = 0; side < 2; side++) {
            const char *key = keys[side];
            snprintf(targets[side], sizeof targets[side], frames[i].target, key, key);
            snprintf(bodies[side], sizeof bodies[side], frames[i].body, key, key);
        }
        const struct request recorded = {"tavily", "POST", targets[0], bodies[0], OLD_KEY};
        const struct request live = {"tavily", "POST", targets[1], bodies[1], NEW_KEY};
        check_same(&recorded, &live);
    }
}
END_TEST

START_TEST(shapeless_values_match_once_they_were_seen)
{
    const struct request recorded = {"u", "GET", "/a/old-value-of-a-key?b",
                                     "{\"x\":\"old-value-of-a-key\"}", "old-value-of-a-key"};
    const struct request live = {"u", "GET", "/a/quite-another-one-1?b",
                                 "{\"x\":\"quite-another-one-1\"}", "quite-another-one-1"};
    const struct request unseen = {"u", "GET", "/a/quite-another-one-1?b",
                                   "{\"x\":\"quite-another-one-1\"}", NULL};
    check_same(&recorded, &live);
    ck_assert(!same(stored_keys(&recorded).bytes, live_keys(&unseen).bytes));
}
END_TEST

START_TEST(short_values_by_name_match_too)
{
    const struct request recorded = {"u", "GET", "/?key=abc&q=1", "{\"password\":\"hunter2\"}",
                                     NULL};
    const struct request live = {"u", "GET", "/?key=" OLD_KEY "&q=1",
                                 "{\"password\":\"correct horse\"}", NULL};
    check_same(&recorded, &live);
}
END_TEST

START_TEST(presence_counts)
{
    const struct request with = {"u", "GET", "/?key=abc", "{\"password\":\"x\"}", NULL};
    const struct request without = {"u", "GET", "/?key=", "{\"password\":\"\"}", NULL};
    ck_assert(!same(live_keys(&with).bytes, live_keys(&without).bytes));
    ck_assert(!same(live_keys(&with).json, live_keys(&without).json));
}
END_TEST

START_TEST(marked_text_is_what_the_key_hashes)
{
    struct rn_span at[] = {{0, 3, RN_SECRET_SEEN}, {3, 1, RN_SECRET_SEEN}, {6, 2, RN_SECRET_SEEN}};
    const struct rn_spans spans = {at, 3, 3};
    const struct rn_spans none = {NULL, 0, 0};
    struct rn_buffer out = {0};
    ck_assert_int_eq(rn_key_marked(RN_LIT("abcdefgh"), &spans, &out), RN_OK);
    ck_assert(
        rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("RN-CREDENTIALRN-CREDENTIALefRN-CREDENTIAL")));
    const struct rn_key_input live = {.body = RN_LIT("abcdefgh"), .body_spans = &spans};
    const struct rn_key_input copy = {.body = rn_buffer_bytes(&out), .body_spans = &none};
    ck_assert(same(keys_of(&live).bytes, keys_of(&copy).bytes));
    rn_buffer_free(&out);
}
END_TEST

START_TEST(keys_survive_every_failing_allocation)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        uint8_t key[RN_KEY_BYTES];
        const struct rn_key_input input = {.body = RN_LIT("{\"a\\n\":[\"\\u00e9\"]}")};
        rn_memory_fail_from(nth);
        bool bytes = rn_key_bytes(&input, key);
        enum rn_status json = rn_key_json(&input, key);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(bytes && json == RN_OK, !failed);
        ck_assert(json == RN_OK || json == RN_NOMEM);
    }
}
END_TEST

/* --- headers ------------------------------------------------------------------------------------------------------- */

/* "name: value" lines with '\n' between; static storage for two heads. */
static struct rn_http_head *head_of(int which, const char *lines)
{
    static struct rn_http_head heads[2];
    struct rn_http_head *head = &heads[which];
    struct rn_bytes rest = rn_bytes_text(lines);
    head->field_count = 0;
    while (rest.len > 0) {
        struct rn_bytes line = rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '\n'));
        size_t colon = rn_bytes_find_byte(line, ':');
        head->fields[head->field_count++] =
            (struct rn_http_field){.line = line,
                                   .name = rn_bytes_sub(line, 0, colon),
                                   .value = rn_bytes_trim(rn_bytes_from(line, colon + 1))};
        rest = rn_bytes_from(rest, line.len + 1);
    }
    return head;
}

static void check_headers(const char *recorded, const char *live, const char *name, const char *a,
                          const char *b)
{
    struct rn_bytes found;
    struct rn_bytes in_recorded;
    struct rn_bytes in_live;
    bool equal = rn_key_headers_equal(head_of(0, recorded), head_of(1, live), &found, &in_recorded,
                                      &in_live);
    ck_assert_msg(equal == (name == NULL), "%s / %s", recorded, live);
    ck_assert(name == NULL || rn_bytes_equal(found, rn_bytes_text(name)));
    ck_assert(name == NULL || rn_bytes_equal(in_recorded, rn_bytes_text(a)));
    ck_assert(name == NULL || rn_bytes_equal(in_live, rn_bytes_text(b)));
}

START_TEST(significant_headers_must_be_equal)
{
    check_headers("", "", NULL, "", "");
    check_headers("Accept: */*\nX: 1", "x: 2\naccept:  */* ", NULL, "", "");
    check_headers("Accept: a", "Accept: b", "accept", "a", "b");
    check_headers("Anthropic-Beta: a\nAnthropic-Beta: b", "anthropic-beta: a\nanthropic-beta: b",
                  NULL, "", "");
    check_headers("Anthropic-Beta: a\nAnthropic-Beta: b", "anthropic-beta: b\nanthropic-beta: a",
                  "anthropic-beta", "a", "b");
    check_headers("Anthropic-Beta: a\nAnthropic-Beta: b", "anthropic-beta: a", "anthropic-beta",
                  "b", "");
    check_headers("", "Range: bytes=0-1", "range", "", "bytes=0-1");
    check_headers("Content-Type: application/json", "Content-Type: application/JSON",
                  "content-type", "application/json", "application/JSON");
    check_headers("Authorization: Bearer a\nUser-Agent: x",
                  "Authorization: Bearer b\nUser-Agent: y", NULL, "", "");
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/key");
    RN_CASE(suite, "keys", key_sees_every_part_of_a_request,
            key_of_a_known_request_stays_what_it_is, json_key_sees_meaning_and_bytes_key_sees_bytes,
            json_key_refuses_what_has_no_single_meaning, keys_survive_every_failing_allocation);
    RN_CASE(suite, "credentials", stored_placeholder_and_live_key_of_another_length_are_one,
            shapeless_values_match_once_they_were_seen, short_values_by_name_match_too,
            presence_counts, marked_text_is_what_the_key_hashes);
    RN_CASE(suite, "headers", significant_headers_must_be_equal);
    return suite;
}
