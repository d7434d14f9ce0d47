/*
 * The same for machines. reenact.show/1: a trace with a line of facts per event; reenact.event/1: one event with everything that is
 * stored of it, and the decoded bodies and the reading beside it.
 */
#include "show.h"

#include <string.h>

#include "base/varint.h"
#include "store/derived.h"

/* --- pieces both documents use ------------------------------------------------------------------------------------- */

static const char *said_name(enum rn_said_kind kind)
{
    static const char *const names[] = {"text",    "tool_call", "tool_result",
                                        "refusal", "thinking",  "other"};
    return names[kind];
}

static json_t *said_list(const struct rn_said *said)
{
    json_t *array = json_array();
    for (; said != NULL; said = said->next) {
        json_t *object = json_object();
        rn_json_out_text(object, "kind", said_name(said->kind));
        rn_json_out_bytes(object, "role", said->role);
        if (said->name.len > 0) {
            rn_json_out_bytes(object, "name", said->name);
        }
        if (said->id.len > 0) {
            rn_json_out_bytes(object, "id", said->id);
        }
        if (said->is_error) {
            rn_json_out_bool(object, "is_error", true);
        }
        rn_json_out_bytes(object, "text", said->text);
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *document_list(const struct rn_document *document)
{
    json_t *array = json_array();
    for (; document != NULL; document = document->next) {
        json_t *object = json_object();
        rn_json_out_u32(object, "query", document->query);
        rn_json_out_u32(object, "rank", document->rank);
        rn_json_out_bytes(object, "id", document->id);
        if (document->collection.len > 0) {
            rn_json_out_bytes(object, "collection", document->collection);
        }
        if (document->score.len > 0) {
            rn_json_out_bytes(object, "score", document->score);
        }
        rn_json_out_text(object, "score_kind", rn_score_kind_name(document->score_kind));
        rn_json_out_bytes(object, "title", document->title);
        rn_json_out_bytes(object, "text", document->text);
        (void)json_array_append_new(array, object);
    }
    return array;
}

/* Of calls that ask no model: what was asked of whom, and what was found. */
static void put_found(json_t *read, const struct rn_reading *reading)
{
    const struct {
        const char *name;
        struct rn_bytes text;
    } facts[] = {{"service", reading->service},
                 {"operation", reading->operation},
                 {"target", reading->target}};
    rn_json_out_text(read, "kind", rn_reading_kind_name(reading->kind));
    if (reading->unread) {
        rn_json_out_bool(read, "unread", true);
        rn_json_out_bytes(read, "unread_why", reading->unread_why);
    }
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].text.len > 0) {
            rn_json_out_bytes(read, facts[i].name, facts[i].text);
        }
    }
    if (reading->documents != NULL || reading->kind == RN_READING_RETRIEVAL ||
        reading->kind == RN_READING_RERANK) {
        (void)json_object_set_new(read, "documents", document_list(reading->documents));
    }
}

/* The three that were always there, and of the others what the provider counted. */
static void put_tokens(json_t *read, const struct rn_reading *reading)
{
    if (!reading->has_usage) {
        return;
    }
    rn_json_out_u64(read, "tokens_in", reading->tokens_in);
    rn_json_out_u64(read, "tokens_cached", reading->tokens_cached);
    rn_json_out_u64(read, "tokens_out", reading->tokens_out);
    if ((reading->counted & RN_COUNTED_CACHE_WRITE) != 0) {
        rn_json_out_u64(read, "tokens_cache_write", reading->tokens_cache_write);
    }
    if ((reading->counted & RN_COUNTED_REASONING) != 0) {
        rn_json_out_u64(read, "tokens_reasoning", reading->tokens_reasoning);
    }
    if ((reading->counted & RN_COUNTED_TOTAL) != 0) {
        rn_json_out_u64(read, "tokens_total", reading->tokens_total);
    }
}

/* What ties the call to others: its answer's id, the answer it goes on from, a prompt that the provider keeps. */
static void put_links(json_t *read, const struct rn_reading *reading)
{
    const struct {
        const char *name;
        struct rn_bytes text;
    } links[] = {{"response_id", reading->response_id},
                 {"continues", reading->continues},
                 {"prompt_id", reading->prompt_id},
                 {"prompt_version", reading->prompt_version}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].text.len > 0) {
            rn_json_out_bytes(read, links[i].name, links[i].text);
        }
    }
    if (reading->attempt > 0) {
        rn_json_out_u32(read, "attempt", reading->attempt);
    }
}

static void put_reading(json_t *object, const struct rn_reading *reading)
{
    if (reading->dialect == RN_DIALECT_NONE) {
        return;
    }
    json_t *read = json_object();
    rn_json_out_text(read, "dialect", rn_dialect_name(reading->dialect));
    rn_json_out_bytes(read, "model_asked", reading->model_asked);
    rn_json_out_bytes(read, "model_answered", reading->model_answered);
    rn_json_out_bytes(read, "finish", reading->finish);
    rn_json_out_text(read, "finished", rn_finish_name(reading->finished));
    if (reading->error.len > 0) {
        rn_json_out_bytes(read, "error", reading->error);
    }
    put_tokens(read, reading);
    put_links(read, reading);
    rn_json_out_bool(read, "streamed", reading->streamed);
    rn_json_out_bool(read, "complete", reading->complete);
    (void)json_object_set_new(read, "request", said_list(reading->request));
    (void)json_object_set_new(read, "response", said_list(reading->response));
    put_found(read, reading);
    (void)json_object_set_new(object, "reading", read);
}

static void put_flags(json_t *object, uint64_t flags)
{
    json_t *array = json_array();
    if ((flags & RN_FLAG_LATE) != 0) {
        (void)json_array_append_new(array, json_string("late"));
    }
    if ((flags & RN_FLAG_TRUNCATED) != 0) {
        (void)json_array_append_new(array, json_string("truncated"));
    }
    if ((flags & RN_FLAG_WITHHELD) != 0) {
        (void)json_array_append_new(array, json_string("withheld"));
    }
    (void)json_object_set_new(object, "flags", array);
}

static void put_name(json_t *object, const struct rn_event *event)
{
    char name[16];
    rn_json_out_text(object, "event", rn_show_event_name(event->class, event->n, name));
    rn_json_out_text(object, "kind", rn_event_kind_name(rn_event_kind_of(event)));
}

/* The recorded call that an exchange of a backtest sends again. */
static void put_answered(json_t *object, const struct rn_event *event)
{
    struct rn_view_answered answered;
    if (!rn_view_answered(event, &answered)) {
        return;
    }
    json_t *call = json_object();
    rn_json_out_trace_id(call, "trace", &answered.trace);
    rn_json_out_u32(call, "event", answered.n);
    rn_json_out_u64(call, "attempt", answered.attempt);
    (void)json_object_set_new(object, "answers", call);
}

static void put_exchange_facts(json_t *object, const struct rn_view *view)
{
    const struct rn_event *event = view->event;
    enum rn_end end = rn_event_end_of(event);
    rn_json_out_bytes(object, "upstream", rn_event_get(event, RN_TAG_UPSTREAM));
    rn_json_out_bytes(object, "method", rn_event_get(event, RN_TAG_METHOD));
    rn_json_out_bytes(object, "target", rn_event_get(event, RN_TAG_TARGET));
    if (view->status != 0) {
        rn_json_out_u32(object, "status", view->status);
    }
    rn_json_out_text(object, "end", end == RN_END_NONE ? "open" : rn_end_name(end));
    rn_json_out_bytes(object, "end_reason", rn_event_get(event, RN_TAG_END_REASON));
    put_flags(object, view->flags);
    rn_json_out_moment(object, "arrived", view->arrived_wall_ns);
    if (view->has_first_byte) {
        rn_json_out_u64(object, "first_byte_ns", view->first_byte_ns);
    }
    if (view->has_complete) {
        rn_json_out_u64(object, "complete_ns", view->complete_ns);
    }
    rn_json_out_u64(object, "request_bytes", rn_event_get(event, RN_TAG_REQUEST_BODY).len);
    rn_json_out_u64(object, "response_bytes", rn_event_get(event, RN_TAG_RESPONSE_BODY).len);
    rn_json_out_u32(object, "redactions", view->redactions);
    rn_json_out_bytes(object, "rule", rn_event_get(event, RN_TAG_RULE));
    put_answered(object, event);
    put_reading(object, &view->reading);
}

/* --- everything that is stored ------------------------------------------------------------------------------------- */

/* How the bytes of a tag are to be written; tags not listed are text, those skipped have members of their own. */
enum form { FORM_TEXT, FORM_NUMBERS, FORM_RUNS, FORM_BYTES, FORM_SKIP };

static enum form form_of(enum rn_tag tag)
{
    switch (tag) {
    case RN_TAG_TIMES:
    case RN_TAG_FLAGS:
    case RN_TAG_ORDER:
    case RN_TAG_CONNECTION:
    case RN_TAG_RESPONSE_CUTS:
    case RN_TAG_PIECE_TIMES:
    case RN_TAG_PIECE_STAMPS:
    case RN_TAG_EXIT:
    case RN_TAG_REFUSALS:
        return FORM_NUMBERS;
    case RN_TAG_LABELS:
    case RN_TAG_ARGV:
    case RN_TAG_ENVIRONMENT:
    case RN_TAG_VARIABLES:
    case RN_TAG_MOVES:
    case RN_TAG_TAGS:
        return FORM_RUNS;
    case RN_TAG_REQUEST_FRAMING:
    case RN_TAG_RESPONSE_FRAMING:
    case RN_TAG_CLIENT:
    case RN_TAG_MAC:
    case RN_TAG_ANSWERS:
    case RN_TAG_GAP:
        return FORM_BYTES;
    case RN_TAG_KIND:
    case RN_TAG_END:
    case RN_TAG_REDACTIONS:
    case RN_TAG_STDIO:
    case RN_TAG_STREAMS:
    case RN_TAG_LOCKS:
    case RN_TAG_PORTS:
        return FORM_SKIP;
    default:
        return FORM_TEXT;
    }
}

static void put_numbers(json_t *object, const char *name, struct rn_bytes bytes)
{
    json_t *array = json_array();
    uint64_t value = 0;
    while (bytes.len > 0 && rn_varint_get(&bytes, &value)) {
        char text[24];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        (void)json_array_append_new(array, json_string(text));
    }
    (void)json_object_set_new(object, name, array);
}

static void put_hex(json_t *object, const char *name, struct rn_bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct rn_buffer text = {0};
    enum rn_status status = rn_buffer_reserve(&text, 2 * bytes.len + 1);
    for (size_t i = 0; i < bytes.len && status == RN_OK; i++) {
        status = rn_buffer_add_byte(&text, (uint8_t)digits[bytes.data[i] >> 4]);
        status = status == RN_OK ? rn_buffer_add_byte(&text, (uint8_t)digits[bytes.data[i] & 15])
                                 : status;
    }
    if (status == RN_OK) {
        rn_json_out_bytes(object, name, rn_buffer_bytes(&text));
    } else {
        rn_json_out_short();
    }
    rn_buffer_free(&text);
}

static void put_fields(json_t *object, const struct rn_event *event)
{
    json_t *fields = json_object();
    json_t *erased = json_array();
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        const char *name = rn_tag_name((enum rn_tag)tag);
        struct rn_bytes bytes = rn_event_get(event, (enum rn_tag)tag);
        if ((event->erased >> tag & 1) != 0) {
            (void)json_array_append_new(erased, json_string(name));
        }
        if (!rn_event_has(event, (enum rn_tag)tag)) {
            continue;
        }
        switch (form_of((enum rn_tag)tag)) {
        case FORM_TEXT:
            rn_json_out_bytes(fields, name, bytes);
            break;
        case FORM_NUMBERS:
            put_numbers(fields, name, bytes);
            break;
        case FORM_RUNS:
            rn_json_out_runs(fields, name, bytes);
            break;
        case FORM_BYTES:
            put_hex(fields, name, bytes);
            break;
        case FORM_SKIP:
            break;
        }
    }
    (void)json_object_set_new(object, "fields", fields);
    (void)json_object_set_new(object, "erased", erased);
}

/* What a run has beside its plain fields: how its streams were, its ports, the digests of its lock files. */
static void put_run_facts(json_t *object, const struct rn_event *event)
{
    static const char *const streams[] = {"stdin", "stdout", "stderr"};
    struct rn_bytes stdio = rn_event_get(event, RN_TAG_STDIO);
    struct rn_bytes list = rn_event_get(event, RN_TAG_PORTS);
    struct rn_bytes name;
    struct rn_bytes digest;
    uint64_t port = 0;
    json_t *kinds = json_object();
    json_t *ports = json_array();
    json_t *locks = json_array();
    for (size_t i = 0; i < 3 && i < stdio.len; i++) {
        rn_json_out_text(kinds, streams[i], rn_view_stdio_name(stdio.data[i]));
    }
    while (rn_run_get(&list, &name) && rn_varint_get(&list, &port)) {
        json_t *entry = json_object();
        rn_json_out_bytes(entry, "upstream", name);
        rn_json_out_u32(entry, "port", (uint32_t)port);
        (void)json_array_append_new(ports, entry);
    }
    list = rn_event_get(event, RN_TAG_LOCKS);
    while (rn_run_get(&list, &name) && rn_run_get(&list, &digest)) {
        json_t *entry = json_object();
        rn_json_out_bytes(entry, "file", name);
        put_hex(entry, "sha256", digest);
        (void)json_array_append_new(locks, entry);
    }
    (void)json_object_set_new(object, "stdio", kinds);
    (void)json_object_set_new(object, "ports", ports);
    (void)json_object_set_new(object, "locks", locks);
    rn_json_out_exit(object, "exit", (int)rn_event_number(event, RN_TAG_EXIT, (uint64_t)-1));
    rn_json_out_moment(object, "started", rn_event_number(event, RN_TAG_TIMES, 0));
}

static void put_redactions(json_t *object, const struct rn_event *event)
{
    json_t *array = json_array();
    struct rn_bytes list = rn_event_get(event, RN_TAG_REDACTIONS);
    struct rn_view_redaction redaction;
    while (rn_view_redaction_next(&list, &redaction)) {
        json_t *span = json_object();
        rn_json_out_text(span, "field", rn_tag_name(redaction.tag));
        rn_json_out_u64(span, "offset", redaction.offset);
        rn_json_out_u64(span, "length", redaction.len);
        rn_json_out_u32(span, "kind", (uint32_t)redaction.kind);
        put_hex(span, "fingerprint", redaction.fingerprint);
        (void)json_array_append_new(array, span);
    }
    (void)json_object_set_new(object, "redacted_spans", array);
}

/* --- documents ----------------------------------------------------------------------------------------------------- */

/* One tool reading that an event was told. */
static enum rn_status append_told(void *self, const struct rn_derived *derived)
{
    json_t *told = self;
    json_t *object = json_object();
    char name[RN_DERIVED_NAME_BYTES];
    rn_json_out_text(object, "step", rn_derived_name(derived, name));
    rn_json_out_bytes(object, "tool", derived->name);
    if (derived->id.len > 0) {
        rn_json_out_bytes(object, "id", derived->id);
    }
    if (derived->asked_n > 0) {
        rn_json_out_u32(object, "asked_by", derived->asked_n);
    }
    rn_json_out_bool(object, "by_order", derived->by_order);
    rn_json_out_bool(object, "is_error", derived->is_error);
    rn_json_out_bytes(object, "arguments", derived->arguments);
    rn_json_out_bytes(object, "result", derived->result);
    if (json_array_append_new(told, object) != 0) {
        rn_json_out_short();
    }
    return RN_OK;
}

/* What tools inside the application answered, as its request tells it. */
static enum rn_status put_told(json_t *object, struct rn_derivation *derivation, uint32_t n,
                               const struct rn_reading *reading)
{
    json_t *told = json_array();
    if (told == NULL) {
        rn_json_out_short();
        return RN_OK;
    }
    enum rn_status status = rn_derivation_add(derivation, n, reading, append_told, told);
    if (json_array_size(told) == 0) {
        json_decref(told);
    } else {
        (void)json_object_set_new(object, "told", told);
    }
    return status;
}

static enum rn_status append_event(struct rn_show *show, json_t *array,
                                   struct rn_derivation *derivation, enum rn_event_class class,
                                   uint32_t n)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    struct rn_error error = {RN_OK, ""};
    json_t *object = json_object();
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, class, n, &arena, &event, &error);
    if (status == RN_OK) {
        status = rn_view_make(&arena, &event, &view);
        put_name(object, &event);
        if (rn_event_kind_of(&event) == RN_EVENT_EXCHANGE ||
            rn_event_kind_of(&event) == RN_EVENT_DECISION) {
            view.flags |= rn_trace_marked_flags(show->store, &show->summary, n);
            put_exchange_facts(object, &view);
            if (status == RN_OK && view.reading.dialect != RN_DIALECT_NONE) {
                status = put_told(object, derivation, n, &view.reading);
            }
        } else if (rn_event_kind_of(&event) == RN_EVENT_RUN) {
            put_run_facts(object, &event);
            put_fields(object, &event);
        } else {
            put_fields(object, &event);
        }
        rn_view_free(&view);
    } else if (status == RN_DAMAGED || status == RN_NOTFOUND) {
        char name[16];
        rn_json_out_text(object, "event", rn_show_event_name(class, n, name));
        rn_json_out_text(object, status == RN_DAMAGED ? "damaged" : "missing",
                         error.text[0] != '\0' ? error.text : rn_status_name(status));
        show->damaged += status == RN_DAMAGED ? 1 : 0;
        status = RN_OK;
    }
    (void)json_array_append_new(array, object);
    rn_arena_free(&arena);
    return status;
}

static enum rn_status append_class(struct rn_show *show, json_t *array,
                                   struct rn_derivation *derivation, enum rn_event_class class,
                                   uint32_t first, uint32_t last)
{
    enum rn_status status = RN_OK;
    for (uint32_t n = first; n <= last && status == RN_OK; n++) {
        status = append_event(show, array, derivation, class, n);
    }
    return status;
}

enum rn_status rn_show_timeline_json(struct rn_show *show, struct rn_error *error)
{
    const struct rn_trace_summary *summary = &show->summary;
    json_t *document = rn_json_out_new("reenact.show/1");
    json_t *events = json_array();
    rn_json_out_summary(document, summary);
    struct rn_derivation *derivation = rn_derivation_begin();
    enum rn_status status = derivation == NULL ? RN_NOMEM : RN_OK;
    const struct {
        enum rn_event_class class;
        uint32_t first, last;
    } classes[] = {{RN_CLASS_EVENT, summary->has_run ? 0 : 1, summary->events},
                   {RN_CLASS_GAP, 1, summary->gaps},
                   {RN_CLASS_NOTE, 1, summary->notes}};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0] && status == RN_OK; i++) {
        status = append_class(show, events, derivation, classes[i].class, classes[i].first,
                              classes[i].last);
    }
    rn_derivation_free(derivation);
    rn_json_out_u32(document, "damaged", show->damaged);
    /* "events" is the summary's count already. */
    (void)json_object_set_new(document, "timeline", events);
    if (status != RN_OK) {
        json_decref(document);
        return rn_fail(error, status, "cannot show the trace: %s", rn_status_name(status));
    }
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static void put_decoded(json_t *document, const struct rn_view *view)
{
    if (view->request.coding.len > 0) {
        rn_json_out_bytes(document, "request_body_decoded", view->request.decoded);
    }
    if (view->response.coding.len > 0) {
        rn_json_out_bytes(document, "response_body_decoded", view->response.decoded);
    }
}

enum rn_status rn_show_event_json(struct rn_show *show, enum rn_event_class class, uint32_t n,
                                  struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_event event;
    struct rn_view view;
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    json_t *document = rn_json_out_new("reenact.event/1");
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, class, n, &arena, &event, error);
    if (status != RN_OK) {
        goto done;
    }
    status = rn_view_make(&arena, &event, &view);
    if (status != RN_OK) {
        rn_fail(error, status, "event %u cannot be shown: %s", n, rn_status_name(status));
        goto done;
    }
    rn_json_out_trace_id(document, "trace", &show->summary.id);
    put_name(document, &event);
    if (rn_event_kind_of(&event) == RN_EVENT_EXCHANGE ||
        rn_event_kind_of(&event) == RN_EVENT_DECISION) {
        view.flags |= rn_trace_marked_flags(show->store, &show->summary, n);
        put_exchange_facts(document, &view);
    } else if (rn_event_kind_of(&event) == RN_EVENT_RUN) {
        put_run_facts(document, &event);
    }
    put_fields(document, &event);
    put_redactions(document, &event);
    put_decoded(document, &view);
    if (!rn_json_out_put(stdout, document)) {
        status = rn_fail(error, RN_IO, "cannot print the document");
    }
    document = NULL;
done:
    json_decref(document);
    rn_view_free(&view);
    rn_arena_free(&arena);
    return status;
}
