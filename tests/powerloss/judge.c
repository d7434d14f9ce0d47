/*
 * Holds a store against a load's notes. In comes a directory, out comes the first thing that is not as it was promised.
 */
#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The write door keeps back what could be the front of a credential: mostly the last word (wire/redact.h). */
#define KEPT_BACK_BYTES 64u

struct judge {
    struct rn_store *store;
    const struct load *load;
    size_t cut;
    struct rn_arena arena;
    struct rn_error error;
    char *finding;
    size_t finding_bytes;
};

__attribute__((format(printf, 2, 3))) static bool found(struct judge *judge, const char *format,
                                                        ...)
{
    va_list rest;
    va_start(rest, format);
    (void)vsnprintf(judge->finding, judge->finding_bytes, format, rest);
    va_end(rest);
    return false;
}

/* What the notes say of a thing at the moment of the cut. */
enum standing { IS_ABSENT, IS_THERE, IS_EITHER };

static enum standing standing_of(const struct load_span *span, size_t cut)
{
    if (span->begun > cut || span->gone <= cut) {
        return IS_ABSENT;
    }
    return span->acked <= cut && span->ending > cut ? IS_THERE : IS_EITHER;
}

/* The two agree, or a finding. */
static bool agrees(struct judge *judge, enum standing standing, bool is_there, const char *what,
                   size_t number)
{
    if (standing == IS_THERE && !is_there) {
        return found(judge, "%s %zu was acknowledged and is lost: %s", what, number,
                     judge->error.text);
    }
    if (standing == IS_ABSENT && is_there) {
        return found(judge, "%s %zu is there and should not be", what, number);
    }
    return true;
}

/* --- events --------------------------------------------------------------------------------------------------------- */

/* How much of the body was acknowledged with a piece by the cut. */
static size_t bytes_acked(const struct load_event *event, size_t cut, bool *any)
{
    size_t bytes = 0;
    *any = event->acked <= cut;
    for (size_t i = 0; i < event->piece_count; i++) {
        if (event->pieces[i].acked <= cut) {
            *any = true;
            bytes = event->pieces[i].bytes;
        }
    }
    return event->acked <= cut ? event->body.len : bytes;
}

static bool is_as_sent(struct judge *judge, const struct load_event *told,
                       const struct rn_event *event, size_t number)
{
    bool any = false;
    size_t acked = bytes_acked(told, judge->cut, &any);
    bool is_whole = rn_event_end_of(event) == RN_END_ENDED;
    struct rn_bytes body = rn_event_get(event, RN_TAG_RESPONSE_BODY);
    struct rn_event sent;
    load_exchange(&sent, told->n, told->body, told->head);
    if (body.len > told->body.len ||
        !rn_bytes_equal(body, rn_bytes_of(told->body.data, body.len))) {
        return found(judge, "event %zu has another body than was sent", number);
    }
    if (told->acked <= judge->cut && !is_whole) {
        return found(judge, "event %zu was acknowledged and is %s", number,
                     rn_end_name(rn_event_end_of(event)));
    }
    if (is_whole && body.len != told->body.len) {
        return found(judge, "event %zu is ended and has %zu bytes of %zu", number, body.len,
                     told->body.len);
    }
    if (!is_whole && !told->has_failed && rn_event_end_of(event) != RN_END_LOST) {
        return found(judge, "event %zu is neither ended nor lost", number);
    }
    if (body.len + KEPT_BACK_BYTES < acked) {
        return found(judge, "event %zu has %zu bytes, and %zu were acknowledged", number, body.len,
                     acked);
    }
    for (enum rn_tag tag = RN_TAG_UPSTREAM; tag <= RN_TAG_RESPONSE_HEAD; tag++) {
        if (!rn_bytes_equal(rn_event_get(event, tag), rn_event_get(&sent, tag))) {
            return found(judge, "event %zu has another %s than was sent", number, rn_tag_name(tag));
        }
    }
    return true;
}

static bool event_holds(struct judge *judge, size_t number)
{
    const struct load_event *told = &judge->load->events[number];
    const struct load_trace *trace = &judge->load->traces[told->trace];
    struct load_span span = trace->span;
    struct rn_event event = {0};
    bool any = false;
    (void)bytes_acked(told, judge->cut, &any);
    span.begun = told->begun;
    span.acked = any ? told->begun : LOAD_NEVER;
    enum rn_status status = rn_trace_event(judge->store, &trace->id, RN_CLASS_EVENT, told->n,
                                           &judge->arena, &event, &judge->error);
    if (status != RN_OK && status != RN_NOTFOUND) {
        return found(judge, "event %zu cannot be read: %s", number, judge->error.text);
    }
    return agrees(judge, standing_of(&span, judge->cut), status == RN_OK, "event", number) &&
           (status != RN_OK || is_as_sent(judge, told, &event, number));
}

/* --- the rest ------------------------------------------------------------------------------------------------------- */

static bool trace_holds(struct judge *judge, size_t number)
{
    const struct load_trace *trace = &judge->load->traces[number];
    struct rn_trace_summary summary;
    enum rn_status status =
        rn_trace_summary(judge->store, &trace->id, &judge->arena, &summary, &judge->error);
    if (status != RN_OK && status != RN_NOTFOUND) {
        return found(judge, "trace %zu cannot be read: %s", number, judge->error.text);
    }
    if (!agrees(judge, standing_of(&trace->span, judge->cut), status == RN_OK, "trace", number)) {
        return false;
    }
    if (status != RN_OK) {
        return true;
    }
    if (summary.state == RN_TRACE_OPEN ||
        ((trace->closed <= judge->cut || trace->is_imported) && summary.state != RN_TRACE_CLOSED)) {
        return found(judge, "trace %zu is %s", number,
                     summary.state == RN_TRACE_OPEN ? "open"
                                                    : "lost, and its end was acknowledged");
    }
    if (trace->has_failed && trace->closed <= judge->cut && summary.complete == RN_COMPLETE_YES) {
        return found(judge, "trace %zu says that it is complete, and an event of it failed",
                     number);
    }
    if (trace->is_imported && memcmp(trace->evidence, summary.digests.evidence, RN_SHA256_BYTES)) {
        return found(judge, "the imported trace %zu is another", number);
    }
    return true;
}

static bool document_holds(struct judge *judge, size_t number)
{
    const struct load_document *told = &judge->load->documents[number];
    struct rn_buffer bytes = {0};
    enum rn_status status =
        rn_document_get(judge->store, "plan", told->name, &bytes, &judge->error);
    bool ok = status == RN_OK || status == RN_NOTFOUND
                  ? agrees(judge, standing_of(&told->span, judge->cut), status == RN_OK, "document",
                           number)
                  : found(judge, "document %zu cannot be read: %s", number, judge->error.text);
    if (ok && status == RN_OK && !rn_bytes_equal(rn_buffer_bytes(&bytes), told->bytes)) {
        ok = found(judge, "document %zu is another", number);
    }
    rn_buffer_free(&bytes);
    return ok;
}

static bool hold_holds(struct judge *judge, size_t number)
{
    const struct load_hold *told = &judge->load->holds[number];
    char holder[RN_DOCUMENT_NAME_BYTES_MAX + 16] = "";
    bool is_held = rn_trace_is_held(judge->store, &judge->load->traces[told->trace].id, holder) &&
                   strcmp(holder, told->holder) == 0;
    return agrees(judge, standing_of(&told->span, judge->cut), is_held, "hold", number);
}

static void verify_finding(void *self, const struct rn_trace_id *trace, const char *sentence)
{
    (void)trace;
    (void)found(self, "verify: %s", sentence);
}

static bool verifies(struct judge *judge)
{
    struct rn_verify_counts counts = {0};
    enum rn_status status =
        rn_store_verify(judge->store, verify_finding, NULL, judge, &counts, &judge->error);
    return status == RN_OK ? counts.damaged == 0
                           : found(judge, "verify ended with %s: %s", rn_status_name(status),
                                   judge->error.text);
}

static bool all_hold(struct judge *judge)
{
    bool ok = verifies(judge);
    for (size_t i = 0; ok && i < judge->load->trace_count; i++) {
        ok = trace_holds(judge, i);
    }
    for (size_t i = 0; ok && i < judge->load->event_count; i++) {
        ok = event_holds(judge, i);
    }
    for (size_t i = 0; ok && i < judge->load->document_count; i++) {
        ok = document_holds(judge, i);
    }
    for (size_t i = 0; ok && i < judge->load->hold_count; i++) {
        ok = hold_holds(judge, i);
    }
    rn_arena_free(&judge->arena);
    return ok;
}

/* A recorder comes and goes on. */
static bool goes_on(struct judge *judge, const char *directory)
{
    struct load_desk desk;
    struct rn_event event;
    struct rn_recording_settings settings = {.kind = "run", .id = {.bytes = {7, 7, 7}}};
    enum rn_status status = load_desk_open(&desk, directory, &judge->error);
    if (status != RN_OK) {
        return found(judge, "it does not open for a recorder: %s", judge->error.text);
    }
    struct rn_recording *trace = rn_recording_open(desk.writer, &settings, NULL);
    load_exchange(&event, 1, load_text(1, 9000), "HTTP/1.1 200 OK\r\n\r\n");
    status = load_desk_do(&desk, RN_ENTRY_EVENT, trace, &event);
    status = status == RN_OK ? load_desk_do(&desk, RN_ENTRY_TRACE_CLOSE, trace, NULL) : status;
    judge->store = desk.store;
    bool ok = status == RN_OK
                  ? rn_store_catch_up(desk.store, &judge->error) == RN_OK &&
                        rn_trace_verify(desk.store, &settings.id, &judge->error) == RN_OK
                  : false;
    if (!ok) {
        (void)found(judge, "it takes nothing more: %s: %s", rn_status_name(status),
                    judge->error.text);
    }
    ok = ok && verifies(judge);
    load_desk_close(&desk);
    return ok;
}

bool judge_store(const char *directory, const struct load *load, const struct judge_terms *terms,
                 char *finding, size_t finding_bytes)
{
    struct judge judge = {
        .load = load, .cut = terms->cut, .finding = finding, .finding_bytes = finding_bytes};
    enum rn_status status = rn_store_open(directory, RN_STORE_CREATE, &judge.store, &judge.error);
    if (status == RN_DAMAGED && terms->may_be_damaged && judge.error.text[0] != '\0') {
        return true;
    }
    if (status != RN_OK) {
        return found(&judge, "it does not open: %s: %s", rn_status_name(status), judge.error.text);
    }
    bool ok = all_hold(&judge);
    rn_store_close(judge.store);
    return ok && (!terms->goes_on || goes_on(&judge, directory));
}
