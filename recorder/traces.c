/* The table of open traces and the choice among them. Knows the store only to see whether an id is taken. */
#include "traces.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/trace.h"

#define BUCKETS 1024u

struct rn_traces {
    const struct rn_recorder_settings *settings;
    struct rn_joins *joins; /* or NULL */
    struct rn_open_trace *bucket[BUCKETS];
    struct rn_open_trace *newest;
    struct rn_open_trace *run;
    struct rn_recording *first; /* shares what it knows of credentials with all others */
    size_t open;
    uint64_t opened;
};

static unsigned bucket_of(struct rn_bytes label)
{
    return rn_crc32(0, label) % BUCKETS;
}

struct rn_traces *rn_traces_new(const struct rn_recorder_settings *settings)
{
    struct rn_traces *traces = rn_calloc(1, sizeof *traces);
    if (traces == NULL) {
        return NULL;
    }
    traces->settings = settings;
    if (settings->run != NULL) {
        traces->run = rn_calloc(1, sizeof *traces->run);
        if (traces->run == NULL) {
            rn_free(traces);
            return NULL;
        }
        traces->run->recording = settings->run;
        traces->run->id = *rn_recording_id(settings->run);
        traces->run->is_run = true;
        traces->first = settings->run;
    }
    return traces;
}

void rn_traces_free(struct rn_traces *traces)
{
    if (traces == NULL) {
        return;
    }
    for (struct rn_open_trace *t = traces->newest, *next; t != NULL; t = next) {
        next = t->next_open;
        rn_free(t);
    }
    rn_free(traces->run);
    rn_free(traces);
}

void rn_traces_join_by(struct rn_traces *traces, struct rn_joins *joins)
{
    traces->joins = joins;
}

struct rn_open_trace *rn_traces_run(struct rn_traces *traces)
{
    return traces->run;
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

static bool is_id(struct rn_bytes label, struct rn_trace_id *id)
{
    return label.len == 32 && rn_trace_id_parse(label, id);
}

/* A trace of that label whose closing is on the way: it is not in the store yet, and must not be opened again either. */
static bool is_closing(const struct rn_traces *traces, struct rn_bytes label)
{
    for (struct rn_open_trace *t = traces->bucket[bucket_of(label)]; t != NULL; t = t->next) {
        if (t->closing && rn_bytes_equal(rn_bytes_text(t->label), label)) {
            return true;
        }
    }
    return false;
}

static void trace_release(const struct rn_traces *traces, struct rn_open_trace *trace,
                          const struct rn_trace_id *id)
{
    if (trace->is_claimed) {
        rn_trace_unclaim(traces->settings->store, id);
        trace->is_claimed = false;
    }
}

/* Fills what the trace is opened with. `label` is empty, an id or an alias. */
static void settings_for(struct rn_traces *traces, struct rn_open_trace *trace,
                         struct rn_recording_settings *out)
{
    const struct rn_recorder_settings *common = traces->settings;
    *out = (struct rn_recording_settings){.session = common->session,
                                          .release = common->release,
                                          .tags = common->tags,
                                          .kind = traces->run != NULL ? "run" : "serve"};
    if (traces->run != NULL) {
        out->parent = traces->run->id; /* several runs may share a session, and run at once */
    }
    if (!is_id(rn_bytes_text(trace->label), &out->id)) {
        rn_uuid7(out->id.bytes);
        out->name = trace->label[0] == '\0' ? NULL : trace->label;
        out->is_alias = out->name != NULL;
        return;
    }
    /* One that closes keeps its claim until it is closed. */
    bool closing = is_closing(traces, rn_bytes_text(trace->label));
    trace->is_claimed = !closing && rn_trace_claim(common->store, &out->id);
    if (!trace->is_claimed || rn_trace_is_taken(common->store, &out->id)) {
        trace_release(traces, trace, &out->id);
        out->parent = out->id;
        rn_uuid7(out->id.bytes);
    }
}

static struct rn_open_trace *trace_open(struct rn_traces *traces, struct rn_bytes label)
{
    struct rn_open_trace *trace = rn_calloc(1, sizeof *trace);
    if (trace == NULL || label.len >= sizeof trace->label) {
        rn_free(trace);
        return NULL;
    }
    if (label.len > 0) {
        memcpy(trace->label, label.data, label.len);
    }
    struct rn_recording_settings settings;
    settings_for(traces, trace, &settings);
    trace->recording = rn_recording_open(traces->settings->writer, &settings, traces->first);
    if (trace->recording == NULL) {
        trace_release(traces, trace, &settings.id);
        rn_free(trace);
        return NULL;
    }
    if (traces->first == NULL) {
        traces->first = trace->recording;
    }
    trace->id = settings.id;
    trace->next_open = traces->newest;
    traces->newest = trace;
    traces->open++;
    traces->opened++;
    if (label.len > 0) {
        unsigned bucket = bucket_of(label);
        trace->next = traces->bucket[bucket];
        traces->bucket[bucket] = trace;
    }
    return trace;
}

/* An open trace of ours by its own id, which may have been opened under an alias or as a child: whoever read it in the log. */
static struct rn_open_trace *trace_with_id(const struct rn_traces *traces,
                                           const struct rn_trace_id *id)
{
    for (struct rn_open_trace *t = traces->newest; t != NULL; t = t->next_open) {
        if (!t->closing && rn_trace_id_equal(&t->id, id)) {
            return t;
        }
    }
    return NULL;
}

static struct rn_open_trace *trace_named(struct rn_traces *traces, struct rn_bytes label)
{
    struct rn_trace_id id;
    char text[33];
    bool by_id = is_id(label, &id);
    if (by_id) {
        /* Hex digits of either case are one id. */
        rn_trace_id_text(&id, text);
        label = rn_bytes_text(text);
        if (traces->run != NULL && rn_trace_id_equal(&id, &traces->run->id)) {
            return traces->run;
        }
    }
    for (struct rn_open_trace *t = traces->bucket[bucket_of(label)]; t != NULL; t = t->next) {
        if (!t->closing && rn_bytes_equal(rn_bytes_text(t->label), label)) {
            return t;
        }
    }
    struct rn_open_trace *own = by_id ? trace_with_id(traces, &id) : NULL;
    return own != NULL ? own : trace_open(traces, label);
}

/* --- choosing ------------------------------------------------------------------------------------------------------ */

/* Trace headers of other tools (wire.md 3.2). Their values name a trace only where they could be an alias of ours. */
static struct rn_bytes vendor_label(const struct rn_http_head *head)
{
    static const char *const names[] = {"x-portkey-trace-id", "x-litellm-trace-id",
                                        "langfuse-trace-id"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct rn_http_field *field = rn_http_find(head, rn_bytes_text(names[i]));
        if (field != NULL && rn_route_alias_is_legal(field->value)) {
            return field->value;
        }
    }
    return (struct rn_bytes){NULL, 0};
}

/* What a request names its trace; empty: nothing. */
static struct rn_bytes named_by(const struct rn_request *request, const char **rule)
{
    const struct rn_http_field *header = rn_http_find(request->head, RN_LIT("x-reenact-trace"));
    *rule = "header";
    if (header != NULL && header->value.len > 0) {
        return header->value;
    }
    *rule = "url";
    if (request->route.trace.len > 0) {
        return request->route.trace;
    }
    *rule = "vendor";
    return vendor_label(request->head);
}

static struct rn_open_trace *trace_of_label(struct rn_traces *traces, struct rn_bytes label,
                                            enum rn_status *status)
{
    if (!rn_route_alias_is_legal(label)) {
        *status = RN_INVALID;
        return NULL;
    }
    struct rn_open_trace *trace = trace_named(traces, label);
    *status = trace == NULL ? RN_NOMEM : RN_OK;
    return trace;
}

struct rn_open_trace *rn_traces_choose(struct rn_traces *traces, const struct rn_request *request,
                                       const char **rule, enum rn_status *status)
{
    struct rn_trace_id id;
    char text[33];
    struct rn_bytes label = named_by(request, rule);
    if (label.len > 0) {
        return trace_of_label(traces, label, status);
    }
    if (traces->run != NULL) {
        *rule = "run";
        *status = RN_OK;
        return traces->run;
    }
    const char *join = traces->joins == NULL
                           ? NULL
                           : rn_joins_choose(traces->joins, request, request->arrived_mono_ns, &id);
    if (join != NULL) {
        *rule = join;
        rn_trace_id_text(&id, text);
        return trace_of_label(traces, rn_bytes_text(text), status);
    }
    *rule = "new";
    struct rn_open_trace *trace = trace_open(traces, label);
    *status = trace == NULL ? RN_NOMEM : RN_OK;
    return trace;
}

struct rn_open_trace *rn_traces_choose_inbound(struct rn_traces *traces,
                                               const struct rn_request *request, const char **rule,
                                               enum rn_status *status)
{
    struct rn_bytes label = named_by(request, rule);
    struct rn_trace_id id;
    char text[33];
    if (label.len == 0) {
        rn_uuid7(id.bytes);
        rn_trace_id_text(&id, text);
        label = rn_bytes_text(text);
        *rule = "new";
    }
    return trace_of_label(traces, label, status);
}

/* --- closing ------------------------------------------------------------------------------------------------------- */

static void trace_unlink(struct rn_traces *traces, struct rn_open_trace *trace)
{
    struct rn_open_trace **at = &traces->newest;
    while (*at != trace) {
        at = &(*at)->next_open;
    }
    *at = trace->next_open;
    if (trace->label[0] == '\0') {
        return;
    }
    at = &traces->bucket[bucket_of(rn_bytes_text(trace->label))];
    while (*at != trace) {
        at = &(*at)->next;
    }
    *at = trace->next;
}

static void trace_closed(struct rn_pending *pending)
{
    struct rn_open_trace *trace = pending->self;
    struct rn_traces *traces = trace->table;
    trace_unlink(traces, trace);
    trace_release(traces, trace, &trace->id);
    traces->open--;
    rn_free(trace);
}

/* Another open recording that knows the same credentials, or NULL. */
static struct rn_recording *heir_of(const struct rn_traces *traces)
{
    for (struct rn_open_trace *t = traces->newest; t != NULL; t = t->next_open) {
        if (!t->closing) {
            return t->recording;
        }
    }
    return NULL;
}

static void trace_close(struct rn_traces *traces, struct rn_open_trace *trace)
{
    trace->closing = true;
    trace->closing_entry = (struct rn_pending){.entry = {.kind = RN_ENTRY_TRACE_CLOSE,
                                                         .trace = trace->recording,
                                                         .owner = &trace->closing_entry},
                                               .done = trace_closed,
                                               .self = trace};
    trace->table = traces;
    if (traces->first == trace->recording) {
        traces->first = heir_of(traces);
    }
    rn_writer_submit(traces->settings->writer, &trace->closing_entry.entry);
}

uint64_t rn_traces_close_idle(struct rn_traces *traces, uint64_t before_ns)
{
    uint64_t oldest = UINT64_MAX;
    for (struct rn_open_trace *t = traces->newest; t != NULL; t = t->next_open) {
        if (t->closing || t->open_calls > 0) {
            continue;
        }
        if (t->last_ns <= before_ns) {
            trace_close(traces, t);
        } else {
            oldest = t->last_ns < oldest ? t->last_ns : oldest;
        }
    }
    return oldest;
}

size_t rn_traces_open(const struct rn_traces *traces)
{
    return traces->open;
}

uint64_t rn_traces_opened(const struct rn_traces *traces)
{
    return traces->opened;
}
