/* Claims about edits in JSON texts: what is named changes, every other byte stays, and what cannot be done leaves nothing. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "splice.h"
#include "base/buffer.h"
#include "base/limits.h"
#include "base/memory.h"
#include "json.h"

static struct rn_edit edit(char kind, const char *place, const char *value)
{
    return (struct rn_edit){.kind = kind == 's'   ? RN_EDIT_SET
                                    : kind == 'u' ? RN_EDIT_UNSET
                                                  : RN_EDIT_RENAME,
                            .place = rn_bytes_text(place),
                            .value = rn_bytes_text(value)};
}

static bool is_json(struct rn_bytes text)
{
    struct rn_arena arena = {0};
    struct rn_json *root = NULL;
    enum rn_status status = rn_json_parse(&arena, text, &root, NULL, NULL);
    rn_arena_free(&arena);
    return status == RN_OK;
}

/* One edit; `expected` NULL: RN_INVALID with a sentence, and nothing written. */
static void check(const char *body, char kind, const char *place, const char *value,
                  const char *expected)
{
    struct rn_edit one = edit(kind, place, value);
    struct rn_buffer out = {0};
    struct rn_error error = {.text = ""};
    bool applied = false;
    rn_buffer_add(&out, RN_LIT("before "));
    enum rn_status status = rn_splice(rn_bytes_text(body), &one, 1, &out, &applied, &error);
    struct rn_bytes written = rn_bytes_from(rn_buffer_bytes(&out), 7);
    ck_assert_msg(status == (expected == NULL ? RN_INVALID : RN_OK), "%s %c %s: %s", body, kind,
                  place, error.text);
    if (expected == NULL) {
        ck_assert(strlen(error.text) > 0 && written.len == 0 && !applied);
    } else {
        ck_assert_msg(rn_bytes_equal(written, rn_bytes_text(expected)), "%s %c %s: %.*s", body,
                      kind, place, (int)written.len, (const char *)written.data);
        ck_assert(is_json(written));
        ck_assert_int_eq(applied, strcmp(body, expected) != 0);
    }
    rn_buffer_free(&out);
}

/* --- what is there ------------------------------------------------------------------------------------------------- */

START_TEST(set_replaces_the_value_and_nothing_else)
{
    check("{\"model\":\"a\",\"n\":1}", 's', "model", "\"b\"", "{\"model\":\"b\",\"n\":1}");
    check(" {\t\"model\" :\r\n \"a\" , \"n\":1 } \n", 's', "model", "null",
          " {\t\"model\" :\r\n null , \"n\":1 } \n");
    check("{\"a\":{\"x\":[1,{}]},\"b\":2}", 's', "a", "[ ]", "{\"a\":[ ],\"b\":2}");
    check("{\"a\":{\"x\":1}}", 's', "/a/x", "{\"y\":2}", "{\"a\":{\"x\":{\"y\":2}}}");
    check("{\"a\":[1,[2,3],4]}", 's', "/a/1/0", "9", "{\"a\":[1,[9,3],4]}");
    check("[1,{\"a\":2}]", 's', "/1/a", "3", "[1,{\"a\":3}]");
    check("{\"a/b\":1,\"c~d\":2,\"~1\":3}", 's', "/a~1b", "0", "{\"a/b\":0,\"c~d\":2,\"~1\":3}");
    check("{\"a/b\":1,\"c~d\":2,\"~1\":3}", 's', "/c~0d", "0", "{\"a/b\":1,\"c~d\":0,\"~1\":3}");
    check("{\"a/b\":1,\"c~d\":2,\"~1\":3}", 's', "/~01", "0", "{\"a/b\":1,\"c~d\":2,\"~1\":0}");
    check("{\"a/b\":1,\"c~d\":2,\"~1\":3}", 's', "a/b", "0", "{\"a/b\":0,\"c~d\":2,\"~1\":3}");
    check("{\"\":1,\"a\":{\"\":2}}", 's', "/a/", "0", "{\"\":1,\"a\":{\"\":0}}");
    check("{\"\":1,\"a\":{\"\":2}}", 's', "", "0", "{\"\":0,\"a\":{\"\":2}}");
    check("{\"model\":\"a\"}", 's', "model", "\"a\"", "{\"model\":\"a\"}");
    check("{\"model\":\"a\"}", 's', "model", " \"a\"\n", "{\"model\":\"a\"}");
    check("{\"model\":\"a\"}", 's', "model", " [ 1 ]\n", "{\"model\":[ 1 ]}");
}
END_TEST

START_TEST(names_are_compared_without_their_escapes)
{
    check("{\"mod\\u0065l\":1,\"x\":2}", 's', "model", "3", "{\"mod\\u0065l\":3,\"x\":2}");
    check("{\"a\\/b\":1}", 's', "a/b", "2", "{\"a\\/b\":2}");
    check("{\"\\u00e9\":1}", 's', "\xc3\xa9", "2", "{\"\\u00e9\":2}");
    check("{\"\xc3\xa9\":1}", 's', "\xc3\xa9", "2", "{\"\xc3\xa9\":2}");
    check("{\"\\ud83d\\ude00\":1}", 'u', "\xf0\x9f\x98\x80", "", "{}");
    check("{\"\\ud83d\":1}", 's', "x", "2", "{\"\\ud83d\":1,\"x\":2}");
    check("{\"q\\\"\":1}", 's', "q\"", "2", "{\"q\\\"\":2}");
    check("{\"model\":1,\"mod\\u0065l\":2}", 's', "model", "3", NULL);
    check("{\"a\":1,\"\\u0062\":2}", 'r', "a", "b", NULL);
    check("{\"\\u0061\":1}", 'r', "a", "a", "{\"\\u0061\":1}");
}
END_TEST

START_TEST(unset_takes_one_comma_along)
{
    check("{\"a\":1,\"b\":2,\"c\":3}", 'u', "a", "", "{\"b\":2,\"c\":3}");
    check("{\"a\":1,\"b\":2,\"c\":3}", 'u', "b", "", "{\"a\":1,\"c\":3}");
    check("{\"a\":1,\"b\":2,\"c\":3}", 'u', "c", "", "{\"a\":1,\"b\":2}");
    check("{\"a\":1}", 'u', "a", "", "{}");
    check("{\n  \"a\": 1,\n  \"b\": 2\n}\n", 'u', "a", "", "{\n  \"b\": 2\n}\n");
    check("{\n  \"a\": 1,\n  \"b\": 2\n}\n", 'u', "b", "", "{\n  \"a\": 1\n}\n");
    check("{ \"a\": 1 }", 'u', "a", "", "{  }");
    check("{\"a\":[1,2,3]}", 'u', "/a/0", "", "{\"a\":[2,3]}");
    check("{\"a\":[1,2,3]}", 'u', "/a/2", "", "{\"a\":[1,2]}");
    check("{\"a\":[[1]]}", 'u', "/a/0", "", "{\"a\":[]}");
    check("{\"a\":1}", 'u', "b", "", "{\"a\":1}");
    check("{\"a\":1}", 'u', "/b/c", "", "{\"a\":1}");
    check("{\"a\":[1]}", 'u', "/a/1", "", "{\"a\":[1]}");
    check("{\"a\":[1]}", 'u', "/a/-", "", "{\"a\":[1]}");
}
END_TEST

START_TEST(rename_changes_the_name_only)
{
    check("{\"max_tokens\" : 1e400,\"b\":2}", 'r', "max_tokens", "max_completion_tokens",
          "{\"max_completion_tokens\" : 1e400,\"b\":2}");
    check("{\"a\":{\"b\":1}}", 'r', "/a/b", "c\"", "{\"a\":{\"c\\\"\":1}}");
    check("{\"a\":1}", 'r', "b", "a", "{\"a\":1}");
    check("{\"a\":1}", 'r', "a", "a", "{\"a\":1}");
    check("{\"a\":1,\"b\":2}", 'r', "a", "b", NULL);
    check("{\"a\":[1]}", 'r', "/a/0", "b", NULL);
    check("{\"a\":1}", 'r', "a", "\xff", NULL);
}
END_TEST

/* --- what is not there --------------------------------------------------------------------------------------------- */

START_TEST(a_new_member_comes_last_and_looks_like_its_neighbour)
{
    check("{}", 's', "a", "1", "{\"a\":1}");
    check(" { } \n", 's', "a", "1", " {\"a\":1 } \n");
    check("{\"a\":1}", 's', "b", "2", "{\"a\":1,\"b\":2}");
    check("{\"a\": 1, \"b\": {\"c\": 3}}", 's', "d", "4",
          "{\"a\": 1, \"b\": {\"c\": 3}, \"d\": 4}");
    check("{\n  \"a\": 1,\n  \"b\": 2\n}\n", 's', "c", "3",
          "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n");
    check("{\"a\":{}}", 's', "/a/b", "2", "{\"a\":{\"b\":2}}");
    check("{\"a\":{\"x\" : 1 },\"z\":0}", 's', "/a/b", "2",
          "{\"a\":{\"x\" : 1,\"b\" : 2 },\"z\":0}");
    check("{\"a\":1}", 's', "q\"\n", "2", "{\"a\":1,\"q\\\"\\n\":2}");
    check("{\"a\":[]}", 's', "/a/-", "1", "{\"a\":[1]}");
    check("{\"a\":[1, 2]}", 's', "/a/-", "3", "{\"a\":[1, 2, 3]}");
}
END_TEST

START_TEST(what_cannot_be_done_is_said_and_nothing_written)
{
    static const char *const bodies[] = {
        "",     "{",           "{\"a\":1,}", "{\"a\":01}",     "[1]",         "\"a\"", "1",
        "null", "{\"a\":1} x", "{'a':1}",    "\xef\xbb\xbf{}", "{\"\xff\":1}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        check(bodies[i], 's', "a", "1", NULL);
        check(bodies[i], 'u', "a", "", NULL);
        check(bodies[i], 'r', "a", "b", NULL);
    }
    check("{\"a\":1}", 's', "/a/b", "1", NULL);
    check("{\"a\":1}", 'u', "/a/b", "", NULL);
    check("{\"a\":null}", 's', "/a/b", "1", NULL);
    check("{\"a\":1}", 's', "/b/c", "1", NULL);
    check("{\"a\":[1]}", 's', "/a/1", "1", NULL);
    check("{\"a\":[1]}", 's', "/a/01", "1", NULL);
    check("{\"a\":[1]}", 's', "/a/x", "1", NULL);
    check("{\"a\":[1]}", 's', "/a/", "1", NULL);
    check("{\"a\":[{\"b\":1}]}", 'u', "/a/b", "", NULL);
    check("{\"a\":1}", 's', "/~", "1", NULL);
    check("{\"a\":1}", 's', "/~2", "1", NULL);
    check("{\"a\":1}", 's', "\xff", "1", NULL);
    check("{\"a\":1}", 's', "a", "", NULL);
    check("{\"a\":1}", 's', "a", "b", NULL);
    check("{\"a\":1}", 's', "a", "1,2", NULL);
    check("{\"a\":1}", 's', "a", "1}", NULL);
    check("{\"a\":1,\"a\":2}", 's', "a", "3", NULL);
    check("{\"a\":1,\"a\":2}", 'u', "a", "", NULL);
    check("{\"a\":1,\"a\":2}", 'r', "a", "b", NULL);
    check("{\"a\":{\"x\":1},\"a\":{}}", 's', "/a/x", "3", NULL);
    /* A member that stands twice elsewhere is none of the edit's business. */
    check("{\"a\":1,\"a\":2,\"b\":{\"a\":3}}", 's', "/b/a", "4",
          "{\"a\":1,\"a\":2,\"b\":{\"a\":4}}");
}
END_TEST

START_TEST(edits_follow_one_another)
{
    const struct rn_edit edits[] = {
        edit('s', "model", "\"new\""), edit('r', "max_tokens", "max_completion_tokens"),
        edit('u', "nothing", ""),      edit('s', "max_completion_tokens", "20"),
        edit('u', "top_p", ""),        edit('s', "extra", "{}"),
        edit('s', "/extra/x", "[]"),   edit('s', "/extra/x/-", "1"),
        edit('u', "temperature", ""),
    };
    const bool expected[] = {true, true, false, true, true, true, true, true, false};
    enum { COUNT = sizeof edits / sizeof edits[0] };
    bool applied[COUNT];
    struct rn_buffer out = {0};
    struct rn_error error;
    ck_assert_int_eq(rn_splice(RN_LIT("{\"model\": \"old\", \"max_tokens\": 10, \"top_p\": 1.0}"),
                               edits, COUNT, &out, applied, &error),
                     RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out),
                             RN_LIT("{\"model\": \"new\", \"max_completion_tokens\": 20, "
                                    "\"extra\": {\"x\":[1]}}")));
    ck_assert_mem_eq(applied, expected, sizeof applied);
    rn_buffer_clear(&out);
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\" :1}"), NULL, 0, &out, NULL, NULL), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("{\"a\" :1}")));
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\" :1"), NULL, 0, &out, NULL, &error), RN_INVALID);
    ck_assert_int_eq(rn_splice(RN_LIT("{\"model\":1}"), edits, 1, &out, NULL, NULL), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("{\"a\" :1}{\"model\":\"new\"}")));
    rn_buffer_free(&out);
}
END_TEST

START_TEST(a_later_edit_that_fails_undoes_all)
{
    const struct rn_edit edits[] = {edit('s', "a", "2"), edit('s', "/a/b", "2")};
    bool applied[2];
    struct rn_buffer out = {0};
    rn_buffer_add(&out, RN_LIT("kept"));
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\":1}"), edits, 2, &out, applied, NULL), RN_INVALID);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("kept")));
    ck_assert(applied[0] && !applied[1]);
    rn_buffer_free(&out);
}
END_TEST

/* --- every place of a text ----------------------------------------------------------------------------------------- */

static const char rich[] =
    "\n{ \"model\" : \"gpt\\u002d4o\",\t\"big\":9007199254740993 ,\"huge\": 1e400, "
    "\"neg\":-0.0E-7,\n"
    "  \"messages\":[{\"role\":\"user\",\"content\":\"a\\ud83d lone \\/ \xc3\xa9\"},[ ],{ },[[1,2] "
    "]],"
    "\"twice\":{\"k\":1},\"opt\":{\"a/b\":{\"c~d\":null,\"e\\u0066\":[true, false]}},"
    "\"dup\":[{\"x\":1,\"x\":2}],\"\":{\"\":3} } \r\n";

static enum rn_status splice_one(struct rn_bytes body, enum rn_edit_kind kind,
                                 struct rn_bytes place, struct rn_bytes value,
                                 struct rn_buffer *out, bool *applied)
{
    const struct rn_edit one = {.kind = kind, .place = place, .value = value};
    rn_buffer_clear(out);
    return rn_splice(body, &one, 1, out, applied, NULL);
}

/* SET to itself is the identity, SET to 7 changes exactly the value's bytes, UNSET leaves valid JSON. */
static void check_place(struct rn_bytes body, struct rn_bytes place, const struct rn_json *value)
{
    struct rn_buffer out = {0};
    bool applied = true;
    ck_assert_int_eq(splice_one(body, RN_EDIT_SET, place, value->raw, &out, &applied), RN_OK);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), body) && !applied);

    ck_assert_int_eq(splice_one(body, RN_EDIT_SET, place, RN_LIT("77"), &out, &applied), RN_OK);
    size_t front = (size_t)(value->raw.data - body.data);
    struct rn_bytes back = rn_bytes_from(body, front + value->raw.len);
    struct rn_bytes got = rn_buffer_bytes(&out);
    ck_assert(applied && is_json(got));
    ck_assert_uint_eq(got.len, front + 2 + back.len);
    ck_assert(rn_bytes_equal(rn_bytes_sub(got, 0, front), rn_bytes_sub(body, 0, front)));
    ck_assert(rn_bytes_equal(rn_bytes_sub(got, front, 2), RN_LIT("77")));
    ck_assert(rn_bytes_equal(rn_bytes_from(got, front + 2), back));

    ck_assert_int_eq(splice_one(body, RN_EDIT_UNSET, place, RN_LIT(""), &out, &applied), RN_OK);
    ck_assert(applied && is_json(rn_buffer_bytes(&out)));
    rn_buffer_free(&out);
}

static void add_segment(struct rn_buffer *place, const struct rn_json *container,
                        const struct rn_json *child, size_t index)
{
    rn_buffer_add_byte(place, '/');
    if (container->kind == RN_JSON_ARRAY_BEGIN) {
        rn_buffer_addf(place, "%zu", index);
    }
    for (size_t i = 0; i < child->name.len; i++) {
        uint8_t byte = child->name.data[i];
        if (byte == '~' || byte == '/') {
            rn_buffer_addf(place, "~%c", byte == '~' ? '0' : '1');
        } else {
            rn_buffer_add_byte(place, byte);
        }
    }
}

static size_t check_places(struct rn_bytes body, const struct rn_json *container,
                           struct rn_buffer *place)
{
    size_t index = 0;
    size_t checked = 0;
    size_t len = place->len;
    for (const struct rn_json *child = container->child; child != NULL; child = child->next) {
        add_segment(place, container, child, index++);
        bool doubled = container->kind == RN_JSON_OBJECT_BEGIN && container->duplicated &&
                       rn_bytes_equal(child->name, RN_LIT("x"));
        if (!doubled) {
            check_place(body, rn_buffer_bytes(place), child);
            checked += 1 + check_places(body, child, place);
        }
        place->len = len;
    }
    return checked;
}

START_TEST(every_value_of_a_text_can_be_set_and_unset_and_all_else_stays)
{
    struct rn_arena arena = {0};
    struct rn_json *root = NULL;
    struct rn_buffer place = {0};
    struct rn_bytes body = rn_bytes_text(rich);
    ck_assert_int_eq(rn_json_parse(&arena, body, &root, NULL, NULL), RN_OK);
    ck_assert_uint_eq(check_places(body, root, &place), 26);
    rn_buffer_free(&place);
    rn_arena_free(&arena);
}
END_TEST

START_TEST(a_text_cut_anywhere_is_invalid)
{
    static const char *const places[] = {"model", "/opt/a~1b/ef/1", "/messages/3/0/-", "new",
                                         "/\t"};
    size_t whole = sizeof rich - 1;
    while (rich[whole - 1] != '}') {
        whole--;
    }
    for (size_t len = 0; len < whole; len++) {
        char *exact = malloc(len == 0 ? 1 : len);
        struct rn_buffer out = {0};
        memcpy(exact, rich, len);
        for (size_t i = 0; i < 3 * sizeof places / sizeof places[0]; i++) {
            struct rn_edit one = edit("sur"[i % 3], places[i / 3], "1");
            struct rn_error error = {.text = ""};
            ck_assert_int_eq(rn_splice(rn_bytes_of(exact, len), &one, 1, &out, NULL, &error),
                             RN_INVALID);
            ck_assert(error.text[0] != '\0' && out.len == 0);
        }
        rn_buffer_free(&out);
        free(exact);
    }
}
END_TEST

/* --- limits and trouble -------------------------------------------------------------------------------------------- */

static void nest(struct rn_buffer *out, unsigned depth, const char *inner)
{
    for (unsigned i = 0; i < depth; i++) {
        rn_buffer_add(out, RN_LIT("{\"a\":"));
    }
    rn_buffer_add(out, rn_bytes_text(inner));
    for (unsigned i = 0; i < depth; i++) {
        rn_buffer_add_byte(out, '}');
    }
}

static enum rn_status set_deep(unsigned depth, unsigned steps, const char *value)
{
    struct rn_buffer body = {0};
    struct rn_buffer place = {0};
    struct rn_buffer out = {0};
    struct rn_error error;
    nest(&body, depth, "1");
    for (unsigned i = 0; i < steps; i++) {
        rn_buffer_add(&place, RN_LIT("/a"));
    }
    const struct rn_edit one = {
        .kind = RN_EDIT_SET, .place = rn_buffer_bytes(&place), .value = rn_bytes_text(value)};
    enum rn_status status = rn_splice(rn_buffer_bytes(&body), &one, 1, &out, NULL, &error);
    ck_assert(status == RN_INVALID || is_json(rn_buffer_bytes(&out)));
    rn_buffer_free(&body);
    rn_buffer_free(&place);
    rn_buffer_free(&out);
    return status;
}

START_TEST(depth_is_kept_to_and_never_made_worse)
{
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX, RN_JSON_DEPTH_MAX, "2"), RN_OK);
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX, RN_JSON_DEPTH_MAX, "[]"), RN_INVALID);
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX, RN_JSON_DEPTH_MAX + 1, "2"), RN_INVALID);
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX + 1, 1, "2"), RN_INVALID);
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX - 1, RN_JSON_DEPTH_MAX - 1, "[]"), RN_OK);
    ck_assert_int_eq(set_deep(RN_JSON_DEPTH_MAX - 1, RN_JSON_DEPTH_MAX - 1, "[[]]"), RN_INVALID);
    ck_assert_int_eq(set_deep(3, 100000, "2"), RN_INVALID);
}
END_TEST

START_TEST(a_maximum_of_the_output_is_kept_to)
{
    struct rn_edit one = edit('s', "b", "2");
    struct rn_buffer out;
    rn_buffer_init(&out, 13);
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\":1}"), &one, 1, &out, NULL, NULL), RN_OK);
    ck_assert_uint_eq(out.len, 13);
    rn_buffer_free(&out);
    rn_buffer_init(&out, 12);
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\":1}"), &one, 1, &out, NULL, NULL), RN_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    one = edit('u', "b", "");
    ck_assert_int_eq(rn_splice(RN_LIT("{\"a\":1234567}"), &one, 1, &out, NULL, NULL), RN_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(a_gap_that_is_no_style_is_not_copied)
{
    struct rn_buffer body = {0};
    struct rn_buffer out = {0};
    struct rn_edit one = edit('s', "b", "2");
    rn_buffer_addf(&body, "{%200s\"a\"%200s:1}", "", "");
    ck_assert_int_eq(rn_splice(rn_buffer_bytes(&body), &one, 1, &out, NULL, NULL), RN_OK);
    ck_assert_uint_eq(out.len, body.len + 6);
    rn_buffer_free(&body);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(splicing_survives_every_failing_allocation)
{
    const struct rn_edit edits[] = {edit('s', "model", "\"b\""), edit('r', "/opt/a~1b/ef", "g"),
                                    edit('u', "huge", ""), edit('s', "new", "[1]")};
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_buffer out = {0};
        struct rn_error error = {.text = ""};
        rn_memory_fail_from(nth);
        enum rn_status status = rn_splice(rn_bytes_text(rich), edits, 4, &out, NULL, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        ck_assert(!failed || (out.len == 0 && error.text[0] != '\0'));
        rn_buffer_free(&out);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/splice");
    RN_CASE(suite, "there", set_replaces_the_value_and_nothing_else,
            names_are_compared_without_their_escapes, unset_takes_one_comma_along,
            rename_changes_the_name_only);
    RN_CASE(suite, "not there", a_new_member_comes_last_and_looks_like_its_neighbour,
            what_cannot_be_done_is_said_and_nothing_written, edits_follow_one_another,
            a_later_edit_that_fails_undoes_all);
    RN_CASE(suite, "every place", every_value_of_a_text_can_be_set_and_unset_and_all_else_stays,
            a_text_cut_anywhere_is_invalid);
    RN_CASE(suite, "limits", depth_is_kept_to_and_never_made_worse,
            a_maximum_of_the_output_is_kept_to, a_gap_that_is_no_style_is_not_copied,
            splicing_survives_every_failing_allocation);
    return suite;
}
