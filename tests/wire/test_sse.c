/* Splitting server-sent events: the rules of WHATWG HTML 9.2.6, and that cuts never matter. */
#include "main.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sse.h"

static void describe(struct rn_buffer *out, const struct rn_sse_event *event, const char *mark)
{
    rn_buffer_addf(out, "%s%llu[%.*s|", mark, (unsigned long long)event->end, (int)event->name.len,
                   (const char *)event->name.data);
    if (event->has_data) {
        rn_buffer_addf(out, "=");
    }
    rn_buffer_add(out, event->data);
    rn_buffer_addf(out, "|%.*s]", (int)event->id.len, (const char *)event->id.data);
}

/* All events of a stream fed in pieces of `step` bytes, as text: END[name|=data|id], the unfinished one with '~'. */
static struct rn_buffer split(struct rn_bytes stream, size_t step)
{
    struct rn_buffer out = {0};
    struct rn_sse_splitter splitter = {0};
    struct rn_sse_event event;
    for (size_t at = 0; at < stream.len; at += step) {
        struct rn_bytes piece = rn_bytes_sub(stream, at, step);
        uint8_t *exact = malloc(piece.len);
        memcpy(exact, piece.data, piece.len);
        struct rn_bytes in = {exact, piece.len};
        bool found = true;
        while (found) {
            ck_assert_int_eq(rn_sse_next(&splitter, &in, &event, &found), RN_OK);
            if (found) {
                describe(&out, &event, "");
            }
        }
        ck_assert_uint_eq(in.len, 0);
        free(exact);
    }
    if (rn_sse_rest(&splitter, &event)) {
        describe(&out, &event, "~");
    }
    rn_sse_free(&splitter);
    return out;
}

static void assert_split(struct rn_bytes stream, const char *want)
{
    for (size_t step = 1; step <= stream.len; step++) {
        struct rn_buffer got = split(stream, step);
        ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&got), rn_bytes_text(want)),
                      "in pieces of %zu: '%.*s' is not '%s'", step, (int)got.len,
                      (const char *)got.data, want);
        rn_buffer_free(&got);
    }
}

START_TEST(sse_gives_name_data_and_extent)
{
    assert_split(RN_LIT("event: ping\ndata: {}\n\ndata: [DONE]\n\n"), "22[ping|={}|]36[|=[DONE]|]");
}
END_TEST

START_TEST(sse_takes_all_three_line_ends)
{
    assert_split(RN_LIT("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), "11[|=a|]20[|=b|]29[|=c|]");
    assert_split(RN_LIT("data: a\r\ndata: b\rdata: c\n\r\n"), "27[|=a\nb\nc|]");
    assert_split(RN_LIT("data: a\n\rdata: b\r\n\rdata: c\r\n\n"), "9[|=a|]19[|=b|]29[|=c|]");
}
END_TEST

START_TEST(sse_line_feed_behind_a_closing_cr_belongs_to_the_event)
{
    assert_split(RN_LIT("data: a\r\n\r\n"), "11[|=a|]");
    assert_split(RN_LIT("data: a\r\r"), "~9[|=a|]");
    assert_split(RN_LIT("data: a\r\n\r"), "~10[|=a|]");
}
END_TEST

START_TEST(sse_drops_a_leading_bom_only)
{
    assert_split(RN_LIT("\xef\xbb\xbf"
                        "data: a\n\n\xef\xbb\xbf"
                        "data: b\n\n"),
                 "12[|=a|]24[||]");
    assert_split(RN_LIT("\xef\xbb\xbf\n\n"), "4[||]5[||]");
    assert_split(RN_LIT("\xef\xbb"
                        "data: a\n\n"),
                 "11[||]");
}
END_TEST

START_TEST(sse_joins_data_lines_with_line_feeds)
{
    assert_split(RN_LIT("data: a\ndata\ndata:\ndata:  b\n\n"), "29[|=a\n\n\n b|]");
    assert_split(RN_LIT("data\n\n"), "6[|=|]");
    assert_split(RN_LIT("data:\n\n"), "7[|=|]");
}
END_TEST

START_TEST(sse_gives_comments_and_empty_lines_without_data)
{
    assert_split(RN_LIT(": ping\n\n\n\ndata: a\n: b\n\n"), "8[||]9[||]10[||]23[|=a|]");
    assert_split(RN_LIT("event: x\n\ndata: a\n\n"), "10[x||]19[|=a|]");
}
END_TEST

START_TEST(sse_ignores_fields_it_does_not_know)
{
    assert_split(RN_LIT("retry: 10\nDATA: x\n data: y\ndata : z\nfoo\n\n"), "41[||]");
}
END_TEST

START_TEST(sse_id_stays_until_the_next_one)
{
    assert_split(RN_LIT("id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"),
                 "15[|=a|1]24[|=b|1]36[|=c|]");
    static const char nul[] = "id: 1\nid: a\0b\ndata: a\n\n";
    assert_split(rn_bytes_of(nul, sizeof nul - 1), "23[|=a|1]");
}
END_TEST

START_TEST(sse_last_event_name_wins_and_is_forgotten)
{
    assert_split(RN_LIT("event: a\nevent: b\ndata: x\n\ndata: y\n\n"), "27[b|=x|]36[|=y|]");
    assert_split(RN_LIT("event: a\nevent\ndata: x\n\n"), "24[|=x|]");
}
END_TEST

START_TEST(sse_rest_gives_what_lacks_its_empty_line)
{
    assert_split(RN_LIT("data: a\n\ndata: [DONE]"), "9[|=a|]~21[|=[DONE]|]");
    assert_split(RN_LIT("data: a\n\ndata: b\n"), "9[|=a|]~17[|=b|]");
    assert_split(RN_LIT("data: a\n\n"), "9[|=a|]");
    assert_split(RN_LIT(""), "");
}
END_TEST

START_TEST(sse_cut_at_every_byte_gives_a_prefix_and_a_rest)
{
    static const char text[] = ": hi\r\n\r\nevent: a\r\ndata: x\r\ndata: y\r\n\r\ndata: z\n\n";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        struct rn_buffer whole = split(rn_bytes_of(text, cut), cut + 1);
        struct rn_buffer bytewise = split(rn_bytes_of(text, cut), 1);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&whole), rn_buffer_bytes(&bytewise)));
        rn_buffer_free(&whole);
        rn_buffer_free(&bytewise);
    }
}
END_TEST

START_TEST(sse_event_survives_until_the_next_call)
{
    struct rn_sse_splitter splitter = {0};
    struct rn_sse_event event;
    bool found = false;
    char text[] = "event: a\ndata: b\n\n";
    struct rn_bytes in = rn_bytes_text(text);
    ck_assert_int_eq(rn_sse_next(&splitter, &in, &event, &found), RN_OK);
    ck_assert(found);
    memset(text, '#', sizeof text - 1);
    ck_assert(rn_bytes_equal(event.name, RN_LIT("a")));
    ck_assert(rn_bytes_equal(event.data, RN_LIT("b")));
    rn_sse_free(&splitter);
}
END_TEST

START_TEST(sse_line_of_64_mib_is_the_longest)
{
    size_t len = (size_t)64 * 1024 * 1024;
    uint8_t *line = malloc(len + 3);
    ck_assert_ptr_nonnull(line);
    memset(line, ':', len + 1);
    memcpy(line + len, "\n\n", 2);
    struct rn_sse_splitter splitter = {0};
    struct rn_sse_event event;
    bool found = false;
    struct rn_bytes in = {line, len + 2};
    ck_assert_int_eq(rn_sse_next(&splitter, &in, &event, &found), RN_OK);
    ck_assert(found);
    rn_sse_free(&splitter);
    line[len] = ':';
    memcpy(line + len + 1, "\n\n", 2);
    in = (struct rn_bytes){line, len + 3};
    ck_assert_int_eq(rn_sse_next(&splitter, &in, &event, &found), RN_LIMIT);
    rn_sse_free(&splitter);
    in = (struct rn_bytes){line, len + 1};
    ck_assert_int_eq(rn_sse_next(&splitter, &in, &event, &found), RN_LIMIT);
    rn_sse_free(&splitter);
    free(line);
}
END_TEST

START_TEST(sse_without_memory_says_so)
{
    static const char text[] = "id: 7\nevent: a\ndata: b\ndata: c\n\ndata: d";
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_sse_splitter splitter = {0};
        struct rn_sse_event event;
        bool found = false;
        enum rn_status status = RN_OK;
        rn_memory_fail_from(nth);
        for (size_t at = 0; status == RN_OK && at < sizeof text - 1; at++) {
            struct rn_bytes in = {(const uint8_t *)text + at, 1};
            status = rn_sse_next(&splitter, &in, &event, &found);
        }
        bool rest = status == RN_OK && rn_sse_rest(&splitter, &event);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert(status == RN_OK || (status == RN_NOMEM && failed));
        ck_assert(rest || failed);
        rn_sse_free(&splitter);
    }
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/sse");
    RN_CASE(suite, "rules", sse_gives_name_data_and_extent, sse_takes_all_three_line_ends,
            sse_line_feed_behind_a_closing_cr_belongs_to_the_event, sse_drops_a_leading_bom_only,
            sse_joins_data_lines_with_line_feeds, sse_gives_comments_and_empty_lines_without_data,
            sse_ignores_fields_it_does_not_know, sse_id_stays_until_the_next_one,
            sse_last_event_name_wins_and_is_forgotten);
    RN_CASE(suite, "edges", sse_rest_gives_what_lacks_its_empty_line,
            sse_cut_at_every_byte_gives_a_prefix_and_a_rest, sse_event_survives_until_the_next_call,
            sse_line_of_64_mib_is_the_longest, sse_without_memory_says_so);
    return suite;
}
