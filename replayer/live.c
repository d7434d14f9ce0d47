/* Redaction and trace label of one live request. Looks at nothing that was recorded but names of traces. */
#include "live.h"

#include "wire/coding.h"

/* Trace headers of other tools; the recorder takes the same (wire.md 3.2). */
static const char *const vendor_fields[] = {"x-portkey-trace-id", "x-litellm-trace-id",
                                            "langfuse-trace-id"};

static struct rn_bytes field_value(const struct rn_http_head *head, const char *name)
{
    const struct rn_http_field *field = rn_http_find(head, rn_bytes_text(name));
    return field == NULL ? (struct rn_bytes){NULL, 0} : field->value;
}

static void find_label(struct rn_live *live)
{
    const struct rn_request *request = live->request;
    live->label = field_value(request->head, "x-reenact-trace");
    if (live->label.len == 0) {
        live->label = request->route.trace;
    }
    live->label_is_illegal = live->label.len > 0 && !rn_route_alias_is_legal(live->label);
    for (size_t i = 0; i < sizeof vendor_fields / sizeof vendor_fields[0] && live->label.len == 0;
         i++) {
        struct rn_bytes value = field_value(request->head, vendor_fields[i]);
        if (rn_route_alias_is_legal(value)) {
            live->label = value;
        }
    }
}

/* As the write door: bodies in a coding are looked at nowhere but inside, and never changed. */
static enum rn_status redact_body(struct rn_redactor *redactor, struct rn_live *live)
{
    const struct rn_request *request = live->request;
    bool is_json = rn_redact_looks_json(request->body);
    for (unsigned i = 0; !is_json && i < request->head->field_count; i++) {
        const struct rn_http_field *field = &request->head->fields[i];
        is_json = rn_bytes_equal_nocase(field->name, RN_LIT("content-type")) &&
                  rn_redact_says_json(field->value);
    }
    if (!rn_coding_is_identity(field_value(request->head, "content-encoding"))) {
        return RN_OK;
    }
    return rn_redact_body(redactor, request->body, is_json, true, &live->body_spans, NULL);
}

enum rn_status rn_live_read(struct rn_redactor *redactor, const struct rn_request *request,
                            struct rn_live *live)
{
    live->request = request;
    live->head_spans.count = live->target_spans.count = live->body_spans.count = 0;
    find_label(live);
    enum rn_status status = rn_redact_head(redactor, request->head->raw, true, &live->head_spans);
    if (status == RN_OK) {
        status = rn_redact_target(redactor, request->route.target, &live->target_spans);
    }
    if (status == RN_OK) {
        status = redact_body(redactor, live);
    }
    live->input = (struct rn_key_input){.upstream = request->route.upstream,
                                        .method = request->head->method,
                                        .target = request->route.target,
                                        .target_spans = &live->target_spans,
                                        .body = request->body,
                                        .body_spans = &live->body_spans};
    return status;
}

void rn_live_free(struct rn_live *live)
{
    rn_spans_free(&live->head_spans);
    rn_spans_free(&live->target_spans);
    rn_spans_free(&live->body_spans);
    *live = (struct rn_live){0};
}

/* --- which trace --------------------------------------------------------------------------------------------------- */

/* Who names an id means that trace, or the child that was opened because the id was taken; the run is never taken. */
static bool is_named(const struct rn_catalog *catalog, const struct rn_trace_summary *trace,
                     struct rn_bytes label)
{
    struct rn_trace_id id;
    if (label.len == 32 && rn_trace_id_parse(label, &id)) {
        bool is_run =
            catalog->has_run && rn_trace_id_equal(&catalog->traces[catalog->root].summary.id, &id);
        return rn_trace_id_equal(&trace->id, &id) ||
               (!is_run && rn_trace_id_equal(&trace->parent, &id));
    }
    return trace->is_alias && rn_bytes_equal_nocase(trace->name, label);
}

size_t rn_live_trace(const struct rn_catalog *catalog, struct rn_bytes label, size_t from)
{
    for (size_t i = from; i < catalog->trace_count; i++) {
        if (label.len > 0 ? is_named(catalog, &catalog->traces[i].summary, label)
                          : !catalog->has_run || i == catalog->root) {
            return i;
        }
    }
    return SIZE_MAX;
}
