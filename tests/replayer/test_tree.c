/* Steps under what caused them: only where it is written, and each step once on the page. */
#include "main.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "lineage.h"
#include "tree.h"

/* A step of the trace: an exchange with stamps, or (asked > 0) a tool reading told to it. */
struct made {
    uint32_t n;
    uint64_t from, to;
    enum rn_event_kind kind;
    enum rn_reading_kind reads;
    const char *id, *continues;
    uint32_t asked;
    bool by_order;
};

static enum rn_status add(struct rn_tree *tree, const struct made *made)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    struct rn_buffer order = {0};
    uint8_t kind = (uint8_t)(made->kind == 0 ? RN_EVENT_EXCHANGE : made->kind);
    struct rn_derived derived = {
        .told_n = made->n, .t = 1, .asked_n = made->asked, .by_order = made->by_order};
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    uint64_t stamps[] = {made->from, made->from, made->to};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(rn_varint_put(&order, stamps[i]), RN_OK);
    }
    rn_event_set(&event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(&event, RN_TAG_ORDER, rn_buffer_bytes(&order));
    view.event = &event;
    view.reading.kind = made->reads == 0 ? RN_READING_MODEL : made->reads;
    view.reading.response_id = rn_bytes_text(made->id == NULL ? "" : made->id);
    view.reading.continues = rn_bytes_text(made->continues == NULL ? "" : made->continues);
    bool is_derived = made->asked > 0 || made->by_order;
    const struct rn_step step = {
        .n = made->n, .view = is_derived ? NULL : &view, .derived = is_derived ? &derived : NULL};
    enum rn_status status = rn_tree_add(tree, &step);
    rn_buffer_free(&order);
    rn_arena_free(&arena);
    return status;
}

/* "0 1<0within 2<0within": each node with its parent and why. */
static void expect(const struct made *made, size_t count, const char *expected, const char *page)
{
    struct rn_tree tree = {.count = 0};
    struct rn_buffer out = {0};
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(add(&tree, &made[i]), RN_OK);
    }
    for (uint32_t i = 0; i < tree.count; i++) {
        rn_buffer_addf(&out, "%s%u", i > 0 ? " " : "", i);
        if (tree.nodes[i].parent != RN_TREE_NONE) {
            rn_buffer_addf(&out, "<%u%s", tree.nodes[i].parent,
                           rn_tree_link_name(tree.nodes[i].link));
        }
    }
    rn_buffer_add_byte(&out, 0);
    ck_assert_str_eq((const char *)out.data, expected);
    rn_buffer_clear(&out);
    for (uint32_t at = 0; at != RN_TREE_NONE; at = rn_tree_next(&tree, at)) {
        rn_buffer_addf(&out, "%u", at);
    }
    rn_buffer_add_byte(&out, 0);
    ck_assert_str_eq((const char *)out.data, page);
    rn_buffer_free(&out);
    rn_tree_free(&tree);
}
#define EXPECT(made, expected, page) expect(made, sizeof(made) / sizeof *(made), expected, page)

START_TEST(a_call_stands_under_the_call_whose_tool_it_tells)
{
    const struct made made[] = {{.n = 1, .from = 1, .to = 2},
                                {.n = 2, .from = 3, .to = 4},
                                {.n = 3, .asked = 1},
                                {.n = 3, .from = 5, .to = 6},
                                {.n = 4, .from = 7, .to = 8}};
    EXPECT(made, "0 1 2<0asked 3<0told 4", "02314");
}
END_TEST

START_TEST(what_was_found_by_order_alone_is_no_link)
{
    const struct made made[] = {
        {.n = 1, .from = 1, .to = 2}, {.n = 2, .by_order = true}, {.n = 2, .from = 3, .to = 4}};
    EXPECT(made, "0 1 2", "012");
}
END_TEST

START_TEST(a_request_goes_on_from_the_answer_it_names)
{
    const struct made made[] = {{.n = 1, .from = 1, .to = 2, .id = "resp_1"},
                                {.n = 2, .from = 3, .to = 4, .id = "resp_2"},
                                {.n = 3, .from = 5, .to = 6, .continues = "resp_1"},
                                {.n = 4, .from = 7, .to = 8, .continues = "resp_x"}};
    EXPECT(made, "0 1 2<0continues 3", "0213");
}
END_TEST

START_TEST(what_came_while_a_decision_was_open_is_its)
{
    const struct made made[] = {{.n = 1, .from = 1, .to = 20, .kind = RN_EVENT_DECISION},
                                {.n = 2, .from = 2, .to = 3},
                                {.n = 3, .from = 4, .to = 30},
                                {.n = 4, .from = 21, .to = 22}};
    EXPECT(made, "0 1<0within 2<0within 3", "0123");
}
END_TEST

START_TEST(of_two_open_decisions_nobody_knows_which)
{
    const struct made made[] = {{.n = 1, .from = 1, .to = 20, .kind = RN_EVENT_DECISION},
                                {.n = 2, .from = 2, .to = 20, .kind = RN_EVENT_DECISION},
                                {.n = 3, .from = 4, .to = 5}};
    EXPECT(made, "0 1<0within 2", "012");
}
END_TEST

/* A model call beside another one is nobody's child: both may be the application's own. */
START_TEST(calls_side_by_side_are_kin_and_a_tool_must_outlast_its_child)
{
    const struct made made[] = {{.n = 1, .from = 1, .to = 9},
                                {.n = 2, .from = 2, .to = 8},
                                {.n = 3, .from = 10, .to = 20, .reads = RN_READING_TOOL},
                                {.n = 4, .from = 11, .to = 12},
                                {.n = 5, .from = 13, .to = 21}};
    EXPECT(made, "0 1 2 3<2within 4", "01234");
}
END_TEST

START_TEST(a_chain_is_as_deep_as_is_asked)
{
    struct rn_tree tree = {.count = 0};
    for (uint32_t n = 1; n <= 300; n++) {
        char before[16], id[16];
        snprintf(before, sizeof before, "r%u", n - 1);
        snprintf(id, sizeof id, "r%u", n);
        const struct made made = {
            .n = n, .from = 2 * n, .to = 2 * n + 1, .id = id, .continues = before};
        ck_assert_int_eq(add(&tree, &made), RN_OK);
    }
    ck_assert_uint_eq(rn_tree_depth(&tree, 299, 1000), 299);
    ck_assert_uint_eq(rn_tree_depth(&tree, 299, 12), 12);
    rn_tree_free(&tree);
}
END_TEST

static void expect_plain(const char *text, const char *plain)
{
    struct rn_arena arena = {0};
    struct rn_bytes got = rn_lineage_plain(&arena, rn_bytes_text(text));
    ck_assert_msg(rn_bytes_equal(got, rn_bytes_text(plain)), "%s", text);
    rn_arena_free(&arena);
}

START_TEST(json_is_read_without_its_escapes_and_other_text_as_it_is)
{
    expect_plain("{\"a\": \"line\\nand \\\"quote\\\" \\u00e9\"}",
                 "{\"a\": \"line\nand \"quote\" \xc3\xa9\"}");
    expect_plain("[1, \"\\\\\", {\"\\t\":\"\"}]", "[1, \"\\\", {\"\t\":\"\"}]");
    expect_plain("{\"a\": \"no end \\n", "{\"a\": \"no end \\n");
    expect_plain("C:\\new is no JSON", "C:\\new is no JSON");
    expect_plain("{\"a\":1}", "{\"a\":1}");
    expect_plain("", "");
}
END_TEST

START_TEST(without_memory_there_is_no_text)
{
    struct rn_arena arena = {0};
    rn_memory_fail_from(1);
    struct rn_bytes got = rn_lineage_plain(&arena, RN_LIT("[\"\\n\"]"));
    rn_memory_fail_from(0);
    ck_assert_ptr_null(got.data);
    rn_arena_free(&arena);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("replayer/tree");
    RN_CASE(suite, "tree", a_call_stands_under_the_call_whose_tool_it_tells,
            what_was_found_by_order_alone_is_no_link, a_request_goes_on_from_the_answer_it_names,
            what_came_while_a_decision_was_open_is_its, of_two_open_decisions_nobody_knows_which,
            calls_side_by_side_are_kin_and_a_tool_must_outlast_its_child,
            a_chain_is_as_deep_as_is_asked,
            json_is_read_without_its_escapes_and_other_text_as_it_is,
            without_memory_there_is_no_text);
    return suite;
}
