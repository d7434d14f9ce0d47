/* Facts of one trace added up (glance.h). */
#include "glance.h"

#include <string.h>

#include "base/varint.h"
#include "store/view.h"

struct glancing {
    struct rn_glance *out;
    const struct rn_prices *prices;
    uint32_t counted, priced;
    uint64_t first_wall_ns, last_wall_ns;
};

static bool holds(struct rn_bytes runs, struct rn_bytes wanted)
{
    struct rn_bytes run;
    while (rn_run_get(&runs, &run)) {
        if (rn_bytes_equal(run, wanted)) {
            return true;
        }
    }
    return false;
}

static enum rn_status add_model(struct rn_glance *glance, struct rn_bytes model)
{
    struct rn_buffer runs = {0};
    if (model.len == 0 || holds(glance->models, model)) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_add(&runs, glance->models);
    status = status == RN_OK ? rn_run_put(&runs, model) : status;
    if (status == RN_OK) {
        glance->models = rn_arena_copy(&glance->arena, rn_buffer_bytes(&runs));
        status = glance->models.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&runs);
    return status;
}

static enum rn_status set_decision(struct rn_glance *glance, const struct rn_facts *facts)
{
    struct rn_buffer text = {0};
    enum rn_status status = rn_buffer_add(&text, facts->method);
    status = status == RN_OK ? rn_buffer_add_byte(&text, ' ') : status;
    status = status == RN_OK ? rn_buffer_add(&text, facts->path) : status;
    if (status == RN_OK && facts->status > 0) {
        status = rn_buffer_addf(&text, " %u", facts->status);
    }
    if (status == RN_OK) {
        glance->decision = rn_arena_copy(&glance->arena, rn_buffer_bytes(&text));
        status = glance->decision.data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&text);
    return status;
}

bool rn_glance_cost(const struct rn_prices *prices, const struct rn_facts *facts, uint64_t *pico)
{
    struct rn_price price;
    bool is_known = (facts->counted & (RN_COUNTED_IN | RN_COUNTED_OUT)) != 0 && prices != NULL &&
                    (rn_price_of(prices, facts->upstream, facts->model_answered, &price) ||
                     rn_price_of(prices, facts->upstream, facts->model_asked, &price));
    if (is_known) {
        *pico = rn_price_cost(&price, facts->tokens_in, facts->tokens_cached, facts->tokens_out);
    }
    return is_known;
}

static void add_cost(struct glancing *glancing, const struct rn_facts *facts)
{
    struct rn_glance *out = glancing->out;
    uint64_t pico = 0;
    if ((facts->counted & (RN_COUNTED_IN | RN_COUNTED_OUT)) == 0) {
        return;
    }
    out->has_tokens = true;
    out->tokens_in += facts->tokens_in;
    out->tokens_out += facts->tokens_out;
    glancing->counted++;
    if (rn_glance_cost(glancing->prices, facts, &pico)) {
        glancing->priced++;
        out->cost_pico += pico;
    }
}

static void take_time(struct glancing *glancing, const struct rn_facts *facts)
{
    uint64_t end = facts->arrived_wall_ns + facts->complete_ns;
    bool is_first =
        glancing->first_wall_ns == 0 || facts->arrived_wall_ns < glancing->first_wall_ns;
    glancing->first_wall_ns = is_first ? facts->arrived_wall_ns : glancing->first_wall_ns;
    glancing->last_wall_ns = end > glancing->last_wall_ns ? end : glancing->last_wall_ns;
}

static enum rn_status glance(void *self, const struct rn_facts *facts)
{
    struct glancing *glancing = self;
    struct rn_glance *out = glancing->out;
    if (facts->event == RN_EVENT_DECISION) {
        bool is_first = out->decision.len == 0;
        out->duration_ns = is_first ? facts->complete_ns : out->duration_ns;
        return is_first ? set_decision(out, facts) : RN_OK;
    }
    take_time(glancing, facts);
    bool is_tool = facts->kind == RN_READING_TOOL || facts->kind == RN_READING_RETRIEVAL;
    bool is_call = facts->kind == RN_READING_MODEL || facts->kind == RN_READING_EMBEDDING ||
                   facts->kind == RN_READING_RERANK;
    out->calls += is_call;
    out->tools += is_tool + facts->told;
    out->failed += rn_facts_is_upstream_error(facts);
    add_cost(glancing, facts);
    return add_model(out, facts->model_asked);
}

/* The run as it was recorded, or `otherwise` where it cannot be read. */
static uint64_t run_took_ns(struct rn_store *store, const struct rn_trace_id *id,
                            uint64_t otherwise)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_view view = {.event = NULL};
    struct rn_error inner = {.text = ""};
    enum rn_status status =
        rn_trace_event_indexed(store, id, RN_CLASS_EVENT, 0, &arena, &event, &inner);
    status = status == RN_OK ? rn_view_make(&arena, &event, &view) : status;
    uint64_t took = status == RN_OK && view.has_complete ? view.complete_ns : otherwise;
    rn_view_free(&view);
    rn_arena_free(&arena);
    return took;
}

enum rn_status rn_glance_make(struct rn_store *store, const struct rn_trace_summary *summary,
                              bool by_reading, const struct rn_prices *prices,
                              struct rn_glance *out, struct rn_error *error)
{
    *out = (struct rn_glance){.decision = RN_LIT(""), .models = RN_LIT("")};
    struct glancing glancing = {.out = out, .prices = prices};
    enum rn_status status = by_reading ? rn_facts_read(store, summary, glance, &glancing, error)
                                       : rn_facts_of(store, &summary->id, glance, &glancing, error);
    status = status == RN_OK
                 ? rn_facts_labels(store, &summary->id, &out->arena, &out->labels, error)
                 : status;
    if (out->decision.len == 0) {
        out->duration_ns = glancing.last_wall_ns - glancing.first_wall_ns;
    }
    if (summary->has_run && summary->notes > 0) {
        out->duration_ns = run_took_ns(store, &summary->id, out->duration_ns);
    }
    out->has_cost = glancing.counted > 0 && glancing.priced == glancing.counted;
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to look at a trace") : status;
}

void rn_glance_free(struct rn_glance *glance)
{
    rn_arena_free(&glance->arena);
}

/* --- last words ----------------------------------------------------------------------------------------------------- */

static struct rn_bytes last_text(const struct rn_said *said)
{
    struct rn_bytes text = RN_LIT("");
    for (; said != NULL; said = said->next) {
        bool is_spoken = said->kind == RN_SAID_TEXT || said->kind == RN_SAID_REFUSAL;
        text = is_spoken && said->text.len > 0 ? said->text : text;
    }
    return text;
}

static enum rn_status add_cut(struct rn_buffer *out, struct rn_bytes text, size_t bytes)
{
    size_t len = text.len < bytes ? text.len : bytes;
    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return rn_buffer_add(out, rn_bytes_sub(text, 0, len));
}

/* RN_OK with nothing added: this event says nothing. */
static enum rn_status add_words(struct rn_store *store, const struct rn_trace_id *id, uint32_t n,
                                size_t bytes, struct rn_buffer *out, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_view view = {.event = NULL};
    struct rn_error inner = {.text = ""};
    enum rn_status status =
        rn_trace_event_indexed(store, id, RN_CLASS_EVENT, n, &arena, &event, &inner);
    bool is_there = status == RN_OK;
    status = is_there ? rn_view_make(&arena, &event, &view) : status;
    if (status == RN_OK && rn_event_kind_of(&event) == RN_EVENT_DECISION) {
        status = add_cut(out, view.response.decoded, bytes);
    } else if (status == RN_OK && view.reading.kind == RN_READING_MODEL) {
        status = add_cut(out, last_text(view.reading.response), bytes);
    }
    rn_view_free(&view);
    rn_arena_free(&arena);
    if (status == RN_NOMEM) {
        return rn_fail(error, status, "no memory to look at a trace");
    }
    return RN_OK; /* what cannot be read says nothing */
}

struct seeking {
    uint32_t decision, model; /* the last of each; 0: none */
};

static enum rn_status note_last(void *self, const struct rn_facts *facts)
{
    struct seeking *seeking = self;
    if (facts->event == RN_EVENT_DECISION) {
        seeking->decision = facts->n;
    } else if (facts->kind == RN_READING_MODEL) {
        seeking->model = facts->n;
    }
    return RN_OK;
}

enum rn_status rn_glance_last_words(struct rn_store *store, const struct rn_trace_summary *summary,
                                    bool by_reading, size_t bytes, struct rn_buffer *out,
                                    struct rn_error *error)
{
    struct seeking seeking = {.model = 0};
    size_t before = out->len;
    enum rn_status status = by_reading
                                ? rn_facts_read(store, summary, note_last, &seeking, error)
                                : rn_facts_of(store, &summary->id, note_last, &seeking, error);
    if (status == RN_OK && seeking.decision > 0) {
        status = add_words(store, &summary->id, seeking.decision, bytes, out, error);
    }
    if (status == RN_OK && out->len == before && seeking.model > 0) {
        status = add_words(store, &summary->id, seeking.model, bytes, out, error);
    }
    return status;
}
