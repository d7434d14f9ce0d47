/* Facts from a view, and facts as bytes (facts_row.h). */
#include "facts_row.h"

#include <string.h>

#include "base/varint.h"
#include "keys.h"

void rn_facts_key(const struct rn_trace_id *id, uint32_t n, uint8_t out[RN_FACTS_KEY_BYTES])
{
    memcpy(out, id->bytes, RN_TRACE_ID_BYTES);
    rn_put_u32(out + RN_TRACE_ID_BYTES, n);
}

/* --- from a view ---------------------------------------------------------------------------------------------------- */

static struct rn_bytes cut(struct rn_bytes text)
{
    size_t len = text.len < RN_FACTS_TEXT_BYTES_MAX ? text.len : RN_FACTS_TEXT_BYTES_MAX;
    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return rn_bytes_sub(text, 0, len);
}

static struct rn_bytes label(const struct rn_event *event, const char *name)
{
    struct rn_bytes list = rn_event_get(event, RN_TAG_LABELS);
    struct rn_bytes found = RN_LIT("");
    struct rn_bytes key;
    struct rn_bytes value;
    while (rn_run_get(&list, &key) && rn_run_get(&list, &value)) {
        if (rn_bytes_equal_nocase(key, rn_bytes_text(name))) {
            found = value;
        }
    }
    return found;
}

void rn_facts_take_labels(const struct rn_event *event, struct rn_trace_labels *labels)
{
    const struct {
        const char *name;
        struct rn_bytes *value;
    } known[] = {{"x-reenact-outcome", &labels->outcome},
                 {"x-reenact-subject", &labels->subject},
                 {"x-reenact-index", &labels->index}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct rn_bytes value = cut(label(event, known[i].name));
        *known[i].value = value.len > 0 ? value : *known[i].value;
    }
}

/* Tool results behind the last word of the model: those before it the model was told in an earlier request. */
static uint32_t count_told(const struct rn_said *said)
{
    uint32_t told = 0;
    for (; said != NULL; said = said->next) {
        bool is_model = said->kind == RN_SAID_TOOL_CALL || said->kind == RN_SAID_THINKING ||
                        rn_bytes_equal(said->role, RN_LIT("assistant")) ||
                        rn_bytes_equal(said->role, RN_LIT("model"));
        told = is_model ? 0 : told + (said->kind == RN_SAID_TOOL_RESULT);
    }
    return told;
}

static uint32_t count_calls(const struct rn_said *said)
{
    uint32_t calls = 0;
    for (; said != NULL; said = said->next) {
        calls += said->kind == RN_SAID_TOOL_CALL;
    }
    return calls;
}

static uint32_t count_documents(const struct rn_document *document)
{
    uint32_t count = 0;
    for (; document != NULL; document = document->next) {
        count++;
    }
    return count;
}

static void take_reading(const struct rn_reading *reading, struct rn_facts *out)
{
    bool is_model = reading->kind == RN_READING_MODEL;
    out->kind = reading->kind;
    out->dialect = reading->dialect;
    out->unread = reading->unread;
    out->streamed = reading->streamed;
    out->finished = reading->finished;
    out->has_error = reading->error.len > 0;
    out->error = cut(reading->error);
    out->attempt = reading->attempt;
    out->model_asked = cut(reading->model_asked);
    out->model_answered = cut(reading->model_answered);
    out->operation = cut(reading->operation);
    out->target = cut(reading->target);
    out->counted = reading->counted;
    out->tokens_in = reading->tokens_in;
    out->tokens_cached = reading->tokens_cached;
    out->tokens_cache_write = reading->tokens_cache_write;
    out->tokens_out = reading->tokens_out;
    out->tokens_reasoning = reading->tokens_reasoning;
    out->tokens_total = reading->tokens_total;
    out->documents = count_documents(reading->documents);
    out->asks = is_model ? count_calls(reading->response) : 0;
    out->told = is_model ? count_told(reading->request) : 0;
}

bool rn_facts_make(const struct rn_event *event, const struct rn_view *view, struct rn_facts *out)
{
    struct rn_bytes target = rn_event_get(event, RN_TAG_TARGET);
    *out = (struct rn_facts){.n = event->n,
                             .event = rn_event_kind_of(event),
                             .end = rn_event_end_of(event),
                             .status = view->status,
                             .flags = view->flags,
                             .upstream = cut(rn_event_get(event, RN_TAG_UPSTREAM)),
                             .method = cut(rn_event_get(event, RN_TAG_METHOD)),
                             .arrived_wall_ns = view->arrived_wall_ns,
                             .first_byte_ns = view->has_first_byte ? view->first_byte_ns : 0,
                             .complete_ns = view->has_complete ? view->complete_ns : 0,
                             .request_bytes = rn_event_get(event, RN_TAG_REQUEST_BODY).len,
                             .response_bytes = rn_event_get(event, RN_TAG_RESPONSE_BODY).len};
    out->path = cut(rn_bytes_sub(target, 0, rn_bytes_find_byte(target, '?')));
    take_reading(&view->reading, out);
    out->prompt_name = cut(label(event, "x-reenact-prompt"));
    return rn_prompt_make(&view->reading, &out->prompt);
}

bool rn_facts_is_upstream_error(const struct rn_facts *facts)
{
    bool is_ours = facts->end == RN_END_REFUSED;
    return facts->has_error || facts->end == RN_END_CUT ||
           (is_ours ? facts->status == 502 || facts->status == 504 : facts->status >= 400);
}

/* --- as bytes ------------------------------------------------------------------------------------------------------- */

struct number {
    uint64_t value;
    uint64_t max;
};

/* Numbers in their order on the disk. A larger value than its largest is no record of ours. */
enum { NUMBERS = 22 };

static void numbers_of(const struct rn_facts *f, struct number out[NUMBERS])
{
    uint64_t bits = (uint64_t)f->unread | (uint64_t)f->streamed << 1 | (uint64_t)f->has_error << 2 |
                    (uint64_t)f->damaged << 3;
    const struct number list[NUMBERS] = {
        {(uint64_t)f->event, RN_EVENT_MARK},
        {(uint64_t)f->kind, RN_READING_KIND_COUNT - 1},
        {(uint64_t)f->dialect, RN_DIALECT_COUNT - 1},
        {(uint64_t)f->end, RN_END_LOST},
        {(uint64_t)f->finished, RN_FINISH_OTHER},
        {f->status, 999},
        {bits, 15},
        {f->counted, 63},
        {f->flags, UINT64_MAX},
        {f->attempt, UINT32_MAX},
        {f->tokens_in, UINT64_MAX},
        {f->tokens_cached, UINT64_MAX},
        {f->tokens_cache_write, UINT64_MAX},
        {f->tokens_out, UINT64_MAX},
        {f->tokens_reasoning, UINT64_MAX},
        {f->tokens_total, UINT64_MAX},
        {f->arrived_wall_ns, UINT64_MAX},
        {f->first_byte_ns, UINT64_MAX},
        {f->complete_ns, UINT64_MAX},
        {f->documents, UINT32_MAX},
        {f->asks, UINT32_MAX},
        {f->told, UINT32_MAX},
    };
    memcpy(out, list, sizeof list);
}

static void numbers_into(const struct number in[NUMBERS], struct rn_facts *f)
{
    f->event = (enum rn_event_kind)in[0].value;
    f->kind = (enum rn_reading_kind)in[1].value;
    f->dialect = (enum rn_dialect)in[2].value;
    f->end = (enum rn_end)in[3].value;
    f->finished = (enum rn_finish)in[4].value;
    f->status = (unsigned)in[5].value;
    f->unread = (in[6].value & 1) != 0;
    f->streamed = (in[6].value & 2) != 0;
    f->has_error = (in[6].value & 4) != 0;
    f->damaged = (in[6].value & 8) != 0;
    f->counted = (unsigned)in[7].value;
    f->flags = in[8].value;
    f->attempt = (unsigned)in[9].value;
    f->tokens_in = in[10].value;
    f->tokens_cached = in[11].value;
    f->tokens_cache_write = in[12].value;
    f->tokens_out = in[13].value;
    f->tokens_reasoning = in[14].value;
    f->tokens_total = in[15].value;
    f->arrived_wall_ns = in[16].value;
    f->first_byte_ns = in[17].value;
    f->complete_ns = in[18].value;
    f->documents = (uint32_t)in[19].value;
    f->asks = (uint32_t)in[20].value;
    f->told = (uint32_t)in[21].value;
}

enum { TEXTS = 9 };

static void texts_of(struct rn_facts *f, struct rn_bytes *out[TEXTS])
{
    struct rn_bytes *const list[TEXTS] = {&f->upstream,    &f->method,         &f->path,
                                          &f->model_asked, &f->model_answered, &f->operation,
                                          &f->target,      &f->error,          &f->prompt_name};
    memcpy(out, list, sizeof list);
}

enum rn_status rn_facts_encode(const struct rn_facts *facts, struct rn_buffer *out)
{
    struct rn_facts copy = *facts;
    struct number numbers[NUMBERS];
    struct rn_bytes *texts[TEXTS];
    numbers_of(facts, numbers);
    texts_of(&copy, texts);
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < NUMBERS; i++) {
        status = rn_varint_put(out, numbers[i].value);
    }
    status = status == RN_OK ? rn_varint_put(out, facts->request_bytes) : status;
    status = status == RN_OK ? rn_varint_put(out, facts->response_bytes) : status;
    for (size_t i = 0; status == RN_OK && i < TEXTS; i++) {
        status = rn_run_put(out, *texts[i]);
    }
    return status == RN_OK ? rn_buffer_append(out, &facts->prompt, sizeof facts->prompt) : status;
}

bool rn_facts_decode(uint32_t n, struct rn_bytes in, struct rn_facts *out)
{
    struct number numbers[NUMBERS];
    struct rn_bytes *texts[TEXTS];
    memset(out, 0, sizeof *out);
    numbers_of(out, numbers);
    texts_of(out, texts);
    for (size_t i = 0; i < NUMBERS; i++) {
        if (!rn_varint_get(&in, &numbers[i].value) || numbers[i].value > numbers[i].max) {
            return false;
        }
    }
    numbers_into(numbers, out);
    out->n = n;
    if (!rn_varint_get(&in, &out->request_bytes) || !rn_varint_get(&in, &out->response_bytes)) {
        return false;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        if (!rn_run_get(&in, texts[i])) {
            return false;
        }
    }
    if (in.len != sizeof out->prompt) {
        return false;
    }
    memcpy(&out->prompt, in.data, sizeof out->prompt);
    return true;
}

/* --- the trace ------------------------------------------------------------------------------------------------------ */

enum rn_status rn_facts_trace_encode(const struct rn_facts_trace *trace, struct rn_buffer *out)
{
    enum rn_status status = rn_run_put(out, trace->labels.outcome);
    status = status == RN_OK ? rn_run_put(out, trace->labels.subject) : status;
    status = status == RN_OK ? rn_run_put(out, trace->labels.index) : status;
    return status == RN_OK ? rn_run_put(out, trace->terms) : status;
}

bool rn_facts_trace_decode(struct rn_bytes in, struct rn_facts_trace *out)
{
    memset(out, 0, sizeof *out);
    return in.len == 0 ||
           (rn_run_get(&in, &out->labels.outcome) && rn_run_get(&in, &out->labels.subject) &&
            rn_run_get(&in, &out->labels.index) && rn_run_get(&in, &out->terms) && in.len == 0);
}
