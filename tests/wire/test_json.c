/* Claims about reading JSON: what is refused, what is equal, and that nothing goes through a double. */
#include "main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "base/memory.h"

static enum rn_json_token drain(struct rn_bytes in, struct rn_json_reader *reader)
{
    enum rn_json_token token;
    rn_json_begin(reader, in);
    do {
        token = rn_json_next(reader, NULL);
        ck_assert_uint_le(reader->at, in.len);
        ck_assert(token == RN_JSON_FAULT || reader->begin <= reader->at);
    } while (token != RN_JSON_END && token != RN_JSON_FAULT);
    ck_assert_int_eq(rn_json_next(reader, NULL), token);
    return token;
}

static bool reads(const char *text)
{
    struct rn_json_reader reader;
    return drain(rn_bytes_text(text), &reader) == RN_JSON_END;
}

static size_t fault_at(const char *text)
{
    struct rn_json_reader reader;
    ck_assert_int_eq(drain(rn_bytes_text(text), &reader), RN_JSON_FAULT);
    ck_assert_ptr_nonnull(reader.fault);
    return reader.at;
}

static struct rn_json *parse(struct rn_arena *arena, const char *text)
{
    struct rn_json *root = NULL;
    struct rn_error error = {0};
    enum rn_status status = rn_json_parse(arena, rn_bytes_text(text), &root, NULL, &error);
    ck_assert_msg(status == RN_OK, "%s: %s", text, error.text);
    return root;
}

/* Equality, with the digest and the difference held against it. */
static bool equal(const char *left, const char *right)
{
    struct rn_arena arena = {0};
    struct rn_buffer pointer = {0};
    struct rn_json *a = parse(&arena, left);
    struct rn_json *b = parse(&arena, right);
    const struct rn_json *in_a;
    const struct rn_json *in_b;
    uint8_t digest_a[RN_SHA256_BYTES];
    uint8_t digest_b[RN_SHA256_BYTES];
    bool same = rn_json_equal(a, b);
    ck_assert(same == rn_json_equal(b, a));
    ck_assert(same == !rn_json_difference(a, b, &pointer, &in_a, &in_b));
    if (!a->duplicated && !b->duplicated) {
        ck_assert(rn_json_digest(a, digest_a) && rn_json_digest(b, digest_b));
        ck_assert(same == (memcmp(digest_a, digest_b, sizeof digest_a) == 0));
    }
    rn_buffer_free(&pointer);
    rn_arena_free(&arena);
    return same;
}

/* --- the tokenizer ------------------------------------------------------------------------------------------------- */

START_TEST(tokens_come_in_order_with_their_text)
{
    static const struct {
        enum rn_json_token token;
        const char *text;
    } expected[] = {
        {RN_JSON_OBJECT_BEGIN, "{"},  {RN_JSON_KEY, "\"a\\u0062\""},
        {RN_JSON_ARRAY_BEGIN, "["},   {RN_JSON_NUMBER, "-1.50E+2"},
        {RN_JSON_STRING, "\"x\\n\""}, {RN_JSON_TRUE, "true"},
        {RN_JSON_FALSE, "false"},     {RN_JSON_NULL, "null"},
        {RN_JSON_ARRAY_BEGIN, "["},   {RN_JSON_ARRAY_END, "]"},
        {RN_JSON_ARRAY_END, "]"},     {RN_JSON_KEY, "\"\""},
        {RN_JSON_OBJECT_BEGIN, "{"},  {RN_JSON_OBJECT_END, "}"},
        {RN_JSON_OBJECT_END, "}"},    {RN_JSON_END, ""},
    };
    struct rn_json_reader reader;
    struct rn_bytes text;
    rn_json_begin(
        &reader,
        RN_LIT("\t{ \"a\\u0062\" : [ -1.50E+2 , \"x\\n\",true,false,\r\nnull,[]],\"\":{}} "));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        ck_assert_int_eq(rn_json_next(&reader, &text), expected[i].token);
        ck_assert(rn_bytes_equal(text, rn_bytes_text(expected[i].text)));
    }
}
END_TEST

START_TEST(grammar_takes_what_rfc_8259_allows)
{
    static const char *const good[] = {
        "0",
        "-0",
        "1e400",
        "18446744073709551615",
        "9007199254740993.0",
        "0.1e-7",
        "\"\"",
        "[]",
        "{}",
        " null\n",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "{\"a\":1,\"a\":2}",
        "[[],{},[{}]]",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(reads(good[i]), "%s", good[i]);
    }
}
END_TEST

START_TEST(grammar_refuses_everything_else)
{
    static const char *const bad[] = {
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "nul",
        "True",
        "'a'",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{a:1}",
        "{1:1}",
        "{\"a\":}",
        "{,}",
        "[",
        "{",
        "]",
        "}",
        "[}",
        "{]",
        "1 2",
        "[] []",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"\x80\"",
        "\"\xc0\xaf\"",
        "\"\xe0\x80\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xf5\x80\x80\x80\"",
        "\"\xe2\x82\"",
        "\xef\xbb\xbf{}",
        "// a\n1",
        "/* a */1",
        "[1]x",
        "-01",
        "1.e1",
        "{\"a\":1 \"b\":2}",
        "truefalse",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!reads(bad[i]), "%s", bad[i]);
    }
    struct rn_json_reader reader;
    ck_assert_int_eq(drain(RN_LIT("\"a\0b\""), &reader), RN_JSON_FAULT);
    ck_assert_int_eq(drain(RN_LIT("1\0"), &reader), RN_JSON_FAULT);
    ck_assert_int_eq(drain(RN_LIT("\"\\\0\""), &reader), RN_JSON_FAULT);
}
END_TEST

START_TEST(fault_says_where)
{
    ck_assert_uint_eq(fault_at("{\"a\":tru}"), 5);
    ck_assert_uint_eq(fault_at("[1,2"), 4);
    ck_assert_uint_eq(fault_at("\"abc\x01\""), 4);
    ck_assert_uint_eq(fault_at("{} x"), 3);
}
END_TEST

START_TEST(special_bytes_are_seen_at_every_place_of_a_word)
{
    char text[64];
    for (size_t place = 0; place < 24; place++) {
        memset(text, 'a', sizeof text);
        text[0] = '"';
        strcpy(text + 30, "\"");
        ck_assert(reads(text));
        text[1 + place] = '\x1f';
        ck_assert_uint_eq(fault_at(text), 1 + place);
        text[1 + place] = '\xff';
        ck_assert_uint_eq(fault_at(text), 1 + place);
        text[1 + place] = '"';
        ck_assert_uint_eq(fault_at(text), 2 + place);
        text[1 + place] = '\\';
        ck_assert_uint_eq(fault_at(text), 1 + place);
    }
}
END_TEST

START_TEST(text_cut_at_any_byte_is_refused)
{
    static const char whole[] =
        "{\"k\\u00e9\":[1.5e-3,true,null,\"\xf0\x9f\x98\x80\\ud83d\\ude00\"],\"o\":{\"a\":false}}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        struct rn_json_reader reader;
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, whole, len);
        ck_assert_int_eq(drain(rn_bytes_of(exact, len), &reader), RN_JSON_FAULT);
        ck_assert_uint_le(reader.at, len);
        free(exact);
    }
    ck_assert(reads(whole));
}
END_TEST

static enum rn_status parse_nested(unsigned depth, char open, char close)
{
    struct rn_arena arena = {0};
    struct rn_json *root;
    struct rn_buffer text = {0};
    for (unsigned i = 0; i < depth; i++) {
        rn_buffer_add(&text, open == '{' ? RN_LIT("{\"\":") : RN_LIT("["));
    }
    rn_buffer_add(&text, RN_LIT("1"));
    for (unsigned i = 0; i < depth; i++) {
        rn_buffer_add_byte(&text, (uint8_t)close);
    }
    enum rn_status status = rn_json_parse(&arena, rn_buffer_bytes(&text), &root, NULL, NULL);
    if (status == RN_OK) {
        uint8_t digest[RN_SHA256_BYTES];
        ck_assert(rn_json_equal(root, root) && rn_json_digest(root, digest));
    }
    rn_buffer_free(&text);
    rn_arena_free(&arena);
    return status;
}

START_TEST(depth_256_is_read_and_257_is_over_the_limit)
{
    ck_assert_int_eq(parse_nested(RN_JSON_DEPTH_MAX, '[', ']'), RN_OK);
    ck_assert_int_eq(parse_nested(RN_JSON_DEPTH_MAX, '{', '}'), RN_OK);
    ck_assert_int_eq(parse_nested(RN_JSON_DEPTH_MAX + 1, '[', ']'), RN_LIMIT);
    ck_assert_int_eq(parse_nested(RN_JSON_DEPTH_MAX + 1, '{', '}'), RN_LIMIT);
}
END_TEST

/* --- the tree ------------------------------------------------------------------------------------------------------ */

START_TEST(parse_keeps_raw_text_and_counts_duplicates)
{
    static const char text[] =
        " {\"a\": [1, 2.50 ], \"b\":{}, \"\\u0061\":3, \"c\":{\"x\":1,\"x\":2,\"x\":3}} ";
    struct rn_arena arena = {0};
    struct rn_json *root;
    size_t duplicates = 99;
    ck_assert_int_eq(rn_json_parse(&arena, rn_bytes_text(text), &root, &duplicates, NULL), RN_OK);
    ck_assert_uint_eq(duplicates, 3);
    ck_assert(root->duplicated);
    ck_assert_uint_eq(root->count, 4);
    ck_assert(rn_bytes_equal(root->raw, rn_bytes_trim(rn_bytes_text(text))));
    ck_assert(rn_bytes_equal(root->child->raw, RN_LIT("[1, 2.50 ]")));
    ck_assert(rn_bytes_equal(root->child->key, RN_LIT("\"a\"")));
    ck_assert_ptr_eq(rn_json_member(root, "a"), root->child);
    ck_assert_ptr_null(rn_json_member(root, "z"));
    ck_assert_ptr_null(rn_json_member(root->child, "a"));
    ck_assert_ptr_null(rn_json_member(NULL, "a"));
    ck_assert(rn_bytes_equal(rn_json_member(rn_json_member(root, "c"), "x")->raw, RN_LIT("1")));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(parse_says_at_which_byte_it_stopped)
{
    struct rn_arena arena = {0};
    struct rn_json *root;
    struct rn_error error = {0};
    ck_assert_int_eq(rn_json_parse(&arena, RN_LIT("[1,x]"), &root, NULL, &error), RN_INVALID);
    ck_assert_ptr_null(root);
    ck_assert_ptr_nonnull(strstr(error.text, "byte 3"));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(pointers_follow_rfc_6901)
{
    static const char text[] =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8,\"\\u0061\":{\"01\":7}}";
    static const struct {
        const char *pointer;
        const char *raw;
    } cases[] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/m~0n", "8"},
        {"/a/01", "7"},
        {"/foo/2", NULL},
        {"/foo/-", NULL},
        {"/foo/01", NULL},
        {"/foo/", NULL},
        {"/x", NULL},
        {"foo", NULL},
        {"/m~n", NULL},
        {"/m~2n", NULL},
        {"/m~", NULL},
        {"/foo/0/x", NULL},
        {"/foo/18446744073709551616", NULL},
    };
    struct rn_arena arena = {0};
    struct rn_json *root = parse(&arena, text);
    ck_assert_ptr_eq(rn_json_at(root, ""), root);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rn_json *value = rn_json_at(root, cases[i].pointer);
        ck_assert_msg((value == NULL) == (cases[i].raw == NULL), "%s", cases[i].pointer);
        ck_assert(value == NULL || rn_bytes_equal(value->raw, rn_bytes_text(cases[i].raw)));
    }
    rn_arena_free(&arena);
}
END_TEST

START_TEST(numbers_are_equal_by_exact_decimal_value)
{
    static const char *const same[][2] = {
        {"1", "1.0"},
        {"1", "10e-1"},
        {"1", "0.1E1"},
        {"1", "0.001e+3"},
        {"0", "-0"},
        {"0", "-0.00e99999999999999999999"},
        {"100", "1e2"},
        {"1e400", "10e399"},
        {"0.00120", "12e-4"},
        {"12.50", "125e-1"},
        {"1e5", "1e00000000000000000000005"},
        {"-1.5", "-15e-1"},
        {"9007199254740993.0", "9007199254740993"},
        {"1e99999999999999999999", "1e99999999999999999999"},
    };
    static const char *const different[][2] = {
        {"9007199254740993", "9007199254740992"},
        {"9007199254740993.0", "9007199254740992.0"},
        {"1", "-1"},
        {"1", "10"},
        {"18446744073709551615", "18446744073709551616"},
        {"1e400", "1e401"},
        {"1e400", "1e-400"},
        {"0.1", "0.01"},
        {"1e99999999999999999999", "1e-99999999999999999999"},
        {"1e99999999999999999999", "1e99999999999999999998"},
        {"1", "1e99999999999999999999"},
        {"12", "1.2"},
        {"123", "1234"},
        {"1.5", "1"},
        {"0", "1e-99999999999999999"},
        {"1", "true"},
        {"1", "\"1\""},
        {"0", "null"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ck_assert_msg(equal(same[i][0], same[i][1]), "%s = %s", same[i][0], same[i][1]);
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        ck_assert_msg(!equal(different[i][0], different[i][1]), "%s /= %s", different[i][0],
                      different[i][1]);
    }
}
END_TEST

START_TEST(strings_are_equal_by_code_points)
{
    ck_assert(equal("\"a\"", "\"\\u0061\""));
    ck_assert(equal("\"/\"", "\"\\/\""));
    ck_assert(equal("\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\uDE00\""));
    ck_assert(equal("\"\\ud800\"", "\"\\uD800\""));
    ck_assert(equal("\"\\n\"", "\"\\u000a\""));
    ck_assert(!equal("\"\\ud800\"", "\"\\ud801\""));
    ck_assert(!equal("\"\\u0000\"", "\"\""));
    ck_assert(!equal("\"a\\u0000b\"", "\"a\\u0000c\""));
    ck_assert(!equal("\"\xc3\xa9\"", "\"e\xcc\x81\"")); /* no normalisation */
    ck_assert(!equal("\"ab\"", "\"a\\u0062c\""));
}
END_TEST

START_TEST(members_are_equal_in_any_order_and_elements_in_theirs)
{
    ck_assert(equal("{\"a\":1,\"b\":[1,2],\"c\":{\"x\":null}}",
                    "{ \"c\" : {\"x\":null},\"\\u0062\":[1.0,2],\"a\":1e0}"));
    ck_assert(!equal("[1,2]", "[2,1]"));
    ck_assert(!equal("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    ck_assert(!equal("{\"a\":1}", "{\"b\":1}"));
    ck_assert(!equal("{}", "[]"));
    ck_assert(!equal("[1]", "[1,1]"));
}
END_TEST

START_TEST(duplicate_keys_equal_nothing_not_even_themselves)
{
    ck_assert(!equal("{\"a\":1,\"a\":1}", "{\"a\":1,\"a\":1}"));
    ck_assert(!equal("[{\"a\":1,\"\\u0061\":1}]", "[{\"a\":1,\"a\":1}]"));
    struct rn_arena arena = {0};
    uint8_t digest[RN_SHA256_BYTES];
    ck_assert(!rn_json_digest(parse(&arena, "[{\"a\":1,\"\\u0061\":1}]"), digest));
    rn_arena_free(&arena);
}
END_TEST

START_TEST(objects_of_many_members_are_compared_fast)
{
    struct rn_buffer up = {0};
    struct rn_buffer down = {0};
    unsigned count =
        100000; /* quadratic would be 10^10 comparisons: the test's timeout is the assertion */
    for (unsigned i = 0; i < count; i++) {
        rn_buffer_addf(&up, "%c\"key%u\":%u", i == 0 ? '{' : ',', i, i);
        rn_buffer_addf(&down, "%c\"key%u\":%u.0", i == 0 ? '{' : ',', count - 1 - i, count - 1 - i);
    }
    rn_buffer_append(&up, "}", 2);
    rn_buffer_append(&down, "}", 2);
    ck_assert(equal((const char *)up.data, (const char *)down.data));
    rn_buffer_free(&up);
    rn_buffer_free(&down);
}
END_TEST

static void check_difference(const char *left, const char *right, const char *pointer,
                             const char *raw_a, const char *raw_b)
{
    struct rn_arena arena = {0};
    struct rn_buffer found = {0};
    const struct rn_json *in_a;
    const struct rn_json *in_b;
    ck_assert(rn_json_difference(parse(&arena, left), parse(&arena, right), &found, &in_a, &in_b));
    ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&found), rn_bytes_text(pointer)), "%.*s",
                  (int)found.len, found.data);
    ck_assert(raw_a == NULL ? in_a == NULL : rn_bytes_equal(in_a->raw, rn_bytes_text(raw_a)));
    ck_assert(raw_b == NULL ? in_b == NULL : rn_bytes_equal(in_b->raw, rn_bytes_text(raw_b)));
    rn_buffer_free(&found);
    rn_arena_free(&arena);
}

START_TEST(difference_points_at_the_first_in_document_order)
{
    check_difference("1", "2", "", "1", "2");
    check_difference("{\"z\":1,\"a\":[1,{\"k\":2}]}", "{\"a\":[1,{\"k\":3}],\"z\":1}", "/a/1/k",
                     "2", "3");
    check_difference("{\"z\":1,\"a\":1}", "{\"a\":2,\"z\":2}", "/z", "1", "2");
    check_difference("{\"a\":1,\"b\":2}", "{\"a\":1}", "/b", "2", NULL);
    check_difference("{\"a\":1}", "{\"x/~\":2,\"a\":1}", "/x~1~0", NULL, "2");
    check_difference("[1]", "[1,2]", "/1", NULL, "2");
    check_difference("[1,2]", "[1]", "/1", "2", NULL);
    check_difference("[{\"a\":1,\"a\":1}]", "[{\"a\":1,\"a\":1}]", "/0", "{\"a\":1,\"a\":1}",
                     "{\"a\":1,\"a\":1}");
    check_difference("[[]]", "[{}]", "/0", "[]", "{}");
}
END_TEST

/* --- text ---------------------------------------------------------------------------------------------------------- */

START_TEST(text_is_unescaped_and_compared)
{
    struct rn_arena arena = {0};
    const struct rn_json *value =
        parse(&arena, "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\ud800!\"");
    struct rn_bytes text = rn_json_text(&arena, value);
    ck_assert(
        rn_bytes_equal(text, RN_LIT("a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80!")));
    ck_assert(rn_json_is(value, "a\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\x80!"));
    ck_assert(!rn_json_is(value, "a"));
    ck_assert(rn_json_is(parse(&arena, "\"\""), ""));
    ck_assert(!rn_json_is(parse(&arena, "\"ab\""), "abc"));
    ck_assert(!rn_json_is(parse(&arena, "\"a\\u0000\""), "a"));
    ck_assert(!rn_json_is(parse(&arena, "1"), "1"));
    ck_assert(!rn_json_is(NULL, ""));
    ck_assert_ptr_null(rn_json_text(&arena, parse(&arena, "1")).data);
    ck_assert_ptr_nonnull(rn_json_text(&arena, parse(&arena, "\"\"")).data);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(quoted_text_reads_back_as_itself)
{
    struct rn_buffer text = {0};
    struct rn_buffer quoted = {0};
    struct rn_buffer back = {0};
    for (unsigned byte = 0; byte < 0x80; byte++) {
        rn_buffer_add_byte(&text, (uint8_t)byte);
    }
    rn_buffer_add(&text, RN_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    ck_assert_int_eq(rn_json_quote(rn_buffer_bytes(&text), &quoted), RN_OK);
    struct rn_json_reader reader;
    ck_assert_int_eq(drain(rn_buffer_bytes(&quoted), &reader), RN_JSON_END);
    ck_assert_int_eq(rn_json_unescape(rn_buffer_bytes(&quoted), &back), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&text), rn_buffer_bytes(&back)));
    rn_buffer_clear(&quoted);
    ck_assert_int_eq(rn_json_quote(RN_LIT("a\xff\xed\xa0\x80z"), &quoted), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&quoted),
                             RN_LIT("\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"")));
    rn_buffer_free(&text);
    rn_buffer_free(&quoted);
    rn_buffer_free(&back);
}
END_TEST

START_TEST(parse_survives_every_failing_allocation)
{
    struct rn_buffer text = {0};
    rn_buffer_add(&text, RN_LIT("[0"));
    for (unsigned i = 0; i < 1000; i++) {
        rn_buffer_addf(&text, ",{\"\\u0061%u\":\"x\\ny\",\"b\":[]}", i);
    }
    rn_buffer_add(&text, RN_LIT("]"));
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena arena = {0};
        struct rn_json *root = NULL;
        uint8_t digest[RN_SHA256_BYTES];
        rn_memory_fail_from(nth);
        enum rn_status status = rn_json_parse(&arena, rn_buffer_bytes(&text), &root, NULL, NULL);
        bool digested = status == RN_OK && rn_json_digest(root, digest);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(digested, !failed);
        ck_assert(status == RN_OK || status == RN_NOMEM);
        rn_arena_free(&arena);
    }
    rn_buffer_free(&text);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/json");
    RN_CASE(suite, "tokens", tokens_come_in_order_with_their_text,
            grammar_takes_what_rfc_8259_allows, grammar_refuses_everything_else, fault_says_where,
            special_bytes_are_seen_at_every_place_of_a_word, text_cut_at_any_byte_is_refused,
            depth_256_is_read_and_257_is_over_the_limit);
    RN_CASE(suite, "tree", parse_keeps_raw_text_and_counts_duplicates,
            parse_says_at_which_byte_it_stopped, pointers_follow_rfc_6901,
            numbers_are_equal_by_exact_decimal_value, strings_are_equal_by_code_points,
            members_are_equal_in_any_order_and_elements_in_theirs,
            duplicate_keys_equal_nothing_not_even_themselves,
            objects_of_many_members_are_compared_fast,
            difference_points_at_the_first_in_document_order);
    RN_CASE(suite, "text", text_is_unescaped_and_compared, quoted_text_reads_back_as_itself,
            parse_survives_every_failing_allocation);
    return suite;
}
