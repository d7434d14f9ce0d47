/*
 * The write door: credentials planted in every field, cut anywhere, in every dress, and nothing of them comes out behind.
 */
#include "main.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/varint.h"
#include "door.h"
#include "wire/key.h"

/* A well-known shape, and a value that only the header gives away. */
#define SHAPE "sk-proj-Zx81LmQ0aTb7RkY2Vw93NcJ5"
#define PLAIN "wholly-ordinary-words-42"

static struct rn_door *door;
static struct rn_arena arena;
static struct rn_buffer seen; /* everything that came out, one field after the other */

static void setup(void)
{
    door = rn_door_new(RN_LIT("the user's key"));
    ck_assert_ptr_nonnull(door);
}

static void teardown(void)
{
    rn_door_leave(door);
    rn_arena_free(&arena);
    rn_buffer_free(&seen);
}

static void take(const struct rn_event *clean)
{
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if (tag != RN_TAG_REDACTIONS) {
            ck_assert_int_eq(rn_buffer_add(&seen, rn_event_get(clean, tag)), RN_OK);
        }
    }
}

static enum rn_status pass_whole(const struct rn_event *event, struct rn_event *clean)
{
    struct rn_passage *passage = rn_passage_begin();
    enum rn_status status = rn_door_pass(door, passage, event, true, &arena, clean);
    /* A coded body is lent from the passage; these tests look at it before the next one. */
    if (status == RN_OK) {
        take(clean);
        clean->field[RN_TAG_RESPONSE_BODY] =
            rn_arena_copy(&arena, rn_event_get(clean, RN_TAG_RESPONSE_BODY));
    }
    rn_passage_free(passage);
    return status;
}

static void expect_unseen(const char *secret)
{
    ck_assert_msg(rn_bytes_find(rn_buffer_bytes(&seen), rn_bytes_text(secret)) == RN_NPOS,
                  "%s came out", secret);
}

static struct rn_event exchange(void)
{
    struct rn_event event = {.class = RN_CLASS_EVENT, .n = 1};
    rn_event_set(&event, RN_TAG_KIND, RN_LIT("\2"));
    rn_event_set(&event, RN_TAG_UPSTREAM, RN_LIT("openai"));
    rn_event_set(&event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(&event, RN_TAG_TARGET, RN_LIT("/v1/chat"));
    rn_event_set(&event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST /v1/chat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer " PLAIN
                        "\r\ncontent-type: application/json\r\n\r\n"));
    rn_event_set(&event, RN_TAG_REQUEST_BODY, RN_LIT("{\"a\":1}"));
    rn_event_set(&event, RN_TAG_RESPONSE_HEAD,
                 RN_LIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"));
    rn_event_set(&event, RN_TAG_RESPONSE_BODY, RN_LIT("data: hello\n\n"));
    rn_event_set(&event, RN_TAG_END, RN_LIT("\1"));
    return event;
}

static size_t spans_in(const struct rn_event *event, enum rn_tag tag)
{
    struct rn_spans spans = {0};
    ck_assert_int_eq(rn_event_spans(event, tag, &spans), RN_OK);
    size_t count = spans.count;
    rn_spans_free(&spans);
    return count;
}

START_TEST(clean_events_pass_as_they_are)
{
    struct rn_event event = exchange();
    struct rn_event clean;
    rn_event_set(&event, RN_TAG_REQUEST_HEAD, RN_LIT("POST /v1/chat HTTP/1.1\r\nhost: x\r\n\r\n"));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    ck_assert_uint_eq(clean.fields, event.fields);
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        ck_assert(rn_bytes_equal(rn_event_get(&clean, tag), rn_event_get(&event, tag)));
    }
    ck_assert_uint_eq(clean.key.len, 1 + RN_KEY_BYTES);
    ck_assert_uint_eq(clean.key.data[0], RN_KEY_VERSION);
}
END_TEST

START_TEST(header_value_is_hidden_wherever_it_stands)
{
    static const struct {
        enum rn_tag tag;
        const char *text;
    } places[] = {
        {RN_TAG_TARGET, "/v1/chat?x=" PLAIN},
        {RN_TAG_REQUEST_BODY, "{\"note\":\"it is " PLAIN " here\"}"},
        {RN_TAG_REQUEST_TRAILERS, "x-sum: " PLAIN "\r\n"},
        {RN_TAG_RESPONSE_HEAD, "HTTP/1.1 200 OK\r\nx-echo: " PLAIN "\r\n\r\n"},
        {RN_TAG_RESPONSE_BODY, "data: you sent " PLAIN "\n\n"},
        {RN_TAG_RESPONSE_TRAILERS, "x-echo: " PLAIN "\r\n"},
        {RN_TAG_INTERIM, "HTTP/1.1 103 Early Hints\r\nlink: " PLAIN "\r\n\r\n"},
        {RN_TAG_UPSTREAM, PLAIN},
        {RN_TAG_METHOD, PLAIN},
        {RN_TAG_RULE, PLAIN},
        {RN_TAG_END_REASON, "because of " PLAIN},
        {RN_TAG_CWD, "/srv/" PLAIN "/app"},
        {RN_TAG_STDIO, "ppp" PLAIN},
        {RN_TAG_COMMIT, PLAIN},
        {RN_TAG_INPUT, "ask about " PLAIN},
        {RN_TAG_NOTE, "see " PLAIN},
        {RN_TAG_STDIN, PLAIN "\n"},
        {RN_TAG_STDOUT, "key=" PLAIN "\n"},
        {RN_TAG_STDERR, "bad key " PLAIN},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct rn_event event = exchange();
        struct rn_event clean;
        rn_event_set(&event, places[i].tag, rn_bytes_text(places[i].text));
        ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
        expect_unseen(PLAIN);
        ck_assert_uint_eq(rn_event_get(&clean, places[i].tag).len, strlen(places[i].text));
        ck_assert_msg(spans_in(&clean, places[i].tag) >= 1, "no span in tag %u",
                      (unsigned)places[i].tag);
    }
}
END_TEST

START_TEST(shapes_are_hidden_in_every_list)
{
    static const enum rn_tag lists[] = {RN_TAG_ARGV,  RN_TAG_LABELS,    RN_TAG_ENVIRONMENT,
                                        RN_TAG_LOCKS, RN_TAG_VARIABLES, RN_TAG_MOVES};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct rn_event event = {.class = RN_CLASS_EVENT};
        struct rn_event clean;
        struct rn_buffer list = {0};
        struct rn_bytes items[3] = {
            RN_LIT("first-and-unharmed"), RN_LIT("--key=" SHAPE),
            /* its length byte is an 'A', which the shape could swallow */
            RN_LIT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")};
        for (size_t j = 0; j < 3; j++) {
            ck_assert_int_eq(rn_run_put(&list, items[j]), RN_OK);
        }
        rn_event_set(&event, lists[i], rn_buffer_bytes(&list));
        ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
        expect_unseen(SHAPE);
        struct rn_bytes rest = rn_event_get(&clean, lists[i]);
        for (size_t j = 0; j < 3; j++) {
            struct rn_bytes item;
            ck_assert(rn_run_get(&rest, &item));
            ck_assert_uint_eq(item.len, items[j].len);
            ck_assert_int_eq(rn_bytes_equal(item, items[j]), j != 1);
        }
        ck_assert_uint_eq(spans_in(&clean, lists[i]), 1);
        rn_buffer_free(&list);
    }
}
END_TEST

START_TEST(ports_gaps_and_urls_are_looked_at)
{
    struct rn_event event = {.class = RN_CLASS_GAP, .n = 1};
    struct rn_event clean;
    struct rn_buffer ports = {0};
    struct rn_buffer variables = {0};
    ck_assert_int_eq(rn_run_put(&ports, RN_LIT(SHAPE)), RN_OK);
    ck_assert_int_eq(rn_varint_put(&ports, 4000), RN_OK);
    ck_assert_int_eq(rn_run_put(&variables, RN_LIT("OPENAI_BASE_URL")), RN_OK);
    ck_assert_int_eq(rn_run_put(&variables, RN_LIT("http://me:" PLAIN "@host/v1")), RN_OK);
    rn_event_set(&event, RN_TAG_GAP, RN_LIT("\1\2\3lost " SHAPE));
    rn_event_set(&event, RN_TAG_PORTS, rn_buffer_bytes(&ports));
    rn_event_set(&event, RN_TAG_VARIABLES, rn_buffer_bytes(&variables));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    expect_unseen(SHAPE);
    expect_unseen(PLAIN);
    ck_assert(rn_bytes_starts_with(rn_event_get(&clean, RN_TAG_GAP), RN_LIT("\1\2\3lost ")));
    rn_buffer_free(&ports);
    rn_buffer_free(&variables);
}
END_TEST

START_TEST(the_call_that_is_answered_is_no_text)
{
    struct rn_event event = exchange();
    struct rn_event clean;
    rn_event_set(&event, RN_TAG_ANSWERS, RN_LIT(PLAIN)); /* its bytes may look like anything */
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    ck_assert(rn_bytes_equal(rn_event_get(&clean, RN_TAG_ANSWERS), RN_LIT(PLAIN)));
    ck_assert_uint_eq(spans_in(&clean, RN_TAG_ANSWERS), 0);
}
END_TEST

START_TEST(other_dresses_are_hidden_too)
{
    static const char *const dresses[] = {
        "Abcdefghijklmnop%2Fqrst%2Buv%3D",      /* percent */
        "Abcdefghijklmnop\\/qrst+uv=",          /* a JSON escape */
        "QWJjZGVmZ2hpamtsbW5vcC9xcnN0K3V2PQ==", /* base64 */
        "eEFiY2RlZmdoaWprbG1ub3AvcXJzdCt1dj0=", /* base64 of the same behind an x */
    };
    ck_assert_int_eq(rn_door_learn(door, RN_LIT("Abcdefghijklmnop/qrst+uv=")), RN_OK);
    for (size_t i = 0; i < sizeof dresses / sizeof dresses[0]; i++) {
        struct rn_event event = exchange();
        struct rn_event clean;
        char body[200];
        snprintf(body, sizeof body, "data: %s\n\n", dresses[i]);
        rn_event_set(&event, RN_TAG_RESPONSE_BODY, rn_bytes_text(body));
        ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
        ck_assert_uint_eq(spans_in(&clean, RN_TAG_RESPONSE_BODY), 1);
        expect_unseen("efghijklmnop");
        expect_unseen("ZGVmZ2hpamtsbW5v");
        expect_unseen("RlZmdoaWprbG1ub3A");
    }
}
END_TEST

/* Feeds `text` as `tag` in pieces cut at `cuts`, gathers what comes out in `out`. */
static void pass_stream(enum rn_tag tag, struct rn_bytes text, const size_t *cuts, size_t count,
                        struct rn_buffer *out, struct rn_spans *spans)
{
    struct rn_passage *passage = rn_passage_begin();
    struct rn_event whole = {0};
    struct rn_buffer redactions = {0};
    size_t at = 0;
    for (size_t i = 0; i <= count; i++) {
        size_t end = i < count ? cuts[i] : text.len;
        struct rn_event piece = {.class = RN_CLASS_EVENT};
        struct rn_event clean;
        rn_event_set(&piece, tag, rn_bytes_sub(text, at, end - at));
        ck_assert_int_eq(rn_door_pass(door, passage, &piece, i == count, &arena, &clean), RN_OK);
        ck_assert_int_eq(rn_buffer_add(out, rn_event_get(&clean, tag)), RN_OK);
        ck_assert_int_eq(rn_buffer_add(&redactions, rn_event_get(&clean, RN_TAG_REDACTIONS)),
                         RN_OK);
        at = end;
    }
    rn_event_set(&whole, tag, rn_buffer_bytes(out));
    rn_event_set(&whole, RN_TAG_REDACTIONS, rn_buffer_bytes(&redactions));
    ck_assert_int_eq(rn_event_spans(&whole, tag, spans), RN_OK);
    rn_buffer_free(&redactions);
    rn_passage_free(passage);
}

START_TEST(stream_cut_at_each_byte_hides_the_same)
{
    static const enum rn_tag streams[] = {RN_TAG_RESPONSE_BODY, RN_TAG_STDIN, RN_TAG_STDOUT,
                                          RN_TAG_STDERR};
    struct rn_bytes text = RN_LIT("before " SHAPE " and " PLAIN " behind\n");
    ck_assert_int_eq(rn_door_learn(door, RN_LIT(PLAIN)), RN_OK);
    for (size_t s = 0; s < 4; s++) {
        struct rn_buffer expected = {0};
        struct rn_spans spans = {0};
        pass_stream(streams[s], text, NULL, 0, &expected, &spans);
        ck_assert_uint_eq(spans.count, 2);
        for (size_t cut = 0; cut <= text.len; cut++) {
            struct rn_buffer out = {0};
            struct rn_spans found = {0};
            pass_stream(streams[s], text, &cut, 1, &out, &found);
            ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&expected)));
            ck_assert_uint_eq(found.count, spans.count);
            for (size_t i = 0; i < found.count; i++) {
                ck_assert_uint_eq(found.at[i].offset, spans.at[i].offset);
                ck_assert_uint_eq(found.at[i].len, spans.at[i].len);
            }
            rn_spans_free(&found);
            rn_buffer_free(&out);
        }
        rn_spans_free(&spans);
        rn_buffer_free(&expected);
    }
}
END_TEST

START_TEST(stream_in_single_bytes_hides_the_same)
{
    struct rn_bytes text = RN_LIT("x " SHAPE " " SHAPE " d2hvbGx5LW9yZGluYXJ5LXdvcmRzLTQy end");
    size_t cuts[sizeof SHAPE * 4];
    struct rn_buffer expected = {0};
    struct rn_buffer out = {0};
    struct rn_spans spans = {0};
    ck_assert_int_eq(rn_door_learn(door, RN_LIT(PLAIN)), RN_OK);
    ck_assert_uint_lt(text.len, sizeof cuts / sizeof cuts[0]);
    for (size_t i = 0; i < text.len; i++) {
        cuts[i] = i;
    }
    pass_stream(RN_TAG_STDOUT, text, NULL, 0, &expected, &spans);
    pass_stream(RN_TAG_STDOUT, text, cuts, text.len, &out, &spans);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&expected)));
    ck_assert(rn_bytes_find(rn_buffer_bytes(&out), RN_LIT("Zx81LmQ0")) == RN_NPOS);
    ck_assert(rn_bytes_find(rn_buffer_bytes(&out), RN_LIT("W9yZGluYXJ5")) == RN_NPOS);
    rn_spans_free(&spans);
    rn_buffer_free(&out);
    rn_buffer_free(&expected);
}
END_TEST

START_TEST(long_streams_lose_no_byte)
{
    struct rn_buffer text = {0};
    struct rn_buffer out = {0};
    struct rn_spans spans = {0};
    size_t cuts[64];
    uint32_t seed = 7;
    for (size_t i = 0; i < 300000; i++) {
        seed = seed * 1664525u + 1013904223u;
        ck_assert_int_eq(rn_buffer_add_byte(&text, "etaoin shrdlu\n{}\":,"[seed >> 24 & 15]),
                         RN_OK);
    }
    for (size_t i = 0; i < 64; i++) {
        cuts[i] = (i + 1) * 4000;
    }
    pass_stream(RN_TAG_RESPONSE_BODY, rn_buffer_bytes(&text), cuts, 64, &out, &spans);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&text)));
    ck_assert_uint_eq(spans.count, 0);
    rn_spans_free(&spans);
    rn_buffer_free(&out);
    rn_buffer_free(&text);
}
END_TEST

/* --- chance --------------------------------------------------------------------------------------------------------- */

static uint32_t chance_state;

static uint32_t chance(uint32_t below)
{
    chance_state = chance_state * 1664525u + 1013904223u;
    return (chance_state >> 8) % below;
}

/* "Abcdefghijklmnop/qrst+uv=" in clear, with JSON and percent escapes, and in Base64 behind no, one and two bytes. */
static const char *const planted[] = {
    "Abcdefghijklmnop/qrst+uv=",
    "Abcdefghijklmnop\\/qrst+uv=",
    "Abcdefghijklmnop%2Fqrst%2Buv%3D",
    "QWJjZGVmZ2hpamtsbW5vcC9xcnN0K3V2PQ==",
    "eEFiY2RlZmdoaWprbG1ub3AvcXJzdCt1dj0=",
    "eHhBYmNkZWZnaGlqa2xtbm9wL3Fyc3QrdXY9",
};
/* What would give each of them away. */
static const char *const traces_of_it[] = {"efghijklmnop", "ZGVmZ2hpamtsbW5v", "RlZmdoaWprbG1ub3A",
                                           "kZWZnaGlqa2xtbm9w"};

static void plant(struct rn_buffer *text)
{
    static const char filler[] = "aZ09 \n\"{}:,.-_/+=%";
    for (uint32_t i = 0, pieces = 1 + chance(4); i < pieces; i++) {
        for (uint32_t j = chance(200); j > 0; j--) {
            ck_assert_int_eq(rn_buffer_add_byte(text, (uint8_t)filler[chance(sizeof filler - 1)]),
                             RN_OK);
        }
        const char *secret = planted[chance(sizeof planted / sizeof planted[0])];
        ck_assert_int_eq(rn_buffer_addf(text, " %s ", secret), RN_OK);
    }
}

static size_t cut_up(size_t len, size_t cuts[16])
{
    size_t count = chance(16);
    for (size_t i = 0; i < count; i++) {
        cuts[i] = chance((uint32_t)len + 1);
        for (size_t j = i; j > 0 && cuts[j - 1] > cuts[j]; j--) {
            size_t swap = cuts[j];
            cuts[j] = cuts[j - 1];
            cuts[j - 1] = swap;
        }
    }
    return count;
}

START_TEST(planted_secrets_never_survive_chance)
{
    ck_assert_int_eq(rn_door_learn(door, RN_LIT("Abcdefghijklmnop/qrst+uv=")), RN_OK);
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        struct rn_buffer text = {0};
        struct rn_buffer out = {0};
        struct rn_spans spans = {0};
        size_t cuts[16];
        chance_state = seed;
        plant(&text);
        size_t count = cut_up(text.len, cuts);
        pass_stream(RN_TAG_STDOUT, rn_buffer_bytes(&text), cuts, count, &out, &spans);
        ck_assert_uint_eq(out.len, text.len);
        for (size_t i = 0; i < sizeof traces_of_it / sizeof traces_of_it[0]; i++) {
            ck_assert_msg(rn_bytes_find(rn_buffer_bytes(&out), rn_bytes_text(traces_of_it[i])) ==
                              RN_NPOS,
                          "seed %u lets %s out", seed, traces_of_it[i]);
        }
        /* And nothing else was touched. */
        for (size_t i = 0; i < spans.count; i++) {
            memcpy(out.data + spans.at[i].offset, text.data + spans.at[i].offset, spans.at[i].len);
        }
        ck_assert_msg(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&text)), "seed %u",
                      seed);
        rn_spans_free(&spans);
        rn_buffer_free(&out);
        rn_buffer_free(&text);
    }
}
END_TEST

/* --- codings -------------------------------------------------------------------------------------------------------- */

static void gzip(const char *text, struct rn_buffer *out)
{
    z_stream stream = {0};
    uint8_t space[4096];
    ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text;
    stream.avail_in = (unsigned)strlen(text);
    stream.next_out = space;
    stream.avail_out = sizeof space;
    ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    ck_assert_int_eq(rn_buffer_append(out, space, stream.total_out), RN_OK);
    deflateEnd(&stream);
}

#define GZIP_HEAD "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"

/* The response in two pieces behind its head. */
static void pass_response(const char *head, struct rn_bytes body, size_t cut, struct rn_buffer *out,
                          uint64_t *flags)
{
    struct rn_passage *passage = rn_passage_begin();
    struct rn_event pieces[3] = {0};
    rn_event_set(&pieces[0], RN_TAG_RESPONSE_HEAD, rn_bytes_text(head));
    rn_event_set(&pieces[1], RN_TAG_RESPONSE_BODY, rn_bytes_sub(body, 0, cut));
    rn_event_set(&pieces[2], RN_TAG_RESPONSE_BODY, rn_bytes_from(body, cut));
    rn_event_set(&pieces[2], RN_TAG_END, RN_LIT("\1"));
    for (size_t i = 0; i < 3; i++) {
        struct rn_event clean;
        ck_assert_int_eq(rn_door_pass(door, passage, &pieces[i], i == 2, &arena, &clean), RN_OK);
        ck_assert_int_eq(rn_buffer_add(out, rn_event_get(&clean, RN_TAG_RESPONSE_BODY)), RN_OK);
        *flags = rn_event_number(&clean, RN_TAG_FLAGS, 0);
    }
    rn_passage_free(passage);
}

START_TEST(coded_body_is_kept_as_it_came)
{
    struct rn_buffer body = {0};
    gzip("nothing to hide in here, nothing at all", &body);
    for (size_t cut = 0; cut <= body.len; cut++) {
        struct rn_buffer out = {0};
        uint64_t flags = 0;
        pass_response(GZIP_HEAD, rn_buffer_bytes(&body), cut, &out, &flags);
        ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), rn_buffer_bytes(&body)));
        ck_assert_uint_eq(flags, 0);
        rn_buffer_free(&out);
    }
    rn_buffer_free(&body);
}
END_TEST

START_TEST(coded_body_with_a_credential_is_withheld)
{
    static const char *const heads[] = {GZIP_HEAD,
                                        "HTTP/1.1 200 OK\r\ncontent-encoding: X-GZIP\r\n\r\n"};
    struct rn_buffer body = {0};
    gzip("{\"text\":\"" SHAPE "\"}", &body);
    for (size_t i = 0; i < 2; i++) {
        for (size_t cut = 0; cut <= body.len; cut++) {
            struct rn_buffer out = {0};
            uint64_t flags = 0;
            pass_response(heads[i], rn_buffer_bytes(&body), cut, &out, &flags);
            ck_assert_uint_eq(out.len, 0);
            ck_assert_uint_eq(flags, RN_FLAG_WITHHELD);
            rn_buffer_free(&out);
        }
    }
    rn_buffer_free(&body);
}
END_TEST

START_TEST(body_that_lies_about_its_coding_is_looked_at_as_it_lies)
{
    struct rn_buffer out = {0};
    uint64_t flags = 0;
    pass_response(GZIP_HEAD, RN_LIT("not gzip: " SHAPE), 5, &out, &flags);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_eq(flags, RN_FLAG_WITHHELD);
    pass_response(GZIP_HEAD, RN_LIT("not gzip, harmless"), 5, &out, &flags);
    ck_assert(rn_bytes_equal(rn_buffer_bytes(&out), RN_LIT("not gzip, harmless")));
    ck_assert_uint_eq(flags, 0);
    rn_buffer_clear(&out);
    pass_response("HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\n\r\n", RN_LIT("what?"), 2, &out,
                  &flags);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_eq(flags, RN_FLAG_WITHHELD);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(cut_coded_body_is_looked_at_as_far_as_it_goes)
{
    struct rn_buffer body = {0};
    struct rn_buffer out = {0};
    uint64_t flags = 0;
    gzip("{\"text\":\"" SHAPE "\"}", &body);
    pass_response(GZIP_HEAD, rn_bytes_sub(rn_buffer_bytes(&body), 0, body.len - 8), 0, &out,
                  &flags);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_eq(flags, RN_FLAG_WITHHELD);
    rn_buffer_free(&body);
    rn_buffer_free(&out);
}
END_TEST

START_TEST(coded_request_is_withheld_without_a_key)
{
    struct rn_buffer body = {0};
    struct rn_event event = exchange();
    struct rn_event clean;
    rn_event_set(&event, RN_TAG_REQUEST_HEAD,
                 RN_LIT("POST / HTTP/1.1\r\ncontent-encoding: gzip\r\n\r\n"));
    gzip("{\"password\":\"" PLAIN "\"}", &body);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_buffer_bytes(&body));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    ck_assert(!rn_event_has(&clean, RN_TAG_REQUEST_BODY));
    ck_assert_uint_eq(clean.key.len, 0);
    ck_assert_uint_eq(rn_event_number(&clean, RN_TAG_FLAGS, 0), RN_FLAG_WITHHELD);
    rn_buffer_clear(&body);
    gzip("{\"model\":\"m\"}", &body);
    rn_event_set(&event, RN_TAG_REQUEST_BODY, rn_buffer_bytes(&body));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    ck_assert(rn_bytes_equal(rn_event_get(&clean, RN_TAG_REQUEST_BODY), rn_buffer_bytes(&body)));
    ck_assert_uint_eq(clean.key.len, 1 + RN_KEY_BYTES);
    rn_buffer_free(&body);
}
END_TEST

/* --- keys, flags, rules --------------------------------------------------------------------------------------------- */

START_TEST(key_does_not_depend_on_the_credential)
{
    struct rn_event a = exchange();
    struct rn_event b = exchange();
    struct rn_event clean_a;
    struct rn_event clean_b;
    rn_event_set(&a, RN_TAG_TARGET, RN_LIT("/v1/chat?key=first-secret-value"));
    rn_event_set(&b, RN_TAG_TARGET, RN_LIT("/v1/chat?key=another-and-longer-secret-value"));
    rn_event_set(&a, RN_TAG_REQUEST_BODY, RN_LIT("{\"api_key\":\"first-secret-value\"}"));
    rn_event_set(&b, RN_TAG_REQUEST_BODY,
                 RN_LIT("{\"api_key\":\"another-and-longer-secret-value\"}"));
    ck_assert_int_eq(pass_whole(&a, &clean_a), RN_OK);
    ck_assert_int_eq(pass_whole(&b, &clean_b), RN_OK);
    ck_assert_uint_eq(clean_a.key.len, 1 + RN_KEY_BYTES);
    ck_assert(rn_bytes_equal(clean_a.key, clean_b.key));
    rn_event_set(&b, RN_TAG_METHOD, RN_LIT("PUT"));
    ck_assert_int_eq(pass_whole(&b, &clean_b), RN_OK);
    ck_assert(!rn_bytes_equal(clean_a.key, clean_b.key));
}
END_TEST

START_TEST(stored_request_has_the_key_of_the_live_one)
{
    struct rn_event live = exchange();
    struct rn_event stored;
    struct rn_event again;
    rn_event_set(&live, RN_TAG_TARGET, RN_LIT("/v1/chat?key=first-secret-value"));
    rn_event_set(&live, RN_TAG_REQUEST_BODY, RN_LIT("{\"a\":\"" SHAPE "\",\"b\":\"" PLAIN "\"}"));
    ck_assert_int_eq(pass_whole(&live, &stored), RN_OK);
    struct rn_event replayed = stored;
    replayed.key = (struct rn_bytes){NULL, 0};
    replayed.fields &= ~(UINT64_C(1) << RN_TAG_REDACTIONS);
    ck_assert_int_eq(pass_whole(&replayed, &again), RN_OK);
    ck_assert(rn_bytes_equal(stored.key, again.key));
    ck_assert(rn_bytes_equal(rn_event_get(&stored, RN_TAG_REQUEST_BODY),
                             rn_event_get(&again, RN_TAG_REQUEST_BODY)));
}
END_TEST

START_TEST(truncated_request_has_no_key)
{
    struct rn_event event = exchange();
    struct rn_event clean;
    rn_event_set(&event, RN_TAG_FLAGS, RN_LIT("\2"));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    ck_assert_uint_eq(clean.key.len, 0);
    ck_assert_uint_eq(rn_event_number(&clean, RN_TAG_FLAGS, 0), RN_FLAG_TRUNCATED);
}
END_TEST

START_TEST(flags_of_all_pieces_come_with_the_last)
{
    struct rn_passage *passage = rn_passage_begin();
    struct rn_event first = {0};
    struct rn_event last = {0};
    struct rn_event clean;
    rn_event_set(&first, RN_TAG_FLAGS, RN_LIT("\2"));
    rn_event_set(&last, RN_TAG_FLAGS, RN_LIT("\1"));
    ck_assert_int_eq(rn_door_pass(door, passage, &first, false, &arena, &clean), RN_OK);
    ck_assert(!rn_event_has(&clean, RN_TAG_FLAGS));
    ck_assert_int_eq(rn_door_pass(door, passage, &last, true, &arena, &clean), RN_OK);
    ck_assert_uint_eq(rn_event_number(&clean, RN_TAG_FLAGS, 0), 3);
    rn_passage_free(passage);
}
END_TEST

START_TEST(fingerprints_tell_credentials_apart)
{
    struct rn_event event = {0};
    struct rn_event clean;
    struct rn_event other;
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT(SHAPE " " SHAPE));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_OK);
    struct rn_bytes rows = rn_event_get(&clean, RN_TAG_REDACTIONS);
    ck_assert_uint_eq(rows.len, 24);
    ck_assert_mem_eq(rows.data + 4, rows.data + 16, 8);
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("sk-proj-Another1LmQ0aTb7RkY2Vw93NcJ5"));
    ck_assert_int_eq(pass_whole(&event, &other), RN_OK);
    struct rn_bytes others = rn_event_get(&other, RN_TAG_REDACTIONS);
    ck_assert_uint_eq(others.len, 12);
    ck_assert_mem_ne(rows.data + 4, others.data + 4, 8);
    /* Without the user's key there is nothing to tell. */
    struct rn_door *keyless = rn_door_new(RN_LIT(""));
    struct rn_passage *passage = rn_passage_begin();
    ck_assert_int_eq(rn_door_pass(keyless, passage, &event, true, &arena, &clean), RN_OK);
    ck_assert_mem_eq(rn_event_get(&clean, RN_TAG_REDACTIONS).data + 4, "\0\0\0\0\0\0\0\0", 8);
    rn_passage_free(passage);
    rn_door_leave(keyless);
}
END_TEST

START_TEST(door_refuses_what_it_does_not_know)
{
    struct rn_event event = exchange();
    struct rn_event clean;
    rn_event_set(&event, (enum rn_tag)60, RN_LIT("new"));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_INVALID);
    event = exchange();
    rn_event_set(&event, RN_TAG_REDACTIONS, RN_LIT(""));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_INVALID);
    event = exchange();
    event.key = RN_LIT("made elsewhere");
    ck_assert_int_eq(pass_whole(&event, &clean), RN_INVALID);
    event = exchange();
    rn_event_set(&event, RN_TAG_ARGV, RN_LIT("\5abc"));
    ck_assert_int_eq(pass_whole(&event, &clean), RN_INVALID);
    event = exchange();
    struct rn_passage *passage = rn_passage_begin();
    ck_assert_int_eq(rn_door_pass(door, passage, &event, false, &arena, &clean), RN_OK);
    ck_assert_int_eq(rn_door_pass(door, passage, &event, true, &arena, &clean), RN_INVALID);
    rn_passage_free(passage);
}
END_TEST

START_TEST(lone_texts_are_cleaned)
{
    struct rn_bytes text = rn_door_text(door, RN_LIT("tag=" SHAPE), &arena);
    ck_assert_uint_eq(text.len, sizeof "tag=" SHAPE - 1);
    ck_assert(rn_bytes_find(text, RN_LIT(SHAPE)) == RN_NPOS);
}
END_TEST

START_TEST(the_word_behind_an_option_named_as_a_credential_is_one)
{
    struct rn_buffer argv = {0};
    const char *const words[] = {
        "prog",   "--token",  "abc",     "--API-Key", "Zq7mXk29PwTr4LbN8vYc",
        "--key",  "file.pem", "--token", "--verbose", "last",
        "tokens", "many",     "--secret"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ck_assert_int_eq(rn_run_put(&argv, rn_bytes_text(words[i])), RN_OK);
    }
    struct rn_event event = exchange();
    struct rn_event clean;
    struct rn_passage *passage = rn_passage_begin();
    rn_event_set(&event, RN_TAG_ARGV, rn_buffer_bytes(&argv));
    rn_event_set(&event, RN_TAG_STDOUT, RN_LIT("said: Zq7mXk29PwTr4LbN8vYc"));
    ck_assert_int_eq(rn_door_pass(door, passage, &event, true, &arena, &clean), RN_OK);
    struct rn_bytes kept = rn_event_get(&clean, RN_TAG_ARGV);
    ck_assert_uint_eq(kept.len, argv.len);
    ck_assert(rn_bytes_find(kept, RN_LIT("abc")) == RN_NPOS);
    ck_assert(rn_bytes_find(kept, RN_LIT("Zq7m")) == RN_NPOS);
    ck_assert(rn_bytes_find(rn_event_get(&clean, RN_TAG_STDOUT), RN_LIT("Zq7m")) == RN_NPOS);
    const char *const stay[] = {"prog",      "--token", "--API-Key", "--key", "file.pem",
                                "--verbose", "last",    "tokens",    "many",  "--secret"};
    for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
        ck_assert_msg(rn_bytes_find(kept, rn_bytes_text(stay[i])) != RN_NPOS, "%s", stay[i]);
    }
    rn_passage_free(passage);
    rn_buffer_free(&argv);
}
END_TEST

START_TEST(passing_survives_each_failed_allocation)
{
    struct rn_buffer argv = {0};
    bool failed = true;
    ck_assert_int_eq(rn_run_put(&argv, RN_LIT("--key=" SHAPE)), RN_OK);
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena space = {0};
        struct rn_event event = exchange();
        struct rn_event clean;
        rn_event_set(&event, RN_TAG_ARGV, rn_buffer_bytes(&argv));
        rn_event_set(&event, RN_TAG_STDOUT, RN_LIT(SHAPE));
        rn_memory_fail_from(nth);
        struct rn_door *own = rn_door_new(RN_LIT("key"));
        struct rn_passage *passage = own == NULL ? NULL : rn_passage_begin();
        enum rn_status status =
            passage == NULL ? RN_NOMEM : rn_door_pass(own, passage, &event, true, &space, &clean);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_passage_free(passage);
        rn_door_leave(own);
        rn_arena_free(&space);
    }
    rn_buffer_free(&argv);
}
END_TEST

Suite *rn_suite(void)
{
    const TTest *const tests[] = {
        clean_events_pass_as_they_are,
        header_value_is_hidden_wherever_it_stands,
        shapes_are_hidden_in_every_list,
        ports_gaps_and_urls_are_looked_at,
        the_call_that_is_answered_is_no_text,
        other_dresses_are_hidden_too,
        stream_cut_at_each_byte_hides_the_same,
        stream_in_single_bytes_hides_the_same,
        long_streams_lose_no_byte,
        planted_secrets_never_survive_chance,
        coded_body_is_kept_as_it_came,
        coded_body_with_a_credential_is_withheld,
        body_that_lies_about_its_coding_is_looked_at_as_it_lies,
        cut_coded_body_is_looked_at_as_far_as_it_goes,
        coded_request_is_withheld_without_a_key,
        key_does_not_depend_on_the_credential,
        stored_request_has_the_key_of_the_live_one,
        truncated_request_has_no_key,
        flags_of_all_pieces_come_with_the_last,
        fingerprints_tell_credentials_apart,
        door_refuses_what_it_does_not_know,
        lone_texts_are_cleaned,
        the_word_behind_an_option_named_as_a_credential_is_one,
        passing_survives_each_failed_allocation,
    };
    Suite *suite = suite_create("store/door");
    TCase *cases = tcase_create("door");
    tcase_add_checked_fixture(cases, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tcase_add_test(cases, tests[i]);
    }
    suite_add_tcase(suite, cases);
    return suite;
}
