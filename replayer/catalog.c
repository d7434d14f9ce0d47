/*
 * From TRACE texts to a table of exchanges. Reads the store, matches nothing, sends nothing.
 */
#include "catalog.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "store/find.h"

/* --- which traces -------------------------------------------------------------------------------------------------- */

/* A growing list of traces while they are chosen. */
struct chosen {
    struct rn_catalog *catalog;
    struct rn_store *store;
    size_t cap;
};

static size_t index_of(const struct rn_catalog *catalog, const struct rn_trace_id *id)
{
    for (size_t i = 0; i < catalog->trace_count; i++) {
        if (rn_trace_id_equal(&catalog->traces[i].summary.id, id)) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum rn_status add_trace(struct chosen *chosen, const struct rn_trace_id *id,
                                struct rn_error *error)
{
    struct rn_catalog *catalog = chosen->catalog;
    if (index_of(catalog, id) != SIZE_MAX) {
        return RN_OK;
    }
    if (catalog->trace_count == chosen->cap) {
        size_t cap = chosen->cap == 0 ? 8 : 2 * chosen->cap;
        void *grown = rn_realloc(catalog->traces, cap * sizeof *catalog->traces);
        if (grown == NULL) {
            return rn_fail(error, RN_NOMEM, "out of memory while choosing traces");
        }
        catalog->traces = grown;
        chosen->cap = cap;
    }
    struct rn_catalog_trace *trace = &catalog->traces[catalog->trace_count];
    *trace = (struct rn_catalog_trace){0};
    enum rn_status status =
        rn_trace_summary(chosen->store, id, &catalog->arena, &trace->summary, error);
    catalog->trace_count += status == RN_OK;
    return status;
}

static enum rn_status add_session(struct chosen *chosen, const struct rn_trace_id *session,
                                  struct rn_error *error)
{
    struct rn_trace_id *ids = NULL;
    size_t count = 0;
    enum rn_status status = rn_find_session(chosen->store, session, &ids, &count, error);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        status = add_trace(chosen, &ids[i], error);
    }
    rn_free(ids);
    return status == RN_OK && count == 0 ? RN_NOTFOUND : status;
}

/* What one text names: a trace, or else a session. */
static enum rn_status add_text(struct chosen *chosen, const char *text, struct rn_error *error)
{
    struct rn_trace_id id;
    uint32_t event;
    enum rn_status status = rn_find_trace(chosen->store, text, &id, &event, error);
    if (status == RN_OK) {
        return add_trace(chosen, &id, error);
    }
    if (status == RN_NOTFOUND) {
        id = rn_find_session_id(text);
        status = add_session(chosen, &id, NULL) == RN_OK ? RN_OK : status;
    }
    return status;
}

bool rn_catalog_opened(const struct rn_trace_summary *run, const struct rn_trace_summary *trace,
                       const struct rn_trace_summary *best)
{
    if (!run->has_run || !rn_bytes_equal(trace->kind, RN_LIT("run"))) {
        return false;
    }
    if (rn_trace_id_equal(&trace->parent, &run->id)) {
        return true;
    }
    if (run->started_wall_ns > trace->started_wall_ns ||
        (best != NULL && rn_trace_id_equal(&trace->parent, &best->id))) {
        return false;
    }
    if (best == NULL || run->started_wall_ns != best->started_wall_ns) {
        return best == NULL || run->started_wall_ns > best->started_wall_ns;
    }
    return memcmp(run->id.bytes, best->id.bytes, RN_TRACE_ID_BYTES) > 0;
}

/* The run that was under way when `trace` was opened. */
static size_t run_of(const struct rn_catalog *catalog, const struct rn_trace_summary *trace)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < catalog->trace_count; i++) {
        if (rn_catalog_opened(&catalog->traces[i].summary, trace,
                              best == SIZE_MAX ? NULL : &catalog->traces[best].summary)) {
            best = i;
        }
    }
    return best;
}

static bool is_child(const struct rn_catalog *catalog, const struct rn_trace_summary *trace,
                     size_t given)
{
    size_t parent = index_of(catalog, &trace->parent);
    return parent != SIZE_MAX && parent < given;
}

/*
 * The session was added behind the `given` traces: keeps of it what belongs to them. With a run: whatever it opened. Without:
 * children of what was asked for.
 */
static enum rn_status keep_relatives(struct rn_catalog *catalog, size_t given,
                                     struct rn_error *error)
{
    bool *keep = rn_arena_alloc(&catalog->arena, catalog->trace_count * sizeof *keep);
    if (keep == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory while choosing traces");
    }
    for (size_t i = given; i < catalog->trace_count; i++) {
        const struct rn_trace_summary *trace = &catalog->traces[i].summary;
        keep[i] = !trace->has_run && (catalog->has_run ? run_of(catalog, trace) == catalog->root
                                                       : is_child(catalog, trace, given));
    }
    size_t kept = given;
    for (size_t i = given; i < catalog->trace_count; i++) {
        if (keep[i]) {
            catalog->traces[kept++] = catalog->traces[i];
        }
    }
    catalog->trace_count = kept;
    return RN_OK;
}

static enum rn_status find_root(struct rn_catalog *catalog, struct rn_error *error)
{
    for (size_t i = 0; i < catalog->trace_count; i++) {
        if (!catalog->traces[i].summary.has_run) {
            continue;
        }
        if (catalog->has_run) {
            return rn_fail(error, RN_INVALID,
                           "these traces hold more than one run: replay one run at a time");
        }
        catalog->has_run = true;
        catalog->root = i;
    }
    return RN_OK;
}

/* Damage is a finding about the recording, not trouble of ours. */
static enum rn_status as_problem(struct rn_catalog *catalog, enum rn_status status,
                                 const struct rn_error *error)
{
    if (status != RN_DAMAGED) {
        return status;
    }
    if (catalog->problem[0] == '\0') {
        (void)snprintf(catalog->problem, sizeof catalog->problem, "%s", error->text);
    }
    return RN_OK;
}

/* Absent: none, and so in recordings that are older than the field. */
static enum rn_status read_refusals(struct rn_catalog *catalog, struct rn_error *error)
{
    struct rn_bytes refusals = rn_event_get(&catalog->run, RN_TAG_REFUSALS);
    if (refusals.len > 0 && (!rn_varint_get(&refusals, &catalog->malformed) ||
                             !rn_varint_get(&refusals, &catalog->misdirected))) {
        return rn_fail(error, RN_DAMAGED, "the run's field of refused requests cannot be read");
    }
    return RN_OK;
}

static enum rn_status read_run(struct rn_catalog *catalog, struct rn_store *store,
                               struct rn_error *error)
{
    struct rn_error own = {0};
    if (!catalog->has_run) {
        return RN_OK;
    }
    enum rn_status status = rn_trace_event(store, &catalog->traces[catalog->root].summary.id,
                                           RN_CLASS_EVENT, 0, &catalog->arena, &catalog->run, &own);
    status = status == RN_OK ? read_refusals(catalog, &own) : status;
    if (error != NULL) {
        *error = own;
    }
    return as_problem(catalog, status, &own);
}

enum rn_status rn_catalog_runs(struct rn_store *store, const char *text, struct rn_trace_id **runs,
                               size_t *count, struct rn_error *error)
{
    struct rn_catalog catalog = {0};
    struct chosen chosen = {.catalog = &catalog, .store = store};
    *runs = NULL;
    *count = 0;
    enum rn_status status = add_text(&chosen, text, error);
    if (status == RN_OK) {
        *runs = rn_alloc(catalog.trace_count * sizeof **runs);
        status =
            *runs == NULL ? rn_fail(error, RN_NOMEM, "out of memory while choosing traces") : RN_OK;
    }
    for (size_t i = 0; status == RN_OK && i < catalog.trace_count; i++) {
        if (catalog.traces[i].summary.has_run) {
            (*runs)[(*count)++] = catalog.traces[i].summary.id;
        }
    }
    rn_catalog_free(&catalog);
    return status;
}

enum rn_status rn_catalog_choose(struct rn_catalog *catalog, struct rn_store *store,
                                 const char *const *texts, struct rn_error *error)
{
    struct chosen chosen = {.catalog = catalog, .store = store};
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && texts[i] != NULL; i++) {
        status = add_text(&chosen, texts[i], error);
    }
    if (status == RN_OK && catalog->trace_count == 0) {
        status = rn_fail(error, RN_NOTFOUND, "no trace was named");
    }
    if (status == RN_OK) {
        status = find_root(catalog, error);
    }
    size_t given = catalog->trace_count;
    if (status == RN_OK) {
        struct rn_trace_id session = catalog->traces[catalog->root].summary.session;
        status = add_session(&chosen, &session, error);
        status = status == RN_NOTFOUND ? RN_OK : status;
    }
    if (status == RN_OK) {
        status = keep_relatives(catalog, given, error);
    }
    return status == RN_OK ? read_run(catalog, store, error) : status;
}

/* --- the rows ------------------------------------------------------------------------------------------------------ */

static enum rn_status make_room(struct rn_catalog *catalog, struct rn_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < catalog->trace_count; i++) {
        count += catalog->traces[i].summary.events;
    }
    catalog->rows = count < RN_NO_ROW ? rn_calloc(count, sizeof *catalog->rows) : NULL;
    catalog->facts = rn_calloc(count, sizeof *catalog->facts);
    catalog->kept = rn_calloc(count, sizeof *catalog->kept);
    if (catalog->rows == NULL || catalog->facts == NULL || catalog->kept == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory for a table of %zu events", count);
    }
    return RN_OK;
}

static enum rn_status note_upstream(struct rn_catalog *catalog, struct rn_bytes name,
                                    struct rn_error *error)
{
    for (size_t i = 0; i < catalog->upstream_count; i++) {
        if (rn_bytes_equal(rn_bytes_text(catalog->upstreams[i]), name)) {
            return RN_OK;
        }
    }
    const char **grown =
        rn_realloc(catalog->upstreams, (catalog->upstream_count + 1) * sizeof *grown);
    char *copy = rn_arena_text(&catalog->arena, name);
    if (grown != NULL) {
        catalog->upstreams = grown;
    }
    if (grown == NULL || copy == NULL) {
        return rn_fail(error, RN_NOMEM, "out of memory for the names of upstreams");
    }
    grown[catalog->upstream_count++] = copy;
    return RN_OK;
}

enum rn_status rn_catalog_key(const struct rn_event *event, bool json, uint8_t out[RN_KEY_BYTES])
{
    struct rn_spans target = {0};
    struct rn_spans body = {0};
    enum rn_status status = rn_event_spans(event, RN_TAG_TARGET, &target);
    if (status == RN_OK) {
        status = rn_event_spans(event, RN_TAG_REQUEST_BODY, &body);
    }
    if (status == RN_OK) {
        struct rn_key_input input = {.upstream = rn_event_get(event, RN_TAG_UPSTREAM),
                                     .method = rn_event_get(event, RN_TAG_METHOD),
                                     .target = rn_event_get(event, RN_TAG_TARGET),
                                     .target_spans = &target,
                                     .body = rn_event_get(event, RN_TAG_REQUEST_BODY),
                                     .body_spans = &body};
        status = json ? rn_key_json(&input, out) : rn_key_bytes(&input, out) ? RN_OK : RN_NOMEM;
    }
    rn_spans_free(&target);
    rn_spans_free(&body);
    return status;
}

static enum rn_status take_key(const struct rn_event *event, uint8_t out[RN_KEY_BYTES])
{
    if (event->key.len == 1 + RN_KEY_BYTES && event->key.data[0] == RN_KEY_VERSION) {
        memcpy(out, event->key.data + 1, RN_KEY_BYTES);
        return RN_OK;
    }
    return rn_catalog_key(event, false, out);
}

/* False: the recording does not say when it came but by the wall's clock, which may have been set meanwhile. */
static bool take_facts(const struct rn_event *event, struct rn_recorded *row,
                       struct rn_order_fact *fact)
{
    struct rn_bytes times = rn_event_get(event, RN_TAG_TIMES);
    struct rn_bytes order = rn_event_get(event, RN_TAG_ORDER);
    (void)(rn_varint_get(&times, &row->arrived_wall_ns) && rn_varint_get(&times, &row->first_ns) &&
           rn_varint_get(&times, &row->end_ns));
    if (!rn_varint_get(&order, &fact->arrival) || !rn_varint_get(&order, &fact->first_byte) ||
        !rn_varint_get(&order, &fact->end)) {
        fact->arrival = fact->first_byte = fact->end = 0;
    }
    fact->connection = rn_event_number(event, RN_TAG_CONNECTION, 0);
    row->end = (uint8_t)rn_event_end_of(event);
    fact->client_left = row->end == RN_END_ABORTED;
    return rn_varint_get(&order, &fact->arrived_ns);
}

/* Puts all arrivals and ends on one clock. */
static void set_clock(struct rn_catalog *catalog)
{
    for (uint32_t row = 0; row < catalog->count; row++) {
        struct rn_order_fact *fact = &catalog->facts[row];
        if (catalog->needs_wall) {
            fact->arrived_ns = catalog->rows[row].arrived_wall_ns;
        }
        fact->is_steady = !catalog->needs_wall;
        fact->ended_ns = fact->arrived_ns + catalog->rows[row].end_ns;
    }
}

/* --- answers at hand ----------------------------------------------------------------------------------------------- */

/* One block: the lengths and tags of `count` fields, then their bytes. */
struct rn_kept {
    uint32_t count;
    struct {
        uint32_t tag;
        uint32_t len;
    } field[];
};

/* What is never asked for by an answer. */
static bool is_dispensable(unsigned tag)
{
    return tag == RN_TAG_REQUEST_BODY || tag == RN_TAG_LABELS || tag == RN_TAG_RULE ||
           tag == RN_TAG_END_REASON;
}

/* Keeps an event at hand while there is room. Without memory or room it will be read again. */
static void keep_answer(struct rn_catalog *catalog, uint32_t row, const struct rn_event *event)
{
    uint32_t count = 0;
    size_t bytes = 0;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        bool wanted = rn_event_has(event, (enum rn_tag)tag) && !is_dispensable(tag);
        if (wanted && event->field[tag].len > UINT32_MAX) {
            return;
        }
        count += wanted;
        bytes += wanted ? event->field[tag].len : 0;
    }
    size_t head = sizeof(struct rn_kept) + count * sizeof((struct rn_kept *)0)->field[0];
    if (head + bytes > RN_KEPT_ANSWERS_BYTES_MAX - catalog->kept_bytes) {
        return;
    }
    struct rn_kept *kept = rn_alloc(head + bytes);
    if (kept == NULL) {
        return;
    }
    uint8_t *at = (uint8_t *)kept + head;
    kept->count = 0;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if (rn_event_has(event, (enum rn_tag)tag) && !is_dispensable(tag)) {
            struct rn_bytes field = event->field[tag];
            kept->field[kept->count].tag = tag;
            kept->field[kept->count++].len = (uint32_t)field.len;
            if (field.len > 0) {
                memcpy(at, field.data, field.len);
            }
            at += field.len;
        }
    }
    catalog->kept[row] = kept;
    catalog->kept_bytes += head + bytes;
}

static void give_kept(const struct rn_kept *kept, struct rn_event *event)
{
    const uint8_t *at = (const uint8_t *)&kept->field[kept->count];
    for (uint32_t i = 0; i < kept->count; i++) {
        rn_event_set(event, (enum rn_tag)kept->field[i].tag, rn_bytes_of(at, kept->field[i].len));
        at += kept->field[i].len;
    }
}

enum rn_status rn_catalog_answer(const struct rn_catalog *catalog, uint32_t row,
                                 struct rn_arena *arena, struct rn_event *event,
                                 struct rn_error *error)
{
    if (catalog->kept[row] == NULL) {
        return rn_catalog_event(catalog, row, arena, event, error);
    }
    event->class = RN_CLASS_EVENT;
    event->n = catalog->rows[row].n;
    event->fields = 0; /* what stands in `field` without its bit is nothing */
    event->erased = 0;
    give_kept(catalog->kept[row], event);
    return RN_OK;
}

/* --- loading ------------------------------------------------------------------------------------------------------- */

static void complain(struct rn_catalog *catalog, const struct rn_trace_id *id, uint32_t n,
                     const char *what)
{
    char text[33];
    rn_trace_id_text(id, text);
    if (catalog->problem[0] == '\0') {
        (void)snprintf(catalog->problem, sizeof catalog->problem, "event %u of trace %s %s", n,
                       text, what);
    }
}

/* What came to the application is not served to it; --drive sends it. */
static enum rn_status note_decision(struct rn_catalog *catalog, uint32_t trace, uint32_t n,
                                    struct rn_error *error)
{
    if (catalog->decision_count == catalog->decision_cap) {
        size_t cap = catalog->decision_cap == 0 ? 8 : 2 * catalog->decision_cap;
        void *grown = rn_realloc(catalog->decisions, cap * sizeof *catalog->decisions);
        if (grown == NULL) {
            return rn_fail(error, RN_NOMEM, "out of memory for the inbound requests");
        }
        catalog->decisions = grown;
        catalog->decision_cap = cap;
    }
    catalog->decisions[catalog->decision_count++] = (struct rn_catalog_decision){trace, n};
    return RN_OK;
}

static enum rn_status load_event(struct rn_catalog *catalog, struct rn_store *store, uint32_t trace,
                                 uint32_t n, struct rn_error *error)
{
    const struct rn_trace_id *id = &catalog->traces[trace].summary.id;
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_error own = {0};
    enum rn_status status = rn_trace_event(store, id, RN_CLASS_EVENT, n, &arena, &event, &own);
    if (error != NULL) {
        *error = own;
    }
    if (status == RN_NOTFOUND) {
        complain(catalog, id, n, "is missing");
        status = RN_OK;
    } else if (status != RN_OK) {
        status = as_problem(catalog, status, &own);
    } else if (rn_event_kind_of(&event) == RN_EVENT_DECISION) {
        status = note_decision(catalog, trace, n, error);
    } else if (rn_event_kind_of(&event) != RN_EVENT_EXCHANGE) {
        complain(catalog, id, n, "is not an exchange: this version cannot replay it");
    } else if (event.erased != 0) {
        complain(catalog, id, n, "has content that was erased: it cannot be given again");
    } else {
        struct rn_recorded *row = &catalog->rows[catalog->count];
        row->trace = trace;
        row->n = n;
        if (!take_facts(&event, row, &catalog->facts[catalog->count])) {
            catalog->needs_wall = true;
        }
        status = take_key(&event, row->key);
        if (status == RN_OK) {
            status = note_upstream(catalog, rn_event_get(&event, RN_TAG_UPSTREAM), error);
        }
        keep_answer(catalog, catalog->count, &event);
        catalog->count++;
    }
    rn_arena_free(&arena);
    return status;
}

static enum rn_status load_trace(struct rn_catalog *catalog, struct rn_store *store, uint32_t index,
                                 struct rn_error *error)
{
    struct rn_catalog_trace *trace = &catalog->traces[index];
    struct rn_error own = {0};
    enum rn_status status = RN_OK;
    trace->first = catalog->count;
    for (uint32_t n = 1; status == RN_OK && n <= trace->summary.events; n++) {
        status = load_event(catalog, store, index, n, error);
    }
    trace->count = catalog->count - trace->first;
    if (status != RN_OK) {
        return status;
    }
    status = rn_trace_verify(store, &trace->summary.id, &own);
    if (error != NULL) {
        *error = own;
    }
    return as_problem(catalog, status, &own);
}

enum rn_status rn_catalog_load(struct rn_catalog *catalog, struct rn_store *store,
                               struct rn_error *error)
{
    catalog->store = store;
    enum rn_status status = make_room(catalog, error);
    for (uint32_t i = 0; status == RN_OK && i < catalog->trace_count; i++) {
        status = load_trace(catalog, store, i, error);
    }
    set_clock(catalog);
    return status;
}

void rn_catalog_free(struct rn_catalog *catalog)
{
    for (uint32_t row = 0; row < catalog->count; row++) {
        rn_free(catalog->kept[row]);
    }
    rn_free(catalog->kept);
    rn_free(catalog->traces);
    rn_free(catalog->decisions);
    rn_free(catalog->rows);
    rn_free(catalog->facts);
    rn_free(catalog->upstreams);
    rn_arena_free(&catalog->arena);
    *catalog = (struct rn_catalog){0};
}

/* --- one row ------------------------------------------------------------------------------------------------------- */

enum rn_status rn_catalog_event(const struct rn_catalog *catalog, uint32_t row,
                                struct rn_arena *arena, struct rn_event *event,
                                struct rn_error *error)
{
    const struct rn_recorded *recorded = &catalog->rows[row];
    *event = (struct rn_event){0};
    return rn_trace_event(catalog->store, &catalog->traces[recorded->trace].summary.id,
                          RN_CLASS_EVENT, recorded->n, arena, event, error);
}

void rn_catalog_name(const struct rn_catalog *catalog, uint32_t row, char *out, size_t out_bytes)
{
    const struct rn_recorded *recorded = &catalog->rows[row];
    char id[33];
    rn_trace_id_text(&catalog->traces[recorded->trace].summary.id, id);
    if (catalog->trace_count == 1) {
        (void)snprintf(out, out_bytes, "event %u", recorded->n);
    } else {
        (void)snprintf(out, out_bytes, "event %u of trace ...%s", recorded->n, id + 24);
    }
}
