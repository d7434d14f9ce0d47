/*
 * What tests of readings share: an exchange made from texts, and what was said as lines of text.
 */
#ifndef RN_TESTS_WIRE_TOLD_H
#define RN_TESTS_WIRE_TOLD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "base/buffer.h"
#include "base/memory.h"

/* An answer that begins with '{' is whole, any other a stream. */
static inline enum rn_status make(struct rn_arena *arena, const char *target, const char *request,
                                  const char *answer, struct rn_reading *out)
{
    const struct rn_reading_input input = {
        .method = RN_LIT("POST"),
        .target = rn_bytes_text(target),
        .request_body = rn_bytes_text(request),
        .status = 200,
        .response_type = strncmp(answer, "{", 1) == 0 ? RN_LIT("application/json")
                                                      : RN_LIT("text/event-stream; charset=utf-8"),
        .response_body = rn_bytes_text(answer),
    };
    struct rn_error error;
    return rn_reading_make(arena, &input, out, &error);
}

/* "kind role name#id: text" per line. */
static inline char *told(const struct rn_said *said)
{
    static const char *const kinds[] = {"text", "call", "result", "refusal", "thinking", "other"};
    struct rn_buffer out = {0};
    for (; said != NULL; said = said->next) {
        rn_buffer_addf(&out, "%s %.*s", kinds[said->kind], (int)said->role.len,
                       (const char *)said->role.data);
        if (said->name.len > 0 || said->id.len > 0) {
            rn_buffer_addf(&out, " %.*s#%.*s", (int)said->name.len, (const char *)said->name.data,
                           (int)said->id.len, (const char *)said->id.data);
        }
        rn_buffer_addf(&out, ": %.*s\n", (int)said->text.len, (const char *)said->text.data);
    }
    rn_buffer_add_byte(&out, 0);
    return (char *)out.data;
}

static inline void check_said(const struct rn_said *said, const char *expected)
{
    char *text = told(said);
    ck_assert_str_eq(text, expected);
    rn_free(text);
}

static inline bool is(struct rn_bytes bytes, const char *text)
{
    return rn_bytes_equal(bytes, rn_bytes_text(text));
}

/* Whether two readings say the same of the answer; how it travelled and its model's name for itself are left out. */
static inline void check_same_answer(const struct rn_reading *a, const struct rn_reading *b)
{
    char *text = told(a->response);
    check_said(b->response, text);
    rn_free(text);
    ck_assert(rn_bytes_equal(a->finish, b->finish));
    ck_assert(rn_bytes_equal(a->model_answered, b->model_answered));
    ck_assert_uint_eq(a->tokens_in, b->tokens_in);
    ck_assert_uint_eq(a->tokens_cached, b->tokens_cached);
    ck_assert_uint_eq(a->tokens_out, b->tokens_out);
    ck_assert_int_eq(a->has_usage, b->has_usage);
}

/* A stream cut at each byte never breaks anything, and is complete only when no more than `tail` bytes are missing. */
static inline void check_cuts(const char *target, const char *request, const char *stream,
                              size_t tail)
{
    size_t whole = strlen(stream);
    for (size_t len = 0; len <= whole; len++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        char *exact = malloc(len + 1);
        memcpy(exact, stream, len);
        const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                               .target = rn_bytes_text(target),
                                               .status = 200,
                                               .request_body = rn_bytes_text(request),
                                               .response_type = RN_LIT("Text/Event-Stream"),
                                               .response_body = rn_bytes_of(exact, len)};
        enum rn_status status = rn_reading_make(&arena, &input, &reading, NULL);
        ck_assert(status == RN_OK || status == RN_INVALID);
        ck_assert_msg(reading.complete == (len + tail >= whole), "%zu of %zu", len, whole);
        free(exact);
        rn_arena_free(&arena);
    }
}

/* Every allocation fails once. */
static inline void check_memory(const char *target, const char *request, const char *answer)
{
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        rn_memory_fail_from(nth);
        enum rn_status status = make(&arena, target, request, answer, &reading);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_arena_free(&arena);
    }
}

#endif
