/* The unit that ends a streamed answer: found however it is cut, and nothing else taken for it. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "terminal.h"

#define SSE "text/event-stream"
#define LINES "application/x-ndjson"

/*
 * Feeds pieces of `step` bytes. Returns the offset in the stream where the first terminal unit begins, as far as it was
 * not passed on before it was complete; RN_NPOS when there was none. *complete: the bytes fed until it was told.
 */
static size_t find(const char *type, struct rn_bytes stream, size_t step, size_t *complete)
{
    size_t found = RN_NPOS;
    struct rn_terminal *terminal = rn_terminal_new(rn_bytes_text(type));
    ck_assert_ptr_nonnull(terminal);
    for (size_t at = 0; at < stream.len && found == RN_NPOS; at += step) {
        struct rn_bytes piece = rn_bytes_sub(stream, at, step);
        uint8_t *exact = malloc(piece.len);
        memcpy(exact, piece.data, piece.len);
        size_t offset = rn_terminal_feed(terminal, rn_bytes_of(exact, piece.len));
        free(exact);
        ck_assert(offset == RN_NPOS || offset < piece.len);
        found = offset == RN_NPOS ? RN_NPOS : at + offset;
        *complete = at + piece.len;
        ck_assert_int_eq(rn_terminal_seen(terminal), found != RN_NPOS);
    }
    rn_terminal_free(terminal);
    return found;
}

/* `before` is what stands before the unit; `unit` is terminal, complete with its last byte and not earlier. */
static void assert_terminal(const char *type, const char *before, const char *unit)
{
    size_t begin = strlen(before);
    size_t end = begin + strlen(unit);
    char *text = malloc(end + 1);
    strcpy(text, before);
    strcat(text, unit);
    for (size_t step = 1; step <= end; step++) {
        size_t complete = 0;
        size_t found = find(type, rn_bytes_of(text, end), step, &complete);
        size_t last_piece = (end - 1) / step * step;
        ck_assert_msg(found == (begin < last_piece ? last_piece : begin),
                      "'%s' in pieces of %zu: at %zu", unit, step, found);
        ck_assert_uint_eq(complete, end);
        ck_assert_uint_eq(find(type, rn_bytes_of(text, end - 1), step, &complete), RN_NPOS);
    }
    free(text);
}

static void assert_ordinary(const char *type, const char *text)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        size_t complete = 0;
        ck_assert_msg(find(type, rn_bytes_text(text), step, &complete) == RN_NPOS,
                      "'%s' in pieces of %zu", text, step);
    }
}

static const struct {
    const char *before, *unit;
} sse_rows[] = {
    {"", "data: [DONE]\n\n"},
    {"", "data:[DONE]\r\n\r"},
    {"data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"[DONE]\"}}]}\n\n",
     "data: [DONE]\n\n"},
    {"data: a\r\n\r\n", "data: [DONE]\r\n\r"},
    {"data: a\r\r", "data: [DONE]\r\r"},
    {": ping\n\n\n", "data: [DONE]\n\n"},
    {"", ": ping\ndata: [DONE]\nid: 4\n\n"},
    {"", "\xef\xbb\xbf"
         "data: [DONE]\n\n"},
    {"", "data: [DONE] \n\n"},
    {"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
    {"", "event:message_stop\ndata: {}\n\n"},
    {"", "data: {\"type\":\"message_stop\"}\n\n"},
    {"", "data: { \"type\" : \"message_stop\" , \"x\":[{}] } \n\n"},
    {"", "data: {\"a\":{\"b\":[1,\"}\"]},\"c\":\"\\\"\",\"type\":\"message-end\"}\n\n"},
    {"", "data: {\"type\":\ndata: \"message_stop\"\ndata: }\n\n"},
    {"", "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{}}\n\n"},
    {"", "data: {\"type\":\"response.incomplete\",\"response\":{\"type\":\"x\"}}\n\n"},
    {"", "data: {\"sequence_number\":4,\"type\":\"response.failed\"}\n\n"},
    {"", "event: message-end\ndata: x\n\n"},
    {"event: message_stop\nevent: x\ndata: y\n\n", "event: x\nevent: message_stop\ndata: y\n\n"},
};

START_TEST(terminal_finds_the_event_that_ends_an_answer)
{
    assert_terminal(SSE, sse_rows[_i].before, sse_rows[_i].unit);
}
END_TEST

static const char *const sse_ordinary[] = {
    "data: [DONE]\n",
    "data: [DONE]",
    "data: [DONE]x\n\n",
    "data: x[DONE]\n\n",
    "data: [done]\n\n",
    "data: \"[DONE]\"\n\n",
    "data: [DONE]\ndata: [DONE]\n\n",
    "id: [DONE]\ndata: a\n\n",
    ": [DONE]\n\n",
    "[DONE]\n\n",
    "DATA: [DONE]\n\n",
    "event: message_stopped\ndata: {}\n\n",
    "event: message_stop_and_a_very_long_name_behind_it\ndata: {}\n\n",
    "event: message_stop\nevent\ndata: {}\n\n",
    "event: message_stop\nevent:\ndata: {}\n\n",
    "id: message_stop\ndata: {}\n\n",
    "data: {\"type\":\"message_stopped\"}\n\n",
    "data: {\"type\":\"message_stop\"\n\n",
    "data: {\"type\":\"message_stop\"}}\n\n",
    "data: {\"type\":\"message_stop\"} x\n\n",
    "data: [{\"type\":\"message_stop\"}]\n\n",
    "data: {\"a\":{\"type\":\"message_stop\"}}\n\n",
    "data: {\"a\":[\"type\",\"message_stop\"]}\n\n",
    "data: {\"a\":\"type\",\"b\":\"message_stop\"}\n\n",
    "data: {\"a\":\"\\\"type\\\":\\\"message_stop\\\"\"}\n\n",
    "data: {\"a\":\"{\",\"b\":{\"type\":\"message_stop\"}}\n\n",
    "data: {\"type\":[\"message_stop\"]}\n\n",
    "data: {\"type\":message_stop}\n\n",
    "data: {\"type\":\"message\\u005fstop\"}\n\n",
    "data: {\"type\":\"ping\",\"type\":\"message_stop\"}\n\n",
    "data: {\"xtype\":\"message_stop\"}\n\n",
    "data: {\"type\":\"ping\"}\ndata: {\"type\":\"message_stop\"}\n\n",
    "data: {\"done\":true}\n\n",
    "event: error\ndata: {\"type\":\"error\"}\n\n",
};

START_TEST(terminal_takes_nothing_else_for_the_end)
{
    assert_ordinary(SSE, sse_ordinary[_i]);
}
END_TEST

START_TEST(terminal_finds_the_line_that_ends_an_answer)
{
    assert_terminal(LINES, "", "{\"done\":true}\n");
    assert_terminal(LINES, "{\"response\":\"a\",\"done\":false}\n",
                    "{\"response\":\"\",\"done\":true,\"context\":[1,2]}\r\n");
    assert_terminal(LINES, "\n\n", " { \"m\" : {\"done\":false} , \"done\" : true }\n");
    assert_terminal(LINES, "{\"done\":true}}\n", "{\"done\":true}\n");
}
END_TEST

static const char *const lines_ordinary[] = {
    "{\"done\":true}",
    "{\"done\":false}\n",
    "{\"done\":\"true\"}\n",
    "{\"done\":true\n}\n",
    "{\"done\":true}x\n",
    "{\"done\":truer}\n",
    "{\"done\":tr ue, \"a\":1\n",
    "{\"done\":[true]}\n",
    "{\"done\":{\"done\":true}}\n",
    "{\"message\":{\"done\":true},\"done\":false}\n",
    "{\"message\":{\"done\":true}}\n",
    "{\"message\":\"\\\"done\\\":true\"}\n",
    "{\"message\":\"{\",\"x\":{\"done\":true}}\n",
    "{\"message\":\"\\\\\",\"x\":{\"done\":true}}\n",
    "{\"undone\":true}\n",
    "{\"done_reason\":true}\n",
    "[{\"done\":true}]\n",
    "\"done\":true\n",
    "[DONE]\n",
    "data: [DONE]\n\n",
    "{\"type\":\"message_stop\"}\n",
};

START_TEST(terminal_takes_no_other_line_for_the_end)
{
    assert_ordinary(LINES, lines_ordinary[_i]);
}
END_TEST

START_TEST(terminal_tells_the_first_of_several_and_goes_on)
{
    struct rn_terminal *terminal = rn_terminal_new(RN_LIT(SSE));
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("data: a\n\ndata: [DONE]\n\ndata: "
                                                        "[DONE]\n\n")),
                      9);
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("data: b\n\n")), RN_NPOS);
    ck_assert(rn_terminal_seen(terminal));
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("\ndata: [DONE]\n\n")), 1);
    rn_terminal_free(terminal);
}
END_TEST

START_TEST(terminal_begun_in_an_earlier_piece_is_told_at_zero)
{
    struct rn_terminal *terminal = rn_terminal_new(RN_LIT(SSE));
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("data: a\n\ndata: [DO")), RN_NPOS);
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("NE]\n\n")), 0);
    rn_terminal_free(terminal);
    terminal = rn_terminal_new(RN_LIT(SSE));
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("data: a\r\n\r")), RN_NPOS);
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("\ndata: [DONE]\r\n\r\n")), 1);
    rn_terminal_free(terminal);
}
END_TEST

START_TEST(terminal_knows_the_media_types)
{
    static const char *const types[] = {
        "text/event-stream",    "Text/Event-Stream; charset=utf-8",  " text/event-stream ;x",
        "application/x-ndjson", "application/ndjson; charset=UTF-8", "application/jsonl",
    };
    static const char *const others[] = {"",
                                         "text/event-streams",
                                         "application/json",
                                         "text/plain",
                                         "application/vnd.amazon.eventstream",
                                         "x;text/event-stream"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct rn_terminal *terminal = rn_terminal_new(rn_bytes_text(types[i]));
        ck_assert_msg(terminal != NULL, "%s", types[i]);
        rn_terminal_free(terminal);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ck_assert_msg(rn_terminal_new(rn_bytes_text(others[i])) == NULL, "%s", others[i]);
    }
}
END_TEST

START_TEST(terminal_that_is_none_sees_nothing)
{
    rn_memory_fail_from(1);
    struct rn_terminal *terminal = rn_terminal_new(RN_LIT(SSE));
    rn_memory_fail_from(0);
    ck_assert_ptr_null(terminal);
    ck_assert_uint_eq(rn_terminal_feed(terminal, RN_LIT("data: [DONE]\n\n")), RN_NPOS);
    ck_assert(!rn_terminal_seen(terminal));
    rn_terminal_free(terminal);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/terminal");
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, terminal_finds_the_event_that_ends_an_answer, 0,
                        sizeof sse_rows / sizeof sse_rows[0]);
    tcase_add_loop_test(rows, terminal_takes_nothing_else_for_the_end, 0,
                        sizeof sse_ordinary / sizeof sse_ordinary[0]);
    tcase_add_loop_test(rows, terminal_takes_no_other_line_for_the_end, 0,
                        sizeof lines_ordinary / sizeof lines_ordinary[0]);
    suite_add_tcase(suite, rows);
    RN_CASE(suite, "edges", terminal_finds_the_line_that_ends_an_answer,
            terminal_tells_the_first_of_several_and_goes_on,
            terminal_begun_in_an_earlier_piece_is_told_at_zero, terminal_knows_the_media_types,
            terminal_that_is_none_sees_nothing);
    return suite;
}
