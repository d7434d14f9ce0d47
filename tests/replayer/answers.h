/* Answers of models as views, made by hand: what the readers of wire/ would have found. Header only. */
#ifndef RN_TESTS_ANSWERS_H
#define RN_TESTS_ANSWERS_H

#include <check.h>
#include <string.h>

#include "store/view.h"

/* What is NULL or 0 is taken from the usual. */
struct answer {
    const char *text;
    const char *calls[6]; /* name, arguments, name, arguments, ... */
    const char *refusal;
    const char *vectors[3];
    const char *finish; /* "stop" */
    const char *error;
    unsigned status; /* 200 */
    enum rn_end end; /* ended */
    bool wants_json;
    bool unread; /* no dialect made sense of it */
    bool streamed;
    bool incomplete; /* of a stream: no terminal event came */
    uint64_t flags;
    uint64_t tokens_in, tokens_out; /* usage where either is set */
    uint64_t first_byte_ns, complete_ns;
};

/* A view and all that it points at. */
struct stage {
    struct rn_arena arena;
    struct rn_event event;
    struct rn_view view;
    uint8_t end;
};

static inline void stage_say(struct stage *stage, struct rn_said ***tail, enum rn_said_kind kind,
                             const char *name, const char *text)
{
    struct rn_said *said = rn_arena_alloc(&stage->arena, sizeof *said);
    ck_assert_ptr_nonnull(said);
    *said = (struct rn_said){.kind = kind,
                             .role = RN_LIT("assistant"),
                             .text = rn_bytes_text(text),
                             .name = rn_bytes_text(name)};
    **tail = said;
    *tail = &said->next;
}

static inline const struct rn_view *stage_answer(struct stage *stage, const struct answer *answer)
{
    struct rn_said **tail = &stage->view.reading.response;
    struct rn_reading *reading = &stage->view.reading;
    memset(stage, 0, sizeof *stage);
    if (answer->text != NULL) {
        stage_say(stage, &tail, RN_SAID_TEXT, "", answer->text);
    }
    for (size_t i = 0; i < 6 && answer->calls[i] != NULL; i += 2) {
        stage_say(stage, &tail, RN_SAID_TOOL_CALL, answer->calls[i], answer->calls[i + 1]);
    }
    if (answer->refusal != NULL) {
        stage_say(stage, &tail, RN_SAID_REFUSAL, "", answer->refusal);
    }
    for (size_t i = 0; i < 3 && answer->vectors[i] != NULL; i++) {
        stage_say(stage, &tail, RN_SAID_OTHER, "embedding", answer->vectors[i]);
    }
    reading->dialect = answer->unread               ? RN_DIALECT_NONE
                       : answer->vectors[0] != NULL ? RN_DIALECT_OPENAI_EMBEDDINGS
                                                    : RN_DIALECT_OPENAI_CHAT;
    reading->finish = rn_bytes_text(answer->finish == NULL ? "stop" : answer->finish);
    reading->error = rn_bytes_text(answer->error == NULL ? "" : answer->error);
    reading->wants_json = answer->wants_json;
    reading->streamed = answer->streamed;
    reading->complete = answer->streamed && !answer->incomplete;
    reading->has_usage = answer->tokens_in > 0 || answer->tokens_out > 0;
    reading->tokens_in = answer->tokens_in;
    reading->tokens_out = answer->tokens_out;
    reading->finished = rn_finish_of(reading);
    stage->end = (uint8_t)(answer->end == RN_END_NONE ? RN_END_ENDED : answer->end);
    rn_event_set(&stage->event, RN_TAG_END, rn_bytes_of(&stage->end, 1));
    stage->view.event = &stage->event;
    stage->view.status = answer->status == 0 ? 200 : answer->status;
    stage->view.flags = answer->flags;
    stage->view.response.decoded = RN_LIT("{}");
    stage->view.has_first_byte = answer->first_byte_ns > 0;
    stage->view.first_byte_ns = answer->first_byte_ns;
    stage->view.has_complete = answer->complete_ns > 0;
    stage->view.complete_ns = answer->complete_ns;
    return &stage->view;
}

static inline void stage_clear(struct stage *stage)
{
    rn_arena_free(&stage->arena);
}

#endif
