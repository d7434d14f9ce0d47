/*
 * Golden readings: tests/wire/golden/DIALECT.txt holds exchanges in the documented shapes, written by us, and what is to be made of
 * them. A file is a list of cases:
 *
 *   == what the case defends
 *   POST /path                          the request line; fields may follow, and after an empty line the body
 *   -- 200 TYPE [name=value ...]        an answer with fields; several answers must all come to the same reading
 *   -- frames [name=value ...]          an answer of Amazon's frames, a line each: EVENT JSON; "chunk JSON" is invoke's base64
 *   -- told                             the reading as lines (see tell below)
 *
 * Every answer in pieces is also read cut at each byte, and every answer with each allocation failing once.
 */
#include "main.h"

#include <dirent.h>
#include <stdio.h>

#include "frames.h"
#include "json_parts.h"
#include "told.h"

#define ANSWERS_MAX 6

struct answer {
    struct rn_reading_input input;
    struct rn_buffer body;
    bool in_pieces;
};

struct golden {
    struct rn_bytes claim;
    struct rn_http_head *request_head;
    struct rn_http_head *response_heads[ANSWERS_MAX];
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    struct rn_bytes told;
};

/* --- files into cases ---------------------------------------------------------------------------------------------- */

/* Up to where a line begins with `mark`, or the end. */
static struct rn_bytes cut_section(struct rn_bytes *rest, struct rn_bytes mark)
{
    struct rn_bytes all = *rest;
    while (rest->len > 0 && !rn_bytes_starts_with(*rest, mark)) {
        (void)rn_frames_line(rest);
    }
    return rn_bytes_sub(all, 0, all.len - rest->len);
}

static struct rn_bytes without_last_line_end(struct rn_bytes text)
{
    while (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }
    return text;
}

static void add_field(struct rn_http_head *head, struct rn_bytes text, uint8_t border)
{
    size_t at = rn_bytes_find_byte(text, border);
    ck_assert_uint_ne(at, RN_NPOS);
    head->fields[head->field_count++] = (struct rn_http_field){
        .name = rn_bytes_sub(text, 0, at), .value = rn_bytes_trim(rn_bytes_from(text, at + 1))};
}

static struct rn_http_head *head_new(void)
{
    struct rn_http_head *head = rn_alloc(sizeof *head);
    ck_assert_ptr_nonnull(head);
    memset(head, 0, sizeof *head);
    return head;
}

/* "-- 200 application/json a=b" or "-- frames a=b", and what stands below. */
static void take_answer(struct golden *golden, struct rn_bytes line, struct rn_bytes body)
{
    struct answer *answer = &golden->answers[golden->answer_count];
    struct rn_http_head *head = head_new();
    uint64_t status = 200;
    ck_assert_uint_lt(golden->answer_count, ANSWERS_MAX);
    golden->response_heads[golden->answer_count++] = head;
    answer->input = golden->answers[0].input;
    line = rn_bytes_from(line, 3);
    answer->in_pieces = true;
    if (rn_bytes_starts_with(line, RN_LIT("frames"))) {
        answer->input.response_type = RN_LIT("application/vnd.amazon.eventstream");
        line = rn_bytes_from(line, 7);
        rn_frames_encode(&answer->body, body);
    } else {
        ck_assert(rn_bytes_to_u64(rn_bytes_sub(line, 0, 3), &status));
        line = rn_bytes_from(line, 4);
        answer->input.response_type = rn_bytes_sub(line, 0, rn_bytes_find_byte(line, ' '));
        line = rn_bytes_from(line, answer->input.response_type.len + 1);
        rn_buffer_add(&answer->body, body);
        bool json = rn_bytes_starts_with(answer->input.response_type, RN_LIT("application/json"));
        answer->in_pieces = !json || body.data[0] == '[';
    }
    while (line.len > 0) {
        struct rn_bytes word = rn_bytes_sub(line, 0, rn_bytes_find_byte(line, ' '));
        line = rn_bytes_from(line, word.len + 1);
        add_field(head, word, '=');
    }
    answer->input.status = (unsigned)status;
    answer->input.response_head = head;
    answer->input.response_body = rn_buffer_bytes(&answer->body);
}

static void take_request(struct golden *golden, struct rn_bytes text)
{
    struct rn_bytes line = rn_frames_line(&text);
    struct rn_reading_input *input = &golden->answers[0].input;
    size_t blank = rn_bytes_find_byte(line, ' ');
    golden->request_head = head_new();
    while (text.len > 0 && text.data[0] != '\n') {
        add_field(golden->request_head, rn_frames_line(&text), ':');
    }
    (void)rn_frames_line(&text);
    *input = (struct rn_reading_input){.method = rn_bytes_sub(line, 0, blank),
                                       .target = rn_bytes_from(line, blank + 1),
                                       .request_head = golden->request_head,
                                       .request_body = without_last_line_end(text)};
}

static bool golden_next(struct rn_bytes *file, struct golden *golden)
{
    memset(golden, 0, sizeof *golden);
    (void)cut_section(file, RN_LIT("== "));
    if (file->len == 0) {
        return false;
    }
    golden->claim = rn_bytes_from(rn_frames_line(file), 3);
    struct rn_bytes rest = cut_section(file, RN_LIT("== "));
    take_request(golden, cut_section(&rest, RN_LIT("-- ")));
    while (rest.len > 0) {
        struct rn_bytes line = rn_frames_line(&rest);
        struct rn_bytes body = cut_section(&rest, RN_LIT("-- "));
        if (rn_bytes_equal(line, RN_LIT("-- told"))) {
            golden->told = without_last_line_end(body);
        } else {
            take_answer(golden, line, body);
        }
    }
    ck_assert_uint_gt(golden->answer_count, 0);
    return true;
}

static void golden_free(struct golden *golden)
{
    rn_free(golden->request_head);
    for (size_t i = 0; i < golden->answer_count; i++) {
        rn_free(golden->response_heads[i]);
        rn_buffer_free(&golden->answers[i].body);
    }
}

/* --- readings into lines ------------------------------------------------------------------------------------------- */

static void tell_text(struct rn_buffer *out, const char *name, struct rn_bytes text)
{
    if (text.len > 0) {
        rn_buffer_addf(out, "%s %.*s\n", name, (int)text.len, (const char *)text.data);
    }
}

static void tell_tokens(struct rn_buffer *out, const struct rn_reading *reading)
{
    static const char *const names[] = {"in", "cached", "cache_write", "out", "reasoning", "total"};
    const uint64_t counts[] = {reading->tokens_in,          reading->tokens_cached,
                               reading->tokens_cache_write, reading->tokens_out,
                               reading->tokens_reasoning,   reading->tokens_total};
    for (unsigned i = 0; i < 6; i++) {
        if ((reading->counted >> i & 1) != 0) {
            rn_buffer_addf(out, " %s %llu", names[i], (unsigned long long)counts[i]);
        }
    }
}

/* How it travelled is left out; what is empty is not told. */
static char *tell(const struct rn_reading *reading, const struct rn_error *error)
{
    struct rn_buffer out = {0};
    char *request = told(reading->request);
    char *response = told(reading->response);
    rn_buffer_addf(&out, "%s %s %.*s > %.*s\n", rn_dialect_name(reading->dialect),
                   rn_reading_kind_name(reading->kind), (int)reading->model_asked.len,
                   (const char *)reading->model_asked.data, (int)reading->model_answered.len,
                   (const char *)reading->model_answered.data);
    tell_text(&out, "operation", reading->operation);
    tell_text(&out, "target", reading->target);
    rn_buffer_addf(&out, "finish %.*s = %s\n", (int)reading->finish.len,
                   (const char *)reading->finish.data, rn_finish_name(reading->finished));
    if (reading->counted != 0) {
        rn_buffer_addf(&out, "tokens");
        tell_tokens(&out, reading);
        rn_buffer_addf(&out, "\n");
    }
    ck_assert_int_eq(reading->has_usage,
                     (reading->counted & (RN_COUNTED_IN | RN_COUNTED_OUT)) != 0);
    tell_text(&out, "error", reading->error);
    tell_text(&out, "unread", rn_bytes_text(reading->unread ? error->text : ""));
    tell_text(&out, "id", reading->response_id);
    tell_text(&out, "continues", reading->continues);
    tell_text(&out, "prompt", reading->prompt_id);
    tell_text(&out, "prompt_version", reading->prompt_version);
    tell_text(&out, "tools", reading->tools);
    tell_text(&out, "parameters", reading->parameters);
    if (reading->attempt + reading->max_tokens + reading->wants_json > 0) {
        rn_buffer_addf(&out, "attempt %u bound %llu json %d\n", reading->attempt,
                       (unsigned long long)reading->max_tokens, reading->wants_json);
    }
    rn_buffer_addf(&out, "asked\n%sanswered\n%s", request, response);
    rn_buffer_add_byte(&out, 0);
    rn_free(request);
    rn_free(response);
    return (char *)out.data;
}

static bool tells_documents(const struct rn_reading *reading)
{
    return reading->documents != NULL;
}

/* --- what is checked ----------------------------------------------------------------------------------------------- */

static void check_answer(const struct golden *golden, size_t i)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_error error = {.status = RN_OK};
    const struct answer *answer = &golden->answers[i];
    (void)rn_reading_make(&arena, &answer->input, &reading, &error);
    char *text = tell(&reading, &error);
    ck_assert_msg(rn_bytes_equal(without_last_line_end(rn_bytes_text(text)), golden->told),
                  "%.*s, answer %zu:\n%s\nwas to be\n%.*s\n", (int)golden->claim.len,
                  (const char *)golden->claim.data, i + 1, text, (int)golden->told.len,
                  (const char *)golden->told.data);
    ck_assert(!tells_documents(&reading));
    ck_assert_msg(reading.streamed == answer->in_pieces, "%.*s, answer %zu", (int)golden->claim.len,
                  (const char *)golden->claim.data, i + 1);
    ck_assert_int_eq(rn_dialect_of(&answer->input), reading.dialect);
    rn_free(text);
    rn_arena_free(&arena);
}

static void join(struct rn_buffer *out, const struct rn_said *said)
{
    for (; said != NULL; said = said->next) {
        if (said->kind == RN_SAID_TEXT || said->kind == RN_SAID_THINKING) {
            rn_buffer_add(out, said->text);
        }
    }
}

/* What a piece of an answer comes to: ever more, never the end before the end. */
static size_t check_cut(const struct answer *answer, size_t len, struct rn_bytes all, bool ends)
{
    struct rn_arena arena = {0};
    struct rn_buffer text = {0};
    struct rn_reading reading;
    char *exact = malloc(len + 1);
    memcpy(exact, answer->body.data, len);
    struct rn_reading_input input = answer->input;
    input.response_body = rn_bytes_of(exact, len);
    enum rn_status status = rn_reading_make(&arena, &input, &reading, NULL);
    ck_assert(status == RN_OK || status == RN_INVALID);
    join(&text, reading.response);
    ck_assert(!reading.complete || (ends && rn_bytes_equal(rn_buffer_bytes(&text), all)));
    if (reading.streamed && !reading.complete && reading.finish.len == 0 &&
        reading.error.len == 0) {
        ck_assert_int_eq(reading.finished, RN_FINISH_TRUNCATED_STREAM);
    }
    size_t said = text.len;
    rn_buffer_free(&text);
    free(exact);
    rn_arena_free(&arena);
    return said;
}

static void check_pieces(const struct golden *golden, size_t i)
{
    const struct answer *answer = &golden->answers[i];
    struct rn_arena arena = {0};
    struct rn_buffer all = {0};
    struct rn_reading reading;
    size_t said = 0;
    (void)rn_reading_make(&arena, &answer->input, &reading, NULL);
    join(&all, reading.response);
    for (size_t len = 0; len <= answer->body.len; len++) {
        size_t now = check_cut(answer, len, rn_buffer_bytes(&all), reading.complete);
        ck_assert_msg(now >= said, "%.*s: less is said with %zu bytes", (int)golden->claim.len,
                      (const char *)golden->claim.data, len);
        said = now;
    }
    rn_buffer_free(&all);
    rn_arena_free(&arena);
}

static void check_failing_memory(const struct golden *golden, size_t i)
{
    bool failed = true;
    struct rn_error error;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        rn_memory_fail_from(nth);
        enum rn_status status =
            rn_reading_make(&arena, &golden->answers[i].input, &reading, &error);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_msg(!failed || status == RN_NOMEM, "%.*s: allocation %lu", (int)golden->claim.len,
                      (const char *)golden->claim.data, nth);
        rn_arena_free(&arena);
    }
}

/* --- what is not as it should be ----------------------------------------------------------------------------------- */

/* `text` with the bytes from `begin` to `end` replaced, as the request or the answer of the case. */
static void read_changed(const struct golden *golden, size_t i, bool request, size_t begin,
                         size_t end, const char *instead)
{
    struct rn_arena arena = {0};
    struct rn_buffer changed = {0};
    struct rn_reading reading;
    struct rn_error error = {.status = RN_OK};
    struct rn_reading_input input = golden->answers[i].input;
    struct rn_bytes *body = request ? &input.request_body : &input.response_body;
    rn_buffer_add(&changed, rn_bytes_sub(*body, 0, begin));
    rn_buffer_append(&changed, instead, strlen(instead));
    rn_buffer_add(&changed, rn_bytes_from(*body, end));
    *body = rn_buffer_bytes(&changed);
    enum rn_status status = rn_reading_make(&arena, &input, &reading, &error);
    ck_assert(status == RN_OK || status == RN_INVALID);
    ck_assert(reading.unread == (status == RN_INVALID));
    ck_assert(!reading.unread || error.text[0] != '\0');
    char *text = tell(&reading, &error);
    rn_free(text);
    rn_buffer_free(&changed);
    rn_arena_free(&arena);
}

/* Every value of the JSON from `begin` to `end` becomes one of each kind, and every key another. */
static void change_values(const struct golden *golden, size_t i, bool request, size_t begin,
                          size_t end)
{
    static const char *const others[] = {
        "null", "true", "-1.5e400", "\"x\"", "[]", "{}", "[[1]]", "{\"type\":\"text\",\"text\":1}"};
    const struct rn_reading_input *input = &golden->answers[i].input;
    struct rn_bytes body = request ? input->request_body : input->response_body;
    struct rn_json_reader json;
    rn_json_begin(&json, rn_bytes_sub(body, begin, end - begin));
    for (enum rn_json_token token = rn_json_next(&json, NULL);
         token != RN_JSON_END && token != RN_JSON_FAULT; token = rn_json_next(&json, NULL)) {
        size_t from = begin + json.begin;
        if (token == RN_JSON_KEY) {
            read_changed(golden, i, request, from, begin + json.at, "\"other\"");
            continue;
        }
        if (token == RN_JSON_OBJECT_END || token == RN_JSON_ARRAY_END) {
            continue;
        }
        struct rn_json_reader ahead = json;
        (void)rn_json_skip(&ahead, token);
        for (size_t o = 0; o < sizeof others / sizeof others[0]; o++) {
            read_changed(golden, i, request, from, begin + ahead.at, others[o]);
        }
    }
}

/* Of an answer in lines each that is JSON, with or without "data:" before it. */
static void change_lines(const struct golden *golden, size_t i)
{
    struct rn_bytes body = golden->answers[i].input.response_body;
    struct rn_bytes rest = body;
    while (rest.len > 0) {
        size_t begin = body.len - rest.len;
        struct rn_bytes line = rn_frames_line(&rest);
        size_t prefix = rn_bytes_starts_with(line, RN_LIT("data: ")) ? 6 : 0;
        change_values(golden, i, false, begin + prefix, begin + line.len);
    }
}

static void check_changes(const struct golden *golden, size_t i)
{
    const struct rn_reading_input *input = &golden->answers[i].input;
    if (i == 0) {
        change_values(golden, i, true, 0, input->request_body.len);
    }
    if (golden->answers[i].in_pieces) {
        change_lines(golden, i);
    } else {
        change_values(golden, i, false, 0, input->response_body.len);
    }
}

/* A million levels, where a list or a value may stand. */
static void check_depth(const struct golden *golden, size_t i)
{
    static char deep[1000001];
    const struct rn_reading_input *input = &golden->answers[i].input;
    struct rn_arena arena = {0};
    struct rn_reading reading;
    struct rn_error error = {.status = RN_OK};
    struct rn_reading_input changed = *input;
    memset(deep, '[', sizeof deep - 1);
    changed.request_body = rn_bytes_of(deep, sizeof deep - 1);
    if (rn_bytes_equal(input->method, RN_LIT("POST")) && input->request_body.len > 0) {
        ck_assert_int_eq(rn_reading_make(&arena, &changed, &reading, &error), RN_INVALID);
        ck_assert(reading.unread && reading.dialect != RN_DIALECT_NONE);
        ck_assert_ptr_nonnull(strstr(error.text, "at byte 256"));
    }
    changed = *input;
    changed.response_body = rn_bytes_of(deep, sizeof deep - 1);
    enum rn_status status = rn_reading_make(&arena, &changed, &reading, &error);
    ck_assert(status == RN_INVALID || input->status >= 400 ||
              rn_bytes_starts_with(input->response_type, RN_LIT("text/event-stream")));
    rn_arena_free(&arena);
}

/* --- all files ----------------------------------------------------------------------------------------------------- */

static struct rn_bytes file_of(struct rn_arena *arena, const char *name)
{
    char path[512];
    char *text = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/wire/golden/%s", getenv("REENACT_TESTS"), name);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert(getdelim(&text, &len, 0, file) > 0);
    fclose(file);
    struct rn_bytes copy = rn_arena_copy(arena, rn_bytes_text(text));
    free(text);
    return copy;
}

static void each_answer(void (*check)(const struct golden *golden, size_t i), bool only_pieces)
{
    static const char *const files[] = {
        "openai_chat.txt",      "openai_completions.txt",
        "openai_responses.txt", "openai_embed.txt",
        "anthropic.txt",        "gemini.txt",
        "bedrock.txt",          "ollama.txt",
        "cohere.txt",
    };
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
        struct rn_arena arena = {0};
        struct rn_bytes file = file_of(&arena, files[f]);
        struct golden golden;
        while (golden_next(&file, &golden)) {
            for (size_t i = 0; i < golden.answer_count; i++) {
                if (!only_pieces || golden.answers[i].in_pieces) {
                    check(&golden, i);
                }
            }
            golden_free(&golden);
        }
        rn_arena_free(&arena);
    }
}

START_TEST(documented_exchanges_are_read_as_written_down)
{
    each_answer(check_answer, false);
}
END_TEST

START_TEST(an_answer_cut_anywhere_says_what_came_and_never_more)
{
    each_answer(check_pieces, true);
}
END_TEST

START_TEST(memory_that_fails_is_told_and_nothing_else)
{
    each_answer(check_failing_memory, false);
}
END_TEST

START_TEST(values_of_any_kind_anywhere_break_nothing)
{
    each_answer(check_changes, false);
}
END_TEST

START_TEST(a_million_levels_are_refused_where_they_stand)
{
    each_answer(check_depth, false);
}
END_TEST

Suite *rn_suite(void)
{
    Suite *suite = suite_create("wire/golden");
    RN_CASE(suite, "golden", documented_exchanges_are_read_as_written_down,
            an_answer_cut_anywhere_says_what_came_and_never_more,
            memory_that_fails_is_told_and_nothing_else, values_of_any_kind_anywhere_break_nothing,
            a_million_levels_are_refused_where_they_stand);
    return suite;
}
