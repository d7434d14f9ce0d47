/* Reads one view. Does not know that there is another one. */
#include "pair_text.h"

#include <string.h>

#include "fold.h"
#include "wire/json.h"

const struct rn_said *rn_spoken_next(const struct rn_said *said, enum rn_said_kind kind)
{
    while (said != NULL && said->kind != kind) {
        said = said->next;
    }
    return said;
}

const struct rn_said *rn_spoken_vector(const struct rn_said *said)
{
    said = rn_spoken_next(said, RN_SAID_OTHER);
    while (said != NULL && !rn_bytes_equal(said->name, RN_LIT("embedding"))) {
        said = rn_spoken_next(said->next, RN_SAID_OTHER);
    }
    return said;
}

/* --- what it says -------------------------------------------------------------------------------------------------- */

static bool is_told(const struct rn_said *said)
{
    return said->kind == RN_SAID_TEXT || said->kind == RN_SAID_REFUSAL;
}

/* The parts one behind the other: where one ends and the next begins depends on citations and the like. */
static enum rn_status join(const struct rn_said *first, struct rn_arena *arena,
                           struct rn_bytes *out)
{
    size_t len = 0;
    for (const struct rn_said *said = first; said != NULL; said = said->next) {
        len += is_told(said) ? said->text.len : 0;
    }
    uint8_t *text = rn_arena_alloc(arena, len + 1);
    if (text == NULL) {
        return RN_NOMEM;
    }
    *out = rn_bytes_of(text, len);
    for (const struct rn_said *said = first; said != NULL; said = said->next) {
        if (is_told(said) && said->text.len > 0) {
            memcpy(text, said->text.data, said->text.len);
            text += said->text.len;
        }
    }
    return RN_OK;
}

/*
 * An object or array and nothing else. A number by itself is JSON too, but nobody who says "42" means a
 * document.
 */
static bool is_document(struct rn_bytes text)
{
    struct rn_json_reader reader;
    rn_json_begin(&reader, text);
    enum rn_json_token token = rn_json_next(&reader, NULL);
    if (token != RN_JSON_OBJECT_BEGIN && token != RN_JSON_ARRAY_BEGIN) {
        return false;
    }
    while (token != RN_JSON_END && token != RN_JSON_FAULT) {
        token = rn_json_next(&reader, NULL);
    }
    return token == RN_JSON_END;
}

static enum rn_finish finish_of(const struct rn_reading *reading)
{
    return reading->finished == RN_FINISH_FILTERED ? RN_FINISH_REFUSAL : reading->finished;
}

static bool refuses(const struct rn_reading *reading, const struct rn_spoken *spoken)
{
    const struct rn_said *refusal = rn_spoken_next(reading->response, RN_SAID_REFUSAL);
    return refusal != NULL || spoken->finish == RN_FINISH_REFUSAL ||
           (!spoken->has_calls && rn_fold_refuses(spoken->folded));
}

/* --- whether it answers -------------------------------------------------------------------------------------------- */

/* Streams of some servers lack the terminal event but have said why they end. */
static bool is_whole(const struct rn_reading *reading)
{
    return !reading->streamed || reading->complete || reading->finish.len > 0;
}

/* `[]` and `{"choices":[]}` are JSON and say nothing, not even why. */
static bool says_something(const struct rn_reading *reading)
{
    return reading->response != NULL || reading->finish.len > 0;
}

bool rn_pair_is_answer(const struct rn_view *view)
{
    bool success =
        view->status >= 200 && view->status < 300 && rn_event_end_of(view->event) == RN_END_ENDED;
    bool kept = (view->flags & (RN_FLAG_TRUNCATED | RN_FLAG_WITHHELD)) == 0 &&
                view->response.fault.status == RN_OK && view->response.decoded.len > 0;
    return success && kept && view->reading.dialect != RN_DIALECT_NONE && !view->reading.unread &&
           view->reading.error.len == 0 && is_whole(&view->reading) &&
           says_something(&view->reading);
}

static void measure(const struct rn_view *view, struct rn_side *side)
{
    side->has_usage = view->reading.has_usage;
    side->tokens_in = view->reading.tokens_in;
    side->tokens_cached = view->reading.tokens_cached;
    side->tokens_out = view->reading.tokens_out;
    side->has_latency = view->has_complete;
    side->latency_ns = view->complete_ns;
    side->has_first_byte = view->has_first_byte;
    side->first_byte_ns = view->first_byte_ns;
}

enum rn_status rn_spoken_make(const struct rn_view *view, struct rn_arena *arena,
                              struct rn_spoken *spoken, struct rn_side *side)
{
    const struct rn_reading *reading = &view->reading;
    *spoken = (struct rn_spoken){.finish = RN_FINISH_UNKNOWN};
    *side = (struct rn_side){.status = (uint16_t)view->status};
    side->answered = rn_pair_is_answer(view);
    if (!side->answered) {
        return RN_OK;
    }
    measure(view, side);
    spoken->has_calls = rn_spoken_next(reading->response, RN_SAID_TOOL_CALL) != NULL;
    spoken->has_vectors = rn_spoken_vector(reading->response) != NULL;
    spoken->finish = finish_of(reading);
    enum rn_status status = join(reading->response, arena, &spoken->text);
    if (status != RN_OK) {
        return status;
    }
    spoken->folded = rn_fold(arena, spoken->text);
    if (spoken->folded.data == NULL) {
        return RN_NOMEM;
    }
    side->is_json = is_document(spoken->text);
    side->refuses = refuses(reading, spoken);
    return RN_OK;
}

/* --- for people ---------------------------------------------------------------------------------------------------- */

static enum rn_status tell(struct rn_buffer *out, const struct rn_said *said)
{
    bool call = said->kind == RN_SAID_TOOL_CALL;
    bool vector = said->kind == RN_SAID_OTHER && rn_bytes_equal(said->name, RN_LIT("embedding"));
    if (!call && !vector && !is_told(said)) {
        return RN_OK;
    }
    enum rn_status status = RN_OK;
    if ((call || vector) && out->len > 0 && out->data[out->len - 1] != '\n') {
        status = rn_buffer_add_byte(out, '\n');
    }
    if (status == RN_OK && call) {
        status = rn_buffer_add(out, said->name);
        status = status == RN_OK ? rn_buffer_add_byte(out, '(') : status;
    }
    status = status == RN_OK ? rn_buffer_add(out, said->text) : status;
    return status == RN_OK && call ? rn_buffer_add(out, RN_LIT(")\n")) : status;
}

enum rn_status rn_pair_text(const struct rn_view *view, struct rn_arena *arena,
                            struct rn_bytes *out)
{
    struct rn_buffer text = {0};
    enum rn_status status = RN_OK;
    for (const struct rn_said *said = view->reading.response; said != NULL && status == RN_OK;
         said = said->next) {
        status = tell(&text, said);
    }
    if (status == RN_OK) {
        *out = rn_arena_copy(arena, rn_buffer_bytes(&text));
        status = out->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&text);
    return status;
}
