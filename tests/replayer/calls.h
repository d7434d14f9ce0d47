/* Recorded calls in memory, for tests of plans: an event, its view, and a plan that sends it somewhere. Header only. */
#ifndef RN_TESTS_CALLS_H
#define RN_TESTS_CALLS_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/varint.h"
#include "moves.h"
#include "plan.h"

/* What is NULL or 0 is taken from the usual: a chat completion, answered. */
struct call {
    const char *upstream; /* "openai" */
    const char *target;   /* "/v1/chat/completions" */
    const char *fields;   /* whole lines beside Host and Content-Type */
    const char *body;
    const char *answer; /* its body */
    unsigned status;    /* 200 */
    enum rn_end end;    /* ended */
    uint64_t flags;
    enum rn_tag redacted; /* a span of 4 bytes at `redacted_at` of this field */
    size_t redacted_at;
};

struct made_call {
    struct rn_arena arena;
    struct rn_event event;
    struct rn_view view;
};

#define CHAT_BODY "{\"model\": \"old\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define CHAT_ANSWER                                                                                \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"old\",\"choices\":[{\"index\":0,"    \
    "\"message\":{\"role\":\"assistant\",\"content\":\"yes\"},\"finish_reason\":\"stop\"}],"       \
    "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"total_tokens\":15}}"

static inline struct rn_bytes call_bytes(struct made_call *made, const char *text)
{
    struct rn_bytes copy = rn_arena_copy(&made->arena, rn_bytes_text(text));
    ck_assert_ptr_nonnull(copy.data);
    return copy;
}

static inline struct rn_bytes call_numbers(struct made_call *made, const uint64_t *numbers,
                                           size_t count)
{
    struct rn_buffer out = {0};
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(rn_varint_put(&out, numbers[i]), RN_OK);
    }
    struct rn_bytes copy = rn_arena_copy(&made->arena, rn_buffer_bytes(&out));
    rn_buffer_free(&out);
    return copy;
}

/* The event alone, as the recorder would have kept it. */
static inline void call_event(struct made_call *made, const struct call *call, uint32_t n)
{
    static const uint8_t kind = RN_EVENT_EXCHANGE;
    char head[4096];
    const char *target = call->target != NULL ? call->target : "/v1/chat/completions";
    const uint64_t times[] = {UINT64_C(1795000000000000000) + n, 1000000, 500000000};
    struct rn_event *event = &made->event;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = n};
    rn_event_set(event, RN_TAG_KIND, rn_bytes_of(&kind, 1));
    rn_event_set(event, RN_TAG_TIMES, call_numbers(made, times, 3));
    rn_event_set(event, RN_TAG_UPSTREAM,
                 call_bytes(made, call->upstream != NULL ? call->upstream : "openai"));
    rn_event_set(event, RN_TAG_METHOD, RN_LIT("POST"));
    rn_event_set(event, RN_TAG_TARGET, call_bytes(made, target));
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:4000\r\n%sContent-Type: application/json\r\n\r\n",
             target, call->fields != NULL ? call->fields : "");
    rn_event_set(event, RN_TAG_REQUEST_HEAD, call_bytes(made, head));
    rn_event_set(event, RN_TAG_REQUEST_BODY,
                 call_bytes(made, call->body != NULL ? call->body : CHAT_BODY));
    uint64_t end = call->end != RN_END_NONE ? call->end : RN_END_ENDED;
    rn_event_set(event, RN_TAG_END, call_numbers(made, &end, 1));
    if (call->flags != 0) {
        rn_event_set(event, RN_TAG_FLAGS, call_numbers(made, &call->flags, 1));
    }
    if (end == RN_END_ABORTED) {
        return; /* no head came */
    }
    snprintf(head, sizeof head, "HTTP/1.1 %u X\r\nContent-Type: application/json\r\n\r\n",
             call->status != 0 ? call->status : 200);
    rn_event_set(event, RN_TAG_RESPONSE_HEAD, call_bytes(made, head));
    rn_event_set(event, RN_TAG_RESPONSE_BODY,
                 call_bytes(made, call->answer != NULL ? call->answer : CHAT_ANSWER));
}

static inline void call_redact(struct made_call *made, const struct call *call)
{
    struct rn_buffer list = {0};
    const uint64_t numbers[] = {call->redacted, call->redacted_at, 4, RN_SECRET_HEADER};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(rn_varint_put(&list, numbers[i]), RN_OK);
    }
    ck_assert_int_eq(rn_buffer_append(&list, "12345678", 8), RN_OK);
    rn_event_set(&made->event, RN_TAG_REDACTIONS,
                 rn_arena_copy(&made->arena, rn_buffer_bytes(&list)));
    rn_buffer_free(&list);
}

static inline void call_make(struct made_call *made, const struct call *call)
{
    memset(made, 0, sizeof *made);
    call_event(made, call, 1);
    if (call->redacted != 0) {
        call_redact(made, call);
    }
    ck_assert_int_eq(rn_view_make(&made->arena, &made->event, &made->view), RN_OK);
}

static inline void call_free(struct made_call *made)
{
    rn_view_free(&made->view);
    rn_arena_free(&made->arena);
}

/* A plan without edits; `moves` has room for RN_PLAN_EDITS_MAX. */
static inline struct rn_plan plan_to(const char *upstream, const char *url, const char *model,
                                     struct rn_plan_move *moves)
{
    struct rn_plan plan = {.upstream = rn_bytes_text(upstream),
                           .url = rn_bytes_text(url),
                           .model = rn_bytes_text(model),
                           .moves = moves,
                           .attempts = 5,
                           .jobs = 8};
    plan.move_count = rn_moves_for(plan.upstream, plan.model, moves);
    return plan;
}

#endif
