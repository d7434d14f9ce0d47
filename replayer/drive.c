/*
 * In: recorded decisions and a URL. Out: how many answers were as recorded, and the first that was not. The requests go the way they
 * went when recording, through the forwarding half; what the application asks meanwhile is none of its business.
 */
#include "drive.h"

#include <string.h>

#include "base/memory.h"
#include "gateway/gateway.h"
#include "gateway/upstream.h"
#include "store/evidence.h"
#include "wire/coding.h"

#define RETRY_NS UINT64_C(50000000)
/* Of an answer that is longer than the recorded one so much is kept: it differs already. */
#define BEYOND_BYTES ((size_t)64 * 1024)

struct rn_drive {
    struct rn_drive_settings settings;
    struct rn_upstreams *upstreams;
    const struct rn_upstream *application;
    struct rn_transfer *transfer;
    struct rn_timer *retry;
    struct rn_http_head *head; /* of the recorded request */
    size_t at;                 /* which decision */
    uint64_t since_ns;
    bool reached; /* somebody listened once */
    bool done;
    struct rn_arena arena; /* of the event */
    struct rn_event event;
    struct rn_client client;
    struct rn_buffer came_head;
    struct rn_buffer came_body;
    uint64_t came_bytes;
    uint32_t same;
    struct rn_arena words;
    struct rn_finding difference;
    bool differs;
    struct rn_error error;
};

static void send_next(struct rn_drive *drive);

/* --- findings ------------------------------------------------------------------------------------------------------ */

static void finish(struct rn_drive *drive)
{
    drive->done = true;
    drive->settings.on_done(drive->settings.self);
}

static void fail(struct rn_drive *drive, enum rn_status status, const char *what)
{
    (void)rn_fail(&drive->error, status, "driving the application failed: %s", what);
    finish(drive);
}

static const char *place_of(struct rn_drive *drive, const char *what)
{
    const struct rn_catalog *catalog = drive->settings.catalog;
    const struct rn_catalog_decision *decision = &catalog->decisions[drive->at];
    char id[33];
    rn_trace_id_text(&catalog->traces[decision->trace].summary.id, id);
    return catalog->trace_count == 1
               ? rn_words(&drive->words, "event %u, %s", decision->n, what)
               : rn_words(&drive->words, "event %u of trace ...%s, %s", decision->n, id + 24, what);
}

static void note(struct rn_drive *drive, const struct rn_finding *finding)
{
    if (!drive->differs) {
        drive->difference = *finding;
        drive->differs = true;
    }
}

static void note_bytes(struct rn_drive *drive, const char *what, struct rn_bytes expected,
                       struct rn_bytes came)
{
    static const struct rn_cause cause = {
        "the application answers otherwise than when it was recorded",
        "compare the application's version and configuration with the recorded ones"};
    struct rn_finding finding;
    rn_finding_bytes(place_of(drive, what), expected, came, cause, &drive->words, &finding);
    note(drive, &finding);
}

static const char *end_words(struct rn_bytes reason, enum rn_end end, struct rn_arena *arena)
{
    return reason.len == 0 ? rn_end_name(end)
                           : rn_words(arena, "%s: %.*s", rn_end_name(end), (int)reason.len,
                                      (const char *)reason.data);
}

static void note_end(struct rn_drive *drive, const char *came)
{
    const char *expected = end_words(rn_event_get(&drive->event, RN_TAG_END_REASON),
                                     rn_event_end_of(&drive->event), &drive->words);
    const char *place = place_of(drive, "answer's end");
    struct rn_finding finding = {
        .sentence =
            rn_words(&drive->words, "%s: %s came where %s was recorded", place, came, expected),
        .place = place,
        .pointer = "",
        .expected = expected,
        .came = came,
        .cause = "the application did not answer as it did when recorded",
        .advice = "look at what the application prints",
        .row = RN_NO_ROW};
    note(drive, &finding);
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

/* Both with the credentials in them marked; a difference is noted. */
static enum rn_status compare_marked(struct rn_drive *drive, const char *what,
                                     struct rn_bytes recorded,
                                     const struct rn_spans *recorded_spans, struct rn_bytes live,
                                     const struct rn_spans *live_spans, bool *equal)
{
    struct rn_buffer expected = {0};
    struct rn_buffer came = {0};
    enum rn_status status = rn_key_marked(recorded, recorded_spans, &expected);
    status = status == RN_OK ? rn_key_marked(live, live_spans, &came) : status;
    *equal = status == RN_OK && rn_bytes_equal(rn_buffer_bytes(&expected), rn_buffer_bytes(&came));
    if (status == RN_OK && !*equal) {
        note_bytes(drive, what, rn_buffer_bytes(&expected), rn_buffer_bytes(&came));
    }
    rn_buffer_free(&expected);
    rn_buffer_free(&came);
    return status;
}

static struct rn_bytes coding_of(struct rn_bytes head)
{
    struct rn_http_field field;
    for (size_t end; head.len > 0; head = rn_bytes_from(head, end)) {
        size_t found = rn_bytes_find_byte(head, '\n');
        end = found == RN_NPOS ? head.len : found + 1;
        if (rn_http_field_split(rn_bytes_sub(head, 0, end), &field) &&
            rn_bytes_equal_nocase(field.name, RN_LIT("content-encoding"))) {
            return field.value;
        }
    }
    return (struct rn_bytes){NULL, 0};
}

static enum rn_status compare_body(struct rn_drive *drive, struct rn_bytes recorded,
                                   struct rn_bytes live, bool *equal)
{
    struct rn_spans recorded_spans = {0};
    struct rn_spans live_spans = {0};
    enum rn_status status = rn_event_spans(&drive->event, RN_TAG_RESPONSE_BODY, &recorded_spans);
    if (status == RN_OK && rn_coding_is_identity(coding_of(rn_buffer_bytes(&drive->came_head)))) {
        status = rn_redact_body(drive->settings.redactor, live, rn_redact_looks_json(live), true,
                                &live_spans, NULL);
    }
    status = status == RN_OK ? compare_marked(drive, "answer's body", recorded, &recorded_spans,
                                              live, &live_spans, equal)
                             : status;
    rn_spans_free(&recorded_spans);
    rn_spans_free(&live_spans);
    return status;
}

/* Lines that say something: without those of one hop, of one day, and ours, which were taken for labels. */
static bool is_said(struct rn_bytes line)
{
    size_t colon = rn_bytes_find_byte(line, ':');
    struct rn_bytes name = rn_bytes_sub(line, 0, colon);
    struct rn_bytes ours = RN_LIT("x-reenact-");
    return colon == RN_NPOS || (!rn_evidence_is_volatile(name) &&
                                !rn_bytes_equal_nocase(rn_bytes_sub(name, 0, ours.len), ours));
}

static enum rn_status said_of(struct rn_bytes head, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    while (status == RN_OK && head.len > 0) {
        size_t end = rn_bytes_find_byte(head, '\n');
        struct rn_bytes line = end == RN_NPOS ? head : rn_bytes_sub(head, 0, end + 1);
        head = rn_bytes_from(head, line.len);
        status = is_said(line) ? rn_buffer_add(out, line) : RN_OK;
    }
    return status;
}

/* Credentials in heads are replaced in the recording; the live one gets the same marks before lines are left out. */
static enum rn_status compare_head(struct rn_drive *drive, bool *equal)
{
    struct rn_spans recorded_spans = {0};
    struct rn_spans live_spans = {0};
    struct rn_buffer marked[2] = {{0}, {0}};
    struct rn_buffer said[2] = {{0}, {0}};
    struct rn_bytes recorded = rn_event_get(&drive->event, RN_TAG_RESPONSE_HEAD);
    struct rn_bytes live = rn_buffer_bytes(&drive->came_head);
    enum rn_status status = rn_event_spans(&drive->event, RN_TAG_RESPONSE_HEAD, &recorded_spans);
    status = status == RN_OK ? rn_redact_head(drive->settings.redactor, live, false, &live_spans)
                             : status;
    status = status == RN_OK ? rn_key_marked(recorded, &recorded_spans, &marked[0]) : status;
    status = status == RN_OK ? rn_key_marked(live, &live_spans, &marked[1]) : status;
    for (size_t i = 0; status == RN_OK && i < 2; i++) {
        status = said_of(rn_buffer_bytes(&marked[i]), &said[i]);
    }
    *equal =
        status == RN_OK && rn_bytes_equal(rn_buffer_bytes(&said[0]), rn_buffer_bytes(&said[1]));
    if (status == RN_OK && !*equal) {
        note_bytes(drive, "answer's head", rn_buffer_bytes(&said[0]), rn_buffer_bytes(&said[1]));
    }
    for (size_t i = 0; i < 2; i++) {
        rn_buffer_free(&marked[i]);
        rn_buffer_free(&said[i]);
    }
    rn_spans_free(&recorded_spans);
    rn_spans_free(&live_spans);
    return status;
}

static bool was_left(const struct rn_drive *drive)
{
    return rn_event_end_of(&drive->event) == RN_END_ABORTED;
}

/* What came is all that will come. `end` is how, `why` a sentence or "". */
static void judge(struct rn_drive *drive, enum rn_end end, const char *why)
{
    struct rn_bytes recorded = rn_event_get(&drive->event, RN_TAG_RESPONSE_BODY);
    struct rn_bytes came = rn_buffer_bytes(&drive->came_body);
    enum rn_end expected = rn_event_end_of(&drive->event);
    bool has_head = rn_event_has(&drive->event, RN_TAG_RESPONSE_HEAD);
    bool head_equal = true;
    bool body_equal = true;
    enum rn_status status = RN_OK;
    if (was_left(drive)) { /* so far as the client had waited */
        came = rn_bytes_sub(came, 0, recorded.len);
        expected = end;
    }
    if (drive->came_head.len == 0 || end != expected) {
        note_end(drive, rn_words(&drive->words, "%s%s%s", rn_end_name(end),
                                 why[0] == '\0' ? "" : ": ", why));
    } else {
        status = has_head ? compare_head(drive, &head_equal) : RN_OK;
        status = status == RN_OK && head_equal ? compare_body(drive, recorded, came, &body_equal)
                                               : status;
        drive->same += status == RN_OK && head_equal && body_equal;
    }
    if (status != RN_OK) {
        fail(drive, status, "out of memory while comparing an answer");
        return;
    }
    drive->at++;
    send_next(drive);
}

/* --- what the application answers ---------------------------------------------------------------------------------- */

static void on_interim(void *self, struct rn_bytes head)
{
    (void)
        self; /* not compared: the recording has those of the application before it had them all */
    (void)head;
}

static void on_head(void *self, struct rn_bytes head)
{
    struct rn_drive *drive = self;
    struct rn_answer answer;
    rn_buffer_clear(&drive->came_head);
    if (rn_answer_compose(&drive->came_head, head, drive->client, &answer) != RN_OK) {
        rn_buffer_clear(&drive->came_head);
    }
    drive->reached = true;
}

static bool on_body(void *self, struct rn_bytes piece)
{
    struct rn_drive *drive = self;
    size_t wanted = rn_event_get(&drive->event, RN_TAG_RESPONSE_BODY).len + BEYOND_BYTES;
    size_t room = wanted > drive->came_body.len ? wanted - drive->came_body.len : 0;
    drive->came_bytes += piece.len;
    if (rn_buffer_add(&drive->came_body, rn_bytes_sub(piece, 0, room)) != RN_OK) {
        drive->error.status = RN_NOMEM;
    }
    return true;
}

static void on_done(void *self, const struct rn_transfer_end *end)
{
    struct rn_drive *drive = self;
    drive->transfer = NULL;
    uint64_t waited = rn_loop_now_ns(drive->settings.loop) - drive->since_ns;
    bool may_wait = drive->settings.wait_ns == 0 || waited < drive->settings.wait_ns;
    if (strcmp(end->name, "CURLE_COULDNT_CONNECT") == 0 && !drive->reached && may_wait) {
        rn_timer_start(drive->retry, RETRY_NS);
        return;
    }
    if (drive->error.status != RN_OK) {
        fail(drive, drive->error.status, "out of memory for an answer");
        return;
    }
    enum rn_end how = drive->came_head.len == 0 ? RN_END_REFUSED
                      : end->complete           ? RN_END_ENDED
                                                : RN_END_CUT;
    judge(drive, how, how == RN_END_ENDED ? "" : end->sentence);
}

static const struct rn_transfer_handler handler = {on_interim, on_head, on_body, on_done};

/* --- sending ------------------------------------------------------------------------------------------------------- */

static bool read_event(struct rn_drive *drive)
{
    const struct rn_catalog *catalog = drive->settings.catalog;
    const struct rn_catalog_decision *decision = &catalog->decisions[drive->at];
    struct rn_error error = {0};
    size_t used;
    rn_arena_free(&drive->arena);
    drive->event = (struct rn_event){0};
    rn_buffer_clear(&drive->came_head);
    rn_buffer_clear(&drive->came_body);
    drive->came_bytes = 0;
    enum rn_status status =
        rn_trace_event(catalog->store, &catalog->traces[decision->trace].summary.id, RN_CLASS_EVENT,
                       decision->n, &drive->arena, &drive->event, &error);
    if (status == RN_OK && rn_http_request_parse(rn_event_get(&drive->event, RN_TAG_REQUEST_HEAD),
                                                 drive->head, &used, NULL) != RN_HTTP_DONE) {
        status = rn_fail(&error, RN_DAMAGED, "the head of an inbound request cannot be read");
    }
    struct rn_bytes client = rn_event_get(&drive->event, RN_TAG_CLIENT);
    if (client.len == 3) {
        drive->client = (struct rn_client){.version_minor = client.data[0],
                                           .keep_alive = client.data[1] != 0,
                                           .is_head = client.data[2] != 0};
    }
    if (status != RN_OK) {
        fail(drive, status, error.text);
    }
    return status == RN_OK;
}

static void send_again(void *self)
{
    struct rn_drive *drive = self;
    const struct rn_catalog_decision *decision = &drive->settings.catalog->decisions[drive->at];
    struct rn_bytes body = rn_event_get(&drive->event, RN_TAG_REQUEST_BODY);
    char id[33];
    rn_trace_id_text(&drive->settings.catalog->traces[decision->trace].summary.id, id);
    const char *field = rn_words(&drive->arena, "x-reenact-trace: %s", id);
    struct rn_forward forward = {.method = rn_event_get(&drive->event, RN_TAG_METHOD),
                                 .target = rn_event_get(&drive->event, RN_TAG_TARGET),
                                 .head = drive->head,
                                 .body = body,
                                 .spill = -1,
                                 .body_bytes = body.len,
                                 .has_body = drive->head->framing != RN_FRAMING_NONE,
                                 .own_field = rn_bytes_text(field)};
    drive->transfer =
        rn_transfer_start(drive->upstreams, drive->application, &forward, &handler, drive);
    if (drive->transfer == NULL) {
        fail(drive, RN_NOMEM, "out of memory");
    }
}

static void send_next(struct rn_drive *drive)
{
    if (drive->at == drive->settings.catalog->decision_count) {
        finish(drive);
    } else if (read_event(drive)) {
        send_again(drive);
    }
}

/* --- the door ------------------------------------------------------------------------------------------------------ */

enum rn_status rn_drive_new(const struct rn_drive_settings *settings, struct rn_drive **out,
                            struct rn_error *error)
{
    struct rn_drive *drive = rn_calloc(1, sizeof *drive);
    enum rn_status status = drive == NULL ? rn_fail(error, RN_NOMEM, "out of memory") : RN_OK;
    *out = NULL;
    if (status == RN_OK) {
        drive->settings = *settings;
        drive->upstreams = rn_upstreams_new(settings->loop);
        drive->retry = rn_timer_new(settings->loop, send_again, drive);
        drive->head = rn_alloc(sizeof *drive->head);
        status = drive->upstreams == NULL || drive->retry == NULL || drive->head == NULL
                     ? rn_fail(error, RN_NOMEM, "out of memory")
                     : rn_upstreams_add(drive->upstreams, "application", settings->url, error);
    }
    if (status != RN_OK) {
        rn_drive_free(drive);
        return status;
    }
    drive->application = rn_upstreams_find(drive->upstreams, RN_LIT("application"));
    *out = drive;
    return RN_OK;
}

void rn_drive_free(struct rn_drive *drive)
{
    if (drive == NULL) {
        return;
    }
    if (drive->upstreams != NULL) {
        rn_upstreams_free(drive->upstreams);
    }
    if (drive->retry != NULL) {
        rn_timer_free(drive->retry);
    }
    rn_buffer_free(&drive->came_head);
    rn_buffer_free(&drive->came_body);
    rn_arena_free(&drive->arena);
    rn_arena_free(&drive->words);
    rn_free(drive->head);
    rn_free(drive);
}

void rn_drive_start(struct rn_drive *drive)
{
    drive->since_ns = rn_loop_now_ns(drive->settings.loop);
    if (read_event(drive)) {
        rn_timer_start(drive->retry, 0);
    }
}

void rn_drive_stop(struct rn_drive *drive)
{
    if (drive->done) {
        return;
    }
    if (drive->transfer != NULL) {
        rn_transfer_cancel(drive->transfer);
        drive->transfer = NULL;
    }
    rn_timer_stop(drive->retry);
    drive->done = true;
    if (drive->at < drive->settings.catalog->decision_count) {
        note_end(drive, "nothing: the application was gone");
    }
}

bool rn_drive_is_done(const struct rn_drive *drive)
{
    return drive->done;
}

uint32_t rn_drive_same(const struct rn_drive *drive)
{
    return drive->same;
}

const struct rn_finding *rn_drive_difference(const struct rn_drive *drive)
{
    return drive->differs ? &drive->difference : NULL;
}

enum rn_status rn_drive_status(const struct rn_drive *drive, struct rn_error *error)
{
    return drive->error.status == RN_OK
               ? RN_OK
               : rn_fail(error, drive->error.status, "%s", drive->error.text);
}
