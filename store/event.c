/*
 * What can be asked of an event in memory: its fields, its names, its redacted spans. Knows no encoding but the varints inside
 * a field; how events lie in frames is event_pack.c's.
 */
#include "event.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"

#define FINGERPRINT_BYTES 8u

static const char *const tag_names[RN_TAG_LIMIT] = {
    [RN_TAG_KIND] = "kind",
    [RN_TAG_TIMES] = "times",
    [RN_TAG_END] = "end",
    [RN_TAG_END_REASON] = "end-reason",
    [RN_TAG_FLAGS] = "flags",
    [RN_TAG_ORDER] = "order",
    [RN_TAG_LABELS] = "labels",
    [RN_TAG_REDACTIONS] = "redactions",
    [RN_TAG_RULE] = "rule",
    [RN_TAG_ANSWERS] = "answers",
    [RN_TAG_MOVES] = "moves",
    [RN_TAG_UPSTREAM] = "upstream",
    [RN_TAG_METHOD] = "method",
    [RN_TAG_TARGET] = "target",
    [RN_TAG_REQUEST_HEAD] = "request-head",
    [RN_TAG_REQUEST_BODY] = "request-body",
    [RN_TAG_REQUEST_TRAILERS] = "request-trailers",
    [RN_TAG_REQUEST_FRAMING] = "request-framing",
    [RN_TAG_CLIENT] = "client",
    [RN_TAG_CONNECTION] = "connection",
    [RN_TAG_INTERIM] = "interim",
    [RN_TAG_RESPONSE_HEAD] = "response-head",
    [RN_TAG_RESPONSE_BODY] = "response-body",
    [RN_TAG_RESPONSE_CUTS] = "response-cuts",
    [RN_TAG_PIECE_TIMES] = "piece-times",
    [RN_TAG_RESPONSE_TRAILERS] = "response-trailers",
    [RN_TAG_RESPONSE_FRAMING] = "response-framing",
    [RN_TAG_PIECE_STAMPS] = "piece-stamps",
    [RN_TAG_ARGV] = "argv",
    [RN_TAG_CWD] = "cwd",
    [RN_TAG_ENVIRONMENT] = "environment",
    [RN_TAG_STDIO] = "stdio",
    [RN_TAG_STDIN] = "stdin",
    [RN_TAG_STDOUT] = "stdout",
    [RN_TAG_STDERR] = "stderr",
    [RN_TAG_EXIT] = "exit",
    [RN_TAG_COMMIT] = "commit",
    [RN_TAG_LOCKS] = "locks",
    [RN_TAG_MAC] = "mac",
    [RN_TAG_PORTS] = "ports",
    [RN_TAG_VARIABLES] = "variables",
    [RN_TAG_INPUT] = "input",
    [RN_TAG_REFUSALS] = "refusals",
    [RN_TAG_STREAMS] = "streams",
    [RN_TAG_GAP] = "gap",
    [RN_TAG_NOTE] = "note",
    [RN_TAG_TAGS] = "tags",
};

static uint64_t bit_of(enum rn_tag tag)
{
    assert(tag > 0 && tag < RN_TAG_LIMIT);
    return UINT64_C(1) << tag;
}

void rn_event_set(struct rn_event *event, enum rn_tag tag, struct rn_bytes bytes)
{
    event->fields |= bit_of(tag);
    event->field[tag] = bytes;
}

bool rn_event_has(const struct rn_event *event, enum rn_tag tag)
{
    return (event->fields & bit_of(tag)) != 0;
}

struct rn_bytes rn_event_get(const struct rn_event *event, enum rn_tag tag)
{
    return rn_event_has(event, tag) ? event->field[tag] : (struct rn_bytes){NULL, 0};
}

static uint8_t byte_of(const struct rn_event *event, enum rn_tag tag)
{
    struct rn_bytes bytes = rn_event_get(event, tag);
    return bytes.len == 1 ? bytes.data[0] : 0;
}

enum rn_event_kind rn_event_kind_of(const struct rn_event *event)
{
    return (enum rn_event_kind)byte_of(event, RN_TAG_KIND);
}

enum rn_end rn_event_end_of(const struct rn_event *event)
{
    return (enum rn_end)byte_of(event, RN_TAG_END);
}

uint64_t rn_event_number(const struct rn_event *event, enum rn_tag tag, uint64_t otherwise)
{
    struct rn_bytes bytes = rn_event_get(event, tag);
    uint64_t value;
    return rn_varint_get(&bytes, &value) ? value : otherwise;
}

const char *rn_tag_name(enum rn_tag tag)
{
    const char *name = (unsigned)tag < RN_TAG_LIMIT ? tag_names[tag] : NULL;
    return name == NULL ? "unknown" : name;
}

const char *rn_event_kind_name(enum rn_event_kind kind)
{
    switch (kind) {
    case RN_EVENT_RUN:
        return "run";
    case RN_EVENT_EXCHANGE:
        return "exchange";
    case RN_EVENT_DECISION:
        return "decision";
    case RN_EVENT_CALL:
        return "call";
    case RN_EVENT_VALUE:
        return "value";
    case RN_EVENT_GAP:
        return "gap";
    case RN_EVENT_NOTE:
        return "note";
    case RN_EVENT_MARK:
        return "mark";
    }
    return "unknown";
}

const char *rn_end_name(enum rn_end end)
{
    switch (end) {
    case RN_END_NONE:
        return "open";
    case RN_END_ENDED:
        return "ended";
    case RN_END_ABORTED:
        return "aborted";
    case RN_END_CUT:
        return "cut";
    case RN_END_REFUSED:
        return "refused";
    case RN_END_LOST:
        return "lost";
    }
    return "unknown";
}

/* --- redacted spans ------------------------------------------------------------------------------------------------- */

struct redaction {
    uint64_t tag;
    uint64_t offset;
    uint64_t len;
    uint64_t kind;
};

static bool redaction_get(struct rn_bytes *in, struct redaction *out)
{
    if (!rn_varint_get(in, &out->tag) || !rn_varint_get(in, &out->offset) ||
        !rn_varint_get(in, &out->len) || !rn_varint_get(in, &out->kind) ||
        in->len < FINGERPRINT_BYTES) {
        return false;
    }
    *in = rn_bytes_from(*in, FINGERPRINT_BYTES);
    return out->kind >= RN_SECRET_HEADER && out->kind <= RN_SECRET_PLACEHOLDER;
}

static enum rn_status spans_add(struct rn_spans *spans, struct rn_span span)
{
    if (spans->count == spans->cap) {
        size_t cap = spans->cap == 0 ? 8 : spans->cap * 2;
        struct rn_span *at = rn_realloc(spans->at, cap * sizeof *at);
        if (at == NULL) {
            return RN_NOMEM;
        }
        spans->at = at;
        spans->cap = cap;
    }
    spans->at[spans->count++] = span;
    return RN_OK;
}

enum rn_status rn_event_spans(const struct rn_event *event, enum rn_tag tag, struct rn_spans *out)
{
    struct rn_bytes in = rn_event_get(event, RN_TAG_REDACTIONS);
    uint64_t len = rn_event_get(event, tag).len;
    uint64_t end = 0;
    struct redaction found;
    out->count = 0;
    while (in.len > 0) {
        if (!redaction_get(&in, &found)) {
            return RN_DAMAGED;
        }
        if (found.tag != (uint64_t)tag) {
            continue;
        }
        if (found.offset < end || found.offset > len || found.len > len - found.offset) {
            return RN_DAMAGED;
        }
        end = found.offset + found.len;
        enum rn_status status =
            spans_add(out, (struct rn_span){(size_t)found.offset, (size_t)found.len,
                                            (enum rn_secret_kind)found.kind});
        if (status != RN_OK) {
            return status;
        }
    }
    return RN_OK;
}

/* --- trace ids ------------------------------------------------------------------------------------------------------ */

void rn_trace_id_text(const struct rn_trace_id *id, char out[33])
{
    rn_hex(rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES), out);
}

bool rn_trace_id_parse(struct rn_bytes text, struct rn_trace_id *out)
{
    return rn_unhex(text, out->bytes, RN_TRACE_ID_BYTES);
}

bool rn_trace_id_equal(const struct rn_trace_id *a, const struct rn_trace_id *b)
{
    return memcmp(a->bytes, b->bytes, RN_TRACE_ID_BYTES) == 0;
}
